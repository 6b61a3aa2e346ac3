"""Every edit of a record in MLflow, and each command that reads it: what does not agree is named, and not compared."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from projects import call_cli, customers_card, make_customers, write_project
from servers import run_mlflow

import runcard
from runcard import errors
from runcard.project import Project, Settings, find_project
from runcard.workflow.choose.compare import compare_runs
from runcard.workflow.choose.select import Wish, select
from runcard.workflow.models.predict import predict
from runcard.workflow.promote.promote import promote
from runcard.workflow.promote.register import register
from runcard.workflow.replay import reproduce
from runcard.workflow.replay.audit import audit_run

pytestmark = pytest.mark.slow

Edit = Callable[["Store", str], None]


@dataclass(frozen=True)
class Store:
    """A copy of the database of a project that was run, and the runs in it."""

    folder: Path
    db: Path
    card: str
    trials: tuple[str, ...]
    """The best first."""

    @property
    def project(self) -> Project:
        return Project(self.folder, Settings(tracking_uri=f"sqlite:///{self.db}"))

    @property
    def winner(self) -> str:
        return self.trials[0]

    @property
    def loser(self) -> str:
        return self.trials[-1]

    def sql(self, *words: str) -> None:
        with closing(sqlite3.connect(self.db)) as connection, connection:
            assert sum(connection.execute(each).rowcount for each in words) > 0


def metric(name: str, value: float, *, step: int | None = None) -> Edit:
    """Change a metric, its history and its last value."""
    at = "" if step is None else f" AND step = {step}"

    def edit(store: Store, run: str) -> None:
        tables = ("latest_metrics", "metrics")
        store.sql(*(f"UPDATE {t} SET value = {value} WHERE run_uuid = '{run}' AND key = '{name}'{at}" for t in tables))

    return edit


def metric_added(name: str, value: float) -> Edit:
    def edit(store: Store, run: str) -> None:
        columns = "(key, value, timestamp, run_uuid, step, is_nan)"
        said = f"('{name}', {value}, 1, '{run}', 0, 0)"
        store.sql(*(f"INSERT INTO {table} {columns} VALUES {said}" for table in ("metrics", "latest_metrics")))

    return edit


def tag(name: str, value: str) -> Edit:
    return lambda store, run: store.sql(
        f"INSERT OR REPLACE INTO tags (key, value, run_uuid) VALUES ('{name}', '{value}', '{run}')"
    )


def without(table: str, name: str) -> Edit:
    return lambda store, run: store.sql(f"DELETE FROM {table} WHERE run_uuid = '{run}' AND key = '{name}'")


def param(name: str, value: str) -> Edit:
    return lambda store, run: store.sql(
        f"UPDATE params SET value = '{value}' WHERE run_uuid = '{run}' AND key = '{name}'"
    )


def about(column: str, value: str) -> Edit:
    return lambda store, run: store.sql(f"UPDATE runs SET {column} = '{value}' WHERE run_uuid = '{run}'")


OF_A_TRIAL: dict[str, tuple[Edit, str]] = {
    "a mean": (metric("cv_roc_auc_mean", 0.9999), "metric `cv_roc_auc_mean` is 0.9999, its record says 0."),
    "the mean of another metric": (metric("cv_log_loss_mean", 0.0), "metric `cv_log_loss_mean` is 0.0"),
    "a score on the first fold": (metric("cv_roc_auc", 0.9999, step=0), "metric `cv_roc_auc` of fold 1"),
    "a score on the last fold": (metric("cv_roc_auc", 0.9999, step=2), "metric `cv_roc_auc` is 0.9999"),
    "a score on a fold removed": (
        lambda store, run: store.sql(f"DELETE FROM metrics WHERE run_uuid = '{run}' AND key = 'cv_roc_auc' AND step=1"),
        "metric `cv_roc_auc` is not what",
    ),
    "a mean removed": (without("latest_metrics", "cv_accuracy_mean"), "metric `cv_accuracy_mean` was removed"),
    "its cost": (metric("predict_ms_p95", 0.0), "metric `predict_ms_p95` is 0.0"),
    "a test score added": (metric_added("test_roc_auc", 0.9999), "metric `test_roc_auc` is not in its record"),
    "a parameter": (param("max_depth", "3"), "parameter `max_depth` is 3, its record says 4"),
    "a parameter removed": (without("params", "max_depth"), "parameter `max_depth` was removed"),
    "its trial key": (tag("runcard.trial_key", "0" * 64), "tag `runcard.trial_key` is 0"),
    "its digests of outputs": (tag("runcard.outputs", "[]"), "tag `runcard.outputs` is []"),
    "its exact hyperparameters": (tag("runcard.params", "{}"), "tag `runcard.params` is {}"),
    "a tag removed": (without("tags", "runcard.outputs"), "tag `runcard.outputs` was removed"),
    "a tag added": (tag("runcard.finalist", "true"), "tag `runcard.finalist` is not in its record"),
    "its protocol removed": (without("tags", "runcard.protocol"), "tag `runcard.protocol` was removed"),
    "its protocol": (tag("runcard.protocol", "p" * 64), "tag `runcard.protocol` is ppp"),
    "its kind removed": (without("tags", "runcard.kind"), "tag `runcard.kind` was removed"),
    "its kind": (tag("runcard.kind", "replay"), "tag `runcard.kind` is replay, its record says trial"),
    "its kind, to none there is": (tag("runcard.kind", "other"), "tag `runcard.kind` is other"),
    "its seal removed": (without("tags", "runcard.seal"), "it has no seal"),
    "its seal": (tag("runcard.seal", "0" * 64 + "{}"), "its seal is damaged"),
    "its parent": (tag("mlflow.parentRunId", "0" * 32), "it belongs to the run 000"),
    "its parent removed": (without("tags", "mlflow.parentRunId"), "it belongs to the run None"),
    "its status": (about("status", "FAILED"), "its status is FAILED, its record says FINISHED"),
    "its start": (about("start_time", "99"), "its start is 99, its record says"),
}
OF_A_CARD: dict[str, tuple[Edit, str]] = {
    "which is better": (tag("runcard.greater_is_better", "false"), "tag `runcard.greater_is_better` is false"),
    "the metric": (tag("runcard.primary", "accuracy"), "tag `runcard.primary` is accuracy"),
    "its rule": (tag("runcard.selection", "{}"), "tag `runcard.selection` is not what"),
    "the share of test rows": (tag("runcard.test_share", "0.9"), "tag `runcard.test_share` is 0.9"),
    "how often the test rows were opened": (tag("runcard.test_openings", "0"), "tag `runcard.test_openings` is 0"),
    "the run that was chosen": (tag("runcard.decision_run", "0" * 32), "tag `runcard.decision_run` is 000"),
    "its seal removed": (without("tags", "runcard.seal"), "it has no seal"),
    "the seal of its end removed": (without("tags", "runcard.seal_end"), "is not in its record"),
    "the seal of its decision removed": (without("tags", "runcard.seal_decision"), "is not in its record"),
}
NO_NEWS: dict[str, Edit] = {
    "a note": tag("mlflow.note.content", "mine"),
    "a tag of the user": tag("team", "red"),
    "a metric of the user": metric_added("val_loss", 0.5),
    "another name": about("name", "mine"),
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Store:
    folder = tmp_path_factory.mktemp("truth") / "project"
    models = [{"name": "random_forest", "params": {"n_estimators": [5, 10], "max_depth": 4}}]
    models += [{"name": "extra_trees", "params": {"n_estimators": [5, 10], "max_depth": 4}}]
    card = customers_card(models=models)
    result = runcard.run(write_project(folder, card, table=make_customers(), db=empty_mlflow_db), workers=2)
    assert result.run_id is not None
    found = compare_runs(["customers"], find_project(folder))
    return Store(folder, folder / "mlflow.db", result.run_id, tuple(row.run.run_id for row in found.rows))


@pytest.fixture
def files(recorded: Store) -> Iterator[Path]:
    """Give the folder of the files, and put back what was changed there."""
    folder = recorded.folder / "mlartifacts"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    yield folder
    for path, content in before.items():
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


@pytest.fixture
def store(recorded: Store, files: Path, tmp_path: Path) -> Store:
    """Give a copy that may be edited; the files of its runs are those of the original."""
    shutil.copytree(recorded.folder / "configs", tmp_path / "configs")
    for name in ("pyproject.toml", "table.csv", "mlflow.db"):
        shutil.copy(recorded.folder / name, tmp_path / name)
    return Store(tmp_path, tmp_path / "mlflow.db", recorded.card, recorded.trials)


def test_what_was_recorded_agrees(recorded: Store) -> None:
    found = compare_runs(["customers"], recorded.project)
    assert (len(found.rows), found.apart, found.n_ranked) == (4, (), 4)


@pytest.mark.parametrize("name", OF_A_TRIAL)
def test_an_edited_trial_is_set_apart_and_never_chosen(store: Store, name: str) -> None:
    edit, said = OF_A_TRIAL[name]
    edit(store, store.loser)
    found = compare_runs(["customers"], store.project)
    assert [row.run.run_id for row in found.rows] == [*store.trials[:-1]]
    assert [(each.run.run_id, each.why[0].startswith(said)) for each in found.apart] == [(store.loser, True)], name
    assert (found.n_runs, found.n_ranked) == (3, 3)
    chosen = select("customers", store.project)
    assert chosen.decision.winner is not None
    assert chosen.decision.winner.run_id == store.trials[0]
    assert [each.run.run_id for each in chosen.apart] == [store.loser]
    assert chosen.decision.left_out == {"not as recorded": 1}
    rest = compare_runs(["customers"], store.project, limit=2)
    assert len(rest.rows) == 2


@pytest.mark.parametrize("name", OF_A_CARD)
def test_an_edited_card_is_refused(store: Store, name: str) -> None:
    edit, said = OF_A_CARD[name]
    edit(store, store.card)
    for step in (compare_runs, lambda names, project: select(names[0], project, Wish(), dry_run=True)):
        with pytest.raises(errors.RecordAltered) as caught:
            step(["customers"], store.project)
        assert said in caught.value.why


@pytest.mark.parametrize("name", NO_NEWS)
def test_what_a_user_adds_breaks_nothing(store: Store, name: str) -> None:
    for run in (store.card, *store.trials):
        NO_NEWS[name](store, run)
    assert compare_runs(["customers"], store.project).apart == ()
    assert select("customers", store.project).apart == ()


def test_a_decision_that_is_made_anew_agrees(store: Store) -> None:
    for rule in ("one_standard_error", "best"):
        select("customers", store.project, Wish(rule=rule))
        found = compare_runs(["customers"], store.project)
        assert found.apart == ()


def test_the_command_line_says_it(store: Store) -> None:
    metric("cv_roc_auc_mean", 0.9999)(store, store.loser)
    at = ("--tracking-uri", f"sqlite:///{store.db}")
    said = call_cli(store.folder, "compare", "customers", *at).stdout
    assert "1 run is not compared, as MLflow does not have what was recorded:" in said
    assert "metric `cv_roc_auc_mean` is 0.9999, its record says 0." in " ".join(said.split())
    document = json.loads(call_cli(store.folder, "compare", "customers", "--format", "json", *at).stdout)
    assert [each["run_id"] for each in document["not_as_recorded"]] == [store.loser]
    assert document["n_not_as_recorded"] == 1
    answer = call_cli(store.folder, "select", "customers", "--json", *at)
    assert [each["run_id"] for each in json.loads(answer.stdout)["not_as_recorded"]] == [store.loser]
    assert "not as recorded: " in call_cli(store.folder, "select", "customers", "--dry-run", *at).stderr


def test_what_is_edited_through_a_server_is_set_apart_there(store: Store) -> None:
    """Whoever may use the server may edit: here with MLflow's own client, which needs no database."""
    from mlflow import MlflowClient

    best, second, third, _ = store.trials
    with run_mlflow(f"sqlite:///{store.db}", store.folder) as address:
        client = MlflowClient(address)
        client.log_metric(third, "cv_roc_auc_mean", 0.9999)
        client.set_tag(second, "runcard.kind", "replay")
        client.delete_tag(store.loser, "runcard.protocol")
        project = Project(store.folder, Settings(tracking_uri=address))
        found = compare_runs(["customers"], project)
        assert [row.run.run_id for row in found.rows] == [best]
        why = {each.run.run_id: each.why[0] for each in found.apart}
        assert why[third].startswith("metric `cv_roc_auc_mean` is 0.9999, its record says 0.")
        assert why[second] == "tag `runcard.kind` is replay, its record says trial"
        assert why[store.loser] == "tag `runcard.protocol` was removed"
        chosen = select("customers", project, Wish(), dry_run=True)
        assert chosen.decision.winner is not None
        assert chosen.decision.winner.run_id == best
        client.log_metric(best, "test_roc_auc", 0.9999)
        with pytest.raises(errors.RecordAltered, match=r"metric `test_roc_auc` is 0\.9999"):
            register(best, project=project)
        client.set_tag(store.card, "runcard.greater_is_better", "false")
        with pytest.raises(errors.RecordAltered, match="greater_is_better"):
            compare_runs(["customers"], project)


