"""The checklist items about training."""

from __future__ import annotations

from runcard.audit.evidence import Evidence, Finding, failed, first_line, passed, several, unrecorded
from runcard.tags import FINALIST_TAG, MODEL_TAG, MODEL_UNSAVED_TAG

_JUDGED = ("identical", "equivalent", "within tolerance")

_ALONE = "put this model with these hyperparameters alone in a card, then runcard run CARD"


def seeds(evidence: Evidence) -> Finding:
    """Judge whether the seed of every random step is known."""
    part = evidence.part("seeds")
    if part.get("random_state") is None:
        return unrecorded("seed", evidence)
    return passed(f"random_state {part['random_state']}, set in {several(part.get('set_in') or ())}")


def hyperparameters(evidence: Evidence) -> Finding:
    """Judge whether the exact values of all hyperparameters are known."""
    model = evidence.tags.get(MODEL_TAG) or evidence.params.get("model")
    if evidence.hyperparameters is None:
        if evidence.card_run_id is None and evidence.params:
            n_given = len(evidence.params)
            return failed(f"{n_given} parameters as text; whether they are all is not known", evidence.rerun)
        return unrecorded("exact hyperparameters", evidence)
    given = evidence.hyperparameters
    values = ", ".join(f"{name}={value!r}" for name, value in given.items())
    versions = evidence.part("environment").get("packages") or {}
    rest = f"; all others are the defaults of scikit-learn {versions.get('scikit-learn', '?')} and its like"
    return passed(f"{model}, {len(given)} given" + (f": {values}" if given else "") + rest)


def kept_model(evidence: Evidence) -> Finding:
    """Judge whether the fitted model is kept and unaltered."""
    kept = evidence.model
    if kept is None:
        if evidence.tags.get(FINALIST_TAG) == "true":
            why = evidence.tags.get(MODEL_UNSAVED_TAG, "it was scored on the test rows, but not saved")
            return failed(f"no model: {first_line(why)}", f"{evidence.rerun} --model-format cloudpickle")
        if evidence.card_run_id:
            return failed("no model: this trial was no finalist, and was fitted on folds only", _ALONE)
        return unrecorded("model", evidence)
    if kept.digest is None:
        return failed("a model is kept, but nothing says what its files must hash to", evidence.rerun)
    if kept.state != "same":
        word = "gone" if kept.state == "gone" else f"not those that were saved as {kept.digest[:12]}"
        return failed(f"the files of the model are {word}", evidence.rerun)
    return passed(f"the files of the model hash to {kept.digest[:12]}, as when it was saved")


def record(evidence: Evidence) -> Finding:
    """Judge whether the run and its card in MLflow are as they were written."""
    if evidence.altered is None:
        return unrecorded("seal", evidence)
    if evidence.altered:
        return failed(several(evidence.altered), evidence.rerun)
    return passed("parameters, scores, tags and files agree with their seals")


def determinism(evidence: Evidence) -> Finding:
    """Judge whether a replay has shown that the run gives the same result again."""
    mend = f"runcard reproduce {evidence.run_id[:8]} --repeat 2"
    for replay in evidence.replays:
        shown = f"replay {replay.run_id[:8]} of {replay.date}: {replay.verdict}"
        if replay.is_deterministic is not None:
            word = "is" if replay.is_deterministic else "is not"
            return passed(f"{shown}; run several times, it {word} deterministic")
        if replay.verdict in _JUDGED:
            return passed(shown)
    if evidence.replays:
        newest = evidence.replays[0]
        return failed(f"replay {newest.run_id[:8]} came out {newest.verdict}; run once, it does not tell why", mend)
    return failed("it was never run again", mend)
