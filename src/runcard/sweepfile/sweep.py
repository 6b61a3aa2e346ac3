"""Reading a W&B sweep file: its content, the keys that cards lack, and its faults.

The keys are those of https://docs.wandb.ai/guides/sweeps/sweep-config-keys and of W&B's own JSON Schema. What W&B
refuses is an error here. What W&B reads otherwise than it looks is a warning where one reading is certain, and
an error where it is not.

Why: docs/adr/0027-sweeps-are-judged-by-wandbs-engine.md
"""
# ruff: noqa: RUF009 (`key` is a `dataclasses.field`)

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from runcard import errors
from runcard.bounds import open_file
from runcard.card.check import KnownNames, check_stopping
from runcard.card.faults import Faults
from runcard.card.kinds import Anything, ListOf, MappingOf, Part, Plain, any_text, key, one_of, shown, whole
from runcard.card.load import shown_path
from runcard.card.sections import NAME, EarlyTerminate
from runcard.catalog.models import ModelSpec, has_parameter, unknown_parameter
from runcard.search.sampling import quantile
from runcard.search.space import EXPONENTS, MAX_TRIALS, SpaceFault, find_faults, grid_size, parse_parameter
from runcard.sweepfile.objective import Objective, resolve_objective
from runcard.sweepfile.remarks import Remark, Remarks, find_unmatched, is_nested, unmatched
from runcard.sweepfile.yaml11 import CORE_TAGS, read_scalars, write_flow
from runcard.yaml import MAX_BYTES, Document, parse
from runcard.yaml import Path as KeyPath

_ELSEWHERE = "nothing is launched: trials run where `runcard run` is called"
_NESTED = "a model's hyperparameters have one level; move those below it up, under the names that the model has"
_USUAL_TRIALS = 50  # what `runcard check` proposes
_FORMAT = "it is about W&B's own format; a card needs none"
_LIST = ListOf(Anything())
_METHOD = Plain(
    "`grid`, `random` or `bayes`",
    lambda value: value in ("grid", "random", "bayes"),
    {"enum": ["grid", "random", "bayes"]},
    lambda value, name: (
        "W&B's `custom` needs a scheduler that you wrote; use `grid`, `random` or `bayes`"
        if value == "custom"
        else one_of("grid", "random", "bayes").advise(value, name)
    ),
)
_WHOLE = (("run_cap",), *(("early_terminate", key) for key in ("min_iter", "max_iter", "s")))
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """A sweep that was read and checked."""

    program: Any = unmatched(
        "a card names models, not scripts; register yours with `@runcard.model` and name it", any_text()
    )
    command: Any = unmatched("no script is called; a model is given its hyperparameters as they are", _LIST)
    method: Literal["grid", "random", "bayes"] | None = key(_METHOD, "As `search.method`.", default=None)
    metric: Objective | None = key(Part(Objective), "As `evaluation.primary`.", default=None)
    parameters: Mapping[str, Any] = key(MappingOf(Anything()), "As `params` of the model.", default={})
    early_terminate: EarlyTerminate | None = key(Part(EarlyTerminate), "As in `search`.", default=None)
    run_cap: int | None = key(whole(1, MAX_TRIALS), "As `search.trials`.", default=None)
    name: str | None = key(NAME, "As in `experiment`.", default=None)
    description: str = key(any_text(), "As in `experiment`.", default="")
    project: Any = unmatched("runs go to the MLflow experiment that `experiment.name` names", any_text())
    entity: Any = unmatched("MLflow has none; say whose it is in `experiment.tags`, such as `{team: ...}`", any_text())
    metrics: Any = key(Anything(), "Several metrics, which W&B takes with `method: custom` only.", default=None)
    controller: Any = unmatched("`runcard run` chooses the trials itself; nothing else is to be started")
    scheduler: Any = unmatched("`runcard run` chooses the trials itself; nothing else is to be started")
    job: Any = unmatched(_ELSEWHERE, any_text())
    image_uri: Any = unmatched(_ELSEWHERE, any_text())
    launch: Any = unmatched(_ELSEWHERE)
    imports: Any = unmatched("a card is data; name modules in `[tool.runcard] modules` of pyproject.toml")
    resume: Any = unmatched("running a card again goes on where it stopped")
    apiVersion: Any = unmatched(_FORMAT, any_text())
    kind: Any = unmatched(_FORMAT, one_of("sweep"))
    primary: str | None = field(default=None)
    """The metric in runcard's words; None when there is none, or when it is not certain which it is."""
    document: Document = field(default=Document("", {}), repr=False, compare=False)
    """Its values, as the card will have them, with their places."""


