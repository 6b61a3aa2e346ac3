"""What a recorded run would be made of here and now, compared with what it was made of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from runcard import errors
from runcard.card import Card, load_card, read_card
from runcard.catalog.registered import load_catalog
from runcard.data.fingerprint import fingerprint
from runcard.plan import Plan, Trial
from runcard.plan.draw import Draw
from runcard.project import Project
from runcard.provenance.rebuild.records import is_below
from runcard.replay import Account, Difference, find_differences
from runcard.replay.difference import card_differences
from runcard.search.strategy import Point
from runcard.tabular.make import make_plan
from runcard.workflow.replay.options import present_mode
from runcard.workflow.replay.recorded import Recorded
from runcard.workflow.resolve import Resolved, read_table_of, resolve
from runcard.workflow.run.circumstances import MODULES, Circumstances, capture_circumstances

_SHORT = 12
_CODE = (errors.ProjectModuleFailed, errors.RegistrationInvalid)
_NAMES = (errors.ModelUnknown, errors.DatasetUnknown, errors.FeaturesUnknown, errors.MetricUnknown)


@dataclass(frozen=True, slots=True, eq=False)
class Present:
    """A recorded run's card, resolved against the present project."""

    account: Account
    circumstances: Circumstances
    differences: tuple[Difference, ...]
    resolved: Resolved | None = None
    """None where it cannot be resolved: a difference says why."""
    trial: Trial | None = None
    """The recorded trial; None where there is none such any more."""

    @property
    def is_comparable(self) -> bool:
        """Whether running it could show anything."""
        return self.trial is not None and not any(each.decides for each in self.differences)

    @property
    def same_environment(self) -> bool:
        """Whether the environment equals the recorded one."""
        return not any(each.is_environment for each in self.differences)


def look_around(recorded: Recorded, card: Card, project: Project) -> Present:
    """Resolve the recorded card against the present project and compare, without training anything."""
    # Isolated, the recorded data are taken from wherever they are to be had; here, those that lie in the tree.
    data = recorded.fingerprint if present_mode() == "isolated" else None
    try:
        resolved, problem = _resolved(card, project, data), None
    except errors.RuncardError as error:
        resolved, problem = None, error
    circumstances = capture_circumstances(project, seed=card.data.random_state)
    plan = resolved.plan.as_dict() if resolved is not None else _data_of(card, project, data)
    account = _account(recorded, circumstances, plan)
    found = find_differences(recorded.account, account)
    if problem is not None:
        found.append(_difference_of(problem, recorded, found))
    trial = None
    if resolved is not None:
        trial = _find(resolved.plan, recorded)
        found += [] if trial or any(each.decides for each in found) else [_no_trial(resolved.plan, recorded)]
        found += _card_file(recorded, resolved, project)
    ordered = sorted(found, key=lambda each: not each.decides)
    return Present(account, circumstances, tuple(ordered), resolved, trial)


def open_recorded_card(recorded: Recorded, project: Project) -> Card:
    """Parse the recorded card's text as a card of this project.

    Raises
    ------
    CardErrors
        It names what this project or environment does not have.
    """
    return read_card(recorded.account.card, project=project, name=recorded.card_path or "card.yaml")


def unreadable_card(recorded: Recorded, error: errors.RuncardError, project: Project) -> Present:
    """Make the result for a card that cannot be read here: the differences that are known."""
    circumstances = capture_circumstances(project, seed=recorded.account.plan["seed"])
    account = _account(recorded, circumstances, {})
    found = find_differences(recorded.account, account)
    found.append(_difference_of(error, recorded, found))
    return Present(account, circumstances, tuple(sorted(found, key=lambda each: not each.decides)))


def not_as_recorded(recorded: Recorded, project: Project) -> Present:
    """Make the result for a record that was altered, which is not compared: what does not agree."""
    found = [Difference("record", "", "as it was written", said) for said in recorded.altered]
    return Present(recorded.account, capture_circumstances(project, seed=0), tuple(found))


def _resolved(card: Card, project: Project, data: str | None) -> Resolved:
    try:
        return resolve(card, project=project, data=data, as_locked=False)
    except errors.DataGone:  # what lies in the tree shows how it differs; if nothing does, that is said
        return resolve(card, project=project, as_locked=False)


