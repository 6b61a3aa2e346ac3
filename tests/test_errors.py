"""Every error code, provoked for real, with the exact text a user sees (tests/golden/errors/)."""

from __future__ import annotations

import inspect
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
from click.testing import CliRunner
from projects import commit, environment
from servers import run_dask_scheduler, run_dask_worker

import runcard
from runcard import errors
from runcard.cli import main
from runcard.data.signature import check_columns
from runcard.data.source import read_table, write_parquet
from runcard.journal import check_files, hold_card, open_journal, stage_files
from runcard.names import VersionRef, read_as
from runcard.project import find_project
from runcard.provenance.bundle import read_code
from runcard.provenance.capture.code import Code, capture_code
from runcard.provenance.capture.environment import digest_own_source
from runcard.provenance.rebuild.code import restore_code
from runcard.provenance.rebuild.requirements import want
from runcard.provenance.rebuild.sandbox import require_sandbox
from runcard.provenance.rebuild.venv import make_venv
from runcard.tracking import items
from runcard.tracking.mlflow import MlflowRegistry, MlflowTracker
from runcard.workflow.choose.compare import compare_runs
from runcard.workflow.replay.handing import run_child

GOLDEN = Path(__file__).parent / "golden" / "errors"
SOURCES = Path(runcard.__file__).parent
Provoke = Callable[[Path], str]

CARD = {
    "data": {"raw_path": "table.csv"},
    "features": {"target": "left"},
    "models": [{"name": "logistic_regression"}],
}
TABLE = "age,plan,left\n" + "".join(f"{20 + n},{'ab'[n % 2]},{'yn'[n % 3 == 0]}\n" for n in range(60))

CASES: dict[str, Provoke] = {}


def case(code: str, *marks: pytest.MarkDecorator) -> Callable[[Provoke], Provoke]:
    def add(provoke: Provoke) -> Provoke:
        CASES[code] = provoke
        MARKS[code] = marks
        return provoke

    return add


MARKS: dict[str, tuple[pytest.MarkDecorator, ...]] = {}


def write(
    root: Path, card: dict[str, object] | str | None = None, *, table: str | bytes = TABLE, **modules: str
) -> None:
    """Write a project: its settings, a card, a table, modules."""
    (root / "pyproject.toml").write_text(f"[tool.runcard]\nmodules = {json.dumps(list(modules))}\n")
    (root / "configs").mkdir(exist_ok=True)
    text = card if isinstance(card, str) else json.dumps({**CARD, **(card or {})}, indent=2)
    (root / "configs" / "card.yaml").write_text(text)
    (root / "table.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    for name, source in modules.items():
        (root / f"{name}.py").write_text(source)


def runcard_says(*arguments: str) -> str:
    """Run the command line in this process; a failure is what is asked for."""
    answer = CliRunner().invoke(main, arguments)
    assert answer.exit_code in (1, 2, 3), answer.output
    return answer.stderr


def python_says(step: Callable[[], object]) -> str:
    with pytest.raises(errors.RuncardError) as caught:
        step()
    return str(caught.value)


def check(root: Path, card: dict[str, object] | str | None = None, **how: str | bytes) -> str:
    write(root, card, **how)  # type: ignore[arg-type]
    return runcard_says("check", "card")


def section(name: str, **keys: object) -> dict[str, object]:
    return {name: {**CARD.get(name, {}), **keys}}  # type: ignore[dict-item]


# The command line, the project, its settings


@case("RC000")
def unexpected(root: Path) -> str:
    write(root, golden_rc000="import json\n\njson.dumps = None\n")
    command = [sys.executable, "-m", "runcard", "list", "datasets", "--json"]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment()).stderr


@case("RC001")
def unknown_command(root: Path) -> str:
    return runcard_says("chekc", "card")


@case("RC002")
def setting(root: Path) -> str:
    (root / "pyproject.toml").write_text("[tool.runcard]\nworkers = -1\n")
    return runcard_says("list", "models")


@case("RC003")
def module(root: Path) -> str:
    write(root, golden_rc003="import math\n\nRATE = math.sqroot(2)\n")
    return runcard_says("list", "models")


@case("RC004")
def registration(root: Path) -> str:
    source = "import runcard\n\n@runcard.metric\ndef gain(y_true, y_pred):\n    return 0.0\n"
    write(root, golden_rc004=source)
    return runcard_says("list", "metrics")


