"""The protocol between a plan and a kind of trials: what is measured, on what, by which jobs."""

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
    """A number that is measured of a trial on each unit."""

    @property
    def name(self) -> str:
        """What it is recorded as."""

    @property
    def greater_is_better(self) -> bool:
        """Whether more of it is better."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A trial as read off a job after some of its stages; `n_stages` is None for all of them."""

    key: str
    n_stages: int | None
    twin: str | None = None
    """Equal for trials that give equal results where neither reaches its limit (`catalog.limits`)."""


@dataclass(frozen=True, slots=True)
class Fit:
    """One training, to be done on each unit, and the trials that it serves."""

    model: str
    features: str
    params: Mapping[str, Any]
    stages: tuple[Stage, ...]
    limit: float = math.inf
    """How deep its trees may grow, if it is of a kind whose `twin`s are known."""


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """Where a plan is carried out: an engine, what was staged for its jobs, and a folder to work in."""

    engine: Engine
    data: Path
    """The folder that `Work.stage` filled."""
    folder: Path
    on_begun: Callable[[str], None] = lambda key: None
    """Called with a trial's key when its first result is in."""


@dataclass(frozen=True, slots=True, eq=False)
class Retested:
    """What a finalist got when it was made once more."""

    scores: Mapping[str, float]
    outputs: str = ""
    """Digest of what the model said of the test rows."""
    predictions: bytes = b""
    """The test rows with what was predicted for them, as Parquet."""
    error: str = ""


class Work(Protocol):
    """What a kind of trials provides: estimators on the folds of a table, say.

    A trial is measured on every unit and has one score per unit and metric. A unit is what is repeated: a fold of the
    rows, or a seed. All jobs are picklable and run by `run`, in any process.
    """

    @property
    def units(self) -> tuple[str, ...]:
        """Name what each trial is measured on, such as `fold 1`; none where it goes straight to the final test."""

    @property
    def test_share(self) -> float | None:
        """The rows that a unit scores over those it fits on (Nadeau, Bengio), 0 if independent; None without units."""

    @property
    def n_tested(self) -> int:
        """How many rows are kept back, which finalists are scored on; 0 for none."""

    @property
    def copies(self) -> Copies:
        """How many of the rows that are kept back are copies of rows that are trained on."""

    @property
    def run(self) -> Callable[[Any], Any]:
        """The function of every job: a probe gives why its trial is impossible, or None; others a `JobResult`."""

    def describe(self) -> Mapping[str, Any]:
        """Describe as plain JSON what trials are made of; part of the plan that is recorded."""

    def summary(self) -> str:
        """Say in a few words on how much a trial is measured: `5 folds, 800 training and 200 test rows`."""

    def facts(self) -> Mapping[str, str]:
        """Say in words, by headings such as `data` and `folds`, what a trial is measured on."""

    def notes(self) -> Sequence[tuple[str, str]]:
        """Say what somebody should know before trials are trained, each with a word of what it is about."""

    def keep(self, folder: Path) -> None:
        """Write the files that are kept with the card's run into a folder."""

    def stage(self, data: Any, folder: Path) -> None:
        """Write what the jobs read into a folder: `Bench.data`.

        Parameters
        ----------
        data
            The table that the card was resolved against, if its kind reads one.
        """

    def refusal(self, trial: Trial) -> str | None:
        """Say why a trial cannot even be begun; None if it can."""

    def steps_of(self, trial: Trial) -> tuple[str, int] | None:
        """Name the hyperparameter that counts the steps of a trial that can be stopped on its way, and its value."""

    def share(self, trials: Iterable[Trial]) -> tuple[Fit, ...]:
        """Share out trials among as few fits as serve them."""

    def blocks(self) -> Iterator[Sequence[int]]:
        """Divide the numbers of the units into those that are prepared together."""

    def prepare(self, features: Iterable[str], units: Sequence[int], bench: Bench) -> None:
        """Prepare what jobs need on some units, for trials with some sets of features.

        Raises
        ------
        RuncardError
            It cannot be prepared; nothing has been trained on these units.
        """

    def release(self, bench: Bench) -> None:
        """Remove what was prepared."""

    def probe(self, trial: Trial, unit: int, bench: Bench) -> Any:
        """Make the job of trying a trial in little time, before any is trained."""

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
        """Compute on the parts of all units together the metrics that have one score; and why others have none."""

    def warm_up(self, project: Project) -> None:
        """Import what finalists are kept with; called now and then while jobs run elsewhere."""

    def retest(self, trial: Trial, bench: Bench) -> Retested:
        """Make a finalist of a trial once more, for a replay: nothing is kept of it.

        Raises
        ------
        RunError
            A worker died: that says nothing of the trial.
        """

    def finish(self, records: Sequence[Record], bench: Bench, project: Project) -> Iterator[KeptFinalist]:
        """Make finalists of trials: final models, scored on what was kept back; yield each when its files are there."""
