"""The figures of a finalist: predictions in, PNG bytes out."""

from __future__ import annotations

from collections.abc import Callable

from runcard.report.classification import (
    classification_report,
    draw_confusion_matrix,
    draw_precision_recall,
    draw_roc_curve,
)
from runcard.report.importance import draw_importances
from runcard.report.regression import draw_predicted_vs_actual, draw_residuals
from runcard.report.view import FinalistView

__all__ = ["FinalistView", "classification_report", "draw_figures"]

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


def draw_figures(view: FinalistView) -> dict[str, bytes]:
    """Draw what the predictions allow: file name -> PNG, the same bytes for the same view."""
    drawn = {name: draw(view) for name, draw in (_FIGURES[view.task] | _ALWAYS).items()}
    return {name: png for name, png in drawn.items() if png is not None}