def test_an_edited_baseline_is_refused(store: Store) -> None:
    metric("cv_roc_auc_mean", 0.9999)(store, store.loser)
    with pytest.raises(errors.RecordAltered, match="is not as it was recorded"):
        compare_runs(["customers"], store.project, baseline=store.loser)


def test_a_finalist_that_is_being_written_keeps_its_rank(store: Store) -> None:
    """Its scores by fold are known; what it got on the test rows is not all there yet."""
    tag("runcard.seal_end", "open")(store, store.trials[0])
    first = compare_runs(["customers"], store.project).rows[0]
    assert (first.run.run_id, first.test_scores) == (store.trials[0], {})


def test_a_trial_that_is_being_written_has_no_score_yet(store: Store) -> None:
    store.sql(f"UPDATE runs SET status = 'RUNNING' WHERE run_uuid = '{store.trials[0]}'")
    without("tags", "runcard.seal")(store, store.trials[0])
    found = compare_runs(["customers"], store.project)
    assert [(row.rank, row.status) for row in found.rows if row.run.run_id == store.trials[0]] == [(None, "running")]
    assert (found.apart, found.n_ranked) == ((), 3)


# Files


def swap_rows(path: Path) -> None:
    table = pd.read_parquet(path)
    order = [len(table) - 1, *range(1, len(table) - 1), 0]
    table.iloc[order].to_parquet(path, index=False)