def _data_of(card: Card, project: Project, data: str | None) -> Mapping[str, Any]:
    """Describe the data of a card that cannot be planned; empty if they cannot be read either."""
    try:
        table, _ = read_table_of(card, project, load_catalog(project), data)
    except errors.DataGone:
        return _data_of(card, project, None)
    except errors.RuncardError:
        return {}
    found = fingerprint(table.frame)
    columns = [[column.name, column.type, column.digest] for column in found.columns]
    return {"data": {"digest": found.digest, "n_rows": found.n_rows, "columns": columns}}


def _account(recorded: Recorded, circumstances: Circumstances, plan: Mapping[str, Any]) -> Account:
    kept = circumstances.files
    folder = f"provenance/{MODULES}/"
    return Account(
        name=recorded.run.name,
        card=recorded.account.card,
        plan=json.loads(json.dumps(plan, default=str)),
        code=json.loads(kept["provenance/code.json"]),
        modules={
            name.removeprefix(folder): content.decode("utf-8", "replace")
            for name, content in kept.items()
            if name.startswith(folder)
        },
        environment=json.loads(kept["provenance/environment.json"]),
        hardware=json.loads(kept["provenance/hardware.json"]),
        model=recorded.account.model,
        params=recorded.account.params,
        features=recorded.account.features,
    )


# The recorded trial among those of the plan


def _find(plan: Plan, recorded: Recorded) -> Trial | None:
    """Find the recorded trial in the plan, regardless of changed package versions."""
    wanted = recorded.account.trial_key
    for draw in (plan.draw, _with_versions(plan, recorded.packages)):
        for trial in _of_model(draw, recorded):
            if trial.key == wanted:
                return trial
    return None


def _of_model(draw: Draw, recorded: Recorded) -> Iterator[Trial]:
    account = recorded.account
    for number, entry in enumerate(draw.entries):
        if entry.model == account.model:
            yield draw.trial(recorded.trial_index, Point(number, account.params))


def _with_versions(plan: Plan, packages: Mapping[str, str]) -> Draw:
    """Put the recorded package versions in place of the present ones."""
    entries = []
    for entry in plan.draw.entries:
        known = {name: packages[name] for name in entry.packages if name in packages}
        entries.append(replace(entry, versions=known))
    return replace(plan.draw, entries=tuple(entries))


def _no_trial(plan: Plan, recorded: Recorded) -> Difference:
    now = next(iter(_of_model(plan.draw, recorded)), None)
    name = recorded.account.model
    return Difference("trial", name, recorded.account.trial_key[:_SHORT], now.key[:_SHORT] if now else None)


# What the record and the work tree say of the card


def _card_file(recorded: Recorded, resolved: Resolved, project: Project) -> list[Difference]:
    """Tell whether the card's file changed since; that is decisive only if it no longer has this trial."""
    path = project.root / recorded.card_path
    if not is_below(recorded.card_path) or not path.is_file():
        return []
    try:
        card = load_card(path, project=project)
        if card.text == recorded.account.card:
            return []
        plan = make_plan(card, resolved.table, resolved.catalog)
        has_trial = plan.parts == resolved.plan.parts and _has(plan, resolved, recorded)
        text = card.text
    except errors.RuncardError:
        has_trial, text = False, path.read_text(encoding="utf-8-sig", errors="replace")
    (found,) = card_differences(recorded.account.card, text)
    return [replace(found, part="card file" if has_trial else "card", name=recorded.card_path)]


def _has(plan: Plan, resolved: Resolved, recorded: Recorded) -> bool:
    """Tell whether another card's plan has the recorded trial; for a search, whether it could."""
    ours = _find(resolved.plan, recorded)
    trials = plan.trials or tuple(_of_model(plan.draw, recorded))
    keys = {trial.key for trial in _of_model(resolved.plan.draw, recorded)}
    return ours is not None and any(trial.key in keys for trial in trials)


# Why it cannot be resolved


def _difference_of(error: errors.RuncardError, recorded: Recorded, found: list[Difference]) -> Difference:
    """Describe what is missing or different when the card cannot be resolved."""
    if isinstance(error, errors.CardErrors) and error.errors:
        error = error.errors[0]
    said = "; ".join(" ".join(part.split()) for part in (error.what, error.why) if part)
    return Difference(_part_of(error, found), error.where, "as recorded", said)


def _part_of(error: errors.RuncardError, found: list[Difference]) -> str:
    if isinstance(error, errors.PackageMissing):
        return "packages needed"
    if isinstance(error, errors.DataError):
        return "data"
    if isinstance(error, (*_CODE, *_NAMES)):
        return "code"
    return "packages needed" if any(each.is_environment for each in found) else "card"
