"""Registering, promoting, rolling back: one contract for every MLflow, seen through MLflow's own client."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow import MlflowClient
from projects import customers_card, environment, make_customers, write_project

import runcard
from runcard import errors
from runcard.project import Project, find_project
from runcard.stats import bootstrap_bound
from runcard.tracking.mlflow import quiet_mlflow
from runcard.workflow.models.predict import predict
from runcard.workflow.promote import duel, promote, read_history, register, rollback, verify_history

pytestmark = [pytest.mark.slow, pytest.mark.long]

PROGRAM = Path(__file__).parents[2] / "promoters.py"
MODEL = "customers"


class Shop:
    """A project whose card was run, at one address."""

    def __init__(self, folder: Path, uri: str, runs: dict[str, str]) -> None:
        self.folder = folder
        self.uri = uri
        self.runs = runs
        with quiet_mlflow():
            self.client = MlflowClient(uri, uri)

    @property
    def project(self) -> Project:
        return find_project(self.folder).with_settings(tracking_uri=self.uri)

    def set_gates(self, *lines: str) -> None:
        """Write the project's gates."""
        text = "".join(f"{line}\n" for line in ("[tool.runcard]", "[tool.runcard.gates]", *lines))
        (self.folder / "pyproject.toml").write_text(text)

    def alias(self, name: str) -> int | None:
        found = self.client.get_registered_model(MODEL).aliases.get(name)
        return None if found is None else int(found)

    def events(self) -> list[Any]:
        ledger = self.client.get_experiment_by_name("runcard-ledger")
        runs = self.client.search_runs([ledger.experiment_id], order_by=["attributes.start_time"])
        assert {run.info.status for run in runs} == {"FINISHED"}
        return runs


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge by a twentieth of the resamples, which take six seconds a duel; test_duel judges by all of them."""
    monkeypatch.setattr(duel, "bootstrap_bound", functools.partial(bootstrap_bound, n_resamples=100))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Path:
    folder = tmp_path_factory.mktemp("shop") / "project"
    write_project(folder, customers_card(), table=make_customers(), db=empty_mlflow_db)
    return folder


@pytest.fixture(scope="module")
def shop(request: pytest.FixtureRequest, folder: Path) -> Shop:
    """The card's run at an address: trained once, then told again."""
    own = f"sqlite:///{folder / 'mlflow.db'}"
    uri = own if request.param == "sqlite" else str(request.getfixturevalue(request.param))
    result = runcard.run(folder / "configs" / "card.yaml", tracking_uri=uri, workers=1)
    finals = {s.record.model: result.runs[s.record.trial_key] for s in result.comparison.standings if s.final}
    shop = Shop(folder, uri, finals)
    shop.set_gates()
    return shop


