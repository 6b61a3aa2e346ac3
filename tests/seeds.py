"""A second kind of trials, for tests: a function of a seed, measured on several seeds; it reads no table."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runcard.card import Card
from runcard.data.copies import Copies
from runcard.journal import stage_files
from runcard.plan import Bench, Fit, KeptFinalist, Plan, Retested, Stage, Trial, digest
from runcard.plan.choice import make_choice
from runcard.plan.draw import ModelEntry
from runcard.plan.plan import assemble_plan
from runcard.project import Project
from runcard.record import FinalRecord, JobResult, Record, UnitResult


@dataclass(frozen=True)
class Gain:
    """The only metric."""

    name: str = "gain"
    greater_is_better: bool = True


@dataclass(frozen=True)
class Throw:
    """A job: one trial on one seed, or a probe of it."""

    key: str
    params: Mapping[str, Any]
    unit: int | None


def throw(job: Throw) -> JobResult | str | None:
    """Measure a trial: the nearer `x` is to 2, the more it gains; 3 cannot be begun."""
    x = job.params["x"]
    if job.unit is None:
        return "x must not be 3" if x == 3 else None
    started = time.time()
    gain = -((x - 2.0) ** 2) + 0.01 * random.Random(job.unit).random()
    stage = UnitResult(job.key, {"gain": gain}, fit_seconds=0.01, score_seconds=0.0, outputs=digest(gain))
    return JobResult(job.unit, (stage,), 0.01, started, time.time())


@dataclass(frozen=True)
class SeedWork:
    """What the protocol asks of the kind."""

    n_seeds: int = 3
    metrics = (Gain(),)
    test_share = 0.0
    n_tested = 0
    copies = Copies(0, 0, 0)

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(f"seed {number}" for number in range(1, self.n_seeds + 1))

    @property
    def run(self) -> Callable[[Any], Any]:
        return throw

    def describe(self) -> Mapping[str, Any]:
        return {"kind": "seeds", "n_seeds": self.n_seeds}

    def summary(self) -> str:
        return f"{self.n_seeds} seeds"

    def facts(self) -> Mapping[str, str]:
        return {"seeds": str(self.n_seeds)}

    def notes(self) -> Sequence[tuple[str, str]]:
        return []

    def keep(self, folder: Path) -> None:
        (folder / "seeds.txt").write_text(str(self.n_seeds))

    def stage(self, data: Any, folder: Path) -> None:
        assert data is None

    def refusal(self, trial: Trial) -> str | None:
        return None

    def steps_of(self, trial: Trial) -> tuple[str, int] | None:
        return None

    def share(self, trials: Iterable[Trial]) -> tuple[Fit, ...]:
        return tuple(Fit(trial.model, "", trial.params, (Stage(trial.key, None),)) for trial in trials)

    def blocks(self) -> Iterator[Sequence[int]]:
        yield range(self.n_seeds)

    def prepare(self, features: Iterable[str], units: Sequence[int], bench: Bench) -> None:
        assert set(features) <= {""}

    def release(self, bench: Bench) -> None:
        pass

    def probe(self, trial: Trial, unit: int, bench: Bench) -> Throw:
        return Throw(trial.key, trial.params, None)

    def job(self, fit: Fit, unit: int, bench: Bench, *, marks: Sequence[int] = (), is_shortened: bool = False) -> Throw:
        return Throw(fit.stages[0].key, fit.params, unit)

    def pool(self, parts: Sequence[Any]) -> tuple[Mapping[str, float], Mapping[str, str]]:
        return {}, {}

    def warm_up(self, project: Project) -> None:
        pass

    def retest(self, trial: Trial, bench: Bench) -> Retested:
        raise NotImplementedError

    def finish(self, records: Sequence[Record], bench: Bench, project: Project) -> Iterator[KeptFinalist]:
        for record in records:
            now = time.time()
            score = {"gain": record.mean("gain") or 0.0}
            given = record.record_id, record.trial_key, record.protocol, score, now, now
            final = FinalRecord(f"{record.record_id[:-1]}f", *given)
            with stage_files(project.home, final.record_id) as (folder, manifest):
                (folder / "weights.txt").write_text(str(record.params["x"]))
            yield final, manifest


def make_seed_plan(card: Card, n_seeds: int = 3) -> Plan:
    """Resolve a card whose models are such functions."""
    work = SeedWork(n_seeds)
    parts = {"kind": "seeds", "seeds": n_seeds, "metrics": ["gain"]}
    entries = [ModelEntry(model.name, "", model.space, None, None, (), {}) for model in card.models]
    choice = make_choice(card, work.metrics, work.units)
    return assemble_plan(
        card, work, parts=parts, entries=entries, metrics=work.metrics, primary=work.metrics[0], choice=choice
    )
