"""Feature sets: columns, and the unfitted transformer that turns them into a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.card.sections import Card, ModelFeatures
from runcard.catalog.features import check_rowwise
from runcard.catalog.registered import Catalog, Registered
from runcard.data.columns import Columns, resolve_columns
from runcard.data.source import Table

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
        """Give what makes two feature sets the same, for hashing."""
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
                _check_rowwise(card, catalog.features[given], table.frame[list(every)], entry if features else None)
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


def _check_rowwise(card: Card, registered: Registered, frame: pd.DataFrame, entry: int | None) -> None:
    try:
        check_rowwise(registered.name, registered.function, frame)
    except errors.FeaturesInvalid as error:
        error.where = card.where(*(() if entry is None else ("models", entry)), "features", "set")
        raise