def at(*addresses: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shop", addresses, indirect=True)


@at("sqlite", "mlflow_server_on_postgres")
def test_the_life_of_a_model(shop: Shop) -> None:
    """Registered, promoted, refused, forced, moved by hand, rolled back; the ledger has it all."""
    how = {"project": shop.project}
    notes: list[str] = []
    first = register("customers", **how, note=notes.append)
    again = register(**how)
    assert [(str(found.version), found.is_new) for found in (first, again)] == [
        ("customers/1", True),
        ("customers/1", False),
    ]
    assert_made_from_its_run(shop)

    assert promote(MODEL, to="production", **how).promotion.previous is None
    assert promote(MODEL, to="production", **how).promotion is None  # it is there already
    second = register(shop.runs["random_forest"][:10], **how)
    assert str(second.version) == "customers/2"
    assert str(promote(MODEL, to="staging", **how).version) == "customers/2"

    with pytest.raises(errors.GateFailed) as refused:
        promote(f"{MODEL}@staging", to="production", **how)
    lines = refused.value.why.splitlines()
    assert lines[0].startswith("failed: beats_holder: roc_auc 0.")
    assert " of customers/1 on the same 40 rows; worse by 0." in lines[0]
    assert [line.partition(": ")[2].partition(":")[0] for line in lines[1:]] == ["digest", "signature"]
    assert shop.alias("production") == 1
    with pytest.raises(errors.UsageError, match="needs a reason"):
        promote(f"{MODEL}/2", to="production", force=True, reason=" ", **how)

    forced = promote(f"{MODEL}/2", to="production", force=True, reason="a trial of strength", **how).promotion
    assert (forced.is_forced, forced.previous, shop.alias("production")) == (True, 1, 2)
    assert shop.client.get_model_version(MODEL, "1").tags["runcard.archived"] == forced.at
    back = rollback(MODEL, reason="it was weak", **how)
    assert (str(back.version), shop.alias("production")) == ("customers/1", 1)
    assert "runcard.archived" not in shop.client.get_model_version(MODEL, "1").tags
    assert shop.client.get_model_version(MODEL, "2").tags["runcard.archived"] == back.promotion.at
    with pytest.raises(errors.ModelVersionUnknown, match="nothing held"):
        rollback(MODEL, **how)

    shop.client.set_registered_model_alias(MODEL, "production", "2")
    (moved,) = read_history(MODEL, **how).moved
    assert moved.startswith("`production` is on customers/2, the ledger left it on customers/1")
    assert promote(f"{MODEL}/1", to="production", force=True, reason="order", **how).promotion.previous == 2
    history = read_history(MODEL, **how)
    assert not history.moved
    told = [(e.promotion.kind, e.promotion.alias, e.promotion.previous, e.promotion.version) for e in history.entries]
    assert told == [
        ("register", None, None, 1),
        ("promote", "production", None, 1),
        ("register", None, None, 2),
        ("promote", "staging", None, 2),
        ("promote", "production", 1, 2),
        ("rollback", "production", 2, 1),
        ("promote", "production", 2, 1),
    ]

    events = shop.events()
    assert [run.info.run_id for run in events] == [entry.event_id for entry in history.entries]
    page = events[4]
    assert page.info.run_name == "customers/2 to production"
    assert page.data.tags["runcard.reason"] == "a trial of strength"
    assert page.data.tags["runcard.gates"].splitlines()[-1] == "beats_holder: failed"
    files = {entry.path for entry in shop.client.list_artifacts(page.info.run_id)}
    assert files == {"event.json", "gates.json"}
    assert events[0].data.params.keys() == {"next", "digest"}
    assert "s3cret" not in json.dumps([run.data.tags for run in events])  # no credentials anywhere
    assert_altered_events_are_seen(shop, page.info.run_id)


def assert_altered_events_are_seen(shop: Shop, event: str) -> None:
    assert str(verify_history(MODEL, project=shop.project)) == (
        "the ledger is as it was written: 7 events, each in its place"
    )
    shop.client.set_tag(event, "runcard.reason", "")
    with pytest.raises(errors.LedgerAltered, match=r"the tags of `customers/2 to production` .* `runcard\.reason`"):
        verify_history(MODEL, project=shop.project)
    shop.client.set_tag(event, "runcard.reason", "a trial of strength")


def assert_made_from_its_run(shop: Shop) -> None:
    made = shop.client.get_model_version(MODEL, "1")
    best = shop.client.get_run(made.run_id)
    assert made.run_id == shop.runs["logistic_regression"]
    assert made.description.startswith("logistic_regression-")
    for name in ("model_digest", "trial_key", "protocol"):
        assert made.tags[f"runcard.{name}"] == best.data.tags[f"runcard.{name}"]
    assert made.tags["runcard.card_run"] == best.data.tags["mlflow.parentRunId"]


@at("mlflow_server_on_postgres")
def test_plain_mlflow_and_predict_use_what_is_in_production(shop: Shop, tmp_path: Path) -> None:
    register("customers", project=shop.project)
    promote(f"{MODEL}/1", to="production", force=True, reason="as before", project=shop.project)
    load = f"import mlflow; print(mlflow.pyfunc.load_model('models:/{MODEL}@production').predict({ROWS}).tolist())"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import pandas as pd; {load}"],
        env=environment(MLFLOW_TRACKING_URI=shop.uri), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() in ("['yes']", "['no']"), done.stderr[-2000:]
    rows, out = tmp_path / "rows.csv", tmp_path / "out.csv"
    rows.write_text("age,bill,contract,city\n30.0,80.0,monthly,Ulm\n")
    assert predict(f"{MODEL}@production", rows, out, project=shop.project).n_rows == 1
    assert str(list(pd.read_csv(out)["prediction"])) == done.stdout.strip()


ROWS = "pd.DataFrame({'age': [30.0], 'bill': [80.0], 'contract': ['monthly'], 'city': ['Ulm']})"


@at("sqlite")
def test_what_cannot_be_judged_does_not_pass(shop: Shop) -> None:
    """Floors and constraints, data that changed or are gone, files that are not what was saved."""
    holder, candidate = register("customers", **on(shop)), register(shop.runs["random_forest"], **on(shop))
    promote(str(holder.version), to="production", force=True, reason="to begin", **on(shop))
    shop.set_gates(
        'floors = {roc_auc = ">= 0.99", f1 = "> 0"}', 'constraints = {model_mb = "< 50"}', "reproduced = true"
    )
    table, store = shop.folder / "table.csv", shop.folder / ".runcard" / "data"
    text = table.read_text()
    for change, evidence in (
        (lambda: None, ("failed", "roc_auc 0.")),
        (lambda: table.write_text(text.replace("Ulm", "Bonn", 1)), ("failed", "roc_auc 0.")),  # the data store has it
        (table.unlink, ("failed", "roc_auc 0.")),
        (lambda: store.rename(store.with_name("gone")), ("unknown", "the data of fingerprint ")),
    ):
        change()
        found = gates_of(shop, str(candidate.version))
        assert found["beats_holder"][0] == evidence[0]
        assert found["beats_holder"][1].startswith(evidence[1]), found
    store.with_name("gone").rename(store)
    table.write_text(text)
    assert {name: verdict for name, (verdict, _) in found.items()} == {
        "digest": "passed",
        "signature": "passed",
        "floor roc_auc": "failed",
        "floor f1": "unknown",
        "constraint model_mb": "passed",
        "reproduced": "unknown",
        "beats_holder": "unknown",
    }

    for version, name in ((candidate.version, "digest"), (holder.version, "beats_holder")):
        file = Path(shop.client.get_model_version(MODEL, str(version.version)).source[7:], "requirements.txt")
        kept = file.read_text()
        file.write_text(kept + "# changed\n")
        found = gates_of(shop, str(candidate.version))
        file.write_text(kept)
        assert found[name][0] == ("failed" if name == "digest" else "unknown")
        assert f"{version} is not loaded: the files hash to" in found["beats_holder"][1]


def gates_of(shop: Shop, version: str) -> dict[str, tuple[str, str]]:
    with pytest.raises(errors.GateFailed) as refused:
        promote(version, to="production", **on(shop))
    lines = [line.split(": ", 2) for line in refused.value.why.splitlines()]
    return {name: (verdict, evidence) for verdict, name, evidence in lines}


def on(shop: Shop) -> dict[str, Any]:
    return {"project": shop.project}


@at("sqlite", "own_postgres")
def test_of_two_who_promote_at_once_one_wins(shop: Shop, tmp_path: Path) -> None:
    """Judged against the same holder, by two processes; the other is told who won."""
    shop.set_gates()
    register("customers", project=shop.project)
    register(shop.runs["random_forest"], project=shop.project)
    if shop.alias("production"):
        shop.client.delete_registered_model_alias(MODEL, "production")
    for left in shop.folder.glob("judging-*"):
        left.unlink()
    command = [sys.executable, str(PROGRAM), "race", shop.uri, str(shop.folder)]
    others = [
        subprocess.Popen([*command, f"{MODEL}/{version}", "2"], env=environment(), stdout=subprocess.PIPE, text=True)
        for version in (1, 2)
    ]
    said = [json.loads(other.communicate(timeout=200)[0]) for other in others]
    assert [other.returncode for other in others] == [0, 0]
    (winner,) = [found["won"] for found in said if "won" in found]
    (lost,) = [found for found in said if "won" not in found]
    assert (lost["code"], lost["exit"]) == ("RC703", 3)
    assert f"was first: {winner} to production" in lost["why"]
    last = read_history(MODEL, project=shop.project)
    assert not last.moved
    assert str(shop.alias("production")) == winner.partition("/")[2] == str(last.entries[-1].promotion.version)
    assert len([entry for entry in last.entries if entry.promotion.at >= last.entries[-1].promotion.at]) == 1
    shop.events()
    verify_history(MODEL, project=shop.project)


@at("sqlite", "mlflow_server_on_postgres")
def test_a_kill_at_any_step_of_a_promotion_leaves_ledger_and_alias_agreed(shop: Shop) -> None:
    register("customers", project=shop.project)
    register(shop.runs["random_forest"], project=shop.project)
    promote(f"{MODEL}/2", to="production", force=True, reason="so that it is moved", project=shop.project)
    shop.set_gates("beats_holder = false")
    n_before = len(read_history(MODEL, project=shop.project).entries)
    found = [json.loads(line) for line in said_by("kills", shop.uri, str(shop.folder), MODEL)]
    assert len(found) > 12
    for line in found:
        assert not line["moved"], line
        assert line["holder"] == line["events"][-1][1], line
        assert line["archived"] == [3 - line["holder"]], line
        chain = [event for event in line["events"][n_before - 1 :] if event[0] != "register"]
        assert all(after[2] == before[1] for before, after in pairwise(chain)), line
    assert {line["n_begun"] for line in found} == {0, 1}  # some died before, some after their event was agreed upon
    shop.events()
    verify_history(MODEL, project=shop.project)


def test_a_kill_at_any_step_of_the_first_event_leaves_one_ledger(
    folder: Path, tmp_path: Path, empty_mlflow_db: Path
) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow_db.read_bytes())
    runcard.run(folder / "configs" / "card.yaml", tracking_uri=uri, workers=1)
    found = [json.loads(line) for line in said_by("begin", uri, str(folder), "customers")]
    assert len(found) > 8
    for line in found:
        assert (line["events"], line["n_versions"]) == ([["register", 1, None]], 1), line
        assert line["experiments"] == ["Default", "customers", "runcard-ledger"], line


def said_by(*arguments: str) -> list[str]:
    command = [sys.executable, str(PROGRAM), *arguments]
    done = subprocess.run(
        command, env=environment(OMP_NUM_THREADS="1"), capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()