@case("RC006")
def package(root: Path) -> str:
    found = {name: sys.modules.get(name) for name in ("catboost",)}
    sys.modules.update(dict.fromkeys(found))  # type: ignore[arg-type]
    try:
        return check(root, {"models": [{"name": "catboost"}]})
    finally:
        for name, was in found.items():
            if was is None:
                del sys.modules[name]
            else:
                sys.modules[name] = was


# The card


@case("RC101")
def no_card(root: Path) -> str:
    write(root)
    return runcard_says("check", "crad")


@case("RC102")
def no_yaml(root: Path) -> str:
    data = "data:\n  raw_path: table.csv\n  raw_path: other.csv\nfeatures: {target: left}\n"
    return check(root, data + "models: &all\n  - name: !str ridge\n")


@case("RC103")
def metric(root: Path) -> str:
    return check(root, section("evaluation", metrics=["accuracy", "auc_roc", "neg_log_loss"]))


@case("RC104")
def key(root: Path) -> str:
    return check(root, {**section("data", random_sate=1, cv_folds=3), "experimnt": {}})


@case("RC105")
def no_key(root: Path) -> str:
    return check(root, "data: {raw_path: table.csv}\n")


@case("RC106")
def value(root: Path) -> str:
    return check(root, {**section("data", train_test_split="0.2"), **section("evaluation", metrics="accuracy")})


@case("RC107")
def conflict(root: Path) -> str:
    return check(root, section("data", dataset="iris", group="plan", time="age"))


@case("RC108")
def space(root: Path) -> str:
    params = {
        "C": {"distribution": "log_uniform", "min": 0.001, "max": 1000},
        "tol": [],
        "l1_ratio": {"min": 0},
    }
    return check(root, {"models": [{"name": "logistic_regression", "params": params}]})


@case("RC109")
def model(root: Path) -> str:
    return check(root, {"models": [{"name": "RandomForestClassifier"}]})


@case("RC110")
def hyperparameter(root: Path) -> str:
    return check(root, {"models": [{"name": "random_forest", "params": {"n_trees": 10}}]})


@case("RC111")
def dataset(root: Path) -> str:
    return check(root, {"data": {"dataset": "iriss"}})


@case("RC112")
def features(root: Path) -> str:
    return check(root, section("features", set="plain"))


# The data


@case("RC113")
def chosen_by_a_test_score(root: Path) -> str:
    return check(root, section("selection", constraints={"test_roc_auc": ">= 0.8"}))


@case("RC201")
def no_file(root: Path) -> str:
    return check(root, section("data", raw_path="tabel.csv"))


@case("RC202")
def encoding(root: Path) -> str:
    return check(root, table="age,plan,left\n20,größer,y\n".encode("latin-1"))


@case("RC203")
def empty(root: Path) -> str:
    return check(root, table="age,plan,left\n")


@case("RC204")
def same_columns(root: Path) -> str:
    return check(root, table="age,plan,age,left\n20,a,20,y\n")


@case("RC205")
def column(root: Path) -> str:
    return check(root, section("features", target="leftt", numerical=["aeg"]))


@case("RC206")
def constant(root: Path) -> str:
    return check(root, table="age,left\n" + "20,y\n" * 30)


@case("RC207")
def small_class(root: Path) -> str:
    return check(root, section("evaluation", cv_folds=5), table="age,left\n" + "20,y\n" * 30 + "20,n\n" * 4)


@case("RC208")
def text_in_numbers(root: Path) -> str:
    text = TABLE.replace("\n23,", "\n?,").replace("\n29,", "\n?,")
    return check(root, section("features", numerical=["age"]), table=text)


@case("RC209")
def infinite(root: Path) -> str:
    return check(root, table=TABLE.replace("\n23,", "\ninf,"))


@case("RC210")
def same_id(root: Path) -> str:
    return check(root, section("data", id="age"), table=TABLE.replace("\n23,", "\n22,"))


@case("RC211")
def two_roles(root: Path) -> str:
    return check(root, section("features", numerical=["age"], categorical=["plan", "left"]))


