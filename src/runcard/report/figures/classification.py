"""Figures and text report of a classification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard.printable import printable_line
from runcard.report.figures.canvas import (
    COLOURS,
    DASHES,
    FAINT_INK,
    INK,
    PALE,
    add_legend,
    drawable_text,
    make_figure,
    style,
    to_png,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from runcard.report.figures.view import FinalistView

_MOST_NUMBERED_CLASSES = 30
_MOST_NAMED_CLASSES = 60
_MOST_COLOURED_CLASSES = len(COLOURS)
_N_HARDEST = 5
_MOST_CURVE_POINTS = 1_000
_MOST_POINTS_OF_MANY = 250
_LONGEST_NAME = 26
_LETTER_WIDTH = 0.65 / 72
"""Inches for each point of the type's size."""


def count_confusions(view: FinalistView) -> NDArray[Any]:
    """Count rows by (true class, predicted class): (n_classes, n_classes)."""
    import numpy as np

    n = len(view.classes)
    codes = np.asarray(view.y_true, dtype=np.intp) * n + np.asarray(view.y_pred, dtype=np.intp)
    counts: NDArray[Any] = np.bincount(codes, minlength=n * n).reshape(n, n)
    return counts


def classification_report(view: FinalistView) -> tuple[str, dict[str, Any]]:
    """Return precision, recall, F1 and number of rows of every class, as text and for JSON.

    What is 0/0 (a class never predicted, or absent) counts as 0, as in scikit-learn.
    """
    import numpy as np

    counts = count_confusions(view)
    hits, support, predicted = counts.diagonal(), counts.sum(axis=1), counts.sum(axis=0)
    measured = np.array([_ratio(hits, predicted), _ratio(hits, support), _ratio(2 * hits, support + predicted)])
    rows = {name: _row(measured[:, i], support[i]) for i, name in enumerate(view.classes)}
    averages = {
        "macro_average": _row(measured.mean(axis=1), support.sum()),
        "weighted_average": _row(measured @ _ratio(support, support.sum()), support.sum()),
    }
    accuracy = float(_ratio(hits.sum(), support.sum()))
    table = {"classes": rows, "accuracy": accuracy, **averages}
    return _report_text(rows, averages, accuracy), table


def _row(measured: NDArray[Any], support: Any) -> dict[str, Any]:
    precision, recall, f1 = map(float, measured)
    return {"precision": precision, "recall": recall, "f1": f1, "rows": int(support)}


def _ratio(above: Any, below: Any) -> NDArray[Any]:
    import numpy as np

    above, below = np.asarray(above, dtype=float), np.asarray(below, dtype=float)
    ratio = np.zeros(np.broadcast(above, below).shape)
    np.divide(above, below, out=ratio, where=below > 0)
    return ratio


def _report_text(rows: dict[str, Any], averages: dict[str, Any], accuracy: float) -> str:
    rows = {printable_line(name): row for name, row in rows.items()}
    width = max(len("weighted average"), *map(len, rows))
    n_rows = averages["macro_average"]["rows"]
    lines = [f"{'':<{width}}  precision   recall       f1     rows", ""]

    def line(name: str, row: dict[str, Any]) -> str:
        values = f"{row['precision']:>9.4f}{row['recall']:>9.4f}{row['f1']:>9.4f}{row['rows']:>9,}"
        return f"{name:<{width}}  {values}"

    lines += [line(name, row) for name, row in rows.items()]
    lines += ["", f"{'accuracy':<{width}}  {'':>18}{accuracy:>9.4f}{n_rows:>9,}"]
    lines += [line(name.replace("_", " "), row) for name, row in averages.items()]
    return "\n".join(lines) + "\n"


