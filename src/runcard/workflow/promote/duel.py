"""Two models scored on the same rows: the candidate's test rows, read again and verified by fingerprint."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.card import read_card
from runcard.catalog.metrics import Metric, Outputs, resolve_metric, score
from runcard.data.target import Target
from runcard.project import Project
from runcard.promotion import Duel
from runcard.stats import bootstrap_bound
from runcard.tabular import last_line, read_rows, stage_table
from runcard.tabular.conditions import quiet
from runcard.tabular.outputs import compute_outputs
from runcard.tabular.work import tabular
from runcard.tags import PARTS_TAG
from runcard.tracking.items import RunRow
from runcard.workflow.resolve import Resolved, resolve

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PARTS = ("data", "target", "split")
"""The parts of a protocol that decide which rows are the test rows and what is true of them."""


@dataclass(frozen=True, slots=True, eq=False)
class HeldOutRows:
    """Test rows as models receive them, with the true values."""

    frame: pd.DataFrame
    truth: np.ndarray
    """(n_rows,) class codes, or numbers."""
    units: np.ndarray
    """(n_rows,) codes of the groups that stay together; each row for itself where there are none."""
    target: Target
    metric: Metric
    seed: int


@dataclass(frozen=True, slots=True, eq=False)
class Contender:
    """A fitted pipeline, with the columns that it needs."""

    name: str
    pipeline: Any
    columns: tuple[str, ...]


def read_test_rows(project: Project, card: RunRow, text: str, data: str | None, metric: str | None) -> HeldOutRows:
    """Read the data of a card's run again, from wherever they are available, and split them as the run did.

    Parameters
    ----------
    text
        The card as it was kept with the run.
    data
        The fingerprint of its data; None where it is not known, and those that lie in the tree are tried.
    metric
        By what to score; None for the card's primary metric.

    Raises
    ------
    DataChanged
        They are not the data, target and split of that run.
    RuncardError
        The data are not to be had, or the project's code is not at hand.
    """
    # What counts is what the run had, not what the name is locked as by now.
    resolved = resolve(read_card(text, project=project), project=project, data=data, as_locked=False)
    plan = resolved.plan
    recorded = json.loads(card.tags.get(PARTS_TAG, "{}"))
    changed = [name for name in PARTS if plan.parts[name] != recorded.get(name)]
    if changed:
        raise errors.DataChanged(
            f"these are not the test rows of {card.name}",
            where=resolved.table.source,
            why=f"changed since: {', '.join(changed)}",
            hint="bring the data back as they were, or run the card again and register what comes out",
        )
    work = tabular(plan)
    if not work.n_tested:
        raise errors.MetricImpossible(
            f"{card.name} has no test rows",
            why="its score is the one that it was chosen by, and compares with nothing",
            hint="keep some with `train_test_split`, or ask for other gates: `gates: {beats_holder: false}`",
        )
    chosen = work.primary if metric is None else _metric(metric, resolved)
    rows = work.split.test
    return HeldOutRows(_frame(resolved), work.target.values[rows], _units(resolved), work.target, chosen, plan.seed)


def compare_on(rows: HeldOutRows, candidate: Contender, holder: Contender, *, confidence: float) -> Duel:
    """Score two fitted pipelines on the same rows, and bound the difference by a paired bootstrap.

    Both are scored on the same resampled rows each time; the lower bound is the percentile of the differences
    (Efron & Tibshirani 1993, chapters 13 and 16). Rows of a group are drawn together.

    Raises
    ------
    MetricImpossible, TargetInvalid
        A model cannot be scored on them.
    """
    import numpy as np
    from sklearn import config_context

    outputs = [_outputs(contender, rows) for contender in (candidate, holder)]
    sign = 1 if rows.metric.greater_is_better else -1
    everything = np.arange(len(rows.truth))
    ours, theirs = (_score(rows, found, everything) for found in outputs)

    def difference(drawn: np.ndarray) -> float:
        ours, theirs = (_score(rows, found, drawn) for found in outputs)
        return sign * (ours - theirs)

    with config_context(skip_parameter_validation=True, assume_finite=True):  # the metric has taken these rows already
        bound = bootstrap_bound(difference, rows.units, confidence=confidence, seed=rows.seed)
    return Duel(rows.metric.name, rows.metric.greater_is_better, ours, theirs, bound, len(rows.truth))


def _metric(name: str, resolved: Resolved) -> Metric:
    work = tabular(resolved.plan)
    n_classes = work.target.n_classes or None
    return resolve_metric(name, task=work.task, n_classes=n_classes, catalog=resolved.catalog)


def _frame(resolved: Resolved) -> pd.DataFrame:
    """Give the test rows in the column types that trials use."""
    work = tabular(resolved.plan)
    frame = work.typed(resolved.table.frame)
    with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
        stage_table(frame, work.target.values, Path(folder, "table"))
        return read_rows(Path(folder, "table"), list(frame.columns), work.split.test).copy()


def _units(resolved: Resolved) -> np.ndarray:
    import numpy as np

    work = tabular(resolved.plan)
    group, rows = work.card.data.group, work.split.test
    if group is None:
        return np.arange(len(rows))
    return np.unique(resolved.table.frame[group].astype(str).to_numpy()[rows], return_inverse=True)[1]


def _outputs(contender: Contender, rows: HeldOutRows) -> Outputs:
    model, known = contender.pipeline, set(rows.target.classes)
    if known and not set(getattr(model, "classes_", [])) <= known:
        raise errors.TargetInvalid(
            f"{contender.name} tells other classes apart than `{rows.target.name}` has",
            why=f"the classes are {errors.listing(rows.target.classes)}",
            hint="promote it by `--force`",
        )
    try:
        with quiet(rows.seed):
            frame = rows.frame[list(contender.columns)]
            return compute_outputs(model, frame, [rows.metric], rows.target)
    except Exception as error:  # whatever a model raises that was made for other columns
        raise errors.MetricImpossible(
            f"{contender.name} cannot predict these rows", why=last_line(error), hint="promote it by `--force`"
        ) from error


def _score(rows: HeldOutRows, found: Outputs, at: np.ndarray) -> float:
    import numpy as np

    part = Outputs(*(None if o is None else o[at] for o in (found.predictions, found.probabilities, found.scores)))
    classes = np.asarray(rows.target.classes) if rows.target.classes else None
    try:
        return score(rows.metric, rows.truth[at], part, classes=classes, positive=rows.target.positive)
    except errors.MetricImpossible:
        if len(at) == len(rows.truth) and (at[:-1] < at[1:]).all():
            raise  # it is not chance that it is not defined
        return float("nan")