@case("RC212")
def changed(root: Path) -> str:
    from runcard.data.source import check_unchanged, stat_source

    write(root)
    stamp = stat_source(root / "table.csv")
    with (root / "table.csv").open("a") as file:
        file.write("99,a,y\n")
    return python_says(lambda: check_unchanged(stamp))


@case("RC213")
def unreadable(root: Path) -> str:
    return check(root, table=TABLE.replace("\n23,", "\n23,extra,"))


@case("RC214")
def split(root: Path) -> str:
    return check(root, section("data", test_where={"plan": "c"}))


@case("RC215")
def bad_target(root: Path) -> str:
    return check(root, table=TABLE.replace(",y\n21", ",\n21").replace(",n\n24", ",\n24"))


@case("RC216")
def unsupported(root: Path) -> str:
    text = "day,left\n" + "".join(f"2024-01-{n:02d},{'yn'[n % 2]}\n" for n in range(1, 31))
    return check(root, section("features", numerical=["day"]), table=text)


@case("RC217")
def unwritable(root: Path) -> str:
    write(root)
    table = read_table(root / "table.csv")
    return python_says(lambda: write_parquet(table, root / "table.csv" / "processed.parquet"))


@case("RC219")
def not_as_locked(root: Path) -> str:
    locked(root)
    (root / "table.csv").write_text(TABLE.replace("23,b,n", "32,b,n"))
    return runcard_says("check", "card")


@case("RC220")
def lock_unreadable(root: Path) -> str:
    locked(root)
    path = root / "runcard.lock"
    path.write_text(path.read_text().replace("rows = 60", "<<<<<<< HEAD\nrows = 60\n=======\nrows = 61\n>>>>>>> b"))
    return runcard_says("data", "list")


@case("RC221")
def not_locked(root: Path) -> str:
    locked(root)
    return runcard_says("data", "restore", "tabel.csv")


@case("RC222")
def data_gone(root: Path) -> str:
    locked(root)
    shutil.rmtree(root / ".runcard" / "data")
    (root / "table.csv").unlink()
    return runcard_says("data", "restore", "table.csv")


@case("RC223")
def store_unusable(root: Path) -> str:
    locked(root)
    (root / "pyproject.toml").write_text('[tool.runcard]\ndata_store = "table.csv"\n')
    return runcard_says("data", "list")


@case("RC224")
def content_damaged(root: Path) -> str:
    locked(root)
    (root / "table.csv").unlink()
    (kept,) = (root / ".runcard" / "data" / "files").iterdir()
    kept.unlink()
    kept.write_text(TABLE.replace("23,b,n", "32,b,n"))
    return runcard_says("data", "restore", "table.csv")


@case("RC225")
def data_in_the_way(root: Path) -> str:
    locked(root)
    (root / "table.csv").write_text("age\n1\n")
    return runcard_says("data", "restore", "table.csv")


@case("RC226", pytest.mark.slow)
def dvc_failed(root: Path) -> str:
    write(root)
    (root / "table.csv").unlink()
    command = [sys.executable, "-m", "dvc", "init", "-q", "--no-scm"]
    subprocess.run(command, cwd=root, env=environment(DVC_NO_ANALYTICS="true"), check=True)
    (root / "table.csv.dvc").write_text(f"outs:\n- md5: {'c0ffee00' * 4}\n  hash: md5\n  path: table.csv\n")
    return runcard_says("check", "card")


def locked(root: Path) -> None:
    """Lock the table of a project; long ago, so that the text is the same every day."""
    write(root)
    assert CliRunner().invoke(main, ["lock", "table.csv"]).exit_code == 0
    path = root / "runcard.lock"
    path.write_text(re.sub(r"(?m)^locked = .*", "locked = 2024-01-31T18:30:00Z", path.read_text()))


# Models, features, metrics


@case("RC218")
def input_mismatch(root: Path) -> str:
    return python_says(lambda: check_columns(["agee", "plan"], ["age", "plan", "city"], where="rows.csv"))


@case("RC301")
def rejected(root: Path) -> str:
    return check(root, {"models": [{"name": "logistic_regression", "params": {"C": [1, -1]}}]})


@case("RC302")
def impossible(root: Path) -> str:
    card = {"models": [{"name": "ridge", "params": {}}, {"name": "linear_svc"}]}
    return check(root, {**card, **section("evaluation", metrics=["accuracy", "log_loss"])})


