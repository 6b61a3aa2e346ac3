import threading
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from runcard.report.figures.classification import draw_confusion_matrix, draw_roc_curve
from runcard.report.figures.figures import FinalistView, draw, draw_importances, drawings_of

pytestmark = pytest.mark.slow

CLASSIFICATION = ["confusion_matrix.png", "roc_curve.png", "precision_recall.png"]
REGRESSION = ["residuals.png", "predicted_vs_actual.png"]


def classification(n=200, k=3, classes=None, present=None, **more):
    random = np.random.default_rng(0)
    y_true = random.choice(range(k) if present is None else present, n)
    probabilities = random.dirichlet(np.ones(k), n)
    probabilities[np.arange(n), y_true] += 0.5
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    names = tuple(classes or (f"class {code}" for code in range(k)))
    given = {"positive": 1 if k == 2 else None, "probabilities": probabilities} | more
    return FinalistView(
        task="classification", classes=names, y_true=y_true, y_pred=probabilities.argmax(axis=1), **given
    )


def regression(y_true, y_pred):
    return FinalistView("regression", (), None, np.asarray(y_true, float), np.asarray(y_pred, float))


def draw_figures(view):
    drawn = {drawing.name: draw(drawing) for drawing in drawings_of(view)}
    return {name: png for name, png in drawn.items() if png is not None}


def opened(png):
    image = Image.open(BytesIO(png))
    image.load()
    assert image.format == "PNG"
    return image


def assert_drawn(figures, names):
    assert list(figures) == names
    for png in figures.values():
        pixels = np.asarray(opened(png).convert("L"))
        assert pixels.shape[0] < 3000
        assert pixels.shape[1] < 3000
        assert (pixels < 100).any()  # some ink
        edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
        assert (edge == 255).all()  # nothing is cut off


SLOW = pytest.mark.slow


@pytest.mark.parametrize("k", [2, 40, *(pytest.param(k, marks=SLOW) for k in (9, 26, 100))])
def test_classification(k):
    importances = tuple((f"feature {i}", 1 / (i + 1)) for i in range(30))
    view = classification(k=k, importances=importances)
    assert_drawn(draw_figures(view), [*CLASSIFICATION, "feature_importance.png"])


HARD_NAMES = [
    ["A rather long name of a class that goes on and on, and then for a while", "b", "c"],
    ["$5-$10", "_hidden", "$\\frac"],
    ["日本語", "🙂", "tab\tnew\nline"],
    ["", " ", "%d {x}"],
]


@pytest.mark.parametrize("names", HARD_NAMES)
def test_any_class_name_can_be_drawn(names):
    importances = tuple((name, 0.5) for name in names)
    view = classification(classes=names, importances=importances)
    draws = {"a": draw_confusion_matrix, "b": draw_roc_curve, "c": draw_importances}
    assert_drawn({name: draw(view) for name, draw in draws.items()}, ["a", "b", "c"])


def test_one_row_has_no_curve():
    assert_drawn(draw_figures(classification(n=1)), ["confusion_matrix.png"])


def test_a_class_absent_from_the_test_rows():
    assert_drawn(draw_figures(classification(k=4, present=[0, 1, 3])), CLASSIFICATION)


def test_without_scores_there_are_no_curves():
    assert_drawn(draw_figures(classification(probabilities=None)), ["confusion_matrix.png"])


def test_constant_predictions():
    n = 50
    view = FinalistView("classification", ("no", "yes"), 1, np.arange(n) % 2, np.zeros(n, int), np.full((n, 2), 0.5))
    assert_drawn(draw_figures(view), CLASSIFICATION)


def test_decision_scores_count_for_the_positive_class():
    y = np.array([0, 0, 1, 1, 0])
    margin = np.array([-2.0, 0.3, 1.0, 2.0, -1.0])
    told = {
        "task": "classification",
        "classes": ("bad", "good"),
        "y_true": y,
        "y_pred": (margin > 0).astype(int),
    }
    for positive in (0, 1):
        by_score = draw_roc_curve(FinalistView(**told, positive=positive, scores=margin))
        both = np.column_stack([-margin, margin])
        by_probability = draw_roc_curve(FinalistView(**told, positive=positive, probabilities=both))
        assert by_score == by_probability
    other = draw_roc_curve(FinalistView(**told, positive=1, scores=-margin))
    assert other != by_score


def test_scores_of_many_classes():
    view = classification(k=3)
    same = classification(k=3, probabilities=None, scores=view.probabilities)
    assert draw_roc_curve(same) == draw_roc_curve(view)


@pytest.mark.parametrize(
    ("y_true", "y_pred"),
    [
        ([3], [2.5]),
        ([0, 0, 0], [0, 0, 0]),
        ([1e6, -2e6, 5], [5, 5, 5]),
        ([1e-9, 2e-9], [2e-9, 1e-9]),
        (np.linspace(0, 1, 6_000), np.linspace(1, 0, 6_000)),
        (np.linspace(0, 1, 300), np.linspace(0, 1.1, 300)),
    ],
)
def test_regression(y_true, y_pred):
    assert_drawn(draw_figures(regression(y_true, y_pred)), REGRESSION)


def test_equal_input_gives_equal_bytes():
    for view in (classification(n=20), regression([1, 2, 3], [1, 2, 4])):
        first = draw_figures(view)
        assert draw_figures(view) == first
        assert not any(opened(png).info.get("Software") for png in first.values())


def test_the_style_of_a_notebook_does_not_matter():
    view = classification(importances=(("a", 1.0), ("b", 0.5)))
    plain = draw_roc_curve(view), draw_importances(view)
    with mpl.rc_context({"axes.facecolor": "black", "figure.facecolor": "red", "axes.edgecolor": "white"}):
        assert (draw_roc_curve(view), draw_importances(view)) == plain


def test_no_global_figure_is_left():
    before = dict(mpl.rcParams)
    draw_confusion_matrix(classification())
    assert dict(mpl.rcParams) == before


@pytest.mark.slow
def test_threads_draw_side_by_side():
    view = classification(n=60)
    expected = draw_figures(view)
    drawn = []
    threads = [threading.Thread(target=lambda: drawn.append(draw_figures(view))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [expected] * 2
