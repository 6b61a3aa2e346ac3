"""Promotion events: moves of a registry alias to a model version, with the evidence for them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from runcard.plan.choice import Constraint, split_bound

GateVerdict = Literal["passed", "failed", "unknown"]
EventKind = Literal["register", "promote", "rollback"]

PRODUCTION = "production"
ALIASES = ("staging", PRODUCTION)
"""What MLflow's stages were, as aliases."""

REPRODUCED = ("identical", "equivalent", "within tolerance")
"""Verdicts of a replay that let a version through; its card says what is within tolerance."""

_WIDER = {("integer", "long"), ("integer", "double"), ("float", "double")}
"""Types that MLflow takes for another one of its schema."""


@dataclass(frozen=True, slots=True)
class Gate:
    """The result of one gate; only `passed` lets a version through."""

    name: str
    verdict: GateVerdict
    evidence: str
    """In words and numbers; for `unknown`, what to do to know."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """An event in a registered model's history: a version was made, or an alias was moved to one."""

    kind: EventKind
    model: str
    version: int | None
    """The version made or promoted; None for one that is about to be made."""
    run_id: str
    """The run that the version's model came from."""
    who: str
    host: str
    at: str
    """ISO 8601, UTC."""
    alias: str | None = None
    """The alias that was moved."""
    previous: int | None = None
    """The version that held it before."""
    decision: Mapping[str, Any] = field(default_factory=dict)
    """Which trial of which card it is, and why that one."""
    gates: tuple[Gate, ...] = ()
    is_forced: bool = False
    """Whether it was moved although a gate does not hold."""
    reason: str = ""

    def __str__(self) -> str:
        """Describe the event briefly: `churn/3 to production`."""
        name = f"{self.model}/{self.version}" if self.version else self.model
        return (
            f"{name} {'back ' if self.kind == 'rollback' else ''}to {self.alias}"
            if self.alias
            else f"{name} registered"
        )


def promotion_json(promotion: Promotion) -> str:
    """Write an event as JSON."""
    return json.dumps(asdict(promotion), ensure_ascii=False)


def read_promotion(text: str) -> Promotion:
    """Read an event from JSON, equal to the one that was written."""
    fields = json.loads(text)
    return Promotion(**fields | {"gates": tuple(Gate(**gate) for gate in fields["gates"])})