@case("RC303")
def wrong_task(root: Path) -> str:
    return check(root, section("evaluation", metrics=["rmse", "accuracy", "r2"]))


@case("RC304")
def not_rowwise(root: Path) -> str:
    source = (
        "import runcard\n\n@runcard.features(rowwise=True)\ndef centred(frame):\n"
        "    return frame[['age']] - frame[['age']].mean()\n"
    )
    return check(root, section("features", set="centred"), golden_rc304=source)


@case("RC305")
def untrusted(root: Path) -> str:
    import skops.io

    from runcard.tracking.models.owncode import OwnCode
    from runcard.tracking.models.trust import trusted_types

    skops.io.dump(Fraction(1), root / "model.skops")
    return python_says(lambda: trusted_types(root / "model.skops", OwnCode()))


class Fraction:
    """A class of nobody's."""

    def __init__(self, part: int) -> None:
        self.part = part


# While trials run, and the journal

FRAGILE = """
import runcard
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier

@runcard.model
class fragile(DummyClassifier):
    def fit(self, X, y, sample_weight=None):
        if len(X) > 40:
            raise ArithmeticError("it does not converge")
        return super().fit(X, y, sample_weight)
"""


def run(root: Path, card: dict[str, object], **modules: str) -> str:
    write(root, card, **modules)
    text = runcard_says("run", "card", "--workers", "1")
    return text[text.index("error[") :]


NEVER_LONG = """
import runcard
from sklearn.dummy import DummyClassifier

@runcard.model
class endless(DummyClassifier):
    def __init__(self, n_estimators=5):
        super().__init__()
        self.n_estimators = n_estimators

    def fit(self, X, y, sample_weight=None):
        if self.n_estimators > 2:
            raise ArithmeticError("it does not converge")
        return super().fit(X, y, sample_weight)
"""


@case("RC400", pytest.mark.slow)
def finalist(root: Path) -> str:
    return run(root, {"models": [{"name": "fragile"}], **section("evaluation", cv_folds=3)}, golden_rc400=FRAGILE)


@case("RC401", pytest.mark.slow)
def all_failed(root: Path) -> str:
    models = [{"name": "endless", "params": {"n_estimators": [5, 10]}}]
    card = {"models": models, **section("evaluation", cv_folds=3)}
    return run(root, card, golden_rc401=NEVER_LONG)


@case("RC402")
def busy(root: Path) -> str:
    def hold_twice() -> None:
        with hold_card(root / ".runcard", "f" * 64), hold_card(root / ".runcard", "f" * 64):
            pass

    text = python_says(hold_twice)
    return re.sub(r"process \d+ on \S+ since .*", "process <pid> on <host> since <time>", text)


@case("RC403")
def journal(root: Path) -> str:
    (root / ".runcard").mkdir()
    (root / ".runcard" / "journal.db").write_text("no database" * 100)

    def read() -> None:
        with open_journal(root / ".runcard") as opened:
            opened.records(["0"])

    return python_says(read)


@case("RC404")
def damaged(root: Path) -> str:
    with stage_files(root / ".runcard", "record") as (folder, manifest):
        (folder / "model.skops").write_text("weights")
    (root / ".runcard" / "files" / "record" / "model.skops").write_text("weight")
    return python_says(lambda: check_files(root / ".runcard", "record", manifest))


@case("RC405", pytest.mark.slow)
def no_cluster(root: Path) -> str:
    write(root)
    return runcard_says("run", "card", "--on", "tcp://ada:s3cret@127.0.0.1:1")


@case("RC406", pytest.mark.slow)
def other_version(root: Path) -> str:
    write(root)
    fake = root / "fake" / "joblib-0.1.dist-info"
    fake.mkdir(parents=True)
    (fake / "METADATA").write_text("Metadata-Version: 2.1\nName: joblib\nVersion: 0.1\n")
    with run_dask_scheduler(root / "cluster") as cluster, run_dask_worker(cluster, path=str(fake.parent)):
        said = runcard_says("run", "card", "--on", cluster.address)
    return re.sub(r"tcp://127\.0\.0\.1:\d+", "<worker>", said).replace(version("joblib"), "<ours>")


# Tracking


@case("RC500")
def no_database(root: Path) -> str:
    write(root)
    return runcard_says("compare", "card", "--tracking-uri", "sqlite:///table.csv")


