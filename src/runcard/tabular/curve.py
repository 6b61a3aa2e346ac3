"""Learning curves: the scores of a model that learns step by step, after some of its steps."""

from __future__ import annotations

import math

from runcard.catalog.metrics import Metric
from runcard.catalog.steps import after_steps, curve_steps, steps_of
from runcard.data.target import Target
from runcard.record import Curves
from runcard.tabular.matrices import MatrixPart
from runcard.tabular.outputs import compute_outputs, score_all
from runcard.tabular.training import Trained

TRAINING_LOSS = "training_loss"


def learning_curves(
    trained: Trained, part: MatrixPart, metric: Metric, target: Target, *, marks: tuple[int, ...], last: float | None
) -> Curves:
    """Compute the learning curves of a fitted estimator.

    Boosting is scored on the fold's score rows after 1, 2, 5, 10 and so on of its rounds, and after those in
    `marks`; a multilayer perceptron says what its training loss was after as many epochs. Others have none.

    Parameters
    ----------
    last
        The metric after all steps, which is known; None where it is not defined.
    """
    fitted = trained.estimator
    if (losses := getattr(fitted, "loss_curve_", None)) is not None:
        shown = {step: float(losses[step - 1]) for step in (*curve_steps(len(losses)), len(losses))}
        return {TRAINING_LOSS: {step: loss for step, loss in shown.items() if math.isfinite(loss)}}
    steps = steps_of(fitted)
    if steps is None or after_steps(fitted, 1) is None:
        return {}
    matrix, truth = part
    points: dict[int, float] = {}
    for step in sorted({*curve_steps(steps[1]), *(mark for mark in marks if mark < steps[1])}):
        outputs = compute_outputs(trained.labelled(after_steps(fitted, step)), matrix, (metric,), target)
        if (value := score_all((metric,), truth, outputs, target).scores.get(metric.name)) is not None:
            points[step] = value
    if last is not None:
        points[steps[1]] = last
    return {metric.name: points}


def cut_curves(curves: Curves, n_steps: int | None) -> Curves:
    """Cut curves to a trial's own number of steps; None keeps all."""
    return {
        name: {step: value for step, value in points.items() if n_steps is None or step <= n_steps}
        for name, points in curves.items()
    }