def draw_confusion_matrix(view: FinalistView) -> bytes:
    """Draw the confusion matrix: counts, with shares of the true class as colour and per cent."""
    from matplotlib.colors import PowerNorm

    counts = count_confusions(view)
    shares = _ratio(counts, counts.sum(axis=1, keepdims=True))
    n = len(view.classes)
    cell = 0.9 if n <= 6 else 0.62 if n <= 12 else 0.46 if n <= _MOST_NUMBERED_CLASSES else max(0.05, 11 / n)
    side = max(3.4, cell * n)
    figure = make_figure(side, side)
    axes = figure.add_subplot()
    # Without numbers, single confusions must be seen by their colour: the square root lifts them.
    norm = PowerNorm(1 if n <= _MOST_NUMBERED_CLASSES else 0.5, vmin=0, vmax=1)
    image = axes.imshow(shares, cmap="Blues", norm=norm, interpolation="nearest")
    if n <= _MOST_NUMBERED_CLASSES:
        _write_cells(axes, counts, shares, size=max(6.5, min(11.0, 13 * cell)))
    hits, total = int(counts.diagonal().sum()), int(counts.sum())
    style(
        axes,
        title="Confusion matrix",
        subtitle=f"{_rows(total)} · {hits:,} right ({_percent(hits / total if total else 0)})",
        x="predicted class",
        y="true class",
        grid=None,
    )
    _name_classes(axes, view, counts.sum(axis=1), cell=side / n)
    room = axes.inset_axes((1 + 0.15 / side, 0, 0.18 / side, 1))
    bar = figure.colorbar(image, cax=room, format=lambda value, _: f"{value:.0%}")
    bar.set_label("share of the true class", fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8, colors=FAINT_INK, labelcolor=INK, length=0)
    bar.outline.set_visible(False)
    return to_png(figure)


def _write_cells(axes: Axes, counts: NDArray[Any], shares: NDArray[Any], size: float) -> None:
    few = len(counts) <= 12
    for (i, j), count in _entries(counts):
        if not count and not few:
            continue  # a quiet ground shows the few confusions
        colour = "white" if shares[i, j] > 0.55 else INK
        text = f"{count:,}"
        if counts[i].any() and (few or i == j):
            text += f"\n{_percent(shares[i, j])}"
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color=colour, linespacing=1.25)


def _entries(counts: NDArray[Any]) -> list[tuple[tuple[int, int], int]]:
    n = len(counts)
    return [((i, j), int(counts[i, j])) for i in range(n) for j in range(n)]