@case("RC501")
def away(root: Path) -> str:
    with socket.socket() as taken:  # bound and not listening: a port that refuses
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        text = runcard_says("compare", "churn", "--tracking-uri", f"http://me:secret@127.0.0.1:{port}")
    return text.replace(str(port), "<port>")


@case("RC502")
def no_experiment(root: Path) -> str:
    return tracker_says(root, lambda tracker: tracker.read_runs("chrun"))


@case("RC503")
def deleted_experiment(root: Path) -> str:
    def read(tracker: MlflowTracker) -> None:
        client(root).delete_experiment(tracker.ensure_experiment("spoiled"))
        with MlflowTracker(tracker.uri, artifact_root=root) as later:
            later.read_runs("spoiled")

    return tracker_says(root, read)


@case("RC504")
def deleted_run(root: Path) -> str:
    log = items.RunLog(
        record_id="r1", experiment="churn", name="forest-1", kind="trial", parent_run_id=None,
        started_ms=1, ended_ms=2, status="FINISHED", items=(),
    )  # fmt: skip

    def fill(tracker: MlflowTracker) -> None:
        run_id = tracker.open_run(log)
        client(root).delete_run(run_id)
        tracker.fill_run(run_id, log)

    return tracker_says(root, fill)


@case("RC505")
def not_comparable(root: Path) -> str:
    write(root)
    parts = {name: name[0] * 64 for name in ("data", "target", "split", "features", "metrics", "seed")}

    def compare(tracker: MlflowTracker) -> None:
        for protocol, changes in (("p" * 64, {}), ("q" * 64, {"data": "e" * 64, "split": "b" * 64})):
            tags = {"runcard.protocol": protocol, "runcard.parts": json.dumps(parts | changes)}
            log = items.RunLog(
                record_id=protocol, experiment=f"churn-{protocol[0]}", name=f"card-{protocol[0]}", kind="card",
                started_ms=1, ended_ms=2, status="FINISHED", items=tuple(items.Tag(*tag) for tag in tags.items()),
            )  # fmt: skip
            tracker.open_run(log)
        compare_runs(["churn-p", "churn-q"], find_project(root))

    return tracker_says(root, compare)


@case("RC506")
def no_such_run(root: Path) -> str:
    write(root)
    client(root).create_experiment("churn")
    return runcard_says("compare", "0123abcd", "4567cdef", "--tracking-uri", f"sqlite:///{root / 'mlflow.db'}")


@case("RC507")
def no_such_model(root: Path) -> str:
    def find(tracker: MlflowTracker) -> None:
        client(root).create_registered_model("churn")
        with MlflowRegistry(tracker.uri) as registry:
            registry.find(read_as(VersionRef, "chrun@production"))

    return tracker_says(root, find)


@case("RC510")
def ledger_made_by_hand(root: Path) -> str:
    write(root)
    client(root).create_experiment("runcard-ledger")
    return runcard_says("history", "churn")


@case("RC511")
def nothing_to_register(root: Path) -> str:
    write(root)
    made = client(root)
    made.create_run(made.create_experiment("churn"), run_name="by-hand")
    return runcard_says("register", "by-hand")


@case("RC512")
def card_edited_in_mlflow(root: Path) -> str:
    write(root)

    def compare(tracker: MlflowTracker) -> None:
        log = items.RunLog(
            "r", "card", "card-1", "churn", 1, "FINISHED", 2, items=(items.Tag("runcard.primary", "f1"),)
        )
        run_id = tracker.open_run(log)
        tracker.fill_run(run_id, log)
        tracker.client.set_tag(run_id, "runcard.primary", "recall")
        compare_runs(["churn"], find_project(root))

    return tracker_says(root, compare)


def tracker_says(root: Path, step: Callable[[MlflowTracker], object]) -> str:
    """Ask a tracker on `mlflow.db`, which has one experiment, `churn`."""
    with MlflowTracker(f"sqlite:///{root / 'mlflow.db'}", artifact_root=root) as tracker:
        tracker.ensure_experiment("churn")
        return python_says(lambda: step(tracker))


def client(root: Path) -> object:
    from mlflow import MlflowClient

    return MlflowClient(f"sqlite:///{root / 'mlflow.db'}")