def read_sweep(
    path: Path,
    names: KnownNames,
    spec: ModelSpec | None = None,
    *,
    tell: Callable[[Remark], None] = lambda remark: None,
) -> Sweep:
    """Read and check a sweep file; if a model is given, also that it has such hyperparameters.

    Parameters
    ----------
    tell
        Is given every remark, in the order of the lines, also when the sweep is refused.

    Raises
    ------
    UsageError
        It cannot be read.
    CardErrors
        Everything that is wrong with it; the error itself when there is only one.
    """
    document = parse(_read_bytes(path), shown_path(path), noun="sweep", tags=CORE_TAGS)
    faults, remarks = Faults(document), Remarks(document)
    _require_mapping(document.value, faults)
    for repeated in document.repeated:
        remarks.add("warning", repeated, "the key stands twice; W&B takes the last one, and so has the card", key=True)
    _refuse_blanks(document.value, faults)
    raw = read_scalars(_matched(document.value, faults, remarks), document, faults, remarks)
    raw = _whole_numbers(raw)
    sweep: Sweep = Part(Sweep).read(raw, (), faults)
    sweep = replace(sweep, **_check(sweep, raw, names, spec, faults, remarks))
    for remark in remarks.in_order():
        tell(remark)
    faults.raise_any()
    return replace(sweep, document=replace(document, value=raw))


def _read_bytes(path: Path) -> bytes:
    try:
        with open_file(path) as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise errors.UsageError(
            f"the sweep `{path.name}` cannot be read",
            where=shown_path(path),
            why=error.strerror or str(error),
            hint="give the path of a W&B sweep file",
        ) from None


def _require_mapping(raw: Any, faults: Faults) -> None:
    if not isinstance(raw, dict):
        given = "is empty" if raw is None else f"cannot be `{shown(raw)}`"
        hint = "begin with `method:`"
        faults.add(errors.ValueInvalid, (), f"the sweep {given}", why="it must be a mapping", hint=hint)
        faults.raise_any()


def _refuse_blanks(raw: Mapping[str, Any], faults: Faults) -> None:
    """Refuse keys without a value, which W&B does not treat as absent."""
    sections: dict[KeyPath, Any] = {(): raw} | {(name,): raw.get(name) for name in ("metric", "early_terminate")}
    for path, section in sections.items():
        for name, value in section.items() if isinstance(section, dict) else ():
            if value is None:
                why, hint = "W&B wants one", "remove the key, or write what it is"
                faults.add(errors.ValueInvalid, (*path, name), f"`{name}` has no value", why=why, hint=hint, key=True)


def _whole_numbers(raw: dict[str, Any]) -> dict[str, Any]:
    """Read `10.0` as 10 where W&B does."""
    found = dict(raw)
    for name, *inner in _WHOLE:
        if inner and isinstance(found.get(name), dict):
            found[name] = {key: _whole(value) if key in inner else value for key, value in found[name].items()}
        elif not inner and name in found:
            found[name] = _whole(found[name])
    return found


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _matched(raw: Mapping[str, Any], faults: Faults, remarks: Remarks) -> dict[str, Any]:
    """Keep the keys that cards have too, and note a remark on each of the others."""
    kept = _leave_out(Sweep, raw, (), faults, remarks)
    if isinstance(kept.get("metric"), dict):
        kept["metric"] = _leave_out(Objective, kept["metric"], ("metric",), faults, remarks)
    return kept


def _leave_out(
    section: type[Any], raw: Mapping[str, Any], path: KeyPath, faults: Faults, remarks: Remarks
) -> dict[str, Any]:
    unmatched_ones = list(find_unmatched(section, raw))
    for name, why, kind in unmatched_ones:
        if not faults.touch(*path, name):
            kind.read(raw[name], (*path, name), faults)
        remarks.add("left out", (*path, name), why, key=True)
    gone = {name for name, _, _ in unmatched_ones}
    return {name: value for name, value in raw.items() if name not in gone}


# What is said


def _check(
    sweep: Sweep, raw: Mapping[str, Any], names: KnownNames, spec: ModelSpec | None, faults: Faults, remarks: Remarks
) -> dict[str, Any]:
    """Check a sweep beyond the types of its values, and return the fields that change by it."""
    _check_required(sweep, faults, has_parameters="parameters" in raw)
    found: dict[str, Any] = {"parameters": _check_parameters(sweep, spec, faults, remarks)}
    if sweep.metric is not None:
        found["primary"] = resolve_objective(sweep.metric, names, faults, remarks)
    if sweep.early_terminate is not None:
        found["early_terminate"] = _place_brackets(sweep.early_terminate, remarks)
        check_stopping(found["early_terminate"], ("early_terminate",), faults)
    return found | {"run_cap": _count_trials(sweep, faults, remarks)}


