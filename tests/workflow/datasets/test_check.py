"""A name stands for one content: the first run locks it, later ones check it, and what was locked comes back."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from projects import copy_example, customers_card, make_customers, run_cli, write_project
from servers import run_s3

import runcard
from runcard import errors
from runcard.card import load_card
from runcard.catalog.registered import load_catalog
from runcard.data.fingerprint import fingerprint
from runcard.data.lockfile import read_lock
from runcard.data.splitfile import read_split
from runcard.data.store import open_data_store
from runcard.project import Project, find_project
from runcard.tabular.make import make_plan
from runcard.workflow.datasets import list_locked, lock_dataset, restore_dataset, snapshot, verify_locked
from runcard.workflow.datasets.check import Content, lock_first
from runcard.workflow.datasets.obtain import obtain_table
from runcard.workflow.resolve import resolve
from runcard.workflow.run.listener import Listener

MODELS = [{"name": "logistic_regression"}]
OURS = """
from pathlib import Path

import pandas as pd
import runcard


@runcard.dataset
def customers_v1():
    return pd.read_csv(Path(__file__).parent / "source.csv", keep_default_na=False), [0, 1] * 80
"""


class Heard(Listener):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.warnings: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def write(folder: Path, db: Path | None = None, **changes: Any) -> Path:
    """Write a project of customers with one model and no folds."""
    card = customers_card(models=MODELS, evaluation={"metrics": ["roc_auc"]}, **changes)
    return write_project(folder, card, table=make_customers(), db=db)


def locked_project(folder: Path, **changes: Any) -> tuple[Project, Path]:
    """Lock a project's data as a run does, without training."""
    card = write(folder, **changes)
    lock_now(card)
    return find_project(folder), folder / "table.csv"


def lock_now(card: Path) -> None:
    found = resolve(card)
    content = Content(found.table, found.plan.work.fingerprint, found.stamp, found.card.data.na_values)
    locked, _ = lock_first(found.project, content, found.catalog)
    if snapshot.is_wanted(found.project, content, locked):
        snapshot.keep_job(open_data_store(found.project), content, locked)()


def edit(table: Path, column: str = "age", value: Any = 99) -> None:
    frame = pd.read_csv(table)
    frame.loc[3, column] = value
    frame.astype({"age": "Int64"}).to_csv(table, index=False)


@pytest.mark.slow
def test_the_first_run_locks_and_later_ones_check(tmp_path: Path, empty_mlflow_db: Path) -> None:
    card, heard = write(tmp_path / "project", empty_mlflow_db), Heard()
    result = runcard.run(card, workers=1, listener=heard)
    project = find_project(card)
    (locked,) = read_lock(project.root).values()
    assert heard.notes[0] == (
        f"Locked table.csv: 160 rows, 6 columns, fingerprint {locked.content.digest[:12]}; commit runcard.lock"
    )
    assert (locked.source, locked.content.n_rows, locked.dvc) == ("table.csv", 160, None)
    assert [verdict.store for verdict in verify_locked(project)] == ["kept"]

    again = Heard()
    assert runcard.run(card, workers=1, listener=again).n_run == 0
    assert not any(note.startswith("Locked") for note in again.notes)
    edit(project.root / "table.csv")
    with pytest.raises(errors.DataNotAsLocked) as caught:
        runcard.run(card, workers=1)
    assert caught.value.why == "1 value changed in `age`; row 4 had `48.0` and has `99.0`"

    # What the run left in MLflow tells the split and the lock, without the project.
    client = MlflowClient(result.tracking_uri)
    train, test, folds = read_split(Path(client.download_artifacts(result.run_id, "split.parquet", str(tmp_path))))
    assert (len(train), len(test), folds) == (120, 40, ())
    data = json.loads(Path(client.download_artifacts(result.run_id, "provenance/data.json", str(tmp_path))).read_text())
    assert data["locked"]["fingerprint"] == locked.content.digest
    assert data["store"] == str(project.root / ".runcard" / "data")


def test_check_verifies_and_writes_nothing(tmp_path: Path) -> None:
    card = write(tmp_path / "project")
    resolve(card)
    assert sorted(path.name for path in card.parents[1].iterdir()) == ["configs", "pyproject.toml", "table.csv"]
    lock_now(card)
    resolve(card)
    edit(card.parents[1] / "table.csv", "city", "Bonn")
    before = (card.parents[1] / "runcard.lock").read_bytes()
    with pytest.raises(errors.DataNotAsLocked, match=r"`table\.csv` is not what it was when it was locked"):
        resolve(card)
    assert (card.parents[1] / "runcard.lock").read_bytes() == before


