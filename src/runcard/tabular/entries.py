"""What of a card's `models` enters the keys of their trials, for models that are estimators."""

from __future__ import annotations

from collections.abc import Mapping

from runcard.card.sections import Card
from runcard.catalog.labels import are_codes
from runcard.catalog.models import ModelSpec
from runcard.data.target import Target
from runcard.plan.draw import ModelEntry
from runcard.provenance.capture.environment import BOOSTING, CORE, versions_of
from runcard.tabular.featureset import FeatureSet, set_name


def make_entries(
    card: Card, sets: Mapping[str, FeatureSet], specs: Mapping[str, ModelSpec], target: Target
) -> list[ModelEntry]:
    """Describe each of the card's `models` by its space, code, features and the versions of its packages."""
    packages = {name: (*CORE, *BOOSTING.get(spec.package, ())) for name, spec in specs.items()}
    versions = {name: versions_of(names) for name, names in packages.items()}
    entries = []
    for number, model in enumerate(card.models):
        features = set_name(card, model.features, number)
        code = _code_of(specs[model.name], target)
        identity = sets[features].identity()
        named = packages[model.name], versions[model.name]
        entries.append(ModelEntry(model.name, features, model.space, code, identity, *named))
    return entries


def _code_of(spec: ModelSpec, target: Target) -> str | None:
    """Identify the code that trains a model, marked where records of before ADR 0024 would not apply."""
    if spec.code is not None:
        return f"{spec.code} on labels" if not are_codes(target.classes) else spec.code
    is_turned = target.n_classes == 2 and target.positive == 0
    return "the positive class last" if is_turned and spec.package in BOOSTING else None
