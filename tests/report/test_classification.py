import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from runcard.report.figures.classification import classification_report, count_confusions
from runcard.report.figures.view import FinalistView


def view_of(pairs, k):
    codes = np.array(pairs).reshape(-1, 2)
    names = tuple(f"class {code}" for code in range(k))
    return FinalistView("classification", names, None, codes[:, 0], codes[:, 1])


@st.composite
def views(draw):
    k = draw(st.integers(2, 5))
    code = st.integers(0, k - 1)
    return view_of(draw(st.lists(st.tuples(code, code), min_size=1, max_size=30)), k)


@pytest.mark.slow
@settings(deadline=None)  # a machine at work is slow
@given(views())
def test_equal_to_scikit_learn(view):
    labels = range(len(view.classes))
    known = metrics.classification_report(
        view.y_true, view.y_pred, labels=labels, target_names=view.classes, output_dict=True, zero_division=0
    )
    _, table = classification_report(view)
    ours = table["classes"] | {"macro avg": table["macro_average"], "weighted avg": table["weighted_average"]}
    for name, row in ours.items():
        theirs = [known[name][key] for key in ("precision", "recall", "f1-score", "support")]
        assert list(row.values()) == pytest.approx(theirs, abs=1e-12)
    assert table["accuracy"] == pytest.approx(metrics.accuracy_score(view.y_true, view.y_pred), abs=1e-12)
    counts = metrics.confusion_matrix(view.y_true, view.y_pred, labels=labels)
    assert (count_confusions(view) == counts).all()


def test_a_class_may_be_called_like_an_average():
    view = FinalistView("classification", ("accuracy", "macro_average"), None, np.array([0, 1]), np.array([0, 1]))
    _, table = classification_report(view)
    assert table["classes"]["accuracy"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "rows": 1}
    assert table["accuracy"] == 1.0
    assert json.loads(json.dumps(table)) == table


def test_text():
    text, _ = classification_report(view_of([(0, 0), (0, 1), (1, 1), (1, 1), (2, 0)], 3))
    assert text == (
        "                  precision   recall       f1     rows\n"
        "\n"
        "class 0              0.5000   0.5000   0.5000        2\n"
        "class 1              0.6667   1.0000   0.8000        2\n"
        "class 2              0.0000   0.0000   0.0000        1\n"
        "\n"
        "accuracy                               0.6000        5\n"
        "macro average        0.3889   0.5000   0.4333        5\n"
        "weighted average     0.4667   0.6000   0.5200        5\n"
    )