def test_a_renamed_column_is_told_before_the_card_misses_it(tmp_path: Path) -> None:
    project, table = locked_project(tmp_path / "project")
    table.write_text(table.read_text().replace("contract", "tariff", 1))
    with pytest.raises(errors.DataNotAsLocked) as caught:
        resolve(tmp_path / "project" / "configs" / "card.yaml")
    assert caught.value.why == "column `contract` is now called `tariff`"
    assert project.root == table.parent


def test_other_bytes_of_the_same_table_are_the_same_content(tmp_path: Path) -> None:
    project, table = locked_project(tmp_path / "project")
    table.write_bytes(table.read_bytes().replace(b"\n", b"\r\n"))
    resolve(tmp_path / "project" / "configs" / "card.yaml")
    assert verify_locked(project)[0].is_good


def test_a_path_may_be_read_in_two_ways_but_not_changed_by_that(tmp_path: Path) -> None:
    project, table = locked_project(tmp_path / "project")
    data = {"raw_path": "table.csv", "id": "customer", "na_values": ["Ulm"]}
    other = project.root / "configs" / "other.yaml"
    other.write_text(json.dumps(customers_card(models=MODELS, data=data)))
    lock_now(other)
    assert list(read_lock(project.root)) == ["table.csv", "table.csv (na_values: Ulm)"]
    edit(table)
    data["na_values"] = ["Jena"]
    other.write_text(json.dumps(customers_card(models=MODELS, data=data)))
    with pytest.raises(errors.DataNotAsLocked, match=r"`table\.csv`"):
        resolve(other)
    entries, is_new = lock_dataset(project, "table.csv", reason="an age was wrong")
    assert (len(entries), is_new) == (2, True)
    resolve(other)


def test_an_update_needs_a_change_and_keeps_the_old(tmp_path: Path) -> None:
    project, table = locked_project(tmp_path / "project")
    old = read_lock(project.root)["table.csv"]
    assert lock_dataset(project, str(table), reason="nothing") == ([old], False)
    edit(table)
    with pytest.raises(errors.DataNotAsLocked):
        lock_dataset(project, "table.csv")
    ((new,), is_new) = lock_dataset(project, "table.csv", reason="an age was wrong")
    assert is_new
    assert new.reason == "an age was wrong"
    assert new.content.digest != old.content.digest
    card = load_card(project.root / "configs" / "card.yaml")
    table_before = obtain_table(card, project, load_catalog(project), old.content.digest)
    assert fingerprint(table_before.frame).digest == old.content.digest
    assert make_plan(card, table_before, load_catalog(project)).work.fingerprint.digest == old.content.digest


def test_restoring_loses_nothing(tmp_path: Path) -> None:
    project, table = locked_project(tmp_path / "project")
    bytes_before = table.read_bytes()
    assert restore_dataset(project, "table.csv") == "table.csv is as it was locked"
    table.unlink()
    with pytest.raises(errors.FileMissing) as missing:
        resolve(project.root / "configs" / "card.yaml")
    assert missing.value.hint.startswith("`runcard data restore table.csv` brings back")
    assert restore_dataset(project, "table.csv") == "Restored table.csv"
    assert table.read_bytes() == bytes_before
    table.write_text("half a")
    with pytest.raises(errors.DataInTheWay):
        restore_dataset(project, "table.csv")
    assert restore_dataset(project, "table.csv", force=True).startswith(
        "Restored table.csv; what was there is now table.before-"
    )
    assert table.read_bytes() == bytes_before
    (aside,) = project.root.glob("table.before-*.csv")
    assert aside.read_text() == "half a"


def test_one_table_in_two_formats_is_restored_as_each(tmp_path: Path) -> None:
    project, table = locked_project(tmp_path / "project")
    other = table.with_name("table.tsv")
    other.write_text(table.read_text().replace(",", "\t"))
    lock_dataset(project, "table.tsv")
    bytes_before = {path: path.read_bytes() for path in (table, other)}
    for path, content in bytes_before.items():
        path.unlink()
        restore_dataset(project, path.name)
        assert path.read_bytes() == content