def event_digest(event_id: str, before: str, promotion: Promotion) -> str:
    """Hash an event with its position and the digest of the event before it; 64 hex digits.

    Which version was registered is not in it, for it is made only after the event is agreed upon.
    """
    fields = asdict(promotion) | ({"version": None} if promotion.alias is None else {})
    text = json.dumps({"event": event_id, "before": before, "promotion": fields}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def event_text(digest: str) -> str:
    """Give the text of an event that is signed."""
    return f"runcard event\nsha256: {digest}\n"


def version_text(model: str, version: int, digest: str) -> str:
    """Give the text of a model version that is signed: its name, and the digest of its files."""
    return f"runcard model version\nname: {model}\nversion: {version}\nsha256: {digest}\n"


def holders(events: Sequence[Promotion], alias: str) -> list[int]:
    """List an alias's holders, oldest first; a rollback takes the last one off."""
    held: list[int] = []
    for event in events:
        if event.alias != alias or event.version is None:
            continue
        if event.previous is not None and held[-1:] != [event.previous]:
            held.append(event.previous)  # it came there by hand
        if event.kind == "rollback" and event.version in held:
            del held[len(held) - held[::-1].index(event.version) :]
        elif held[-1:] != [event.version]:
            held.append(event.version)
    return held


@dataclass(frozen=True, slots=True)
class Duel:
    """Scores of a version and of an alias's holder on the same rows."""

    metric: str
    greater_is_better: bool
    candidate: float
    holder: float
    bound: float | None
    """By how much the candidate is better at least, at the stated confidence; None where it cannot be said."""
    n_rows: int


def judge_duel(duel: Duel, holder: str, *, margin: float, confidence: float) -> Gate:
    """Judge whether a version beats the holder by more than a margin, at a given confidence."""
    shown = f"{duel.metric} {duel.candidate:.4f} against {duel.holder:.4f} of {holder} on the same {duel.n_rows} rows"
    if duel.bound is None:
        return Gate("beats_holder", "unknown", f"{shown}, too few to say more: name another `metric`")
    needed = f"better by more than {margin:g}" if margin >= 0 else f"worse by less than {-margin:g}"
    found = f"{'better' if duel.bound >= 0 else 'worse'} by {abs(duel.bound):.4f} at {_worst(duel.bound)}"
    evidence = f"{shown}; {found} with {confidence:.4g} confidence, asked: {needed}"
    return Gate("beats_holder", "passed" if duel.bound > margin else "failed", evidence)


def judge_bounds(
    bounds: Mapping[str, str], measured: Mapping[str, float], *, kind: str, to_do: str = "let the card measure it"
) -> list[Gate]:
    """Judge measured numbers by bounds such as `<= 5`; `to_do` says what helps where there is no number."""
    return [_judge_bound(f"{kind} {name}", measured.get(name), bound, to_do) for name, bound in bounds.items()]


def judge_digest(found: str, recorded: str | None) -> Gate:
    """Judge whether the files of a version are unaltered."""
    if recorded is None:
        evidence = "no digest was recorded: register the model with `runcard register`"
        return Gate("digest", "unknown", evidence)
    if found != recorded:
        return Gate("digest", "failed", f"the files hash to {found[:12]}..., saved was {recorded[:12]}...")
    return Gate("digest", "passed", f"sha256 {found[:12]}...")


def judge_signature(candidate: Mapping[str, Any] | None, holder: Mapping[str, Any] | None, name: str) -> Gate:
    """Judge whether callers of the holder can call the candidate in the same way.

    Parameters
    ----------
    candidate, holder
        `inputs` and `outputs`, each a list of MLflow's column specifications; None for a model without.
    """
    if candidate is None or holder is None:
        lacking = "this version" if candidate is None else name
        return Gate("signature", "unknown", f"{lacking} has no signature: log the model with one")
    faults = list(_faults(candidate, holder))
    if faults:
        return Gate("signature", "failed", f"against {name}: {'; '.join(faults)}")
    return Gate("signature", "passed", f"takes what {name} takes and gives what it gives")


def judge_signed(verdict: str, said: str) -> Gate:
    """Judge whether an allowed signer signed a version; `verdict` is that of `Signed`, or empty."""
    if verdict == "good":
        return Gate("signed", "passed", f"by {said}")
    return Gate("signed", "failed" if verdict == "bad" else "unknown", said)


def judge_reproduced(verdict: str | None, told: str) -> Gate:
    """Judge by the latest conclusive replay of the run; `told` names it, or says how to get one."""
    if verdict is None:
        return Gate("reproduced", "unknown", told)
    return Gate("reproduced", "passed" if verdict in REPRODUCED else "failed", f"{verdict}: {told}")


def _worst(bound: float) -> str:
    return "least" if bound >= 0 else "worst"


def _judge_bound(name: str, value: float | None, bound: str, to_do: str) -> Gate:
    sign, limit = split_bound(bound)
    if value is None:
        return Gate(name, "unknown", f"not recorded, asked: {sign} {limit}; {to_do}")
    verdict: GateVerdict = "passed" if Constraint(name, sign, float(limit)).allows(value) else "failed"
    return Gate(name, verdict, f"{value:.4g}, asked: {sign} {limit}")


def _faults(candidate: Mapping[str, Any], holder: Mapping[str, Any]) -> list[str]:
    known = {column.get("name"): column for column in holder["inputs"]}
    found = []
    for column in candidate["inputs"]:
        name = column.get("name")
        if name not in known:
            found += [f"it needs the column `{name}`"] if column.get("required", True) else []
        elif not _accepts(column, known[name]):
            found.append(f"`{name}` is {_type(column)}, was {_type(known[name])}")
    ours, theirs = ([_type(column) for column in side["outputs"]] for side in (candidate, holder))
    if ours != theirs:
        found.append(f"it gives {', '.join(ours)}, given was {', '.join(theirs)}")
    return found


def _accepts(column: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    ours, theirs = _type(column), _type(given)
    return ours == theirs or (theirs, ours) in _WIDER


def _type(column: Mapping[str, Any]) -> str:
    spec = column.get("tensor-spec")
    return str(column.get("type")) if spec is None else f"{spec['dtype']} {spec['shape']}"
