"""Single steps of promoting and rolling back, on a project as an earlier runcard left it: `leavers/2` in production,
which `leavers/1` held before, and in staging `leavers/1`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from golden_store import read_store
from mlflow import MlflowClient

from runcard import errors
from runcard.project import Project, find_project
from runcard.tracking.items import RunLog, Tag
from runcard.tracking.mlflow import MlflowTracker, quiet_mlflow
from runcard.workflow.promote import promote, read_history, rollback
from runcard.workflow.promote.events import apply_event, record_event
from runcard.workflow.promote.session import Desk, open_desk

pytestmark = pytest.mark.slow

MODEL = "leavers"


@dataclass(frozen=True)
class Shop:
    """The project, and MLflow's own client on its database."""

    folder: Path
    client: MlflowClient

    @property
    def project(self) -> Project:
        return find_project(self.folder)

    def alias(self, name: str = "production") -> int:
        return int(self.client.get_model_version_by_alias(MODEL, name).version)

    def run_of(self, version: int) -> Any:
        return self.client.get_run(self.client.get_model_version(MODEL, str(version)).run_id)

    def file_of(self, version: int) -> Path:
        model = self.client.get_model_version(MODEL, str(version)).source.rsplit("/", 2)
        return self.folder / "mlartifacts" / "models" / Path(*model[-2:]) / "requirements.txt"

    def set_gates(self, *lines: str) -> None:
        """Write the project's gates; a duel takes seconds, and none of these tests is about it."""
        lines = ("[tool.runcard]", "[tool.runcard.gates]", "beats_holder = false", *lines)
        text = "".join(f"{line}\n" for line in lines)
        (self.folder / "pyproject.toml").write_text(text)

    def gates_of(self, version: int, alias: str = "staging") -> dict[str, tuple[str, str]]:
        with pytest.raises(errors.GateFailed) as refused:
            promote(f"{MODEL}/{version}", to=alias, project=self.project)
        lines = [line.split(": ", 2) for line in refused.value.why.splitlines()]
        return {name: (verdict, evidence) for verdict, name, evidence in lines}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    folder = read_store(tmp_path / "project")
    with quiet_mlflow():
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        shop = Shop(folder, MlflowClient(uri, uri))
    assert (shop.alias(), shop.alias("staging")) == (2, 1)
    shop.set_gates()
    return shop


@pytest.fixture
def desk(shop: Shop) -> Iterator[Desk]:
    with open_desk(shop.project) as found:
        yield found


# Rolling back


def test_production_returns_to_files_that_are_what_was_saved(shop: Shop) -> None:
    file = shop.file_of(1)
    kept = file.read_text()
    file.write_text(kept + "# changed\n")
    with pytest.raises(errors.GateFailed, match="its files are not what was saved"):
        rollback(MODEL, project=shop.project)
    assert shop.alias() == 2
    file.write_text(kept)
    assert str(rollback(MODEL, project=shop.project).version) == "leavers/1"
    assert shop.alias() == 1


def test_production_returns_to_no_files_of_which_nothing_is_known(shop: Shop) -> None:
    shop.client.delete_model_version_tag(MODEL, "1", "runcard.model_digest")
    with pytest.raises(errors.GateFailed, match="its files are not what was saved"):
        rollback(MODEL, project=shop.project)
    assert shop.alias() == 2


def test_an_event_that_never_happened_is_nothing_to_return_to(shop: Shop, desk: Desk) -> None:
    entries = desk.ledger.entries()
    last = entries[-1].promotion
    meant = type(last)(**{**fields_of(last), "version": 9, "previous": 2})
    with pytest.raises(errors.ModelVersionUnknown, match="there is no `leavers/9`"):
        record_event(desk, meant, entries)
    found = desk.ledger.entries()[-1]
    assert (found.promotion.version, found.is_void, found.is_finished) == (9, True, False)
    with pytest.raises(errors.ModelVersionUnknown, match="not a holder before the present one"):
        rollback(MODEL, to=9, project=shop.project)
    assert str(rollback(MODEL, project=shop.project).version) == "leavers/1"


def fields_of(promotion: Any) -> dict[str, Any]:
    return {name: getattr(promotion, name) for name in promotion.__dataclass_fields__}


# Carrying out


def test_an_alias_that_was_moved_late_is_moved_on(shop: Shop, desk: Desk) -> None:
    """Its process was taken for dead; meanwhile another one finished its event, and moved the alias again."""
    moves = [entry for entry in desk.ledger.entries() if entry.promotion.alias == "production"]
    assert [entry.promotion.version for entry in moves] == [1, 2]
    apply_event(desk, moves[0])
    assert shop.alias() == 2
    archived = {n: shop.client.get_model_version(MODEL, str(n)).tags.get("runcard.archived") for n in (1, 2)}
    assert archived == {1: moves[1].promotion.at, 2: None}
    assert not read_history(MODEL, project=shop.project).moved


# Promoting


def test_what_passes_every_gate_was_not_forced(shop: Shop) -> None:
    done = promote(f"{MODEL}/2", to="staging", force=True, reason="to be sure", project=shop.project).promotion
    assert (done.is_forced, done.reason) == (False, "to be sure")
    assert {gate.verdict for gate in done.gates} == {"passed"}
    shop.set_gates('constraints = {model_mb = "< 0"}')
    forced = promote(f"{MODEL}/1", to="staging", force=True, reason="all the same", project=shop.project).promotion
    assert forced.is_forced is True
    assert [entry.promotion.is_forced for entry in read_history(MODEL, project=shop.project).entries][-2:] == [
        False,
        True,
    ]


def test_a_constraint_is_about_the_model_that_is_kept(shop: Shop) -> None:
    """It was refitted on all training rows; what its trial took on the folds is another model's."""
    found = shop.run_of(2).data.metrics
    on_folds, kept = found["fit_seconds"], found["final_fit_seconds"]
    sign = "<" if on_folds < kept else ">"
    shop.set_gates(f'constraints = {{fit_seconds = "{sign} {(on_folds + kept) / 2}"}}')
    assert shop.gates_of(2)["constraint fit_seconds"][0] == "failed"


def replay(shop: Shop, verdict: str, *, after: float) -> None:
    """Write the run of a replay of `leavers/2`, begun so many seconds after now."""
    started = int((time.time() + after) * 1000)
    of = shop.run_of(2).info.run_id
    tags = {"runcard.replay_of": of, "runcard.verdict": verdict, "runcard.first_divergence": "data"}
    log = RunLog(
        record_id=f"{verdict}-{after}",
        kind="replay",
        name="replay",
        experiment="customers",
        started_ms=started,
        status="FINISHED",
        ended_ms=started,
        items=tuple(Tag(name, value) for name, value in tags.items()),
    )
    with MlflowTracker(f"sqlite:///{shop.folder / 'mlflow.db'}", artifact_root=shop.folder / "mlartifacts") as tracker:
        tracker.fill_run(tracker.open_run(log), log)


def test_the_latest_replay_that_could_be_compared_counts(shop: Shop) -> None:
    shop.set_gates("reproduced = true", 'constraints = {model_mb = "< 0"}')
    assert shop.gates_of(2)["reproduced"][0] == "unknown"
    verdicts = [
        ("not comparable", "unknown"), ("different", "failed"), ("identical", "passed"), ("not comparable", "passed"),
        ("different", "failed"),
    ]  # fmt: skip
    for n, (verdict, gate) in enumerate(verdicts):
        replay(shop, verdict, after=n)
        assert shop.gates_of(2)["reproduced"][0] == gate, verdict
