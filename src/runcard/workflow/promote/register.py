"""Registration: making a version of a registered model from a decision."""

from __future__ import annotations

from dataclasses import dataclass

from runcard import errors
from runcard.card.sections import MODEL_NAME
from runcard.names import VersionRef
from runcard.project import Project
from runcard.promotion import Promotion
from runcard.tracking.records import MODEL_FOLDER
from runcard.tracking.versions import ModelVersion
from runcard.workflow.agreement import require_trial
from runcard.workflow.promote.chosen import ChosenFinalist, find_chosen
from runcard.workflow.promote.events import complete_events, record_event
from runcard.workflow.promote.rules import read_rules
from runcard.workflow.promote.session import Desk, Note, open_desk


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version of a registered model."""

    version: ModelVersion
    is_new: bool
    """Whether it was made now; a run is registered once."""


def register(
    name: str | None = None,
    *,
    project: Project | None = None,
    tracking_uri: str | None = None,
    note: Note = lambda line: None,
) -> RegisteredVersion:
    """Make a version of a registered model from a run, or from the decision of a card.

    Parameters
    ----------
    name
        A run, or a card or an experiment, whose latest run of a card is meant; None for the project's only card.

    Raises
    ------
    ModelMissing
        There is no model to register.
    RecordAltered
        The run, its card or the model are not as they were recorded.
    """
    with open_desk(project, tracking_uri=tracking_uri, note=note) as desk:
        chosen = find_chosen(desk, name)
        desk.registry.require_model(chosen.run.run_id, MODEL_FOLDER)
        require_trial(chosen.run, chosen.card, desk.project)
        model = _model_name(desk, chosen)
        entries = complete_events(desk, model)
        if found := desk.registry.version_of(model, chosen.run.run_id):
            return RegisteredVersion(found, is_new=False)
        note(f"registering {chosen.decision['description']}")
        promotion = Promotion(
            kind="register",
            model=model,
            version=None,
            run_id=chosen.run.run_id,
            decision=chosen.decision,
            **desk.signed(),
        )
        try:
            entry = record_event(desk, promotion, entries)
        except errors.PromotionOvertaken:  # by somebody who registered the same run
            found = desk.registry.version_of(model, chosen.run.run_id)
            if found is None:
                raise
            return RegisteredVersion(found, is_new=False)
        made = desk.registry.find(VersionRef(model, version=entry.promotion.version))
        return RegisteredVersion(made, is_new=True)


def _model_name(desk: Desk, chosen: ChosenFinalist) -> str:
    text = desk.ledger.read_text(chosen.card.run_id, "card.yaml")
    model = read_rules(desk.project, chosen.card.experiment, text).model or chosen.card.experiment
    if not MODEL_NAME.accepts(model):
        raise errors.UsageError(
            f"`{model}` cannot be the name of a registered model",
            where=f"experiment {chosen.card.experiment}",
            why=f"it must be {MODEL_NAME.wanted}",
            hint="give it one in the card: `registry: {model: NAME}`",
        )
    return model