@case("RC508")
def model_without_digest(root: Path) -> str:
    from mlflow import MlflowClient

    (root / "model").mkdir()
    (root / "model" / "MLmodel").write_text("flavors: {}\n")
    uri = f"sqlite:///{root / 'mlflow.db'}"
    client = MlflowClient(uri, registry_uri=uri)
    client.create_registered_model("churn")
    client.create_model_version("churn", (root / "model").as_uri())
    write(root)
    return runcard_says("predict", "churn", "table.csv", "-o", "out.csv")


# Gates


@case("RC702")
def gate_failed(root: Path) -> str:
    write(root)
    registered_by_hand(root)
    return runcard_says("promote", "churn/1", "--to", "production")


@case("RC703")
def overtaken(root: Path) -> str:
    from runcard.workflow.promote import promote

    write(root)
    registered_by_hand(root)

    def move(line: str) -> None:
        client(root).set_registered_model_alias("churn", "production", "2")

    return python_says(lambda: promote("churn/1", to="production", force=True, reason="urgent", note=move))


def registered_by_hand(root: Path) -> None:
    """Register two versions of a model that runcard did not make."""
    (root / "model").mkdir()
    (root / "model" / "MLmodel").write_text("flavors: {}\n")
    client(root).create_registered_model("churn")
    for _ in range(2):
        client(root).create_model_version("churn", (root / "model").as_uri())


@case("RC705")
def audit_failed(root: Path) -> str:
    made = client(root)
    experiment_id = made.create_experiment("churn", artifact_location=str(root / "mlartifacts"))
    run = made.create_run(experiment_id, run_name="notebook", tags={"mlflow.source.git.commit": "c" * 40})
    made.set_terminated(run.info.run_id)
    return runcard_says("audit", "notebook", "--require", "12")


@case("RC513")
def model_not_signed(root: Path) -> str:
    from runcard.tracking.models.digest import model_digest

    write(root)
    with (root / "pyproject.toml").open("a") as file:
        file.write("\n[tool.runcard.gates]\nsigned = true\n")
    (root / "model").mkdir()
    (root / "model" / "MLmodel").write_text("flavors: {}\n")
    tags = {"runcard.model_digest": model_digest(root / "model")}
    client(root).create_registered_model("churn")
    client(root).create_model_version("churn", (root / "model").as_uri(), tags=tags)
    return runcard_says("predict", "churn/1", "table.csv", "-o", "out.csv")


@case("RC706")
def ledger_edited(root: Path) -> str:
    from runcard.promotion import Promotion
    from runcard.tracking.mlflow import MlflowLedger

    write(root)
    made = client(root)
    made.create_registered_model("churn")
    event = Promotion("promote", "churn", 1, "run", "ada", "host", "2026-01-05T10:00:00+00:00", alias="staging")
    with MlflowLedger(f"sqlite:///{root / 'mlflow.db'}", artifact_root=root) as ledger:
        entry = ledger.append(event, None)
        ledger.finish(entry, version=1)
    made.set_tag(entry.event_id, "runcard.who", "eve")
    return re.sub(r"run [0-9a-f]{8}", "run <run>", runcard_says("history", "churn", "--verify"))


@case("RC010")
def uncommitted(root: Path) -> str:
    write(root, golden_rc010="RATE = 1\n")
    (root / ".gitignore").write_text("*.csv\n")
    committed(root)
    (root / "golden_rc010.py").write_text("RATE = 2\n")
    (root / "helper.py").write_text("x = 1\n")
    (root / "pyproject.toml").write_text('[tool.runcard]\nmodules = ["golden_rc010"]\ndirty = "forbid"\n')
    return runcard_says("run", "card", "--workers", "1")


def committed(root: Path) -> Code:
    """Commit all that is there, and look at it."""
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet"], ["add", "."], [*identity, "commit", "--quiet", "-m", "first"]):
        subprocess.run(["git", *words], cwd=root, check=True, env=environment())
    return replace(capture_code(root), branch="trunk")


@case("RC802")
def code_unrecorded(root: Path) -> str:
    return python_says(lambda: restore_code(Code(reason="git is not installed"), repository=root, into=root / "tree"))


