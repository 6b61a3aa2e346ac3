"""The split of a plan, made as its card asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runcard import errors
from runcard.card.gather import unknown_column
from runcard.card.sections import Card
from runcard.data.source import Table
from runcard.data.split import Split, SplitKind, make_split
from runcard.data.target import Target

if TYPE_CHECKING:
    import numpy as np

DEFAULT_FOLDS = 5


def split_rows(card: Card, table: Table, target: Target, task: str, *, n_trials: int) -> Split:
    """Divide a table's rows into training, test and folds."""
    data, evaluation = card.data, card.evaluation
    kind: SplitKind = "group" if data.group else "time" if data.time else "plain"
    if kind == "plain" and task == "classification" and data.stratify is not False:
        kind = "stratified"
    if data.stratify and task == "regression":
        raise errors.SplitImpossible(
            "a regression target cannot be stratified",
            where=card.where("data", "stratify"),
            why="it has no classes",
            hint="remove `stratify`",
        )
    n_folds = evaluation.cv_folds or (DEFAULT_FOLDS if n_trials > 1 else None)
    if n_folds is None and data.train_test_split == 0 and data.test_where is None:
        raise errors.SplitImpossible(
            "there are neither folds nor test rows",
            where=card.where("data", "train_test_split"),
            why="nothing would be measured: a card with a single trial has no folds unless it asks for them",
            hint="add `cv_folds: 5` or `cv_folds: leave_one_out` to `evaluation`",
        )
    return make_split(
        target.column(),
        kind=kind,
        test_size=data.train_test_split,
        test_rows=_test_rows(card, table),
        n_folds=n_folds,
        n_repeats=evaluation.cv_repeats,
        seed=data.random_state,
        where=table.source,
        groups=table.frame[data.group].to_numpy() if data.group else None,
        times=table.frame[data.time].to_numpy() if data.time else None,
        task=task,
    )


def _test_rows(card: Card, table: Table) -> np.ndarray | None:
    import numpy as np

    if card.data.test_where is None:
        return None
    chosen = np.ones(len(table.frame), dtype=bool)
    for name, wanted in card.data.test_where.items():
        if name not in table.frame.columns:
            raise unknown_column(card, table, ("data", "test_where", name), name)
        values = list(wanted) if isinstance(wanted, tuple) else [wanted]
        chosen &= table.frame[name].isin(values).to_numpy()
    return chosen
