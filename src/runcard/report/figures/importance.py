"""The figure of feature importances."""

from __future__ import annotations

from runcard.report.figures.canvas import BLUE, INK, drawable_text, make_figure, style, to_png
from runcard.report.figures.view import FinalistView

_MOST_BARS = 20
_LONGEST_NAME = 44


def draw_importances(view: FinalistView) -> bytes | None:
    """Draw the most important features as bars, the largest on top."""
    if not view.importances:
        return None
    top = view.importances[:_MOST_BARS]
    figure = make_figure(5.2, 0.27 * max(len(top), 3))
    axes = figure.add_subplot()
    rows = range(len(top))
    bars = axes.barh(rows, [value for _, value in top], height=0.68, color=BLUE)
    axes.bar_label(bars, [f"{value:.3g}" for _, value in top], padding=3, fontsize=8, color=INK)
    n = len(view.importances)
    subtitle = f"the first {len(top)} of {n} features" if n > len(top) else f"{n} feature{'s' if n > 1 else ''}"
    style(axes, title="Feature importance", subtitle=subtitle, x="importance", y="", grid="x")
    axes.set_yticks(rows, [drawable_text(name, _LONGEST_NAME) for name, _ in top])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(top) - 0.4 if len(top) > 2 else 2.6, -0.6)
    axes.set_xlim(0, 1.12 * (max(value for _, value in top) or 1))
    return to_png(figure)