@pytest.mark.parametrize(("snapshot", "is_kept"), [("auto", False), ("always", True), ("never", False)])
def test_snapshot_says_what_is_kept(
    snapshot: str, is_kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runcard.workflow.datasets.snapshot.AUTO_BYTES", 100)
    monkeypatch.setenv("RUNCARD_SNAPSHOT", snapshot)
    project, _ = locked_project(tmp_path / "project")
    assert [shown.kept is not None for shown in list_locked(project)] == [is_kept]


def test_a_registered_dataset_is_locked_kept_and_told_by_value(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    card = customers_card(data={"dataset": "customers_v1"}, features={"numerical": ["bill"]}, models=MODELS)
    path = write_project(folder, card, modules={f"ours_{os.getpid()}": OURS})
    frame = make_customers().drop(columns=["age", "left"])
    frame.to_csv(folder / "source.csv", index=False)
    lock_now(path)
    project = find_project(folder)
    locked = read_lock(folder)["customers_v1"]
    assert (locked.source, locked.function) == ("dataset:customers_v1", f"ours_{os.getpid()}.customers_v1")
    frame.assign(bill=lambda found: found["bill"].where(found.index != 8, 7)).to_csv(folder / "source.csv", index=False)
    with pytest.raises(errors.DataNotAsLocked) as caught:
        resolve(path)
    assert caught.value.why.startswith("1 value changed in `bill`; row 9 had ")
    assert "register it: `customers_v2`" in caught.value.hint
    table = obtain_table(load_card(path), project, load_catalog(project), locked.content.digest)
    assert table.target == "target"
    assert make_plan(load_card(path), table, load_catalog(project)).work.target.name == "target"
    with pytest.raises(errors.DataInTheWay, match="made by a function"):
        restore_dataset(project, "customers_v1")


def test_a_mapping_is_locked_where_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = resolve({"data": {"dataset": "iris"}, "models": [{"name": "dummy"}]})
    locked, is_new = lock_first(
        found.project, Content(found.table, found.plan.work.fingerprint, None, ()), found.catalog
    )
    assert (is_new, locked.function) == (True, "sklearn.datasets.load_iris")
    assert list(read_lock(tmp_path)) == ["iris"]


def test_two_that_lock_at_once_agree(tmp_path: Path) -> None:
    card = write(tmp_path / "project")
    found = resolve(card)
    content = Content(found.table, found.plan.work.fingerprint, found.stamp, ())
    entries = []
    threads = [
        threading.Thread(target=lambda: entries.append(lock_first(found.project, content, found.catalog)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(is_new for _, is_new in entries) == 1
    assert len({locked for locked, _ in entries}) == 1


def test_data_that_are_gone_are_told_place_by_place(tmp_path: Path) -> None:
    project, table = locked_project(tmp_path / "project")
    card = load_card(project.root / "configs" / "card.yaml")
    edit(table)
    with pytest.raises(errors.DataGone) as caught:
        obtain_table(card, project, load_catalog(project), "0" * 64)
    tree, store, dvc = caught.value.why.splitlines()
    assert tree.startswith("the tree: it has fingerprint ")
    assert store == f"the data store: it is not kept at {project.data_store}"
    assert dvc == "DVC: it does not track them"


@pytest.mark.slow
def test_a_clone_elsewhere_has_the_content_from_s3(tmp_path: Path) -> None:
    with run_s3(tmp_path / "s3", "contents") as settings:
        store = {**settings, "RUNCARD_DATA_STORE": "s3://contents/churn"}
        first = write(tmp_path / "first").parents[1]
        assert run_cli(first, "run", "card", **store).returncode == 0
        second = write(tmp_path / "second").parents[1]
        (second / "runcard.lock").write_bytes((first / "runcard.lock").read_bytes())
        (second / "table.csv").unlink()
        answer = run_cli(second, "data", "restore", "table.csv", **store)
        assert answer.returncode == 0, answer.stderr
        assert (second / "table.csv").read_bytes() == (first / "table.csv").read_bytes()
        assert not (first / ".runcard" / "data").exists()
    answer = run_cli(first, "run", "card", **store)
    assert answer.returncode == 0, answer.stderr
    assert "warning: the data's content is not kept" in answer.stderr


@pytest.mark.parametrize("example", ["churn", "iris"])
def test_the_examples_are_locked_as_they_stand(example: str, tmp_path: Path) -> None:
    folder = copy_example(example, tmp_path)
    verdicts = verify_locked(find_project(folder))
    assert verdicts
    assert all(verdict.is_good for verdict in verdicts), verdicts
    for card in (folder / "configs").glob("*.yaml"):
        found = resolve(card)
        content = Content(found.table, found.plan.work.fingerprint, found.stamp, found.card.data.na_values)
        assert content.name in read_lock(folder)
