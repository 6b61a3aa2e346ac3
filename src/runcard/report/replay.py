"""The report of a replay: differences part by part, scores side by side, and the verdict in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter, itemgetter

from runcard.replay import Difference, Replay, RunDiff, Score
from runcard.replay.difference import OF_RUNS
from runcard.report.blocks import Block, Column, Excerpt, Line, ReportTable, Text, Tone

_TONES: Mapping[str, Tone] = {
    "identical": "good",
    "equivalent": "good",
    "within tolerance": "notable",
    "different": "bad",
    "not comparable": "bad",
}
_GROUPS = {
    "card": ("card", "record", "card file"),
    "code": ("code", "commit", "patch"),
    "data": ("data", "target"),
    "split": ("split", "seed"),
    "features": ("features",),
    "metrics": ("metrics",),
    "trial": ("trial",),
    "environment": ("python", "package", "packages needed", "runcard"),
    "machine": ("cpu", "gpu", "blas", "threads", "system", "setting"),
}
_OF_TWO = {**_GROUPS, "trial": ("model", "param", "feature set")}
_OF_ANY = {"params": ("param",), "tags": ("tag",)}
_MOST_ROWS = 8
_MOST_LINES = 12


def replay_report(replay: Replay) -> list[Block]:
    """Show the differences, the results, and the verdict."""
    title = f"{replay.run_name} of {replay.experiment}, run again {replay.mode}"
    return [Text((title, "strong")), *_contents(replay.differences, replay.scores), *_verdict(replay)]


def diff_report(found: RunDiff) -> list[Block]:
    """Show the differences between two runs."""
    first, second = (f"{name} {run_id[:8]}" for name, run_id in zip(found.names, found.run_ids, strict=True))
    groups = _OF_ANY if found.is_plain else _OF_TWO
    return [*_contents(found.differences, found.scores, (first, second), groups), *map(Text, found.unknown)]


def _contents(
    differences: Sequence[Difference],
    scores: Sequence[Score],
    heads: tuple[str, str] = ("recorded", "now"),
    groups: Mapping[str, tuple[str, ...]] = _GROUPS,
) -> Iterator[Block]:
    yield _parts_table(differences, heads, groups)
    if lines := list(_lines(differences)):
        yield Excerpt(lines)
    if scores:
        yield _scores_table(scores, heads)


def _parts_table(
    differences: Sequence[Difference], heads: tuple[str, str], groups: Mapping[str, tuple[str, ...]]
) -> ReportTable[tuple[Line, ...]]:
    rows: list[tuple[Line, ...]] = []
    for group, names in groups.items():
        found = [each for each in differences if each.part in names]
        if not found:
            rows.append((group, "", "", Text(("same", "good"))))
        rows += [
            (_named(each, group), each.recorded or "none", each.now or "none", _mark(each))
            for each in found[:_MOST_ROWS]
        ]
        if len(found) > _MOST_ROWS:
            rows.append(("", f"and {len(found) - _MOST_ROWS} more", "", ""))
    headings = zip(("part", "recorded", "now", "state"), ("part", *heads, ""), strict=True)
    return ReportTable([Column(name, itemgetter(k), head, folds=True) for k, (name, head) in enumerate(headings)], rows)


def _named(each: Difference, group: str) -> str:
    return " ".join(filter(None, (each.part if each.part != group else group, each.name)))


def _mark(each: Difference) -> Text:
    if each.decides or each.part in OF_RUNS:
        return Text(("different", "bad"))
    return Text(("different", "notable")) if each.is_environment else Text(("noted", "faint"))


def _lines(differences: Sequence[Difference]) -> Iterator[str]:
    """Show the beginning of the changes in texts."""
    for each in differences:
        if each.lines and each.part in ("card", "code", "card file", "patch"):
            yield from (f"  {line}" for line in each.lines[2:_MOST_LINES])
            n_more = len(each.lines) - _MOST_LINES
            if n_more > 0:
                yield f"  ... {n_more} more line{'s' if n_more > 1 else ''}: --json"


def _scores_table(scores: Sequence[Score], heads: tuple[str, str]) -> ReportTable[Score]:
    def side(name: str, heading: str, digits: int = 10) -> Column[Score]:
        value = attrgetter(name)
        return Column(name, value, heading, lambda row: _digits(value(row), digits), is_number=True, folds=True)

    columns = [
        Column[Score]("score", attrgetter("name")),
        side("recorded", heads[0]),
        side("now", heads[1]),
        side("largest", "largest difference", 3),
    ]
    return ReportTable(columns, scores)


def _digits(value: float | None, digits: int) -> str:
    return "none" if value is None else f"{value:.{digits}g}"


def _verdict(replay: Replay) -> Iterator[Text]:
    yield Text((replay.words, _TONES[replay.verdict]), f": {replay.why}")
    if replay.verdict != "identical" and replay.first_divergence:
        yield Text(f"first divergence: {replay.first_divergence}")
    if replay.chosen_as:
        yield Text(f"it is {replay.chosen_as}")
    if replay.mode == "isolated" and replay.trusted:
        where = "in a sandbox, without network" if replay.sandboxed else "with your rights, in no sandbox"
        yield Text(f"its code was run {where}, because {replay.trusted}")
    yield from map(Text, replay.notes)
    if replay.replay_run_id is not None:
        yield Text((f"the replay is the run {replay.replay_run_id}", "faint"))