@case("RC803")
def commit_missing(root: Path) -> str:
    write(root)
    code = replace(committed(root), commit="c0ffee" + "0" * 34, remote=str(root / "hub.git"))
    return python_says(lambda: restore_code(code, repository=root, into=root / "tree"))


@case("RC804")
def code_not_restored(root: Path) -> str:
    write(root)
    code = replace(
        committed(root), diff=b"diff --git a/gone.py b/gone.py\n--- a/gone.py\n+++ b/gone.py\n@@ -1 +1 @@\n-a\n+b\n"
    )
    said = python_says(lambda: restore_code(code, repository=root, into=root / "tree"))
    return said.replace(str(code.commit)[:12], "<commit>")


def recorded_environment(**changed: object) -> dict[str, object]:
    running = {"python": platform.python_version(), "implementation": platform.python_implementation()}
    return {**running, "packages": {"numpy": "0.0.1"}, "sources": {}, **changed}


def venv_says(root: Path, **changed: object) -> str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("UV_NO_INDEX", "1")
        patched.setenv("UV_PYTHON_DOWNLOADS", "never")
        patched.delenv("UV_FIND_LINKS", raising=False)
        wanted = want(recorded_environment(**changed))
        return python_says(lambda: make_venv(wanted, shelf=root / "shelf", own=root / "own", top=root, root=root))


@case("RC805")
def python_missing(root: Path) -> str:
    return venv_says(root, python="3.11.99")


@case("RC806")
def package_gone(root: Path) -> str:
    return venv_says(root)


@case("RC807")
def runcard_differs(root: Path) -> str:
    here = {"runcard": {"url": "file:///home/ada/runcard", "dir_info": {}}}
    asked = recorded_environment(packages={"runcard": "0.1.0"}, sources=here, runcard_source="c0ffee" * 8)
    said = python_says(lambda: want(asked))
    return said.replace(version("runcard"), "<version>").replace(digest_own_source()[:12], "<ours>")


@case("RC808")
def no_uv(root: Path) -> str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "uv", None)
        patched.setenv("PATH", "")
        return venv_says(root)


@case("RC809")
def no_verdict(root: Path) -> str:
    return python_says(lambda: run_child([sys.executable, "-c", "raise SystemExit(1)"], root, os.environ))


@case("RC810")
def record_unsafe(root: Path) -> str:
    described = Code(commit="--output=/home/ada/thesis.tex").as_dict()
    return python_says(lambda: read_code(described, {}))


@case("RC811", pytest.mark.slow)
def nobody_answers_for_it(root: Path) -> str:
    write(root)
    commit(root)
    assert CliRunner().invoke(main, ["run", "card", "--workers", "1"]).exit_code == 0
    shutil.rmtree(root / ".runcard")  # as on the machine of somebody else
    run_id = client(root).search_runs(["1"], "tags.`runcard.kind` = 'trial'")[0].info.run_id
    said = re.sub("regression-[0-9a-f]{8}", "regression-<key>", runcard_says("reproduce", run_id))
    return re.sub("[0-9]+ packages", "<n> packages", re.sub("commit [0-9a-f]{12}", "commit <commit>", said))


@case("RC812")
def no_sandbox(root: Path) -> str:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", str(root))
        return python_says(require_sandbox)


@case("RC601")
def interrupted(root: Path) -> str:
    source = "import os, signal, time\n\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(20)\n"
    write(root, golden_rc601=source)
    command = [sys.executable, "-m", "runcard", "list", "models"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert answer.returncode == errors.EXIT_INTERRUPTED
    return answer.stderr


@case("RC602")
def disk_full(root: Path) -> str:
    command = [sys.executable, "-m", "runcard", "schema"]
    with Path("/dev/full").open("w") as full:
        return subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False).stderr


@case("RC701")
def nothing_qualifies(root: Path) -> str:
    made = client(root)
    experiment_id = made.create_experiment("churn", artifact_location=str(root / "mlartifacts"))
    for name, latency in (("tree", 7.5), ("forest", 40.0)):
        run_id = made.create_run(experiment_id, run_name=name).info.run_id
        for metric, value in (("roc_auc", 0.8), ("f1", 0.7), ("latency_ms", latency)):
            made.log_metric(run_id, metric, value)
        made.set_terminated(run_id)
    asked = ["--experiment", "churn", "--metric", "roc_auc", "--max", "latency_ms=5", "--min", "f1=0.9"]
    return runcard_says("select", *asked, "--json")


