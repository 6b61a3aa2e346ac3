"""A second kind of trials goes the whole way: run, resumed, searched, compared and selected from MLflow."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import seeds
from projects import write_project

from runcard import errors
from runcard.card import load_card
from runcard.catalog.registered import load_catalog
from runcard.engine.local import LocalEngine
from runcard.project import find_project
from runcard.record import Record
from runcard.workflow.choose.compare import compare_runs
from runcard.workflow.choose.select import select
from runcard.workflow.resolve import Resolved
from runcard.workflow.run import execute
from runcard.workflow.run.listener import Counts, Listener
from runcard.workflow.run.result import Result
from runcard.workflow.run.session import open_session

pytestmark = pytest.mark.slow
OWN = "import runcard\n\n\n@runcard.model\ndef chance(x=1.0):\n    raise NotImplementedError\n"
GRID = {"models": [{"name": "chance", "params": {"x": [0.0, 1.0, 2.5, 3]}}]}


class Stops(Listener):
    """Interrupts a run after some trials."""

    def __init__(self, after: int) -> None:
        self.left = after

    def recorded(self, record: Record, counts: Counts, best: Record | None) -> None:
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def carry_out(card: Path, listener: Listener | None = None) -> Result:
    """Run a card whose models are functions of a seed, in processes of their own."""
    project = find_project(card)
    read = load_card(card, project=project)
    resolved: Any = Resolved(project, read, load_catalog(project), None, None, seeds.make_seed_plan(read))
    engine = LocalEngine(2, root=Path(seeds.__file__).parent, modules=["seeds"])
    with ExitStack() as stack:
        session = open_session(resolved, engine, listener or Listener(), stack, fresh=False)
        return execute.carry_out(session, stack)


def card_of(folder: Path, **changes: Any) -> Path:
    given = {"experiment": {"name": "throws"}, "data": {"dataset": "iris"}, **GRID, **changes}
    return write_project(folder, given, modules={"own": OWN})


def test_it_is_run_resumed_compared_and_selected(tmp_path: Path) -> None:
    card = card_of(tmp_path)
    with pytest.raises(errors.Interrupted):
        carry_out(card, Stops(after=2))
    found = carry_out(card)
    assert 0 < found.n_run < 4
    standings = found.comparison.standings
    ranked = [(s.rank, s.record.params["x"], s.record.status) for s in standings]
    assert ranked == [(1, 2.5, "done"), (2, 1.0, "done"), (3, 0.0, "done"), (None, 3, "impossible")]
    assert [len(s.record.scores.get("gain", ())) for s in standings] == [3, 3, 3, 0]
    assert found.chosen is standings[0]
    assert (found.n_left, found.problem) == (0, None)
    assert carry_out(card).n_run == 0

    project = find_project(card)
    rows = compare_runs(["throws"], project).rows
    assert [row.params["x"] for row in rows][:3] == ["2.5", "1.0", "0.0"]
    assert len(rows[0].folds) == 3
    selected = select("throws", project).decision.winner
    assert selected is not None
    assert selected.id == standings[0].record.trial_key


def test_it_is_searched(tmp_path: Path) -> None:
    space = {"models": [{"name": "chance", "params": {"x": {"min": 0.0, "max": 2.9}}}]}
    found = carry_out(card_of(tmp_path, **space, search={"method": "bayes", "trials": 8, "lag": 2}))
    assert found.n_run == 8
    assert {standing.record.status for standing in found.comparison.standings} == {"done"}
    assert found.comparison.standings[0].record.params["x"] > 1.0