def _check_required(sweep: Sweep, faults: Faults, *, has_parameters: bool) -> None:
    if sweep.method is None and not faults.touch("method"):
        why, hint = "W&B does not start a sweep without it", "add `method: grid`, `random` or `bayes`"
        faults.add(errors.KeyMissing, (), "the sweep has no `method`", why=why, hint=hint)
    if not sweep.parameters and not faults.touch("parameters"):
        why, hint = "there is nothing to search", "add `parameters:`"
        path = ("parameters",) if has_parameters else ()
        faults.add(errors.KeyMissing, path, "the sweep has no `parameters`", why=why, hint=hint)
    if sweep.metrics is not None and not faults.touch("metrics"):
        why, hint = "W&B takes several only with `method: custom`", "write one `metric: {name: ..., goal: ...}`"
        what = "the sweep has several `metrics`"
        faults.add(errors.ValueInvalid, ("metrics",), what, why=why, hint=hint, key=True)
    needs = "method: bayes" if sweep.method == "bayes" else "early_terminate" if sweep.early_terminate else None
    if needs and sweep.metric is None and not faults.touch("metric"):
        why, hint = "it goes by the scores of earlier runs", "add `metric: {name: ..., goal: ...}`"
        what, path = f"`{needs}` needs a `metric`", (needs.split(":")[0],)
        faults.add(errors.KeyMissing, path, what, why=why, hint=hint, key=True)


def _check_parameters(sweep: Sweep, spec: ModelSpec | None, faults: Faults, remarks: Remarks) -> dict[str, Any]:
    """Check the hyperparameters, and return those that a card can have."""
    kept: dict[str, Any] = {}
    for name, raw in sweep.parameters.items():
        path = ("parameters", name)
        if is_nested(raw):
            remarks.add("left out", path, _NESTED, key=True)
            continue
        _check_name(name, faults)
        kept[name] = _as_wandb_has_it(raw, sweep.method, path, remarks)
        for fault in () if faults.touch(*path) else _faults_of(kept[name]):
            here = (*path, fault.key) if fault.key else path
            faults.add(errors.SpaceInvalid, here, f"`{name}`: {fault.what}", why=fault.why, hint=fault.hint)
        if spec and not any(has_parameter(spec, task, name) for task in spec.tasks):
            faults.place(unknown_parameter(spec, spec.tasks[0], name), path, key=True)
        if sweep.method == "grid" and not faults.touch(*path):
            _check_grid(name, kept[name], faults)
    if sweep.parameters and not kept:
        why, hint = "a model's hyperparameters have one level", "move them up, under the names that the model has"
        what = "all `parameters` of the sweep are nested"
        faults.add(errors.SpaceInvalid, ("parameters",), what, why=why, hint=hint, key=True)
    return kept


def _check_name(name: str, faults: Faults) -> None:
    if not _NAME.fullmatch(name):
        why = "W&B takes letters, digits, `_`, `.` and `-`, a letter or `_` first"
        what, hint = f"a hyperparameter cannot be called `{name}`", "rename it"
        faults.add(errors.ValueInvalid, ("parameters", name), what, why=why, hint=hint, key=True)


def _as_wandb_has_it(raw: Any, method: str | None, path: KeyPath, remarks: Remarks) -> Any:
    """Convert a parameter where W&B and cards read it differently, noting remarks."""
    if not isinstance(raw, dict):
        return raw
    if raw.get("distribution") in ("beta", "q_beta"):
        return {**raw, "a": raw.get("a", 1), "b": raw.get("b", 1)}
    if str(raw.get("distribution")).endswith("normal") and raw.get("sigma") == 0 and not isinstance(raw["sigma"], bool):
        fixed = _middle(raw)
        remarks.add("warning", (*path, "sigma"), f"without a spread it is always {write_flow(fixed)}")
        return {"value": fixed}
    if raw.get("distribution") in EXPONENTS:
        said = f"W&B's present engine refuses `{raw['distribution']}`; its bounds are exponents of e, here as there"
        remarks.add("warning", (*path, "distribution"), said)
    return _without_repeats(raw, method, path, remarks)


def _middle(raw: Mapping[str, Any]) -> Any:
    parameter = parse_parameter({**raw, "sigma": 1})
    return quantile(parameter, 0.5)


def _without_repeats(raw: dict[str, Any], method: str | None, path: KeyPath, remarks: Remarks) -> dict[str, Any]:
    """Remove repeated choices; where values are drawn, a repeated one is more probable."""
    values, weights = raw.get("values"), raw.get("probabilities")
    if not isinstance(values, list) or len({repr(value) for value in values}) == len(values):
        return raw
    if weights is not None and not _are_weights(weights, len(values)):
        return raw
    shares: dict[str, float] = {}
    for value, weight in zip(values, weights or [1 / len(values)] * len(values), strict=True):
        shares[repr(value)] = shares.get(repr(value), 0) + weight
    found = {**raw, "values": list({repr(value): value for value in values}.values())}
    said = "a choice stands twice; a grid runs it once"
    if method != "grid" and len(shares) > 1:
        found |= {"probabilities": [float(f"{share:.12g}") for share in shares.values()]}
        found.pop("distribution", None)
        said = "a choice stands twice; it is drawn as often, which `probabilities` say"
    remarks.add("warning", (*path, "values"), said)
    return found