@case("RC704", pytest.mark.slow)
def not_reproduced(root: Path) -> str:
    write(root)
    assert CliRunner().invoke(main, ["run", "card", "--workers", "1"]).exit_code == 0
    write(root, table=TABLE.replace("31,b,y", "32,b,y"))
    run_id = client(root).search_runs(["1"], "tags.`runcard.kind` = 'trial'")[0].info.run_id
    said = runcard_says("reproduce", run_id, "--here", "--workers", "1")
    return re.sub("[0-9a-f]{32}", "<run>", re.sub("regression-[0-9a-f]{8}", "regression-<key>", said))


@case("RC801")
def not_replayable(root: Path) -> str:
    write(root)
    made = client(root)
    experiment_id = made.create_experiment("churn", artifact_location=str(root / "mlartifacts"))
    run_id = made.create_run(experiment_id, run_name="by-hand").info.run_id
    made.set_terminated(run_id)
    return runcard_says("reproduce", "by-hand", "--here")


# The tests

FAMILIES_ONLY = {"RC100", "RC200", "RC300", "RC700", "RC800"}
"""Codes of families of which only finer errors are raised."""


def classes() -> Iterator[type[errors.RuncardError]]:
    for found in vars(errors).values():
        if inspect.isclass(found) and issubclass(found, errors.RuncardError) and "code" in vars(found):
            yield found


def test_every_code_is_provoked() -> None:
    assert {kind.code for kind in classes()} == {*CASES, *FAMILIES_ONLY}


def test_families_alone_are_not_raised() -> None:
    names = [kind.__name__ for kind in classes() if kind.code in FAMILIES_ONLY and kind is not errors.CardErrors]
    raised = re.compile(rf"errors\.({'|'.join(names)})\(")
    assert sorted(names) == ["CardError", "DataError", "GateError", "ModelError", "ReplayError"]
    assert not [path for path in SOURCES.rglob("*.py") if raised.search(path.read_text(encoding="utf-8"))]


def test_there_is_no_golden_file_too_many() -> None:
    assert {path.stem for path in GOLDEN.glob("*")} == set(CASES)


@pytest.mark.parametrize("code", [pytest.param(code, marks=MARKS[code]) for code in sorted(CASES)])
def test_golden(
    code: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    empty_mlflow_db: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in os.environ if name.startswith(("RUNCARD_", "MLFLOW_TRACKING"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "mlflow.db").write_bytes(empty_mlflow_db.read_bytes())
    text = CASES[code](tmp_path).replace(str(tmp_path), "<root>").rstrip() + "\n"
    golden = GOLDEN / f"{code}.txt"
    if request.config.getoption("--write-golden"):
        golden.write_text(text, encoding="utf-8")
    assert set(re.findall(r"^error\[(RC\d+)\]", text, re.MULTILINE)) == {code}
    assert text == golden.read_text(encoding="utf-8")


def test_every_answer_is_given() -> None:
    texts = {path.stem: path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.txt")}
    lacking = {
        code: label
        for code, text in texts.items()
        for error in text.split("\n\n")
        for label in ("where:", "why:", "hint:")
        if f"\n  {label}" not in error and (code, label) not in WITHOUT
    }
    assert not lacking


WITHOUT = {
    ("RC000", "where:"),
    ("RC001", "where:"),
    ("RC305", "where:"),
    ("RC601", "where:"),
    ("RC601", "why:"),
    ("RC601", "hint:"),
    ("RC602", "where:"),
}
"""What has no answer: no place in a file, and nothing more to say of Ctrl-C."""


def test_all_errors_travel_between_processes() -> None:
    import pickle

    one = errors.MetricUnknown("unknown metric `auc`", where="card.yaml:3:4", why="why", hint="hint")
    for error in (one, errors.CardErrors([one, one])):
        assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_nearest_and_listing() -> None:
    assert errors.nearest("Radnom", ["grid", "random"]) == "random"
    assert errors.nearest("xyz", ["grid", "random"]) is None
    assert errors.listing(["a", "b"]) == "`a`, `b`"
    assert errors.listing(list("abcdef"), 4) == "`a`, `b`, `c`, `d` and 2 more"
