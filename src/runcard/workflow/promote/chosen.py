"""Selection of the run whose model is registered: a named run, or the decision of a card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runcard import errors
from runcard.redact import redact
from runcard.tags import (
    DECISION_RULE_TAG,
    DECISION_TAG,
    DECISION_WHY_TAG,
    N_TEST_TAG,
    OUR_TAGS,
    PRIMARY_TAG,
    SELECTION_TAG,
)
from runcard.tracking.items import RunRow
from runcard.workflow.promote.session import Desk
from runcard.workflow.refs import find_subject, only_card, trial_of

KEPT = ("model_digest", "trial_key", "protocol", "card_run", "chosen_as", "why")
"""What of a decision is kept with the version, as tags `runcard.*`."""


@dataclass(frozen=True, slots=True)
class ChosenFinalist:
    """A finalist, with the run of its card."""

    run: RunRow
    card: RunRow
    chosen_as: str
    """In words."""

    @property
    def decision(self) -> Mapping[str, str]:
        """Describe which trial of which card it is."""
        tags = self.run.tags
        known = {name: tags.get(f"{OUR_TAGS}{name}", "") for name in ("model_digest", "trial_key", "protocol")}
        known |= {"card_run": self.card.run_id, "card_run_name": self.card.name, "chosen_as": self.chosen_as}
        known["rule"] = tags.get(DECISION_RULE_TAG) or self.card.tags.get(SELECTION_TAG, "")
        known["why"] = tags.get(DECISION_WHY_TAG, "")
        primary = self.card.tags.get(PRIMARY_TAG, "")
        score = self.run.metrics.get(f"test_{primary}")
        scored = "" if score is None else f", {primary} {score:.4f} on the test rows"
        mean = self.run.metrics.get(f"cv_{primary}_mean")
        if self.card.tags.get(N_TEST_TAG) == "0" and mean is not None:
            scored = f", {primary} {mean:.4f} on the folds, by which it was chosen: there are no test rows"
        known["description"] = f"{self.run.name} of {self.card.name}, {self.chosen_as}{scored}"
        return {name: value for name, value in known.items() if value}


def find_chosen(desk: Desk, name: str | None) -> ChosenFinalist:
    """Find the finalist that a name refers to; None stands for the project's only card.

    Raises
    ------
    ModelMissing, RunUnknown, UsageError
    """
    asked = only_card(desk.project, "register", "run or card") if name is None else name
    found = find_subject(asked, desk.reader, desk.project)
    if found.card is None:
        raise _missing(
            desk,
            f"the run `{found.run.name}` is not one that runcard made",
            why="its card is not known",
            hint="register it in MLflow's page, or run a card: `runcard run CARD`",
        )
    if found.run.run_id != found.card.run_id:
        return ChosenFinalist(found.run, found.card, found.chosen_as or "named by hand")
    if found.card.tags.get(DECISION_TAG) == "none":
        raise _missing(
            desk,
            f"nothing was chosen of the card's run {found.card.name}",
            why="no trial qualifies by the card's rule",
            hint="name a finalist's run to register it all the same: `runcard register RUN`",
        )
    trial = trial_of(found.card, desk.reader, desk.project)
    if trial is None:
        raise _missing(
            desk,
            f"the card's run {found.card.name} has no finalist",
            why="it did not end, its best trial was not refitted, or its run was deleted",
            hint="run the card again: it goes on from what is done",
        )
    return ChosenFinalist(trial.run, found.card, trial.chosen_as)


def _missing(desk: Desk, what: str, *, why: str, hint: str) -> errors.ModelMissing:
    return errors.ModelMissing(what, where=redact(desk.registry.uri), why=why, hint=hint)
