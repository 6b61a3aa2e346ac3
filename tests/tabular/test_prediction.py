"""What a prediction is written as: an id, the label, and a probability for each class."""

from __future__ import annotations

import numpy as np
import pytest

from runcard.tabular.prediction import Predicted, predicted_table


def test_an_id_the_prediction_and_the_probabilities_side_by_side() -> None:
    found = Predicted(np.array(["no", "yes"]), np.array([[0.75, 0.25], [0.5, 0.5]]))
    table = predicted_table(found, ("no", "yes"), ("customer", np.array(["a", "b"])))
    assert table.to_pydict() == {
        "customer": ["a", "b"],
        "prediction": ["no", "yes"],
        "probability_no": [0.75, 0.5],
        "probability_yes": [0.25, 0.5],
    }


@pytest.mark.parametrize("name", ["prediction", "probability_yes"])
def test_an_id_that_is_called_as_what_is_written_gets_another_name_and_hides_nothing(name: str) -> None:
    found = Predicted(np.array(["no", "yes"]), np.array([[0.75, 0.25], [0.5, 0.5]]))
    table = predicted_table(found, ("no", "yes"), (name, np.array([7, 8])))
    assert table.column_names == [f"{name}_", "prediction", "probability_no", "probability_yes"]
    assert table[f"{name}_"].to_pylist() == [7, 8]
    assert table["prediction"].to_pylist() == ["no", "yes"]


def test_without_probabilities_there_is_the_prediction_alone() -> None:
    table = predicted_table(Predicted(np.array([1.5, 2.5]), None), (), ("row", np.array([0, 1])))
    assert table.to_pydict() == {"row": [0, 1], "prediction": [1.5, 2.5]}
