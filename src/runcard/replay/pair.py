"""Two runs compared, for whatever reason: what they are made of, and their results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from runcard.replay.account import Account, Score, scores_beside
from runcard.replay.difference import Difference, as_dicts, find_differences, pairs, spelt

_NEEDED = {"card": "card", "plan": "data, split, features and metrics", "code": "code", "environment": "packages"}


@dataclass(frozen=True, slots=True)
class RunDiff:
    """Two runs and the differences between them."""

    names: tuple[str, str]
    run_ids: tuple[str, str]
    differences: tuple[Difference, ...]
    scores: tuple[Score, ...]
    """Metrics of both, also where they are equal."""
    unknown: tuple[str, ...]
    """What is not known of which run, in words."""
    is_plain: bool = False
    """Whether only what MLflow has of any run is compared, since runcard did not make one of them."""

    def as_dict(self) -> dict[str, Any]:
        """Describe it as plain JSON."""
        return {**asdict(self), "differences": as_dicts(self.differences)}


def diff_accounts(
    first: Account, second: Account, run_ids: tuple[str, str], more: Sequence[Difference] = ()
) -> RunDiff:
    """Compare two runs that runcard made.

    Parameters
    ----------
    more
        Differences that are found elsewhere: between commits, say.
    """
    differences = [*trial_differences(first, second), *find_differences(first, second), *more]
    scores = tuple(scores_beside(first.outcome, second.outcome))
    unknown = tuple(line for account in (first, second) for line in _unknown(account))
    return RunDiff((first.name, second.name), run_ids, tuple(differences), scores, unknown)


def trial_differences(first: Account, second: Account) -> list[Difference]:
    """Compare models, hyperparameters with their types, and feature sets."""
    found = []
    for part, was, now in (("model", first.model, second.model), ("feature set", first.features, second.features)):
        if was != now:
            found.append(Difference(part, "", was or None, now or None))
    sides = [{name: _as_in_a_card(value) for name, value in account.params.items()} for account in (first, second)]
    return found + [Difference("param", name, _shown(was), _shown(now)) for name, was, now in pairs(*sides)]


def plain_differences(part: str, first: Mapping[str, str], second: Mapping[str, str]) -> list[Difference]:
    """Compare the values that any two runs have under the same names."""
    return [Difference(part, name, was, now) for name, was, now in pairs(first, second)]


def _as_in_a_card(value: object) -> str:
    """Write a hyperparameter so that its type shows: the text `10` in quotes, the number without."""
    if isinstance(value, str):
        with suppress(ValueError):
            json.loads(value)
            return json.dumps(value)
        return value
    return json.dumps(value, ensure_ascii=False)


def _shown(text: str | None) -> str | None:
    return None if text is None else spelt(text)


def _unknown(account: Account) -> list[str]:
    missing = [words for name, words in _NEEDED.items() if not getattr(account, name)]
    return [f"{', '.join(missing)} of {account.name} are not known"] if missing else []
