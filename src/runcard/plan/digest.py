"""Hashes that name a plan, its split and its trials."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from runcard.data.split import Split

if TYPE_CHECKING:
    import numpy as np


def digest(value: object) -> str:
    """Hash any JSON-like value, 64 hex digits, the same in every process and on every machine."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=_jsonable)
    return hashlib.sha256(text.encode()).hexdigest()


def describe_split(split: Split) -> dict[str, Any]:
    """Name a split by its kind, sizes and the digests of its row numbers."""
    return {
        "kind": split.kind,
        "n_train": len(split.train),
        "n_test": len(split.test),
        "n_folds": len(split.folds),
        **digest_rows(split.train, split.test, split.folds),
    }


def digest_rows(train: np.ndarray, test: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, str]:
    """Hash the row numbers of train, test and all folds, in the order in which they are used."""
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


def _jsonable(value: object) -> object:
    if hasattr(value, "tolist"):
        return value.tolist()
    return repr(value)
