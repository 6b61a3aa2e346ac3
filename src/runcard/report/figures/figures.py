"""The figures of a finalist: from predictions to PNG bytes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runcard.report.figures.classification import (
    classification_report,
    draw_confusion_matrix,
    draw_precision_recall,
    draw_roc_curve,
)
from runcard.report.figures.importance import draw_importances
from runcard.report.figures.regression import draw_predicted_vs_actual, draw_residuals
from runcard.report.figures.view import FinalistView

__all__ = ["Drawing", "FinalistView", "classification_report", "draw", "drawings_of"]

_ALWAYS: dict[str, Callable[[FinalistView], bytes | None]] = {"feature_importance.png": draw_importances}
_FIGURES: dict[str, dict[str, Callable[[FinalistView], bytes | None]]] = {
    "classification": {
        "confusion_matrix.png": draw_confusion_matrix,
        "roc_curve.png": draw_roc_curve,
        "precision_recall.png": draw_precision_recall,
    },
    "regression": {
        "residuals.png": draw_residuals,
        "predicted_vs_actual.png": draw_predicted_vs_actual,
    },
}


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """A figure that can be drawn."""

    view: FinalistView
    name: str
    """Of its file."""


def drawings_of(view: FinalistView) -> list[Drawing]:
    """List the figures that a finalist can have."""
    return [Drawing(view, name) for name in _FIGURES[view.task] | _ALWAYS]


def draw(drawing: Drawing) -> bytes | None:
    """Draw a figure as PNG, the same bytes for the same view; None where the predictions do not allow it."""
    return (_FIGURES[drawing.view.task] | _ALWAYS)[drawing.name](drawing.view)
