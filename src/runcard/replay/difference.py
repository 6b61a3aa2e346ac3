"""The differences between two runs, each assigned to a part of what a run is made of."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from runcard.replay.account import Account

DECIDING = (
    "record",
    "card",
    "code",
    "data",
    "target",
    "split",
    "features",
    "metrics",
    "seed",
    "trial",
    "packages needed",
)
"""Parts that say which number is to come out: where one differs, nothing can be reproduced."""
ENVIRONMENT = ("python", "package", "runcard")
"""Parts that compute it: where one differs, the last digits may."""
OF_RUNS = ("model", "param", "feature set", "tag")
"""Parts that only two different runs differ in. What is in none of the three should not matter."""

_PROTOCOL = ("target", "split", "features", "metrics", "seed")
_SHORT = 12
_HUNK = re.compile(r"@@ -(\d+)")
_MOST_LINES = 400
_LONGEST = 200
_SETTINGS = ("locale", "encoding", "timezone")


@dataclass(frozen=True, slots=True)
class Difference:
    """The value of one part in each of two runs; None where it is missing."""

    part: str
    name: str
    recorded: str | None
    now: str | None
    lines: tuple[str, ...] = ()
    """Of texts, a unified diff."""

    @property
    def decides(self) -> bool:
        """Whether it makes the runs incomparable, as two different experiments."""
        return self.part in DECIDING

    @property
    def is_environment(self) -> bool:
        """Whether it concerns the environment that computes the results."""
        return self.part in ENVIRONMENT

    def __str__(self) -> str:
        """Describe it in one line."""
        name = f"{self.part} {self.name}".strip()
        if change := _first_change(self.lines):
            return f"{name}, {change}"
        if self.recorded is None:
            return f"{name}: not there before, now {self.now}"
        return f"{name}: {self.recorded}, now {'not there' if self.now is None else self.now}"


def find_differences(recorded: Account, now: Account) -> list[Difference]:
    """Compare what two runs were made of, part by part, decisive parts first."""
    return [
        *card_differences(recorded.card, now.card),
        *code_differences(recorded, now),
        *data_differences(recorded.plan, now.plan),
        *protocol_differences(recorded.plan, now.plan),
        *environment_differences(recorded.environment, now.environment),
        *machine_differences(recorded, now),
    ]


def card_differences(recorded: str, now: str) -> list[Difference]:
    """Compare two cards line by line."""
    if recorded == now:
        return []
    lines = unified(recorded, now)
    return [Difference("card", "", _count(recorded), _count(now), lines)]


def code_differences(recorded: Account, now: Account) -> list[Difference]:
    """Compare the project's own modules file by file, regardless of commits."""
    found = []
    before, after = recorded.code.get("modules") or {}, now.code.get("modules") or {}
    for name, old, new in pairs(before, after):
        texts = recorded.modules.get(name, ""), now.modules.get(name, "")
        found.append(Difference("code", name, _shortened(old), _shortened(new), unified(*texts)))
    return found


def data_differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Compare two tables by their fingerprints: rows, and each column's type and values."""
    before, after = recorded.get("data") or {}, now.get("data") or {}
    if not (before and after) or before["digest"] == after["digest"]:
        return []
    found = []
    if before["n_rows"] != after["n_rows"]:
        found.append(Difference("data", "rows", f"{before['n_rows']:,}", f"{after['n_rows']:,}"))
    old, new = _columns(before), _columns(after)
    found += [Difference("data", f"column `{name}`", was, found_now) for name, was, found_now in pairs(old, new)]
    if not found:
        found.append(Difference("data", "order of columns", ", ".join(old), ", ".join(new)))
    return found


def protocol_differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Compare target, split, features, metrics and seed by the hashes of the protocol's parts."""
    before, after = recorded.get("parts") or {}, now.get("parts") or {}
    return [
        Difference(part, "", *_told_apart(part, recorded, now))
        for part in _PROTOCOL
        if before and after and before.get(part) != after.get(part)
    ]


def environment_differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """Compare Python, every package, and runcard's own source."""
    if not (recorded and now):
        return []
    was, is_now = (f"{side.get('implementation')} {side.get('python')}" for side in (recorded, now))
    found = [Difference("python", "", was, is_now)] if was != is_now else []
    packages = pairs(recorded.get("packages") or {}, now.get("packages") or {})
    found += [Difference("package", name, old, new) for name, old, new in packages]
    old_source, new_source = recorded.get("runcard_source"), now.get("runcard_source")
    if old_source != new_source:
        found.append(Difference("runcard", "source", _shortened(old_source), _shortened(new_source)))
    return found


