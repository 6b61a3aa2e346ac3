"""The split into training rows, test rows and folds: made once per plan by scikit-learn's splitters."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from runcard import errors

if TYPE_CHECKING:
    import numpy as np

SplitKind = Literal["stratified", "plain", "group", "time"]
Fold = tuple["np.ndarray", "np.ndarray"]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The row numbers of each part of a split: int32, or int64 where the table is too long for that."""

    kind: SplitKind
    train: np.ndarray
    """(n_train,), ascending; by time for `time`."""
    test: np.ndarray
    """(n_test,), in the same order; empty if no rows are set aside."""
    folds: tuple[Fold, ...]
    """(rows to fit, rows to score) in fold order, repeats one after the other; parts of `train`."""


def make_split(
    target: Any,
    *,
    kind: SplitKind,
    test_size: float,
    test_rows: np.ndarray | None = None,
    n_folds: int | Literal["leave_one_out"] | None = None,
    n_repeats: int = 1,
    seed: int,
    groups: Any = None,
    times: Any = None,
    task: str = "",
    where: str = "",
) -> Split:
    """Set test rows aside and divide the others into folds.

    Parameters
    ----------
    target, groups, times
        One value a row. For `time`, rows of the same time stay on one side of every border: it moves to
        the nearest change of time, so that without ties the rows are those of `TimeSeriesSplit`.
    test_size
        The share of rows (of groups, for `group`) that is set aside, rounded up as scikit-learn does.
    test_rows
        (n_rows,) True where a row is a test row; `test_size` then does not matter.
    task
        `classification` balances the classes in folds of groups. Empty: told from the target.

    Raises
    ------
    ClassTooSmall, SplitImpossible
    """
    import numpy as np

    rows = _Rows.of(target, kind=kind, groups=groups, times=times, task=task, seed=seed, where=where)
    _check_options(kind, n_folds, n_repeats, where)
    if test_rows is not None:
        train, test = rows.by_mask(np.asarray(test_rows, dtype=bool))
    elif test_size == 0:
        train, test = rows.order, rows.order[:0]
    else:
        train, test = rows.by_share(test_size)
    folds = rows.folds(train, n_folds, n_repeats) if n_folds is not None else ()
    return Split(kind=kind, train=train, test=test, folds=tuple(folds))


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The columns of a table that a split uses, as codes 0, 1, ... in sorted order."""

    kind: SplitKind
    order: np.ndarray  # (n_rows,) row numbers: ascending, or by time
    classes: np.ndarray | None  # (n_rows,) if classes are to be balanced
    class_names: Sequence[Any]
    groups: np.ndarray | None
    group_names: Sequence[Any]
    times: np.ndarray | None
    seed: int
    where: str

    @classmethod
    def of(cls, target: Any, *, kind: SplitKind, groups: Any, times: Any, task: str, seed: int, where: str) -> _Rows:
        import numpy as np

        narrowest = np.int32 if len(target) <= np.iinfo(np.int32).max else np.int64
        order = np.arange(len(target), dtype=narrowest)
        classes: np.ndarray | None = None
        class_names: Sequence[Any] = ()
        if kind == "stratified" or (kind == "group" and _is_classification(target, task)):
            classes, class_names = _codes(target, "target", where)
        group_codes, group_names = _codes(groups, "group", where) if kind == "group" else (None, ())
        time_codes = _codes(times, "time", where)[0] if kind == "time" else None
        if time_codes is not None:
            order = np.argsort(time_codes, kind="stable").astype(narrowest)
        return cls(kind, order, classes, class_names, group_codes, group_names, time_codes, seed, where)

    def by_mask(self, is_test: np.ndarray) -> Fold:
        n_test = int(is_test.sum())
        if n_test in (0, len(is_test)):
            raise self._impossible(
                f"`test_where` matches {'no row' if n_test == 0 else f'all {n_test:,} rows'}",
                why="there must be rows to train on and rows to test on",
                hint="check the values in `test_where`: text needs quotes, numbers must not have them",
            )
        train, test = self.order[~is_test[self.order]], self.order[is_test[self.order]]
        if self.groups is not None:
            self._check_groups_apart(train, test)
        return train, test

    def by_share(self, test_size: float) -> Fold:
        n_rows = len(self.order)
        n_test = math.ceil(test_size * n_rows)
        if not 0 < n_test < n_rows:
            raise self._impossible(
                f"{_counted(n_rows, 'row')} cannot be split into training and test",
                why=f"a share of {test_size:g} leaves {n_rows - n_test:,} to train on, {n_test:,} to test on",
                hint="use more rows, or another `train_test_split`",
            )
        if self.kind == "group":
            return self._by_share_of_groups(test_size)
        if self.kind == "time":
            cut = self._border(self.order, n_rows - n_test)
            if cut in (0, n_rows):
                raise self._one_time()
            return self.order[:cut], self.order[cut:]
        return self._by_chance(test_size, n_test)

    def folds(self, train: np.ndarray, n_folds: int | str, n_repeats: int) -> list[Fold]:
        import numpy as np

        n_splits = len(train) if n_folds == "leave_one_out" else int(n_folds)
        self._check_fold_sizes(train, n_splits, is_one_out=n_folds == "leave_one_out")
        if n_folds == "leave_one_out":
            return [(np.delete(train, number), train[number : number + 1]) for number in range(len(train))]
        if self.kind == "time":
            return self._time_folds(train, n_splits)
        # One generator for all repeats, as in scikit-learn's RepeatedKFold; the first equals KFold(seed).
        rng = np.random.RandomState(self.seed)
        made = [fold for _ in range(n_repeats) for fold in self._shuffled_folds(train, n_splits, rng)]
        if any(len(fit) == 0 or len(score) == 0 for fit, score in made):
            raise self._impossible(
                f"the groups are too uneven for {n_splits} folds",
                why="a fold would have no rows",
                hint=f"use fewer than {n_splits} `cv_folds`",
            )
        return made

    def _by_chance(self, test_size: float, n_test: int) -> Fold:
        import numpy as np
        from sklearn.model_selection import train_test_split

        if self.classes is not None:
            self._check_holdout_classes(n_test)
        train, test = train_test_split(self.order, test_size=test_size, random_state=self.seed, stratify=self.classes)
        return np.sort(train), np.sort(test)

    def _by_share_of_groups(self, test_size: float) -> Fold:
        from sklearn.model_selection import GroupShuffleSplit

        n_groups = len(self.group_names)
        n_test = math.ceil(test_size * n_groups)
        if not 0 < n_test < n_groups:
            raise self._impossible(
                f"{_counted(n_groups, 'group')} cannot be split into training and test",
                why=f"a share of {test_size:g} leaves {n_groups - n_test} groups to train on",
                hint="check `data.group`, or use another `train_test_split`",
            )
        splitter = GroupShuffleSplit(n_splits=1, test_size=test_size, random_state=self.seed)
        train, test = next(splitter.split(self.order, groups=self.groups))
        return self.order[train], self.order[test]  # already ascending

    def _shuffled_folds(self, train: np.ndarray, n_splits: int, rng: np.random.RandomState) -> Iterator[Fold]:
        from sklearn import model_selection as sk

        classes = self.classes[train] if self.classes is not None else None
        groups = self.groups[train] if self.groups is not None else None
        names = {"stratified": "StratifiedKFold", "plain": "KFold", "group": "GroupKFold"}
        name = "StratifiedGroupKFold" if self.kind == "group" and classes is not None else names[self.kind]
        splitter = getattr(sk, name)(n_splits, shuffle=True, random_state=rng)
        for fit, score in splitter.split(train, classes, groups):
            yield train[fit], train[score]

    def _time_folds(self, train: np.ndarray, n_splits: int) -> list[Fold]:
        from sklearn.model_selection import TimeSeriesSplit

        folds = []
        for fit, score in TimeSeriesSplit(n_splits).split(train):
            start, stop = self._border(train, len(fit)), self._border(train, int(score[-1]) + 1)
            if not 0 < start < stop:
                n_times = len(set(self.times[train].tolist()))  # type: ignore[index]
                raise self._impossible(
                    f"{_counted(n_times, 'different time')} cannot make {n_splits} folds",
                    why="rows of the same time stay together, and a fold would have no rows",
                    hint="use fewer `cv_folds`, or a finer `time` column",
                )
            folds.append((train[:start], train[start:stop]))
        return folds

    def _border(self, ordered: np.ndarray, cut: int) -> int:
        """Move a border between rows in time order to the nearest row where the time changes."""
        import numpy as np

        if cut >= len(ordered):
            return len(ordered)
        times = self.times[ordered]  # type: ignore[index]
        before = int(np.searchsorted(times, times[cut], side="left"))
        after = int(np.searchsorted(times, times[cut], side="right"))
        inside = [border for border in (before, after) if 0 < border < len(ordered)]
        return min(inside, key=lambda border: abs(border - cut), default=0)

    # Checks

    def _check_holdout_classes(self, n_test: int) -> None:
        counts = self._class_counts(self.order)
        smallest = int(counts.argmin())
        if counts[smallest] < 2:
            raise self._class_too_small(smallest, int(counts[smallest]), "row", "the test split needs 2")
        n_train = len(self.order) - n_test
        if min(n_test, n_train) < len(counts):
            raise self._impossible(
                f"{n_test:,} test rows and {n_train:,} training rows are too few for {len(counts)} classes",
                why="a stratified split puts every class on both sides",
                hint="use another `train_test_split`, or `stratify: false` under `data:`",
            )

    def _check_fold_sizes(self, train: np.ndarray, n_splits: int, *, is_one_out: bool) -> None:
        import numpy as np

        # TimeSeriesSplit keeps the first part for fitting only
        n_needed = n_splits + 1 if self.kind == "time" else max(n_splits, 2)
        if n_splits < 2 or len(train) < n_needed:
            raise self._impossible(
                f"{_counted(len(train), 'training row')} cannot make {n_splits} folds",
                why=f"each fold needs rows to fit and rows to score: at least {n_needed} rows and 2 folds",
                hint="use fewer `cv_folds`, or more rows",
            )
        if self.groups is not None and (n_groups := len(np.unique(self.groups[train]))) < n_splits:
            raise self._impossible(
                f"{_counted(n_groups, 'group')} cannot make {n_splits} folds",
                why="a group stays in one fold, and each fold needs one",
                hint=f"use `cv_folds: {n_groups}` or fewer" if n_groups > 1 else "use another `group` column",
            )
        if self.classes is not None and not is_one_out:
            counts = self._class_counts(train)
            smallest = int(counts.argmin())
            if counts[smallest] < n_splits:
                need = f"{n_splits} folds need {n_splits}"
                raise self._class_too_small(smallest, int(counts[smallest]), "training row", need)

    def _check_groups_apart(self, train: np.ndarray, test: np.ndarray) -> None:
        import numpy as np

        shared = np.intersect1d(self.groups[train], self.groups[test])  # type: ignore[index]
        if len(shared):
            names = [self.group_names[code] for code in shared]
            raise self._impossible(
                f"`test_where` cuts through {_counted(len(shared), 'group')}",
                why=f"{errors.listing(names, 3)} would train and test",
                hint="choose test rows by whole groups, or leave `group` out",
            )

    def _class_counts(self, rows: np.ndarray) -> np.ndarray:
        import numpy as np

        return np.bincount(self.classes[rows], minlength=len(self.class_names))  # type: ignore[index]

    def _class_too_small(self, code: int, n_rows: int, noun: str, need: str) -> errors.ClassTooSmall:
        ways = [f"use `cv_folds: {n_rows}` or fewer"] if n_rows >= 2 else []
        ways += ["write `stratify: false` under `data:`"] if self.kind == "stratified" else []
        return errors.ClassTooSmall(
            f"class `{self.class_names[code]}` has {_counted(n_rows, noun)}, and {need}",
            where=self.where,
            why="every class must be on both sides of every fold",
            hint=", or ".join([*ways, "merge the class with another"]),
        )

    def _one_time(self) -> errors.SplitImpossible:
        return self._impossible(
            "all rows have the same time",
            why="rows of the same time stay together, so none would be left to train or to test on",
            hint="check `data.time`",
        )

    def _impossible(self, what: str, *, why: str, hint: str) -> errors.SplitImpossible:
        return errors.SplitImpossible(what, where=self.where, why=why, hint=hint)


def _check_options(kind: SplitKind, n_folds: int | str | None, n_repeats: int, where: str) -> None:
    one_out = n_folds == "leave_one_out"
    if n_repeats > 1 and (kind == "time" or one_out):
        raise errors.SplitImpossible(
            f"`cv_repeats: {n_repeats}` with {'`leave_one_out`' if one_out else 'a split by `time`'}",
            where=where,
            why="these folds have no chance in them: each repeat would be the same",
            hint="leave `cv_repeats` out",
        )
    if one_out and kind in ("group", "time"):
        raise errors.SplitImpossible(
            f"`cv_folds: leave_one_out` with a split by `{kind}`",
            where=where,
            why="the other rows of its group would be fitted" if kind == "group" else "later rows would be fitted",
            hint="write a number of folds",
        )


def _codes(values: Any, role: str, where: str) -> tuple[np.ndarray, Sequence[Any]]:
    """Encode values as the indices of the distinct ones in sorted order."""
    import numpy as np
    import pandas as pd

    codes, names = pd.factorize(pd.Series(values), sort=True)
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        raise errors.SplitImpossible(
            f"the {role} column is missing in {len(missing):,} of {len(codes):,} rows",
            where=where,
            why=f"on which side row {missing[0] + 1} belongs is not known",
            hint="fill the column, or take these rows out of the data",
        )
    return codes, list(names)


def _is_classification(target: Any, task: str) -> bool:
    import pandas as pd

    from runcard.data.columns import task_of

    return (task or task_of(pd.DataFrame({"target": target}), "target")) == "classification"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
