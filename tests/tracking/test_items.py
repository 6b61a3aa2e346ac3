from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from runcard.tracking.items import (
    PARAM_LIMIT,
    MetricValue,
    ModelFiles,
    Param,
    RunLog,
    Tag,
    TextArtifact,
    safe_json,
    safe_metrics,
    safe_params,
    shorten,
)


def test_what_is_too_long_for_a_tag_becomes_a_file() -> None:
    assert safe_json("t", ["ab"], file="t.json") == Tag("t", '["ab"]')
    found = safe_json("t", ["ab"] * 2000, file="t.json")
    assert isinstance(found, TextArtifact)
    assert json.loads(found.text) == ["ab"] * 2000


def test_parameters_are_spelled_as_in_a_card() -> None:
    items, overflow = safe_params(
        {"depth": None, "C": 0.1, "bootstrap": True, "layers": [100, 50], "penalty": "l2", "o": {1}}
    )
    assert items == (
        Param("depth", "null"),
        Param("C", "0.1"),
        Param("bootstrap", "true"),
        Param("layers", "[100, 50]"),
        Param("penalty", "l2"),
        Param("o", "{1}"),
    )
    assert overflow == {}


def test_a_long_parameter_is_shortened_openly_and_kept_exactly() -> None:
    words = "ä" * (PARAM_LIMIT + 1)
    items, overflow = safe_params({"stop_words": words, "C": 1})
    long, short, file = items
    assert isinstance(long, Param)
    assert len(long.value) == PARAM_LIMIT
    assert long.value.endswith("… (see params.json)")
    assert short == Param("C", "1")
    assert isinstance(file, TextArtifact)
    assert file.name == "params.json"
    assert json.loads(file.text) == {"stop_words": words, "C": "1"}
    assert overflow == {"stop_words": words}


def test_a_parameter_of_just_the_limit_stays() -> None:
    items, overflow = safe_params({"a": "x" * PARAM_LIMIT})
    assert items == (Param("a", "x" * PARAM_LIMIT),)
    assert not overflow


def test_metrics_that_are_not_finite_are_set_aside() -> None:
    good = MetricValue("auc", 0.5, 0, 1)
    items = safe_metrics([good, MetricValue("loss", math.inf, 2, 1), MetricValue("loss", math.nan, 3, 1)])
    assert items[:2] == (good, Tag("runcard.non_finite", "loss"))
    file = items[2]
    assert isinstance(file, TextArtifact)
    assert json.loads(file.text) == [
        {"name": "loss", "step": 2, "value": "inf"},
        {"name": "loss", "step": 3, "value": "nan"},
    ]
    assert safe_metrics([good]) == (good,)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan])
def test_a_log_refuses_what_would_be_changed(value: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    metric = MetricValue("loss", value, 0, 1)
    for item in (metric, ModelFiles(tmp_path_factory.getbasetemp(), "model", metrics=(metric,))):
        with pytest.raises(ValueError, match="safe_metrics"):
            RunLog("r", "trial", "n", "e", 1, "FINISHED", items=(item,))
    with pytest.raises(ValueError, match="safe_params"):
        Param("a", "x" * (PARAM_LIMIT + 1))


def test_shortening_says_where_the_rest_is() -> None:
    assert shorten("abc", 3, see="x") == "abc"
    assert shorten("a" * 40, 20, see="x.txt") == "aaaaa… (see x.txt)".rjust(20, "a")


def test_it_is_light() -> None:
    heavy = "{'mlflow', 'sklearn', 'pandas', 'numpy', 'sqlalchemy', 'requests'} & set(sys.modules)"
    code = f"import sys, runcard.tracking.items, runcard.tracking.delivery; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
