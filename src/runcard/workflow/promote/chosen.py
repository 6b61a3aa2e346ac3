"""Which run's model is registered: a run that was named, or the decision of a card."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from runcard import errors
from runcard.redact import redact
from runcard.tracking.backends import connect
from runcard.tracking.items import DECISION_TAG, N_TEST_TAG, PARENT_TAG, RunRow
from runcard.workflow.promote.session import Desk
from runcard.workflow.refs import experiment_of, only_card

KEPT = ("model_digest", "trial_key", "protocol", "card_run", "chosen_as", "why")
"""What of a decision is kept with the version, as tags `runcard.*`."""
_RUN = re.compile(r"[0-9a-f]{8,32}")


@dataclass(frozen=True, slots=True)
class ChosenFinalist:
    """A finalist, and the card's run that it is of."""

    run: RunRow
    card: RunRow
    experiment: str
    chosen_as: str
    """In words."""

    @property
    def decision(self) -> Mapping[str, str]:
        """Say which trial of which card it is."""
        tags = self.run.tags
        known = {name: tags.get(f"runcard.{name}", "") for name in ("model_digest", "trial_key", "protocol")}
        known |= {"card_run": self.card.run_id, "card_run_name": self.card.name, "chosen_as": self.chosen_as}
        known["rule"] = tags.get("runcard.decision_rule") or self.card.tags.get("runcard.selection", "")
        known["why"] = tags.get("runcard.decision_why", "")
        primary = self.card.tags.get("runcard.primary", "")
        score = self.run.metrics.get(f"test_{primary}")
        scored = "" if score is None else f", {primary} {score:.4f} on the test rows"
        mean = self.run.metrics.get(f"cv_{primary}_mean")
        if self.card.tags.get(N_TEST_TAG) == "0" and mean is not None:
            scored = f", {primary} {mean:.4f} on the folds, by which it was chosen: there are no test rows"
        known["description"] = f"{self.run.name} of {self.card.name}, {self.chosen_as}{scored}"
        return {name: value for name, value in known.items() if value}


def find_chosen(desk: Desk, name: str | None) -> ChosenFinalist:
    """Find the run that a user means.

    Parameters
    ----------
    name
        The id of a trial's or a card's run, its first eight digits at least; or a card or experiment, whose latest
        finished run is meant; or None for the project's only card.

    Raises
    ------
    ExperimentUnknown, ModelMissing
    """
    if name is not None and _RUN.fullmatch(name):
        found = desk.registry.find_runs(name)
        if len(found) > 1:
            raise errors.UsageError(
                f"several runs begin with `{name}`", why="one model is registered at a time", hint="give more digits"
            )
        if found:
            return _of_run(desk, found[0])
    asked = only_card(desk.project, "register", "run or card") if name is None else name
    experiment, _ = experiment_of(asked, desk.project)
    with connect(desk.project, makes=False) as tracker:
        cards = [row for row in tracker.read_runs(experiment, kind="card") if row.status == "FINISHED"]
    if not cards:
        raise errors.ModelMissing(
            f"no card was run to its end in the experiment `{experiment}`",
            where=redact(desk.registry.uri),
            why="there is no model yet",
            hint="run a card first: `runcard run CARD`",
        )
    return _decided(desk, cards[0], experiment)


def _of_run(desk: Desk, run: RunRow) -> ChosenFinalist:
    experiment = desk.registry.experiment_of(run.run_id)
    if run.tags.get("runcard.kind") == "card":
        return _decided(desk, run, experiment)
    cards = desk.registry.find_runs(run.tags[PARENT_TAG]) if PARENT_TAG in run.tags else []
    if not cards:
        raise errors.ModelMissing(
            f"the run {run.run_id} is not one that runcard made",
            where=redact(desk.registry.uri),
            why="its card is not known",
            hint="register it in MLflow's page, or run a card: `runcard run CARD`",
        )
    return ChosenFinalist(run, cards[0], experiment, "named by hand")


def _decided(desk: Desk, card: RunRow, experiment: str) -> ChosenFinalist:
    """Take the decision of a card, or where none was recorded the trial that is best."""
    if card.tags.get(DECISION_TAG) == "none":
        raise errors.ModelMissing(
            f"nothing was chosen of the card's run {card.name}",
            where=redact(desk.registry.uri),
            why="no trial qualifies by the card's rule",
            hint="name a finalist's run to register it all the same: `runcard register RUN`",
        )
    decided = desk.registry.find_runs(card.tags.get(f"{DECISION_TAG}_run", "none"))
    if decided:
        return ChosenFinalist(decided[0], card, experiment, "the decision")
    with connect(desk.project, makes=False) as tracker:
        trials = tracker.read_runs(experiment, kind="trial")
    protocol = card.tags.get("runcard.protocol")
    finalists = [
        row for row in trials if row.tags.get("runcard.protocol") == protocol and "runcard.finalist" in row.tags
    ]
    best = card.tags.get("runcard.best_trial")
    found = next((row for row in finalists if row.tags.get("runcard.trial_key") == best), None)
    if found is not None:
        return ChosenFinalist(found, card, experiment, "the best trial")
    raise errors.ModelMissing(
        f"the card's run {card.name} has no finalist",
        where=redact(desk.registry.uri),
        why="its best trial was not refitted, or its run was deleted",
        hint="run the card again: it goes on from what is done",
    )
