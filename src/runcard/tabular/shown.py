"""Descriptions of a card's table in words: rows, classes, folds, and the use of each column."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from runcard.report.blocks import Column, ReportTable
from runcard.tabular.absent import absent_classes
from runcard.tabular.setting import Setting

if TYPE_CHECKING:
    import pandas as pd


MAX_COLUMNS = 40
MAX_CLASSES = 8


class _Looked(NamedTuple):
    """A column of the data with facts about its values."""

    name: str
    kind: str
    values: pd.Series


def facts_of(setting: Setting) -> dict[str, str]:
    """Describe the data, the task, the split and the folds, by heading."""
    print_of_data, split = setting.fingerprint, setting.split
    return {
        "data": f"{setting.source}: {print_of_data.n_rows:,} rows, {len(print_of_data.columns)} columns, "
        f"fingerprint {print_of_data.digest[:12]}",
        "task": f"{setting.task} of `{setting.target.name}`, as {setting.task_because}" + _balance(setting),
        "split": f"{split.kind}: {split_sizes(setting)}, seed {setting.seed}",
        "folds": _folds(setting),
    }


def split_sizes(setting: Setting) -> str:
    """Say how many rows there are to train on and to test on."""
    n_train, n_test = len(setting.split.train), len(setting.split.test)
    if not n_test:
        return f"all {n_train:,} rows are trained on, none are kept for the test"
    return f"{n_train:,} training and {n_test:,} test rows"


def absent_notes(setting: Setting) -> list[str]:
    """Warn of classes missing from parts of the split; metrics that need them will be missing there."""
    found = absent_classes(setting.split, setting.target)
    more = [f"{len(found) - MAX_CLASSES} more classes are lacking somewhere"] if len(found) > MAX_CLASSES else []
    return [*map(str, found[:MAX_CLASSES]), *more]


def _balance(setting: Setting) -> str:
    counts = setting.target.counts()
    if not counts:
        return ""
    total = sum(counts.values())
    shown = [f"{label} {n:,} ({n / total:.0%})" for label, n in list(counts.items())[:MAX_CLASSES]]
    more = f" and {len(counts) - MAX_CLASSES} more classes" if len(counts) > MAX_CLASSES else ""
    positive = setting.target.positive
    said = "" if positive is None else f"; positive: {setting.target.classes[positive]}"
    return f": {', '.join(shown)}{more}{said}"


def _folds(setting: Setting) -> str:
    if not setting.split.folds:
        return "none: the only trial goes straight to the test"
    sizes = sorted({(len(fit), len(score)) for fit, score in setting.split.folds})
    (fit, score), last = sizes[0], sizes[-1]
    shown = f"{fit:,} + {score:,}" if sizes[0] == last else f"{fit:,} + {score:,} to {last[0]:,} + {last[1]:,}"
    return f"{len(setting.split.folds)}, each fits on and scores {shown} rows"


def columns_table(setting: Setting, frame: pd.DataFrame) -> ReportTable[_Looked]:
    """Show for each column its type, its use, and how much is missing."""
    columns = setting.fingerprint.columns
    described = [
        Column[_Looked]("column", attrgetter("name"), folds=True),
        Column("type", attrgetter("kind"), folds=True),
        Column("used as", lambda row: _role(setting, row.name), folds=True),
        Column("missing", lambda row: int(row.values.isna().sum()), is_number=True),
        Column("distinct", lambda row: _distinct(row.values), is_number=True),
    ]
    rows = [_Looked(name, kind, frame[name]) for name, kind, _ in columns[:MAX_COLUMNS]]
    caption = f"{MAX_COLUMNS} of {len(columns)} columns" if len(columns) > MAX_COLUMNS else ""
    return ReportTable(described, rows, caption=caption)


def _distinct(values: pd.Series) -> int | None:
    try:
        return int(values.nunique())
    except TypeError:  # lists and structs
        return None


def _role(setting: Setting, name: str) -> str:
    single = {setting.columns.target: "target", setting.columns.id: "id", setting.columns.group: "group"}
    if name in single:
        return single[name]
    roles = [
        "numerical" if name in found.numerical else "categorical" if name in found.categorical else found.name
        for found in setting.feature_sets.values()
        if name in found.columns
    ]
    return ", ".join(dict.fromkeys(roles)) or ("time" if name == setting.columns.time else "not used")
