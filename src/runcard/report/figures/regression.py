"""Figures of a regression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runcard.report.figures.canvas import (
    BLUE,
    FAINT_INK,
    ORANGE,
    add_legend,
    make_figure,
    style,
    to_png,
    write_in_full,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from runcard.report.figures.view import FinalistView

_MOST_POINTS = 5_000


def draw_predicted_vs_actual(view: FinalistView) -> bytes:
    """Draw predictions against measured values; a perfect model lies on the diagonal."""
    actual, predicted = _values(view)
    figure = make_figure(4.8, 4.8)
    axes = figure.add_subplot()
    limits = _limits(actual, predicted)
    _draw_points(axes, predicted, actual)
    axes.plot(limits, limits, color=FAINT_INK, linewidth=1.2, linestyle="--", label="predicted = actual")
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    style(axes, title="Predicted and actual", subtitle=_summary(actual, predicted), x="predicted", y="actual")
    write_in_full(axes)
    add_legend(axes, "upper right", bbox_to_anchor=(1, -0.12))
    return to_png(figure)


def draw_residuals(view: FinalistView) -> bytes:
    """Draw residuals against predictions, with their distribution at the side."""
    actual, predicted = _values(view)
    residuals = actual - predicted
    figure = make_figure(7.0, 4.0)
    axes, side = figure.subplots(1, 2, sharey=True, width_ratios=(4, 1), gridspec_kw={"wspace": 0.06})
    _draw_points(axes, predicted, residuals)
    low, high = _limits(residuals, [0.0])
    n_bins = min(40, max(5, round(len(residuals) ** 0.5)))
    side.hist(residuals, bins=n_bins, range=(low, high), orientation="horizontal", color=BLUE, alpha=0.85)
    for part in (axes, side):
        part.axhline(0, color=FAINT_INK, linewidth=1.2, linestyle="--", label="predicted = actual")
        part.axhline(residuals.mean(), color=ORANGE, linewidth=1.2, label="mean residual")
    axes.set(xlim=_limits(predicted), ylim=(low, high))
    style(
        axes,
        title="Residuals",
        subtitle=_summary(actual, predicted),
        x="predicted",
        y="residual (actual - predicted)",
    )
    style(side, title="", subtitle="", x="rows", y="", grid="x")
    side.tick_params(axis="y", length=0)
    write_in_full(axes)
    add_legend(axes, "upper right", bbox_to_anchor=(1, -0.14), ncols=2)
    return to_png(figure)


def _values(view: FinalistView) -> tuple[NDArray[Any], NDArray[Any]]:
    import numpy as np

    return np.asarray(view.y_true, dtype=float).ravel(), np.asarray(view.y_pred, dtype=float).ravel()


def _draw_points(axes: Axes, x: NDArray[Any], y: NDArray[Any]) -> None:
    if len(x) > _MOST_POINTS:  # points would hide each other: show how many there are
        cells = axes.hexbin(x, y, gridsize=60, mincnt=1, bins="log", cmap="Blues", linewidths=0.1)
        cells.set_clim(0.5, None)
    else:
        alpha = 0.85 if len(x) < 200 else 0.45
        axes.scatter(x, y, s=16, color=BLUE, alpha=alpha, linewidths=0)


def _limits(*values: Any) -> tuple[float, float]:
    import numpy as np

    joined = np.concatenate([np.asarray(part, dtype=float) for part in values])
    low, high = float(joined.min()), float(joined.max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _summary(actual: NDArray[Any], predicted: NDArray[Any]) -> str:
    residuals = actual - predicted
    words = [
        f"{len(actual):,} test row{'s' if len(actual) != 1 else ''}",
        f"RMSE {(residuals**2).mean() ** 0.5:.4g}",
        f"MAE {abs(residuals).mean():.4g}",
    ]
    spread = ((actual - actual.mean()) ** 2).sum()
    if spread > 0:
        words.append(f"R² {round(1 - (residuals**2).sum() / spread, 3) + 0.0:.3f}")  # never -0.000
    return " · ".join(words)