def _are_weights(weights: Any, n_values: int) -> bool:
    is_list = isinstance(weights, list) and len(weights) == n_values
    return is_list and all(isinstance(weight, int | float) and not isinstance(weight, bool) for weight in weights)


def _faults_of(raw: Any) -> Iterator[SpaceFault]:
    """Find the faults in one of `parameters`, which W&B requires to be a mapping."""
    if not isinstance(raw, dict):
        written = f"{{{'values' if isinstance(raw, list) else 'value'}: {write_flow(raw)}}}"
        why = "W&B wants a mapping for each of `parameters`"
        yield SpaceFault(f"it cannot be `{shown(raw)}`", why=why, hint=f"write `{written}`")
    elif "when" in raw:
        why, hint = "W&B's sweeps have no conditions", "leave it out, and add it to the card"
        yield SpaceFault("unknown key `when` in a hyperparameter", key="when", why=why, hint=hint)
    elif len(raw) == 1 and (key := next(iter(raw))) in ("min", "max"):
        yield SpaceFault(f"`{key}` stands alone", key=key, why="a range has two ends", hint="give `min` and `max`")
    elif raw.get("distribution") == "int_uniform" and (
        wrong := [k for k in ("min", "max") if type(raw.get(k)) is float]
    ):
        for key in wrong:
            hint = f"write `{key}: {_whole(raw[key])}`, or use `uniform`"
            yield SpaceFault(
                f"`int_uniform` has `{key}: {raw[key]}`", key=key, why="W&B wants whole numbers", hint=hint
            )
    elif raw.get("distribution") in EXPONENTS and _is_above(raw.get("min")):
        yield _confused(raw)
    else:
        faults = list(find_faults(raw))
        is_listed = any(fault.key in ("value", "values") for fault in faults)
        yield from (fault for fault in faults if fault.key or not is_listed)  # what it lacks besides is no second fault


def _is_above(low: Any) -> bool:
    return isinstance(low, int | float) and not isinstance(low, bool) and low > 0


def _confused(raw: Mapping[str, Any]) -> SpaceFault:
    name = raw["distribution"]
    return SpaceFault(
        f"`{name}` with bounds above 0",
        key="distribution",
        why=f"its bounds are exponents of e, and W&B's present engine refuses it: `min: {raw['min']}` means "
        f"{math.exp(min(raw['min'], 700) * (-1 if name == 'inv_log_uniform' else 1)):g}",
        hint=f"use `{name}_values` to give the values themselves",
    )


def _check_grid(name: str, raw: Any, faults: Faults) -> None:
    try:
        grid_size({name: parse_parameter(raw)})
    except SpaceFault as fault:
        what, hint = f"`{name}`: {fault.what}", "list its `values` alone, or use `method: random`"
        faults.add(errors.SpaceInvalid, ("parameters", name), what, why=fault.why, hint=hint)


def _place_brackets(stop: EarlyTerminate, remarks: Remarks) -> EarlyTerminate:
    """Leave out the keys that W&B ignores: `s` without `max_iter`, and `min_iter` beside both."""
    if stop.max_iter is not None and stop.min_iter is not None and stop.s is None:
        said = "W&B takes it, and fails at it without `s`; the brackets are placed by `min_iter`"
        remarks.add("left out", ("early_terminate", "max_iter"), said, key=True)
        return replace(stop, max_iter=None)
    if stop.max_iter is None and stop.min_iter is not None and stop.s is not None:
        remarks.add("left out", ("early_terminate", "s"), "W&B looks at it only together with `max_iter`", key=True)
        return replace(stop, s=None)
    if None not in (stop.max_iter, stop.min_iter, stop.s):
        said = "W&B places the brackets by `max_iter` where both are given"
        remarks.add("left out", ("early_terminate", "min_iter"), said, key=True)
        return replace(stop, min_iter=None)
    return stop


def _count_trials(sweep: Sweep, faults: Faults, remarks: Remarks) -> int | None:
    if sweep.method == "grid" and sweep.run_cap is not None:
        remarks.add("left out", ("run_cap",), "a grid runs every combination", key=True)
        return None
    if sweep.method in ("random", "bayes") and sweep.run_cap is None and not faults.touch("run_cap"):
        said = f"without a `run_cap` W&B goes on for ever; the card has `trials: {_USUAL_TRIALS}`"
        remarks.add("added", ("method",), said, key=True)
        return _USUAL_TRIALS
    return sweep.run_cap