def add_a_byte(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b" ")


FILES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "rows of the split exchanged": ("split.parquet", swap_rows, "file `split.parquet` hashes to"),
    "the split removed": ("split.parquet", Path.unlink, "file `split.parquet` is gone"),
    "the plan": ("plan.json", add_a_byte, "file `plan.json` hashes to"),
    "the plan, cut off": ("plan.json", lambda path: path.write_bytes(b"{"), "file `plan.json` hashes to"),
    "the card's text": ("card.yaml", add_a_byte, "file `card.yaml` hashes to"),
    "the decision's file": ("decision.json", add_a_byte, "file `decision.json` hashes to"),
    "the environment": ("environment.json", add_a_byte, "file `provenance/environment.json` hashes to"),
    "the code": ("code.json", lambda path: path.write_bytes(b"]"), "file `provenance/code.json` hashes to"),
    "hardware removed": ("hardware.json", Path.unlink, "file `provenance/hardware.json` is gone"),
    "predictions": ("predictions.parquet", swap_rows, "file `predictions.parquet` hashes to"),
    "predictions, cut off": ("predictions.parquet", lambda path: path.write_bytes(b""), "file `predictions.parquet`"),
    "a byte of the model": ("model.skops", add_a_byte, "the files of its model hash to"),
    "the model's description": (
        "MLmodel",
        lambda path: path.write_bytes(b"{"),
        "the files of its model cannot be read",
    ),
}


