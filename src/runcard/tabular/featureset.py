"""Feature sets: columns, and the unfitted transformer that turns them into a matrix."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.card.sections import Card, ModelFeatures
from runcard.catalog.features import check_rowwise
from runcard.catalog.registered import Catalog, Registered
from runcard.data.columns import Columns, resolve_columns
from runcard.data.source import Table
from runcard.yaml import Path as KeyPath

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class FeatureSet:
    """Columns and the unfitted transformer that turns them into a matrix."""

    name: str
    columns: tuple[str, ...]
    """The columns its transformer is given."""
    numerical: tuple[str, ...]
    categorical: tuple[str, ...]
    registered: Registered | None = None

    def transformer(self) -> Any:
        """Build the unfitted transformer."""
        from runcard.catalog.features import default_transformer, wrap_rowwise

        if self.registered is None:
            return default_transformer(self.numerical, self.categorical)
        function = self.registered.function
        return wrap_rowwise(function) if self.registered.rowwise else function()

    def identity(self) -> object:
        """Give a value for hashing that is equal for equal feature sets."""
        if self.registered is not None:
            return [self.columns, self.registered.name, self.registered.source_digest]
        return [self.numerical, self.categorical]


def set_name(card: Card, features: ModelFeatures | None, entry: int = 0) -> str:
    """Name the feature set of one of the card's `models`, or of the card itself."""
    if features is None:
        return card.features.set or "default"
    return features.set or f"models[{entry}]"


def make_feature_sets(card: Card, table: Table, columns: Columns, catalog: Catalog) -> dict[str, FeatureSet]:
    """Make the card's feature set, and one for each model that has its own."""
    kept_out = {columns.target, columns.id, columns.group} - {None}
    every = tuple(str(name) for name in table.frame.columns if name not in kept_out)
    sets: dict[str, FeatureSet] = {}
    for entry, features in [(0, None), *((i, m.features) for i, m in enumerate(card.models) if m.features)]:
        name = set_name(card, features, entry)
        given = features.set if features else card.features.set
        if given is not None:
            sets[name] = FeatureSet(name, every, (), (), catalog.features[given])
            if catalog.features[given].rowwise:
                _check_rowwise(card, name, catalog.features[given], table.frame[list(every)], columns)
            continue
        found = (
            columns
            if features is None
            else resolve_columns(
                table.frame,
                target=columns.target,
                where=table.source,
                numerical=features.numerical,
                categorical=features.categorical,
                id=columns.id,
                group=columns.group,
                time=columns.time,
            )
        )
        if not found.numerical and not found.categorical:
            raise errors.ColumnUnsupported(
                "no column is left to learn from",
                where=table.source,
                why="features are numbers, text or booleans",
                hint="name columns under `numerical` or `categorical`",
            )
        sets[name] = FeatureSet(name, found.numerical + found.categorical, found.numerical, found.categorical)
    return sets


def set_path(card: Card, name: str) -> KeyPath:
    """Give the path of a feature set in the card."""
    for entry, model in enumerate(card.models):
        if model.features is not None and name == set_name(card, model.features, entry) and name != card.features.set:
            return ("models", entry, "features", *(("set",) if model.features.set else ()))
    return ("features", *(("set",) if card.features.set else ()))


def why_failed(name: str, columns: Columns, reason: str) -> tuple[str, str]:
    """Explain why a feature set fails, and what to do; it may use a column that it is not given."""
    roles = {"target": columns.target, "id": columns.id, "group": columns.group}
    for role, column in roles.items():
        if column is not None and re.search(rf"[`'\"]{re.escape(column)}[`'\"]", reason):
            why = f"{reason}\n`{column}` is the card's {role}, which no feature set is given: it would be learnt from"
            return why, f"make the features of `{name}` without `{column}`, or of a copy of it under another name"
    return reason, "try it on the table by itself"


def _check_rowwise(card: Card, name: str, registered: Registered, frame: pd.DataFrame, columns: Columns) -> None:
    try:
        check_rowwise(registered.name, registered.function, frame)
    except errors.FeaturesInvalid as error:
        error.where = card.where(*set_path(card, name))
        why, hint = why_failed(name, columns, error.why)
        if why != error.why:
            error.why, error.hint = why, hint
        raise