def _name_classes(axes: Axes, view: FinalistView, support: NDArray[Any], cell: float) -> None:
    n = len(view.classes)
    places = range(0, n, -(-n // _MOST_NAMED_CLASSES))
    size = 9.5 if n <= 12 else 8 if n <= _MOST_NUMBERED_CLASSES else 6
    names = [drawable_text(view.classes[i], _LONGEST_NAME) for i in places]
    axes.set_xticks(places, names, fontsize=size)
    if max(map(len, names)) * size * _LETTER_WIDTH > cell:
        slope = 90 if n > 12 else 40
        for label in axes.get_xticklabels():
            label.set(rotation=slope, ha="right", va="center" if n > 12 else "top", rotation_mode="anchor")
    axes.set_yticks(places, [f"{name} ({support[i]:,})" for i, name in zip(places, names, strict=True)], fontsize=size)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@dataclass(frozen=True, slots=True, eq=False)
class _Curve:
    code: int
    x: NDArray[Any]
    y: NDArray[Any]
    area: float
    share: float
    """Share of the rows that are of this class."""


def draw_roc_curve(view: FinalistView) -> bytes | None:
    """Draw the ROC curve; None without scores or with one class in the test rows."""
    curves = _measure(view, _roc)
    if not curves:
        return None
    figure = make_figure(5.0, 5.0)
    axes = figure.add_subplot()
    _draw_curves(axes, view, curves, "AUC")
    axes.plot([0, 1], [0, 1], color=FAINT_INK, linewidth=1, linestyle=":", label="AUC 0.500  by chance")
    _finish(axes, view, "ROC curve", x="false positive rate", y="true positive rate (recall)")
    add_legend(axes, "lower right")
    return to_png(figure)


def draw_precision_recall(view: FinalistView) -> bytes | None:
    """Draw the precision-recall curve; None without scores or with one class in the test rows."""
    curves = _measure(view, _precision_recall)
    if not curves:
        return None
    figure = make_figure(5.0, 5.0)
    axes = figure.add_subplot()
    _draw_curves(axes, view, curves, "AP")
    if len(curves) == 1:
        share = curves[0].share
        axes.axhline(share, color=FAINT_INK, linewidth=1, linestyle=":", label=f"AP {share:.3f}  by chance")
    _finish(axes, view, "Precision and recall", x="recall", y="precision")
    # The curves of a rare class lie where those of a common one leave room.
    add_legend(axes, "lower left" if min(curve.area for curve in curves) > 0.5 else "upper right")
    return to_png(figure)


def _measure(view: FinalistView, measure: Callable[[Any, Any], tuple[Any, Any, float]]) -> list[_Curve]:
    """Compute the curve of each class against the rest, or of the positive one; a class without rows has none."""
    import numpy as np

    y_true = np.asarray(view.y_true)
    most = _MOST_CURVE_POINTS if len(view.classes) <= _MOST_COLOURED_CLASSES else _MOST_POINTS_OF_MANY
    curves = []
    for code, scores in _scores_by_class(view).items():
        hit = y_true == code
        if hit.any() and not hit.all():
            x, y, area = measure(hit, scores)
            some = np.unique(np.linspace(0, len(x) - 1, most).astype(int))
            curves.append(_Curve(code, x[some], y[some], area, float(hit.mean())))
    return curves


def _scores_by_class(view: FinalistView) -> dict[int, NDArray[Any]]:
    scores = view.probabilities if view.probabilities is not None else view.scores
    n = len(view.classes)
    if scores is None or n < 2:
        return {}
    if n > 2:
        return {code: scores[:, code] for code in range(n)} if scores.shape[1:] == (n,) else {}
    positive = 1 if view.positive is None else view.positive
    if scores.ndim == 2:
        return {positive: scores[:, positive]}
    return {positive: scores if positive == 1 else -scores}


def _roc(hit: NDArray[Any], scores: NDArray[Any]) -> tuple[Any, Any, float]:
    from sklearn.metrics import auc, roc_curve

    x, y, _ = roc_curve(hit, scores)
    return x, y, float(auc(x, y))


def _precision_recall(hit: NDArray[Any], scores: NDArray[Any]) -> tuple[Any, Any, float]:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, recall, _ = precision_recall_curve(hit, scores)
    return recall, precision, float(average_precision_score(hit, scores))


def _draw_curves(axes: Axes, view: FinalistView, curves: list[_Curve], area: str) -> None:
    where = "default" if area == "AUC" else "steps-pre"
    coloured = sorted(curves, key=lambda curve: curve.area)[:_N_HARDEST]
    if len(curves) <= _MOST_COLOURED_CLASSES:
        coloured = curves
    for curve in curves:
        if curve not in coloured:
            axes.plot(curve.x, curve.y, color=PALE, linewidth=0.8, alpha=0.7, drawstyle=where)
    for place, curve in enumerate(coloured):
        axes.plot(
            curve.x,
            curve.y,
            color=COLOURS[place % len(COLOURS)],
            linestyle=DASHES[place % len(DASHES)],
            linewidth=2.2 if len(curves) == 1 else 1.6,
            drawstyle=where,
            label=f"{area} {curve.area:.3f}  {drawable_text(view.classes[curve.code], _LONGEST_NAME)}",
        )
    if len(coloured) < len(curves):
        axes.plot([], [], color=PALE, label=f"the other {len(curves) - len(coloured)} classes")
    if len(curves) > 1:
        mean = sum(curve.area for curve in curves) / len(curves)
        axes.plot([], [], color="none", label=f"{area} {mean:.3f}  mean of {len(curves)} classes")


def _finish(axes: Axes, view: FinalistView, title: str, x: str, y: str) -> None:
    n = len(view.classes)
    if n == 2:
        positive = view.classes[1 if view.positive is None else view.positive]
        about = f"positive class: {drawable_text(positive, _LONGEST_NAME)}"
    else:
        about = "each class against the rest"
        about += f", the {_N_HARDEST} hardest in colour" if n > _MOST_COLOURED_CLASSES else ""
    style(axes, title=title, subtitle=f"{_rows(len(view.y_true))} · {about}", x=x, y=y)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02), aspect="equal")


def _rows(n: int) -> str:
    return f"{n:,} test row{'s' if n != 1 else ''}"


def _percent(share: float) -> str:
    """Write a share in per cent, but 0 or 100 only where it is exact."""
    if 0 < share < 0.005:
        return "<1%"
    return ">99%" if 0.995 <= share < 1 else f"{share:.0%}"
