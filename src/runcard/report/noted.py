"""Warnings at the end of a run: metrics without a value, and warnings from fits, a line each."""

from __future__ import annotations

from collections.abc import Iterator

from runcard.comparison import Comparison
from runcard.record import FinalRecord, Record
from runcard.report.wording import parameters, varying_params

_LONGEST = 200


def missing_metrics(comparison: Comparison) -> Iterator[str]:
    """Say for each metric that is missing somewhere how often, with the first reason."""
    records, finals = _records(comparison), _finals(comparison)
    yield from _missing(records, "trials")
    yield from _missing(finals, "finalists on the test rows")


def warned(comparison: Comparison) -> Iterator[str]:
    """Say how many fits issued warnings, with the first one and its trial."""
    records = sorted(_records(comparison), key=lambda record: record.index)
    finals = _finals(comparison)
    n_fits = sum(record.n_fits for record in records) + len(finals)
    n_warned = sum(record.n_warned for record in records) + sum(bool(final.warnings) for final in finals)
    if not n_warned:
        return
    texts = dict.fromkeys(text for record in records for text in record.warnings)
    texts |= dict.fromkeys(text for final in finals for text in final.warnings)
    first = next(iter(texts))
    record = next((r for r in records if first in r.warnings), None)
    whose = f" (the first: {_named(record, records)})" if record else " (a finalist)"
    n_more = len(texts) - 1
    more = f"; {n_more} other text{'s' * (n_more > 1)}, see `runcard.warnings` in MLflow" if n_more else ""
    yield f"{n_warned:,} of {n_fits:,} fits warned: {_short(first)}{whose}{more}"


def _missing(found: list[Record] | list[FinalRecord], what: str) -> Iterator[str]:
    for name in dict.fromkeys(name for each in found for name in each.missing):
        reasons = [each.missing[name] for each in found if name in each.missing]
        yield f"`{name}` is missing for {len(reasons):,} of {len(found):,} {what}: {_short(reasons[0])}"


def _records(comparison: Comparison) -> list[Record]:
    return [standing.record for standing in comparison.standings]


def _finals(comparison: Comparison) -> list[FinalRecord]:
    return [standing.final for standing in comparison.standings if standing.final is not None]


def _named(record: Record, records: list[Record]) -> str:
    shown = parameters(record.params, varying_params([each.params for each in records]))
    return f"{record.model} {shown}".strip()


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