def damage(files: Path, name: str, change: Callable[[Path], None]) -> None:
    found = [path for path in files.rglob(name) if "replay" not in str(path)]
    assert found
    for path in found:
        change(path)


def replay_of(store: Store, run: str) -> tuple[str, str]:
    found = reproduce(run, isolated=False, workers=1, tracking_uri=f"sqlite:///{store.db}", project=store.project)
    assert found.n_repeats == 0
    return found.words, found.first_divergence


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file(store: Store, files: Path, name: str) -> None:
    file, change, said = FILES[name]
    damage(files, file, change)
    verdict, first = replay_of(store, store.winner)
    assert verdict == "not comparable"
    assert first.startswith("record")
    assert said in first
    with pytest.raises(errors.RecordAltered) as caught:
        register(store.winner, project=store.project)
    assert said in caught.value.why
    if "model" not in name:
        audited = audit_run(store.winner, store.project)
        (found,) = [item.finding for item in audited.items if item.name == "record as it was written"]
        assert found.verdict == "failed"
        assert said in found.evidence


@pytest.mark.parametrize("name", OF_A_TRIAL)
def test_an_edited_trial_is_not_reproduced(store: Store, name: str) -> None:
    edit, said = OF_A_TRIAL[name]
    edit(store, store.loser)
    assert said in said_of(store, store.loser)


