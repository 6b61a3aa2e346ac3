"""Names are judged as MLflow's own table of rules does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import _validate_metric, _validate_param, _validate_tag

import runcard
from runcard import errors
from runcard.catalog.keepable import LONGEST, LONGEST_METRIC, is_kept, kept_form

NAMES = [
    *("accuracy", "hit 0.5", "a/b", "a:b", "ünï", "日本", "a.b", "-", "_", " a", "a ", "A"),
    *("hit@0.5", "f1%", "a+b", "a=b", "a,b", "a(b)", "a[0]", "a|b", "a\\b", "a'b", 'a"b', "a;b", "a?b", "a#b", "é😀"),
    *("", ".", "..", "./a", "../a", "a/../b", "a//b", "a/", "/a", "//a", "..a", "a\nb", "a\tb", "a\x00b"),
    *("x" * LONGEST, "x" * (LONGEST + 1)),
]


def refused(name: str) -> bool:
    try:
        _validate_metric(name, 1.0, 1, 0)
        _validate_param(name, "1")
        _validate_tag(name, "1")
    except MlflowException:
        return True
    return False


@pytest.mark.parametrize("name", NAMES)
def test_names_are_judged_as_mlflow_does(name: str) -> None:
    assert is_kept(name) != refused(name)
    assert is_kept(kept_form(name))


@given(st.text(st.sampled_from("a1é. /:-_@%\n\\'\x00"), max_size=8))
def test_any_name_is_judged_as_mlflow_does_and_has_a_kept_form(name: str) -> None:
    assert not (is_kept(name) and refused(name))
    assert is_kept(kept_form(name))
    assert is_kept(name) or refused(name) or "\n" in name


@pytest.mark.parametrize("name", ["hit@0.5", "../x", "a//b", "x" * 243])
def test_a_metric_of_another_name_is_refused_where_it_is_registered(name: str) -> None:
    with pytest.raises(errors.RegistrationInvalid, match="cannot be the name of a metric") as caught:
        runcard.metric(name=name, greater_is_better=True)
    assert f'name="{kept_form(name, longest=LONGEST_METRIC)}"' in caught.value.hint


def test_the_kept_form_of_a_threshold() -> None:
    assert kept_form("hit@0.5") == "hit_0.5"