def machine_differences(recorded: Account, now: Account) -> list[Difference]:
    """Compare what should not affect results: commit, processor, threaded libraries, locale and the like."""
    before, after = recorded.hardware, now.hardware
    found = [
        *_one("commit", "", recorded.code, now.code, "commit"),
        *_one("cpu", "", before, after, "cpu"),
        *_one("system", "", before, after, "os"),
        *_one("gpu", "", before, after, "gpus"),
    ]
    old, new = _libraries(before), _libraries(after)
    for name in [name for name in old if name in new]:  # which are loaded depends on what was imported so far
        if old[name][0] != new[name][0]:
            found.append(Difference("blas", name, old[name][0], new[name][0]))
        if old[name][1] != new[name][1]:
            found.append(Difference("threads", name, old[name][1], new[name][1]))
    for name in _SETTINGS:
        found += _one("setting", name, recorded.environment, now.environment, name)
    if recorded.environment and now.environment:
        variables = [side.get("variables") or {} for side in (recorded.environment, now.environment)]
        found += [Difference("setting", name, was, is_now) for name, was, is_now in pairs(*variables)]
    return found


def unified(recorded: str, now: str) -> tuple[str, ...]:
    """Write a unified diff of two texts; empty unless both are available."""
    if not (recorded and now):
        return ()
    lines = list(difflib.unified_diff(recorded.splitlines(), now.splitlines(), "recorded", "now", lineterm="", n=1))
    more = [f"... {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
    return (*lines[:_MOST_LINES], *more)


def read_difference(fields: Mapping[str, Any]) -> Difference:
    """Make a difference from its dictionary, as `asdict` gave it."""
    return Difference(**{**fields, "lines": tuple(fields["lines"])})


def as_dicts(differences: list[Difference] | tuple[Difference, ...]) -> list[dict[str, Any]]:
    """Describe differences as plain JSON."""
    return [{**asdict(each), "lines": list(each.lines)} for each in differences]


def pairs(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[tuple[str, str | None, str | None]]:
    """List the keys, sorted, whose values differ between two mappings, with both values."""
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)


def _one(part: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> list[Difference]:
    if not (before and after) or before.get(key) == after.get(key):
        return []
    sides = [None if side.get(key) is None else spelt(side[key]) for side in (before, after)]
    return [Difference(part, name, sides[0], sides[1])]


def _columns(data: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{kind} {digest[:_SHORT]}" for name, kind, digest in map(_as_column, data["columns"])}


def _as_column(column: Any) -> tuple[str, str, str]:
    return tuple(column.values()) if isinstance(column, Mapping) else tuple(column)


def _libraries(hardware: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Give for each library, by name and version, the kernels it chose for the processor and its number of threads."""
    return {
        " ".join(filter(None, (each["library"], each["version"]))): (str(each["architecture"]), str(each["n_threads"]))
        for each in hardware.get("threads") or ()
    }


_TELL: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "target": lambda plan: [plan["columns"].get("target"), plan["task"], *plan["classes"], plan["positive"]],
    "split": lambda plan: {name: plan["split"][name] for name in ("kind", "n_train", "n_test", "n_folds")},
    "features": lambda plan: {name: plan["columns"].get(name) for name in ("numerical", "categorical")},
    "metrics": lambda plan: plan["metrics"],
    "seed": lambda plan: plan["seed"],
}


def _told_apart(part: str, recorded: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, str]:
    """Describe a part of the protocol on both sides, in words where words tell them apart."""
    was, is_now = (spelt(_TELL[part](plan)) for plan in (recorded, now))
    if was != is_now:
        return was, is_now
    return recorded["parts"][part][:_SHORT], now["parts"][part][:_SHORT]


def spelt(value: object) -> str:
    """Write a value as JSON, so that `10` and `"10"` differ; a lone text as it is, a long one shortened."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _shortened(digest: str | None) -> str | None:
    return None if digest is None else digest[:_SHORT]


def _first_change(lines: tuple[str, ...]) -> str:
    """Give the first changed line of a unified diff, before and after."""
    number, was, now = 0, None, None
    for line in lines:
        if was is None and now is None and (hunk := _HUNK.match(line)):
            number = int(hunk[1])
        elif number and line[:1] in ("-", "+"):
            was = line[1:].strip() if line[0] == "-" and was is None else was
            now = line[1:].strip() if line[0] == "+" and now is None else now
        elif was is not None or now is not None:
            break
        elif number:
            number += 1
    if was is None and now is None:
        return ""
    sides = ["nothing" if side is None else f"`{spelt(side)}`" for side in (was, now)]
    return f"line {number}: {sides[0]}, now {sides[1]}"


def _count(text: str) -> str | None:
    n_lines = len(text.splitlines())
    return f"{n_lines} lines" if n_lines else None