def said_of(store: Store, run: str) -> str:
    """Give what a replay says is not as recorded, or why it is refused."""
    try:
        verdict, first = replay_of(store, run)
    except errors.RecordAltered as error:
        return error.why
    return first if verdict == "not comparable" else ""


@pytest.mark.parametrize("name", OF_A_CARD)
def test_what_an_edited_card_was_run_for(store: Store, name: str) -> None:
    edit, said = OF_A_CARD[name]
    edit(store, store.card)
    verdict, first = replay_of(store, store.winner)
    assert verdict == "not comparable"
    assert said in first
    with pytest.raises(errors.RecordAltered) as caught:
        register(store.winner, project=store.project)
    assert said in caught.value.why
    items = {item.name: item.finding for item in audit_run(store.winner, store.project).items}
    assert items["record as it was written"].verdict == "failed"


OF_A_FINALIST: dict[str, tuple[Edit, str]] = {
    "a mean": OF_A_TRIAL["a mean"],
    "its test score": (metric("test_roc_auc", 0.9999), "metric `test_roc_auc` is 0.9999"),
    "its size": (metric("final_model_mb", 0.0), "metric `final_model_mb` is 0.0"),
    "the digest of its model": (tag("runcard.model_digest", "0" * 64), "tag `runcard.model_digest` is 000"),
    "that it is a finalist": (without("tags", "runcard.finalist"), "tag `runcard.finalist` was removed"),
    "the seal of its test scores": (without("tags", "runcard.seal_end"), "metric `test_accuracy` is not in its record"),
    "why it was chosen": (tag("runcard.decision_why", "mine"), "tag `runcard.decision_why` is mine"),
}


@pytest.mark.parametrize("name", OF_A_FINALIST)
def test_an_edited_finalist(store: Store, tmp_path: Path, name: str) -> None:
    """It is not registered; where it was before, its version is neither promoted nor used."""
    edit, said = OF_A_FINALIST[name]
    version = register(store.winner, project=store.project).version
    edit(store, store.winner)
    with pytest.raises(errors.RecordAltered) as caught:
        register(store.winner, project=store.project)
    assert said in caught.value.why.replace("\n", " ")
    with pytest.raises(errors.GateFailed) as stopped:
        promote(str(version), to="staging", project=store.project)
    assert f"failed: record: {caught.value.why.splitlines()[0]}"[:60] in stopped.value.why
    with pytest.raises(errors.RecordAltered) as refused:
        predict(str(version), store.folder / "table.csv", tmp_path / "out.csv", project=store.project)
    assert said in refused.value.why
    assert replay_of(store, store.winner)[0] == "not comparable"


def test_the_tags_of_a_version(store: Store) -> None:
    version = register(store.winner, project=store.project).version
    store.sql("UPDATE model_version_tags SET value = 'x' WHERE key = 'runcard.trial_key'")
    with pytest.raises(errors.GateFailed, match="do not hold") as stopped:
        promote(str(version), to="staging", project=store.project)
    assert "tag `runcard.trial_key` is x, its run says" in stopped.value.why


def test_what_was_recorded_is_registered_promoted_and_used(store: Store, tmp_path: Path) -> None:
    version = register(store.winner, project=store.project).version
    assert predict(str(version), store.folder / "table.csv", tmp_path / "o.csv", project=store.project).n_rows == 160
    items = {item.name: item.finding for item in audit_run(store.winner, store.project).items}
    assert items["record as it was written"].verdict == "passed"
    found = reproduce(
        store.winner, isolated=False, workers=1, tracking_uri=f"sqlite:///{store.db}", project=store.project
    )
    assert found.words == "identical"
