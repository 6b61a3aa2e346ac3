"""The replay as a type: a recorded run that was run again, and what was found."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from runcard.replay.account import Score
from runcard.replay.difference import Difference, as_dicts, read_difference
from runcard.replay.judgement import VERDICTS, Verdict, reaches
from runcard.replay.rows import Divergence

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Replay:
    """A recorded run that was run again, and whether its results are equal."""

    run_id: str
    run_name: str
    card_run_id: str
    experiment: str
    model: str
    params: Mapping[str, Any]
    trial_key: str
    verdict: Verdict
    why: str
    """In a sentence."""
    same_environment: bool
    """Whether Python, every package and runcard's own source are what they were."""
    is_deterministic: bool | None
    """Whether several replays were equal to each other, byte by byte; None for a single one."""
    differences: tuple[Difference, ...]
    """What differs in what it is made of, what decides first."""
    divergence: Divergence | None
    """The first thing that came out otherwise."""
    scores: tuple[Score, ...]
    evidence: Mapping[str, Any]
    """How far the outputs lie apart, and the digests of both sides' circumstances."""
    mode: str
    """`here` or `isolated`."""
    at: str
    """ISO 8601, UTC."""
    seconds: float
    n_repeats: int
    chosen_as: str = ""
    """Why it is this run that was meant, where a card or a version was named."""
    notes: tuple[str, ...] = ()
    trusted: str = ""
    """Why the code of the run was run."""
    sandboxed: bool = False
    """Whether that had no network, no home and nothing to write to but its own folder."""
    replay_run_id: str | None = None
    """The replay's own run in MLflow; None where that could not be told."""
    kept: str | None = None
    """Where its files are, if they are not in MLflow."""
    schema: int = field(default=SCHEMA)

    @property
    def words(self) -> str:
        """The verdict in words."""
        if self.verdict == "equivalent" and not self.same_environment:
            return "equivalent in a different environment"
        return self.verdict

    @property
    def first_divergence(self) -> str:
        """The first result that differs from the recorded one, in a line; empty where none does."""
        deciding = next((each for each in self.differences if each.decides), None)
        if deciding is not None:
            return str(deciding)
        if self.divergence is not None:
            return str(self.divergence)
        first = next((each for each in self.differences if each.is_environment), None)
        return "" if first is None else str(first)

    def reaches(self, required: str) -> bool:
        """Tell whether the verdict is at least as strong as the required one."""
        return reaches(self.verdict, required)

    def as_dict(self) -> dict[str, Any]:
        """Describe it as plain JSON, with numbers that JSON cannot write (NaN, infinity) as text."""
        found: dict[str, Any] = _plain({**asdict(self), "words": self.words, "differences": as_dicts(self.differences)})
        return found


def replay_json(replay: Replay) -> str:
    """Write the text of `replay.json`."""
    return json.dumps(replay.as_dict(), indent=2, ensure_ascii=False, allow_nan=False, default=str)


def read_replay(text: str) -> Replay:
    """Read a replay from JSON; raises ValueError, KeyError or TypeError for anything else."""
    fields = {name: value for name, value in json.loads(text).items() if name != "words"}
    divergence = fields["divergence"]
    if fields["verdict"] not in VERDICTS:
        raise ValueError("no verdict")
    return Replay(
        **{
            **fields,
            "differences": tuple(read_difference(each) for each in fields["differences"]),
            "divergence": divergence and Divergence(**{**divergence, "by": _number(divergence["by"])}),
            "scores": tuple(
                Score(each["name"], _number(each["recorded"]), _number(each["now"]), float(each["largest"]))
                for each in fields["scores"]
            ),
            "notes": tuple(fields["notes"]),
        }
    )


def kept_at(replay: Replay, run_id: str | None, place: str | None = None) -> Replay:
    """Give the path under which a replay is kept."""
    return replace(replay, replay_run_id=run_id, kept=place)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
