"""A replay for the terminal: what it is made of, part by part; the scores side by side; the verdict in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runcard.printable import printable_line
from runcard.replay import Beside, Difference, Replay, Score
from runcard.replay.difference import OF_RUNS
from runcard.report.tables import PlainTable

_STYLE = {
    "identical": "bold green",
    "equivalent": "bold green",
    "within tolerance": "bold yellow",
    "different": "bold red",
    "not comparable": "bold red",
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
_WIDTH = 44


def describe_replay(replay: Replay, *, width: int) -> Group:
    """Show what differs, what came out, and the verdict."""
    title = f"{replay.run_name} of {replay.experiment}, run again {replay.mode}"
    parts: list[RenderableType] = [Text(printable_line(title), style="bold"), _parts_table(replay.differences)]
    parts += _excerpt(replay.differences)
    if replay.scores:
        parts.append(_scores_table(replay.scores))
    return Group(*parts, *_verdict(replay))


def describe_beside(found: Beside) -> Group:
    """Show what two runs do not have in common."""
    heads = tuple(f"{name} {run_id[:8]}" for name, run_id in zip(found.names, found.run_ids, strict=True))
    groups = _OF_ANY if found.is_plain else _OF_TWO
    parts: list[RenderableType] = [_parts_table(found.differences, heads, groups)]
    parts += _excerpt(found.differences)
    if found.scores:
        parts.append(_scores_table(found.scores, heads))
    return Group(*parts, *(Text(printable_line(line)) for line in found.unknown))


def _parts_table(
    differences: Sequence[Difference],
    heads: tuple[str, ...] = ("recorded", "now"),
    groups: Mapping[str, tuple[str, ...]] = _GROUPS,
) -> Table:
    table = PlainTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("part", *heads, ""):
        table.add_column(head, overflow="fold", max_width=_WIDTH)
    for group, names in groups.items():
        found = [each for each in differences if each.part in names]
        if not found:
            table.add_row(group, "", "", Text("same", style="green"))
        for each in found[:_MOST_ROWS]:
            table.add_row(_named(each, group), each.recorded or "none", each.now or "none", _mark(each))
        if len(found) > _MOST_ROWS:
            table.add_row("", f"and {len(found) - _MOST_ROWS} more", "", "")
    return table


def _named(each: Difference, group: str) -> str:
    return " ".join(filter(None, (each.part if each.part != group else group, each.name)))


def _mark(each: Difference) -> Text:
    if each.decides or each.part in OF_RUNS:
        return Text("different", style="bold red")
    return Text("different", style="yellow") if each.is_environment else Text("noted", style="dim")


def _excerpt(differences: Sequence[Difference]) -> list[RenderableType]:
    lines = map(printable_line, _lines(differences))
    return [Text(line, style="dim", overflow="ellipsis", no_wrap=True) for line in lines]


def _lines(differences: Sequence[Difference]) -> Iterator[str]:
    """Show what changed in texts, the beginning of it."""
    for each in differences:
        if each.lines and each.part in ("card", "code", "card file", "patch"):
            yield from (f"  {line}".expandtabs(4) for line in each.lines[2:_MOST_LINES])
            n_more = len(each.lines) - _MOST_LINES
            if n_more > 0:
                yield f"  ... {n_more} more line{'s' if n_more > 1 else ''}: --json"


def _scores_table(scores: Sequence[Score], heads: tuple[str, ...] = ("recorded", "now")) -> Table:
    table = PlainTable(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("score")
    for head in (*heads, "largest difference"):
        table.add_column(head, justify="right")
    for each in scores:
        numbers = ("none" if value is None else f"{value:.10g}" for value in (each.recorded, each.now))
        table.add_row(each.name, *numbers, f"{each.largest:.3g}")
    return table


def _verdict(replay: Replay) -> Iterator[RenderableType]:
    yield Text.assemble((replay.words, _STYLE[replay.verdict]), printable_line(f": {replay.why}"))
    if replay.verdict != "identical" and replay.first_divergence:
        yield Text(printable_line(f"first divergence: {replay.first_divergence}"))
    if replay.chosen_as:
        yield Text(printable_line(f"it is {replay.chosen_as}"))
    if replay.mode == "isolated" and replay.trusted:
        where = "in a sandbox, without network" if replay.sandboxed else "with your rights, in no sandbox"
        yield Text(printable_line(f"its code was run {where}, because {replay.trusted}"))
    for note in replay.notes:
        yield Text(printable_line(note))
    if replay.replay_run_id is not None:
        yield Text(printable_line(f"the replay is the run {replay.replay_run_id}"), style="dim")
