"""Candidates for a decision, made from the trials of a run or from trials in MLflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from runcard.card.check import MEASURES
from runcard.comparison import Comparison, Standing
from runcard.decision import Candidate, Decision, decide
from runcard.plan import Plan
from runcard.record import FinalRecord, Record
from runcard.report.wording import parameters, varying_params
from runcard.stats import deviation
from runcard.tags import IMPOSSIBLE_TAG, STOPPED_AT_TAG, TEST_ERROR_TAG, TRIAL_KEY_TAG
from runcard.tracking.items import RunRow


def decide_by_plan(
    plan: Plan, comparison: Comparison, finals: Mapping[str, FinalRecord] | None = None
) -> Decision | None:
    """Choose one of a plan's trials; None if there is nothing to choose from, or scores are pending.

    Of those that failed as finalists for good none is chosen; `finals` has the records of finalists by trial key.
    """
    ranked = [standing for standing in comparison.standings if standing.rank is not None]
    if not ranked:
        return None
    varying = varying_params([standing.record.params for standing in ranked])
    return decide(
        [_from_standing(standing, comparison.metric, varying) for standing in ranked],
        plan.choice,
        metric=plan.primary.name,
        directions={metric.name: metric.greater_is_better for metric in (plan.primary, *plan.metrics)},
        test_share=plan.work.test_share,
        left_out=_count(standing.record.status for standing in comparison.standings if standing.rank is None),
        failed={key: final.error for key, final in (finals or {}).items() if final.error and not final.may_pass},
    )


def failed_in(rows: Iterable[RunRow], metric: str) -> dict[str, str]:
    """Map candidates from MLflow that failed as finalists for good to the reasons."""
    failed = (row for row in rows if TEST_ERROR_TAG in row.tags and f"test_{metric}" not in row.metrics)
    return {row.tags.get(TRIAL_KEY_TAG, row.run_id): row.tags[TEST_ERROR_TAG] for row in failed}


def label_of(record: Record) -> str:
    """Name a trial with all its hyperparameters."""
    return _label(record.model, record.params, list(record.params))


def candidates_in(rows: Sequence[RunRow], key: str, folds: Mapping[str, tuple[float, ...]]) -> list[Candidate]:
    """Make candidates of the trials of one protocol in MLflow that have the metric `key`.

    `folds` has their scores fold by fold, by run id.
    """
    chosen = [row for row in rows if key in row.metrics]
    params = [{name: value for name, value in row.params.items() if name != "model"} for row in chosen]
    varying = varying_params(params)
    return [
        Candidate(
            id=row.tags.get(TRIAL_KEY_TAG, row.run_id),
            label=_label(row.params.get("model", row.name), given, varying),
            value=row.metrics[key],
            folds=folds.get(row.run_id),
            measures=_measures_in(row),
            run_id=row.run_id,
        )
        for row, given in zip(chosen, params, strict=True)
    ]


def plain_candidates(rows: Iterable[RunRow], metric: str) -> list[Candidate]:
    """Make candidates of any runs that recorded a metric."""
    return [
        Candidate(row.run_id, row.name, row.metrics[metric], measures=row.metrics, run_id=row.run_id)
        for row in rows
        if metric in row.metrics
    ]


def missing_in(rows: Iterable[RunRow]) -> dict[str, int]:
    """Count runs that cannot be chosen, by the reason."""
    return _count(_word(row) for row in rows)


def _word(row: RunRow) -> str:
    if IMPOSSIBLE_TAG in row.tags:
        return "impossible"
    return "stopped" if STOPPED_AT_TAG in row.tags else row.status.lower()


def _from_standing(standing: Standing, metric: str, varying: Sequence[str]) -> Candidate:
    record = standing.record
    final = standing.final
    value = standing.mean
    if value is None:  # a card's only trial has no folds
        value = final.scores[metric] if final else 0.0
    scores = record.scores.get(metric)
    return Candidate(
        id=record.trial_key,
        label=_label(record.model, record.params, varying),
        value=value,
        folds=scores,
        measures=_measures_of(standing),
    )


def _measures_of(standing: Standing) -> dict[str, float]:
    """Give a trial's recorded numbers by their names in MLflow; a mean has its metric's name."""
    record = standing.record
    source = standing.final if not record.scores and standing.final else record
    found = _means(record)
    if isinstance(source, Record):
        found |= {"fit_seconds": sum(record.fit_seconds) / len(record.fit_seconds)} if record.fit_seconds else {}
        found["cpu_seconds"] = record.cpu_seconds
    else:
        found["fit_seconds"] = source.fit_seconds
    others = {"predict_ms_p95": source.predict_ms_p95, "model_mb": source.model_mb}
    return found | {name: value for name, value in others.items() if value is not None}


def _means(record: Record) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, scores in record.scores.items():
        found[name] = record.mean(name) or 0.0
        if len(scores) > 1:
            found[f"cv_{name}_std"] = deviation(scores)
    return found


def _measures_in(row: RunRow) -> dict[str, float]:
    means = {
        name.removeprefix("cv_").removesuffix("_mean"): value
        for name, value in row.metrics.items()
        if name.startswith("cv_") and name.endswith("_mean")
    }
    spreads = {f"cv_{name}_std" for name in means}
    return means | {name: value for name, value in row.metrics.items() if name in spreads or name in MEASURES}


def _label(model: str, params: Mapping[str, object], varying: Sequence[str]) -> str:
    shown = parameters(params, varying)
    return f"{model} {shown}" if shown else model


def _count(words: Iterable[str]) -> dict[str, int]:
    names = {"stopped": "stopped early", "lost": "failed", "killed": "interrupted"}
    return dict(Counter(names.get(word, word) for word in words))
