"""A replay for the terminal: what it is made of, part by part; the scores side by side; the verdict in one line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from runcard.replay import Difference, Replay, Score

_STYLE = {
    "identical": "bold green",
    "equivalent": "bold green",
    "within tolerance": "bold yellow",
    "different": "bold red",
    "not comparable": "bold red",
}
_GROUPS = {
    "card": ("card", "record", "card file"),
    "code": ("code", "commit"),
    "data": ("data", "target"),
    "split": ("split", "seed"),
    "features": ("features",),
    "metrics": ("metrics",),
    "trial": ("trial",),
    "environment": ("python", "package", "packages needed", "runcard"),
    "machine": ("cpu", "gpu", "blas", "threads", "system", "setting"),
}
_MOST_ROWS = 8
_MOST_LINES = 12
_WIDTH = 44


def describe_replay(replay: Replay, *, width: int) -> Group:
    """Show what differs, what came out, and the verdict."""
    title = f"{replay.run_name} of {replay.experiment}, run again {replay.mode}"
    parts: list[RenderableType] = [Text(title, style="bold"), _parts_table(replay.differences)]
    parts += [Text(line, style="dim", overflow="ellipsis", no_wrap=True) for line in _lines(replay.differences)]
    if replay.scores:
        parts.append(_scores_table(replay.scores))
    return Group(*parts, *_verdict(replay))


def _parts_table(differences: Sequence[Difference]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for head in ("part", "recorded", "now", ""):
        table.add_column(head, overflow="fold", max_width=_WIDTH)
    for group, names in _GROUPS.items():
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
    if each.decides:
        return Text("different", style="bold red")
    return Text("different", style="yellow") if each.is_environment else Text("noted", style="dim")


def _lines(differences: Sequence[Difference]) -> Iterator[str]:
    """Show what changed in texts, the beginning of it."""
    for each in differences:
        if each.lines and each.part in ("card", "code", "card file"):
            yield from (f"  {line}" for line in each.lines[2:_MOST_LINES])
            if len(each.lines) > _MOST_LINES:
                yield f"  ... {len(each.lines) - _MOST_LINES} more lines in replay.json"


def _scores_table(scores: Sequence[Score]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("score")
    for head in ("recorded", "now", "largest difference"):
        table.add_column(head, justify="right")
    for each in scores:
        numbers = ("none" if value is None else f"{value:.10g}" for value in (each.recorded, each.now))
        table.add_row(each.name, *numbers, f"{each.largest:.3g}")
    return table


def _verdict(replay: Replay) -> Iterator[RenderableType]:
    yield Text.assemble((replay.words, _STYLE[replay.verdict]), f": {replay.why}")
    if replay.verdict != "identical" and replay.first_divergence:
        yield Text(f"first divergence: {replay.first_divergence}")
    if replay.chosen_as:
        yield Text(f"it is {replay.chosen_as}")
    for note in replay.notes:
        yield Text(note)
    if replay.replay_run_id is not None:
        yield Text(f"the replay is the run {replay.replay_run_id}", style="dim")
