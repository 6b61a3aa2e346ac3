"""A split as a Parquet file, with one line for each row of the table and each use of it.

===========  ==========================================================================================
column       what it holds
===========  ==========================================================================================
`part`       `train` and `test`: the two sides of the split; `score`: the rows that a fold is scored on;
             `fit`: the rows that it fits on, listed only where they are not the rest of `train`
             (folds by time, which fit on what came before)
`fold`       the fold, numbered from 0 as the steps of MLflow's `cv_` metrics; -1 for `train` and `test`
`row`        the row of the table, numbered from 0
===========  ==========================================================================================

Rows stand in the order in which they are used (`fit` in ascending order: a fold keeps `train`'s own). So ten folds of a
million rows take two million lines, and leaving one out of 5,000 rows takes 10,000.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard.data.split import Fold, Split

if TYPE_CHECKING:
    import numpy as np

NAME = "split.parquet"
_WHOLE = -1


def write_split(split: Split, path: Path) -> None:
    """Write a split's row numbers to a file that pandas can read."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    uses = list(_uses(split))
    sizes = [len(rows) for _, _, rows in uses]
    names = ["train", "test", "fit", "score"]
    parts = np.repeat(np.array([names.index(part) for part, _, _ in uses], dtype=np.int8), sizes)
    folds = np.repeat(np.array([fold for _, fold, _ in uses], dtype=np.int32), sizes)
    table = pa.table(
        {
            "part": pa.DictionaryArray.from_arrays(parts, names),
            "fold": folds,
            "row": np.concatenate([rows for _, _, rows in uses]),
        }
    )
    # Ascending numbers are small as differences; the two others repeat themselves.
    pq.write_table(
        table, path, compression="zstd", use_dictionary=["part", "fold"], column_encoding={"row": "DELTA_BINARY_PACKED"}
    )


def read_split(path: Path) -> tuple[np.ndarray, np.ndarray, tuple[Fold, ...]]:
    """Read a split: the rows of train and test, and for each fold the rows to fit and to score."""
    import numpy as np
    import pandas as pd

    frame = pd.read_parquet(path)
    groups = frame.groupby(["part", "fold"], observed=True)["row"]
    rows: dict[Any, np.ndarray] = {key: found.to_numpy() for key, found in groups}
    none = frame["row"].to_numpy()[:0]
    train = rows.get(("train", _WHOLE), none)
    folds = []
    for number in range(int(frame["fold"].max()) + 1):
        score = rows[("score", number)]
        listed = rows.get(("fit", number))
        keeps = np.isin(train, score, invert=True) if listed is None else np.isin(train, listed)
        folds.append((train[keeps], score))
    return train, rows.get(("test", _WHOLE), none), tuple(folds)


def _uses(split: Split) -> Iterator[tuple[str, int, np.ndarray]]:
    import numpy as np

    yield "train", _WHOLE, split.train
    yield "test", _WHOLE, split.test
    for number, (fit, score) in enumerate(split.folds):
        if len(fit) + len(score) != len(split.train):
            yield "fit", number, np.sort(fit)
        yield "score", number, score


def describe_split(split: Split) -> dict[str, Any]:
    """Describe a split by its kind, sizes and the digests of its row numbers."""
    return {
        "kind": split.kind,
        "n_train": len(split.train),
        "n_test": len(split.test),
        "n_folds": len(split.folds),
        **digest_rows(split.train, split.test, split.folds),
    }


def digest_rows(train: np.ndarray, test: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, str]:
    """Hash the row numbers of train, test and all folds, in the order of their use."""
    return {
        "train": _rows_digest([train]),
        "test": _rows_digest([test]),
        "folds": _rows_digest([rows for fold in folds for rows in fold]),
    }


def _rows_digest(parts: Sequence[np.ndarray]) -> str:
    hashed = hashlib.sha256()
    for rows in parts:
        hashed.update(len(rows).to_bytes(8, "little"))
        hashed.update(rows.astype("<i8").tobytes())
    return hashed.hexdigest()
