"""The one style of all figures, and their conversion to PNG bytes.

Every colour is given here and not taken from matplotlib's settings: figures look the same in a
notebook with a style of its own. Equal input gives equal bytes.
"""

from __future__ import annotations

import io
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Corner = Literal["lower left", "lower right", "upper right"]

DPI = 120
MARGIN = 0.14
"""Inches around what is drawn."""
INK = "#1f2933"
FAINT_INK = "#52606d"
LINE = "#cbd2d9"
PALE = "#b8c4d0"
BLUE = "#0072b2"
ORANGE = "#d55e00"
# Okabe & Ito (2008), told apart with every common colour blindness; their yellow is too pale on white.
COLOURS = (BLUE, ORANGE, "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#8c6d31")
DASHES = ("-", "--", "-.", ":")
_UNKNOWN_SIGN = "\N{WHITE SQUARE}"


def make_figure(width: float, height: float) -> Figure:
    """Make an empty figure whose axes have this total size in inches; room for text is added."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", edgecolor="white")
    FigureCanvasAgg(figure)
    figure.subplots_adjust(0, 0, 1, 1)
    return figure


def style(
    axes: Axes, *, title: str, subtitle: str, x: str, y: str, grid: Literal["x", "y", "both"] | None = "both"
) -> None:
    """Set the labels and the style of axes."""
    axes.set_facecolor("white")
    axes.set_title(drawable_text(title), loc="left", fontsize=13, color=INK, pad=24)
    axes.annotate(
        drawable_text(subtitle), (0, 1), (0, 7), "axes fraction", "offset points", fontsize=9, color=FAINT_INK
    )
    axes.set_xlabel(drawable_text(x), fontsize=10, color=INK, labelpad=6)
    axes.set_ylabel(drawable_text(y), fontsize=10, color=INK, labelpad=6)
    axes.tick_params(colors=FAINT_INK, labelcolor=INK, labelsize=9, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.set_axisbelow(True)
    axes.grid(visible=False)
    if grid:
        axes.grid(visible=True, axis=grid, color=LINE, linewidth=0.6, alpha=0.6)


def add_legend(axes: Axes, place: Corner, **more: Any) -> None:
    """Add a legend on a background that hides the lines below it."""
    legend = axes.legend(
        loc=place, fontsize=8.5, labelcolor=INK, framealpha=0.92, facecolor="white", edgecolor=LINE, **more
    )
    legend.get_frame().set_linewidth(0.6)


def write_in_full(axes: Axes) -> None:
    """Write the tick labels of both axes in full: a common factor would overlap the title."""
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:.6g}")


def to_png(figure: Figure) -> bytes:
    """Write a figure as PNG, without the date or version that would make equal figures differ."""
    _make_room(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, pil_kwargs={"compress_level": 3})
    return buffer.getvalue()


def _make_room(figure: Figure) -> None:
    """Widen a figure for everything beside its axes; a layout engine would measure several times."""
    width, height = figure.get_size_inches()
    drawn = figure.get_tightbbox()  # in inches, from where the axes begin
    left, below = MARGIN - drawn.x0, MARGIN - drawn.y0
    full_width, full_height = drawn.width + 2 * MARGIN, drawn.height + 2 * MARGIN
    figure.set_size_inches(full_width, full_height)
    figure.subplots_adjust(
        left / full_width, below / full_height, (left + width) / full_width, (below + height) / full_height
    )


def drawable_text(text: str, limit: int | None = None) -> str:
    """Prepare a user's text for drawing: on one line, shortened, with dollar signs not read as formulas.

    Signs that the font lacks become squares here, where matplotlib would warn and draw the same.
    """
    text = " ".join(text.split())
    if limit and len(text) > limit:
        tail = limit // 3
        text = f"{text[: limit - tail - 1]}…{text[-tail:]}"
    signs = _signs()
    return "".join(sign if ord(sign) in signs else _UNKNOWN_SIGN for sign in text).replace("$", r"\$")


@cache
def _signs() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())
