"""A value of another type in a column of categories is a category that training never saw; elsewhere a mistake."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from runcard import errors
from runcard.catalog.features import default_transformer
from runcard.data.signature import to_rows
from runcard.tabular.prediction import Predictor
from runcard.tabular.unseen_categories import UnseenCounter

KINDS = {"x": "number", "store": "whole", "flag": "bool", "rate": "number", "gaps": "number"}
CATEGORICAL = ["store", "flag", "rate", "gaps"]


def trained():
    rows = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x": rows.normal(size=80),
            "store": rows.integers(-2, 4, 80),
            "flag": rows.integers(0, 2, 80).astype(bool),
            "rate": rows.choice([0.5, 1.5], 80),
            "gaps": np.where(rows.random(80) < 0.2, np.nan, rows.integers(1, 3, 80)),
        }
    )
    return make_pipeline(default_transformer(["x"], CATEGORICAL), LogisticRegression()).fit(frame, frame["x"] > 0)


def as_text(**columns):
    plain = {"x": ["0.1"] * 3, "store": ["1", "2", "3"], "flag": ["True", "false", "True"]}
    plain |= {"rate": ["0.5", "1.5", "0.5"], "gaps": ["1", "2", None]}
    return pa.table({name: pa.array(values, pa.string()) for name, values in {**plain, **columns}.items()})


def predict(model, batch):
    counter = UnseenCounter(model, KINDS)
    rows = to_rows(batch, KINDS, first=0, where="new.csv", stand_ins=counter.stand_ins)
    counter.add(rows)
    found = {each.column: (each.n_rows, each.values) for each in counter.found()}
    return Predictor(model).predict(rows.frames()).probabilities, found


@pytest.mark.parametrize("name", CATEGORICAL)
def test_a_new_code_is_a_category_never_seen(name: str) -> None:
    model = trained()
    plain, _ = predict(model, as_text())
    values = as_text()[name].to_pylist()
    found, unseen = predict(model, as_text(**{name: ["A1", *values[1:]]}))
    assert unseen[name] == (1, ["A1"])
    assert found[1:].tolist() == plain[1:].tolist()
    if name in ("store", "rate"):  # as any other category that is new
        other, _ = predict(model, as_text(**{name: ["999", *values[1:]]}))
        assert found[0].tolist() == other[0].tolist()


def test_what_is_missing_and_what_is_a_new_number_are_counted_beside_it() -> None:
    _, unseen = predict(trained(), as_text(store=["A1", "77", "-1"], flag=["maybe", None, "true"]))
    assert unseen == {"store": (2, ["A1", "77"]), "flag": (2, ["maybe", "(missing)"])}


def test_in_a_column_of_numbers_text_is_a_mistake() -> None:
    with pytest.raises(errors.InputMismatch, match="column `x` holds `A1` where the model takes numbers"):
        predict(trained(), as_text(x=["A1", "1", "2"]))
