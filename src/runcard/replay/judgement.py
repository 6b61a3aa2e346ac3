"""The judgement of a replay: a trial's second outcome compared with the first, to the last byte."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from runcard.replay.account import Outcome
from runcard.replay.rows import Divergence, PredictionsDiff, set_rows_beside

if TYPE_CHECKING:
    from runcard.plan.choice import Tolerance

Verdict = Literal["identical", "equivalent", "within tolerance", "different", "not comparable"]
VERDICTS: tuple[Verdict, ...] = ("identical", "equivalent", "within tolerance", "different", "not comparable")
"""The strongest first."""

LARGEST_METRIC_DIFFERENCE = 1e-6
"""For `equivalent`: of a metric; relative to it where it is above 1, so that its unit does not matter."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a trial's second outcome, without regard to what it was made of."""

    verdict: Verdict
    why: str
    """In one sentence."""
    divergence: Divergence | None = None
    largest_metric: float = 0.0
    """The largest difference of any metric on any fold or the test rows."""
    largest_output: float | None = None
    """The largest difference of a probability, or relative difference of a number; None where none were kept."""
    n_labels: int | None = None
    """How many labels differ; None where none were kept."""
    folds: tuple[int, ...] = ()
    """The folds, from 1, on which the outputs are not the same bytes."""


def judge_outcome(recorded: Outcome, now: Outcome, tolerance: Tolerance = None) -> Judgement:
    """Compare a second outcome with the first, of the same trial on the same data."""
    folds = tuple(_differing(recorded.outputs, now.outputs))
    metrics = list(_metric_divergences(recorded, now))
    rows = set_rows_beside(recorded.predictions, now.predictions)
    same_test = recorded.test_outputs == now.test_outputs
    if not (folds or metrics) and same_test and (rows is None or rows.is_same):
        return Judgement("identical", _every_byte(recorded), largest_output=0.0 if rows else None)
    largest = max((math.inf if d.by is None else d.by for d in metrics), default=0.0)
    shared: dict[str, Any] = {
        "divergence": _first(recorded, now, folds, metrics, rows),
        "largest_metric": largest,
        "largest_output": rows.largest if rows else None,
        "n_labels": rows.n_labels if rows else None,
        "folds": folds,
    }
    metrics_agree = all(_is_close(d) for d in metrics)
    # Where no byte of the outputs differs, nothing can be nearer than that.
    outputs_agree = rows.agrees if rows else not folds and same_test
    if metrics_agree and outputs_agree:
        return Judgement("equivalent", _nearly(rows), **shared)
    kept = "" if rows or recorded.test else "; it is no finalist, so no predictions are kept that could be equivalent"
    if tolerance is not None and all(_is_close(d) or _is_tolerated(d, tolerance) for d in metrics):
        return Judgement("within tolerance", f"{_apart(largest)}, which the card tolerates{kept}", **shared)
    return Judgement("different", f"{_apart(largest)}{kept}", **shared)


def weakest(verdicts: Sequence[Verdict]) -> Verdict:
    """Give the weakest of several verdicts."""
    return max(verdicts, key=VERDICTS.index)


def reaches(verdict: str, required: str) -> bool:
    """Tell whether a verdict is at least as strong as the required one."""
    return VERDICTS.index(verdict) <= VERDICTS.index(required)


# Outputs by their digests


def _differing(recorded: Sequence[str], now: Sequence[str]) -> Iterator[int]:
    for number in range(max(len(recorded), len(now))):
        if recorded[number : number + 1] != now[number : number + 1]:
            yield number + 1


# Metrics


def _metric_divergences(recorded: Outcome, now: Outcome) -> Iterator[Divergence]:
    """List all scores that differ, fold by fold, then those on the test rows."""
    n_folds = max((len(scores) for scores in (*recorded.folds.values(), *now.folds.values())), default=0)
    names = list(dict.fromkeys([*recorded.folds, *now.folds]))
    for fold in range(n_folds):
        for name in names:
            sides = (_at(recorded.folds.get(name, ()), fold), _at(now.folds.get(name, ()), fold))
            yield from _unless_same(name, fold + 1, *sides)
    for name in dict.fromkeys([*recorded.test, *now.test]):
        yield from _unless_same(name, None, recorded.test.get(name), now.test.get(name))


def _unless_same(name: str, fold: int | None, was: float | None, now: float | None) -> Iterator[Divergence]:
    if was is None or now is None:
        if was is not now:
            yield Divergence(name, fold, recorded=str(was), now=str(now))
    elif was != now and not (math.isnan(was) and math.isnan(now)):
        by = abs(now - was)
        yield Divergence(name, fold, recorded=repr(was), now=repr(now), by=math.inf if math.isnan(by) else by)


def _is_close(found: Divergence) -> bool:
    if found.by is None:
        return False
    return found.by <= LARGEST_METRIC_DIFFERENCE * max(1.0, abs(float(found.recorded)))


def _is_tolerated(found: Divergence, tolerance: float | Mapping[str, float]) -> bool:
    allowed = tolerance.get(found.what) if isinstance(tolerance, Mapping) else tolerance
    return found.by is not None and allowed is not None and found.by <= allowed


def _at(scores: Sequence[float], fold: int) -> float | None:
    return scores[fold] if fold < len(scores) else None


# Words


def _first(
    recorded: Outcome, now: Outcome, folds: Sequence[int], metrics: Sequence[Divergence], rows: PredictionsDiff | None
) -> Divergence | None:
    """Find the first difference: on the first fold that has any, else on the test rows."""
    on_folds = next((found for found in metrics if found.fold is not None), None)
    if folds and (on_folds is None or folds[0] <= (on_folds.fold or 0)):
        if on_folds is not None and on_folds.fold == folds[0]:
            return on_folds
        was, is_now = (side.outputs[folds[0] - 1 : folds[0]] for side in (recorded, now))
        return Divergence("outputs", folds[0], recorded="".join(was) or "none", now="".join(is_now) or "none")
    if on_folds is not None:
        return on_folds
    if rows is not None and rows.first is not None:
        return rows.first
    if recorded.test_outputs != now.test_outputs:
        return Divergence("outputs", recorded=recorded.test_outputs, now=now.test_outputs)
    return next(iter(metrics), None)


def _every_byte(recorded: Outcome) -> str:
    n_folds = len(recorded.outputs)
    places = [f"{n_folds} folds"] * (n_folds > 0) + ["the test rows"] * bool(recorded.test_outputs)
    return f"every byte that the model said on {' and on '.join(places)} is the same, and so is every metric"


def _nearly(rows: PredictionsDiff | None) -> str:
    if rows is None:
        return f"every byte that the model said is the same; metrics differ by {LARGEST_METRIC_DIFFERENCE:g} at most"
    return f"the same labels, outputs at most {rows.largest:.2g} apart, metrics at most {LARGEST_METRIC_DIFFERENCE:g}"


def _apart(largest: float) -> str:
    return f"metrics differ by up to {largest:.3g}" if largest else "what the model said differs, though no metric does"
