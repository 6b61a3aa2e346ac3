"""A description of what changed between two contents of one name: rows, columns, types, values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.data.fingerprint import ColumnFingerprint, Fingerprint

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Frames = tuple["pd.DataFrame", "pd.DataFrame"]

_SHOWN = 8
_UNHASHED = ("other", "binary")
_LONG = 40


@dataclass(frozen=True, slots=True)
class _Pairing:
    """The columns of two contents, matched by name, or by their values where only the name changed."""

    gone: tuple[ColumnFingerprint, ...]
    added: tuple[ColumnFingerprint, ...]
    pairs: tuple[tuple[ColumnFingerprint, ColumnFingerprint], ...]

    @property
    def renamed(self) -> list[tuple[str, str]]:
        return [(old.name, new.name) for old, new in self.pairs if old.name != new.name]

    @property
    def retyped(self) -> list[tuple[ColumnFingerprint, ColumnFingerprint]]:
        return [(old, new) for old, new in self.pairs if old.type != new.type]

    @property
    def alike(self) -> list[tuple[ColumnFingerprint, ColumnFingerprint]]:
        """The paired columns of one type, whose values can be compared."""
        return [(old, new) for old, new in self.pairs if old.type == new.type]

    @property
    def differing(self) -> list[tuple[ColumnFingerprint, ColumnFingerprint]]:
        return [(old, new) for old, new in self.alike if not _is_same(old, new)]


def describe_change(old: Fingerprint, new: Fingerprint, frames: Frames | None = None) -> tuple[str, ...]:
    """Describe what changed between two contents, a line each; empty when nothing did.

    Parameters
    ----------
    old, new
        Digests of columns may be shortened, as `runcard.lock` keeps them.
    frames
        The old and the new rows; without them how many values changed is not known, nor which rows.
    """
    if old.digest == new.digest:
        return ()
    pairing = _pair(old.columns, new.columns)
    lines = [*_columns(pairing, old, new)]
    if frames is None:
        lines += _without_rows(pairing, old.n_rows, new.n_rows)
    else:
        lines += _rows(pairing, frames)
    return tuple(lines) or ("what it is cannot be told",)


def _is_same(old: ColumnFingerprint, new: ColumnFingerprint) -> bool:
    n_digits = min(len(old.digest), len(new.digest))
    return old.digest[:n_digits] == new.digest[:n_digits]


def _pair(old: Sequence[ColumnFingerprint], new: Sequence[ColumnFingerprint]) -> _Pairing:
    after = {column.name: column for column in new}
    before = {column.name for column in old}
    gone = [column for column in old if column.name not in after]
    added = [column for column in new if column.name not in before]
    pairs = [(column, after[column.name]) for column in old if column.name in after]
    for column in list(gone):
        twin = next((other for other in added if other.type == column.type and _is_same(column, other)), None)
        if twin is not None:
            pairs.append((column, twin))
            gone.remove(column)
            added.remove(twin)
    return _Pairing(tuple(gone), tuple(added), tuple(pairs))


def _columns(pairing: _Pairing, old: Fingerprint, new: Fingerprint) -> Iterator[str]:
    for before, after in pairing.renamed:
        yield f"column `{before}` is now called `{after}`"
    if pairing.gone:
        yield f"{_counted(len(pairing.gone), 'column')} gone: {errors.listing([c.name for c in pairing.gone])}"
    if pairing.added:
        yield f"{_counted(len(pairing.added), 'column')} added: {errors.listing([c.name for c in pairing.added])}"
    for was, now in pairing.retyped[:_SHOWN]:
        yield f"column `{now.name}` was {was.type} and is {now.type}"
    if len(pairing.retyped) > _SHOWN:
        yield f"{len(pairing.retyped) - _SHOWN} more columns have other types"
    order = [after.name for _, after in sorted(pairing.pairs, key=lambda pair: old.columns.index(pair[0]))]
    if order != [column.name for column in new.columns if column.name in set(order)]:
        yield "the columns stand in another order"


def _without_rows(pairing: _Pairing, n_old: int, n_new: int) -> Iterator[str]:
    if n_old != n_new:
        way = "more" if n_new > n_old else "fewer"
        yield f"{_counted(abs(n_new - n_old), 'row')} {way}: {n_old:,} before, {n_new:,} now"
    elif pairing.differing:
        names = errors.listing([after.name for _, after in pairing.differing])
        yield f"other values or another order in {names}; the old content is not at hand to count them"


def _rows(pairing: _Pairing, frames: Frames) -> Iterator[str]:
    """Tell added or removed rows from reordered rows and from values changed in place."""
    import numpy as np

    if not pairing.alike:
        yield from _without_rows(pairing, len(frames[0]), len(frames[1]))
        return
    old, new = _hashed_rows(pairing, frames)
    n_gone, n_added = _exchanged(old, new)
    n_moved = int(np.count_nonzero(old != new)) if len(old) == len(new) else None
    if n_moved == 0:  # what the hashes of rows take for equal: 0.0 and -0.0, and what cannot be hashed
        yield from _values(pairing, frames)
    elif n_gone == n_added == 0:
        place = int(np.flatnonzero(old != new)[0])
        yield f"the same rows in another order, from row {place + 1:,} on"
    elif n_moved is not None and n_moved <= n_gone:
        yield from _values(pairing, frames)
    else:
        yield from _exchange(old, new, n_gone, n_added)


def _exchange(old: np.ndarray, new: np.ndarray, n_gone: int, n_added: int) -> Iterator[str]:
    if n_gone:
        yield f"{_counted(n_gone, 'row')} gone"
    if n_added:
        is_behind = len(new) > len(old) and bool((new[: len(old)] == old).all())
        yield f"{_counted(n_added, 'row')} added{' at the end' if is_behind else ''}"
    yield f"{len(old):,} rows before, {len(new):,} now"


def _hashed_rows(pairing: _Pairing, frames: Frames) -> tuple[np.ndarray, np.ndarray]:
    """Hash each row over the columns common to both contents, (n_rows,) uint64 each."""
    import pandas as pd

    pairs = [(old.name, new.name) for old, new in pairing.alike if old.type not in _UNHASHED]
    old = frames[0][[name for name, _ in pairs]]
    new = frames[1][[name for _, name in pairs]].set_axis(old.columns, axis=1)
    hashed = [pd.util.hash_pandas_object(frame, index=False).to_numpy() for frame in (old, new)]
    return hashed[0], hashed[1]


def _exchanged(old: np.ndarray, new: np.ndarray) -> tuple[int, int]:
    """Count the rows that only the old or only the new content has, with multiplicity."""
    import numpy as np

    _, inverse = np.unique(np.concatenate([old, new]), return_inverse=True)
    surplus = np.bincount(inverse[: len(old)], minlength=inverse.max(initial=-1) + 1).astype(np.int64)
    surplus -= np.bincount(inverse[len(old) :], minlength=len(surplus))
    return int(surplus[surplus > 0].sum()), int(-surplus[surplus < 0].sum())


def _values(pairing: _Pairing, frames: Frames) -> Iterator[str]:
    import numpy as np

    for before, after in pairing.differing[:_SHOWN]:
        old, new = frames[0][before.name], frames[1][after.name]
        changed = [] if before.type in _UNHASHED else np.flatnonzero(_differs(old, new)).tolist()
        if changed:
            place = changed[0]
            values = f"row {place + 1:,} had {_shown(old.iloc[place])} and has {_shown(new.iloc[place])}"
            first = "" if len(changed) == 1 else "the first: "
            yield f"{_counted(len(changed), 'value')} changed in `{after.name}`; {first}{values}"
        else:
            yield f"values changed in `{after.name}`"
    if len(pairing.differing) > _SHOWN:
        yield f"values changed in {len(pairing.differing) - _SHOWN} more columns"


def _differs(old: Any, new: Any) -> np.ndarray:
    """Compare two columns of one type, (n_rows,); 0.0 and -0.0 differ, as in the fingerprint."""
    import numpy as np

    both_missing = (old.isna() & new.isna()).to_numpy(dtype=bool)
    if old.dtype == new.dtype == np.float64:
        differs: np.ndarray = old.to_numpy().view(np.int64) != new.to_numpy().view(np.int64)
    else:
        differs = (old != new).fillna(True).to_numpy(dtype=bool)
    found: np.ndarray = differs & ~both_missing
    return found


def _shown(value: Any) -> str:
    import pandas as pd

    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "nothing"
    text = str(value)
    return f"`{text if len(text) <= _LONG else text[:_LONG] + '...'}`"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
