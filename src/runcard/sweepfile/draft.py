"""The draft of a card made from a sweep, with placeholders for what a sweep does not state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runcard.card.load import load_card
from runcard.project import Project
from runcard.search.space import Categorical, Constant, parse_parameter
from runcard.sweepfile.remarks import Remark, Remarks
from runcard.sweepfile.sweep import Sweep
from runcard.sweepfile.yaml11 import write_flow
from runcard.yaml import Path as KeyPath
from runcard.yaml import parse

_WIDTH = 110
_BLANKS: Mapping[KeyPath, str] = {
    ("data", "raw_path"): "the table's file; or `dataset: <name>` instead",
    ("features", "target"): "the column to predict",
    ("models", 0, "name"): "one of `runcard list models`",
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A card's text, and the places to fill in before it can be run."""

    text: str
    blanks: tuple[Remark, ...]


def draft_card(
    sweep: Sweep,
    *,
    project: Project,
    name: str,
    model: str | None = None,
    data: Mapping[str, str] | None = None,
    target: str | None = None,
) -> Draft:
    """Write the card of a sweep.

    Parameters
    ----------
    name
        What messages call the card.
    data
        `raw_path` or `dataset`, as the card has it.

    Raises
    ------
    CardErrors
        Nothing is left to be filled in, and it is no valid card.
    """
    sections = [
        _experiment(sweep),
        _section("data", data or {"raw_path": None}),
        [] if target is None and data and "dataset" in data else _section("features", {"target": target}),
        ["models:", f"  - name:{_value(model, ('models', 0, 'name'))}", *_params(sweep.parameters)],
        [f"search: {write_flow(_search(sweep))}"],
        _evaluation(sweep),
    ]
    head = (
        f"# yaml-language-server: $schema=runcard.schema.json\n# From the W&B sweep {Path(sweep.document.name).name}\n"
    )
    text = head + "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"
    document = parse(text, name)
    blanks = Remarks(document)
    for path in _find_blanks(sweep, document.value):
        blanks.add("fill in", path, _BLANKS.get(path) or _advise_metric(sweep), key=True)
    if not blanks.in_order():
        load_card(document.value, project=project)
    return Draft(text, blanks.in_order())


def _find_blanks(sweep: Sweep, card: dict[str, Any]) -> Iterator[KeyPath]:
    for section, key in (("data", "raw_path"), ("features", "target")):
        if card.get(section, {}).get(key, "") is None:
            yield section, key
    if card["models"][0]["name"] is None:
        yield "models", 0, "name"
    if sweep.metric is not None and sweep.primary is None:
        yield "evaluation", "metrics", 0


# Sections

_MARK = "  # fill in: "


def _value(value: str | None, path: KeyPath) -> str:
    return f"{_MARK}{_BLANKS[path]}" if value is None else f" {write_flow(value)}"


def _section(name: str, values: Mapping[str, str | None]) -> list[str]:
    return [f"{name}:", *(f"  {key}:{_value(value, (name, key))}" for key, value in values.items())]


def _experiment(sweep: Sweep) -> list[str]:
    words = {"name": sweep.name, "description": sweep.description.strip()}
    said = [f"  {key}: {write_flow(value)}" for key, value in words.items() if value]
    return ["experiment:", *said] if said else []


def _search(sweep: Sweep) -> dict[str, Any]:
    stop = sweep.early_terminate
    given = sweep.document.value.get("early_terminate")
    kept = {key: value for key, value in given.items() if getattr(stop, key) is not None} if stop else None
    found = {"method": sweep.method, "trials": sweep.run_cap, "early_terminate": kept}
    return {key: value for key, value in found.items() if value is not None}


def _evaluation(sweep: Sweep) -> list[str]:
    if sweep.metric is None:
        return []
    if sweep.primary is None:
        return ["evaluation:", f"  metrics: [{write_flow(sweep.metric.name)}]{_MARK}{_advise_metric(sweep)}"]
    primary = write_flow(sweep.primary)
    return ["evaluation:", f"  metrics: [{primary}]", f"  primary: {primary}"]


def _advise_metric(sweep: Sweep) -> str:
    name = sweep.metric.name if sweep.metric else ""
    if "loss" in name.lower():
        return "which loss it is: `log_loss` of classes, `mse` of numbers, or another of `runcard list metrics`"
    return "the metric's name in `runcard list metrics`"


# Hyperparameters


def _params(parameters: Mapping[str, Any]) -> Iterator[str]:
    if parameters:
        yield "    params:"
    for name, raw in parameters.items():
        short = _shorten(raw)
        line = f"      {write_flow(name)}: {write_flow(short)}"
        if len(line) <= _WIDTH or not isinstance(short, dict | list):
            yield line
        elif isinstance(short, list):
            yield from _rows(f"      {write_flow(name)}: ", short)
        else:
            yield f"      {write_flow(name)}:"
            for key, value in short.items():
                start = f"        {key}: "
                yield from _rows(start, value) if isinstance(value, list) else [start + write_flow(value)]


def _shorten(raw: Mapping[str, Any]) -> Any:
    """Write a fixed value or choices as a card does, without a mapping where none is needed."""
    match parse_parameter(raw):
        case Constant(value) if not isinstance(value, list | dict):
            return value
        case Categorical(values, None):
            return list(values)
    return dict(raw)


def _rows(start: str, values: list[Any]) -> Iterator[str]:
    """Write a list over as many lines as it needs."""
    row, indent = f"{start}[", " " * (len(start) - len(start.lstrip()) + 2)
    for index, value in enumerate(values):
        item = write_flow(value) + ("]" if index == len(values) - 1 else ",")
        if len(row) + 1 + len(item) > _WIDTH:
            yield row
            row = indent + item
        else:
            row += item if row.endswith("[") else f" {item}"
    yield row
