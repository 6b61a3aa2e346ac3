"""The protocol that a kind of trials implements: what is measured, on which units, by which jobs.

Why: docs/adr/0041-kinds-of-trials.md
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from runcard.data.copies import Copies
from runcard.engine.base import Engine
from runcard.plan.draw import Trial
from runcard.project import Project
from runcard.record import FinalRecord, Record

ALL = -1
"""In place of a unit: everything that a trial may be fitted on, with nothing to score."""
KeptFinalist = tuple[FinalRecord, dict[str, tuple[str, int]]]
"""A finalist's record and the manifest of its files: name -> SHA-256 and bytes."""


class Measure(Protocol):
    """A number that is measured for a trial on each unit."""

    @property
    def name(self) -> str:
        """The name under which it is recorded."""

    @property
    def greater_is_better(self) -> bool:
        """Whether greater values are better."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A trial that a job yields after a number of its stages; `n_stages` is None for all of them."""

    key: str
    n_stages: int | None
    twin: str | None = None
    """Equal for trials that give equal results where neither reaches its limit (`catalog.limits`)."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One training, done on each unit, with the trials whose results it gives."""

    model: str
    features: str
    params: Mapping[str, Any]
    stages: tuple[Stage, ...]
    limit: float = math.inf
    """How deep its trees may grow, if it is of a kind whose `twin`s are known."""


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """The place where a plan is carried out: an engine, the data staged for its jobs, and a working folder."""

    engine: Engine
    data: Path
    """The folder that `Work.stage` filled."""
    folder: Path
    on_begun: Callable[[str], None] = lambda key: None
    """Called with a trial's key when its first result is in."""


@dataclass(frozen=True, slots=True, eq=False)
class Retested:
    """The result of making a finalist once more."""

    scores: Mapping[str, float]
    outputs: str = ""
    """Digest of what the model said of the test rows."""
    predictions: bytes = b""
    """The test rows with what was predicted for them, as Parquet."""
    error: str = ""


class Work(Protocol):
    """What a kind of trials must provide, such as estimators on the folds of a table.

    A trial is measured on every unit and has one score per unit and metric. A unit is what is repeated: a fold of the
    rows, or a seed. All jobs are picklable and run by `run`, in any process.
    """

    @property
    def units(self) -> tuple[str, ...]:
        """The names of the units that each trial is measured on, such as `fold 1`; none without units."""

    @property
    def test_share(self) -> float | None:
        """The ratio of rows a unit scores to rows it fits on (Nadeau, Bengio), 0 if independent; None without units."""

    @property
    def n_tested(self) -> int:
        """The number of rows kept back to score finalists on; 0 for none."""

    @property
    def copies(self) -> Copies:
        """How many of the rows that are kept back are copies of training rows."""

    @property
    def run(self) -> Callable[[Any], Any]:
        """The function of every job: a probe gives why its trial is impossible, or None; others a `JobResult`."""

    def describe(self) -> Mapping[str, Any]:
        """Describe as plain JSON what trials consist of, as part of the recorded plan."""

    def summary(self) -> str:
        """Say briefly what a trial is measured on: `5 folds, 800 training and 200 test rows`."""

    def facts(self) -> Mapping[str, str]:
        """Describe what a trial is measured on, under headings such as `data` and `folds`."""

    def notes(self) -> Sequence[tuple[str, str]]:
        """Give remarks to read before training, each with a word for its subject."""

    def keep(self, folder: Path) -> None:
        """Write the files that are kept with the card's run to a folder."""

    def stage(self, data: Any, folder: Path) -> None:
        """Write what the jobs read to a folder: `Bench.data`.

        Parameters
        ----------
        data
            The table that the card was resolved against, if its kind reads one.
        """

    def refusal(self, trial: Trial) -> str | None:
        """Say why a trial cannot be started at all; None if it can."""

    def steps_of(self, trial: Trial) -> tuple[str, int] | None:
        """Name the hyperparameter that counts a trial's steps, if it can be stopped early, and give its value."""

    def share(self, trials: Iterable[Trial]) -> tuple[Fit, ...]:
        """Group trials into as few fits as can serve them."""

    def blocks(self) -> Iterator[Sequence[int]]:
        """Divide the unit numbers into blocks that are prepared together."""

    def prepare(self, features: Iterable[str], units: Sequence[int], bench: Bench) -> None:
        """Prepare what jobs need on some units, for trials with some feature sets.

        Raises
        ------
        RuncardError
            It cannot be prepared; nothing has been trained on these units.
        """

    def release(self, bench: Bench) -> None:
        """Remove what was prepared."""

    def probe(self, trial: Trial, unit: int, bench: Bench) -> Any:
        """Make the job that tries a trial cheaply before any is trained."""

    def job(self, fit: Fit, unit: int, bench: Bench, *, marks: Sequence[int] = (), is_shortened: bool = False) -> Any:
        """Make the job of a fit on a unit.

        Parameters
        ----------
        marks
            Steps that its learning curve must show.
        is_shortened
            Whether it has some of its steps only, so that nothing but the primary metric is asked for.
        """

    def pool(self, parts: Sequence[Any]) -> tuple[Mapping[str, float], Mapping[str, str]]:
        """Compute metrics that have one score over the rows of all units together, and say why others have none."""

    def warm_up(self, project: Project) -> None:
        """Import what keeping finalists needs; called in the background while jobs run in other processes."""

    def retest(self, trial: Trial, bench: Bench) -> Retested:
        """Make a trial's finalist once more for a replay, without keeping it.

        Raises
        ------
        RunError
            A worker died: that says nothing of the trial.
        """

    def finish(self, records: Sequence[Record], bench: Bench, project: Project) -> Iterator[KeptFinalist]:
        """Make finalists: final models, scored on the rows kept back; yield each when its files are complete."""
