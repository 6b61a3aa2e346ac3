"""Cards over every kind of table, split, target and registration, run whole and read back from MLflow."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import customers_card, environment, make_customers, run_cli, scores_of, write_project
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

import runcard
from runcard.tracking.mlflow import quiet_mlflow
from runcard.workflow.resolve import resolve


class Bench:
    """Runs cards in a folder and reads MLflow there."""

    def __init__(self, folder: Path, db: Path) -> None:
        self.folder, self._db = folder, db
        self.uri = f"sqlite:///{folder / 'mlflow.db'}"

    def write(self, card: dict[str, Any], **how: Any) -> Path:
        return write_project(self.folder, card, db=self._db, **how)

    def run(self, card: dict[str, Any], **how: Any) -> runcard.Result:
        result = runcard.run(self.write(card, **how), workers=1)
        assert result.problem is None, result.problem
        assert result.n_left == 0
        assert result.comparison.n_failed == 0, [s.record.error for s in result.comparison.standings]
        return result

    def predictions(self, result: runcard.Result, standing: Any) -> pd.DataFrame:
        from mlflow import MlflowClient

        run_id = result.runs[standing.record.trial_key]
        path = MlflowClient(self.uri).download_artifacts(run_id, "predictions.parquet")
        return pd.read_parquet(path)

    def model(self, result: runcard.Result, standing: Any) -> Any:
        import mlflow
        from mlflow import MlflowClient

        (output,) = MlflowClient(self.uri).get_run(result.runs[standing.record.trial_key]).outputs.model_outputs
        mlflow.set_tracking_uri(self.uri)
        return mlflow.sklearn.load_model(f"models:/{output.model_id}")


@pytest.fixture
def bench(tmp_path: Path, empty_mlflow_db: Path) -> Iterator[Bench]:
    import mlflow

    yield Bench(tmp_path / "project", empty_mlflow_db)
    mlflow.set_tracking_uri(None)


def finalists(result: runcard.Result) -> list[Any]:
    return [s for s in result.comparison.standings if s.final is not None]


LOGISTIC = [{"name": "logistic_regression", "params": {"C": [0.1, 1.0]}}]


def card_of(**changes: Any) -> dict[str, Any]:
    evaluation = {"metrics": ["accuracy"], "cv_folds": 3}
    return customers_card(**{"models": LOGISTIC, "evaluation": evaluation, **changes})


# Files and registered datasets


def test_every_file_format_gives_the_same_plan(tmp_path: Path) -> None:
    frame = make_customers()
    card = write_project(tmp_path / "project", card_of(), table=frame)
    plan = resolve(card).plan
    folder = tmp_path / "project"
    plain = frame.astype(object).where(frame.notna(), None)
    lines = "".join(json.dumps(row) + "\n" for row in plain.to_dict("records"))
    frame.to_parquet(folder / "table.parquet", index=False)
    frame.to_feather(folder / "table.feather")
    (folder / "table.jsonl").write_text(lines)
    frame.to_csv(folder / "table.tsv.gz", sep="\t", index=False)
    with gzip.open(folder / "table.jsonl.gz", "wt") as file:
        file.write(lines)
    for name in ("table.parquet", "table.feather", "table.jsonl", "table.jsonl.gz", "table.tsv.gz"):
        given = json.loads(card.read_text())
        given["data"]["raw_path"] = name
        card.write_text(json.dumps(given))
        assert resolve(card).plan.hash == plan.hash, name


DATASETS = """
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import runcard


def _frame():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"a": rng.normal(size=80), "b": rng.integers(0, 5, 80)})
    frame["kind"] = pd.Series(rng.choice(["x", "y"], 80), dtype="str")
    return frame.assign(label=np.where(frame["a"] + frame["b"] > 2, "high", "low"))


@runcard.dataset
def as_pandas():
    return _frame()


@runcard.dataset
def as_polars():
    return pl.from_dicts(_frame().to_dict("records"))


@runcard.dataset
def as_pair():
    frame = _frame()
    return frame.drop(columns="label"), frame["label"]


@runcard.dataset
def as_arrow():
    return pa.Table.from_pandas(_frame(), preserve_index=False)
"""


def dataset_card(name: str, **changes: Any) -> dict[str, Any]:
    features = {"numerical": ["a", "b"], "categorical": ["kind"], "target": "label"}
    return card_of(data={"dataset": name}, features=features, **changes)


def test_every_kind_of_registered_dataset_gives_the_same_plan(tmp_path: Path) -> None:
    names = ["as_pandas", "as_polars", "as_pair", "as_arrow"]
    path = write_project(tmp_path / "project", dataset_card("as_pandas"), modules={"tables": DATASETS})
    hashes = {}
    for name in names:
        path.write_text(json.dumps(dataset_card(name)))
        hashes[name] = resolve(path).plan.hash
    assert len(set(hashes.values())) == 1, hashes


@pytest.mark.slow
@pytest.mark.parametrize("name", ["as_polars", "as_pair"])
def test_registered_datasets_run(bench: Bench, name: str) -> None:
    result = bench.run(dataset_card(name), modules={"tables": DATASETS})
    (standing,) = finalists(result)
    found = bench.predictions(result, standing)
    assert set(found["prediction"]) <= {"high", "low"}


# Splits


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    n_rows = 120
    frame = pd.DataFrame({"person": rng.integers(0, 24, n_rows), "day": rng.permutation(n_rows)})
    frame["x"] = rng.normal(size=n_rows).round(5)
    frame["year"] = 2000 + frame["day"] // 30
    frame["outcome"] = np.where(frame["x"] + rng.normal(0, 0.4, n_rows) > 0, "up", "down")
    frame["amount"] = frame["x"] * 3 + rng.normal(0, 0.2, n_rows).round(5)
    return frame


def visit_card(target: str = "outcome", *, models: Any = None, evaluation: Any = None, **data: Any) -> Any:
    return {
        "data": {"raw_path": "table.csv", **data},
        "features": {"numerical": ["x"], "target": target},
        "models": models or LOGISTIC,
        "evaluation": evaluation or {"metrics": ["accuracy"], "cv_folds": 3},
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["group", "time", "test_where"])
def test_splits_by_column(bench: Bench, visits: pd.DataFrame, kind: str) -> None:
    asked = {"group": "person", "time": "day", "test_where": {"year": 2003}}
    result = bench.run(visit_card(**{kind: asked[kind]}), table=visits)
    (standing,) = finalists(result)
    rows = bench.predictions(result, standing)["row"]
    test, train = visits.iloc[rows], visits.drop(index=rows)
    if kind == "group":
        assert not set(test["person"]) & set(train["person"])
    elif kind == "time":
        assert test["day"].min() > train["day"].max()
    else:
        assert set(test["year"]) == {2003}
        assert 2003 not in set(train["year"])
    assert len(standing.record.scores["accuracy"]) == 3


@pytest.mark.slow
def test_leave_one_out(bench: Bench, visits: pd.DataFrame) -> None:
    few = visits.iloc[:30]
    result = bench.run(
        visit_card(evaluation={"metrics": ["accuracy", "log_loss"], "cv_folds": "leave_one_out"}), table=few
    )
    (standing,) = finalists(result)
    assert len(standing.record.scores["accuracy"]) == 24
    assert set(standing.record.scores["accuracy"]) <= {0.0, 1.0}


@pytest.mark.slow
def test_regression_with_repeated_folds(bench: Bench, visits: pd.DataFrame) -> None:
    models = [
        {"name": "ridge", "params": {"alpha": [0.1, 1.0]}},
        {"name": "xgboost", "params": {"n_estimators": [3, 6]}},
        {"name": "lightgbm", "params": {"n_estimators": 5}},
        {"name": "catboost", "params": {"iterations": 5}},
    ]
    evaluation = {"metrics": ["rmse", "mae", "r2"], "cv_folds": 3, "cv_repeats": 2}
    result = bench.run(visit_card("amount", models=models, evaluation=evaluation), table=visits)
    assert result.best.record.model == "ridge"
    assert not result.comparison.greater_is_better
    assert len(result.best.record.scores["rmse"]) == 6
    for standing in finalists(result):
        found = bench.predictions(result, standing)
        error = np.sqrt(((found["truth"] - found["prediction"]) ** 2).mean())
        assert error == pytest.approx(standing.final.scores["rmse"])
        given = bench.model(result, standing).predict(visits[["x"]].iloc[found["row"].to_numpy()])
        assert np.asarray(given).reshape(-1) == pytest.approx(found["prediction"].to_numpy(), rel=1e-6)


# Targets

BOOSTERS = [
    {"name": "logistic_regression"},
    {"name": "xgboost", "params": {"n_estimators": [3, 6]}},
    {"name": "lightgbm", "params": {"n_estimators": [3, 6]}},
    {"name": "catboost", "params": {"iterations": 5}},
]
TARGETS = {
    "text": ["no", "yes"],
    "zero and one": [0, 1],
    "whole numbers": [3, 7],
    "booleans": [False, True],
    "three texts": ["high", "low", "middle"],
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", TARGETS)
def test_labels_come_back_from_every_booster(bench: Bench, kind: str) -> None:
    labels = TARGETS[kind]
    rng = np.random.default_rng(4)
    codes = rng.integers(0, len(labels), 120)
    frame = pd.DataFrame({"x": codes + rng.normal(0, 0.4, 120), "z": rng.normal(size=120)})
    frame["label"] = [labels[code] for code in codes]
    card = {
        "data": {"raw_path": "table.csv"},
        "features": {"target": "label"},
        "models": BOOSTERS,
        "evaluation": {"metrics": ["accuracy", "f1", "log_loss"], "cv_folds": 3},
    }
    result = bench.run(card, table=frame)
    assert len(finalists(result)) == 4
    for standing in finalists(result):
        found = bench.predictions(result, standing)
        assert found["truth"].tolist() == frame["label"].iloc[found["row"]].tolist()
        assert [type(label) for label in found["prediction"].tolist()] == [type(labels[0])] * len(found)
        raw = frame[["x", "z"]].iloc[found["row"].to_numpy()]
        given = np.asarray(bench.model(result, standing).predict(raw)).reshape(-1).tolist()
        assert given == found["prediction"].tolist(), standing.record.model
        if standing.record.model != "catboost":  # which gives booleans as text
            assert {type(label) for label in given} == {type(labels[0])}, standing.record.model


@pytest.mark.slow
def test_the_positive_class_may_be_the_first(bench: Bench) -> None:
    card = card_of(
        features={"numerical": ["age", "bill"], "target": "left", "positive": "no"},
        evaluation={"metrics": ["recall", "precision", "roc_auc", "average_precision"], "cv_folds": 3},
    )
    result = bench.run(card, table=make_customers())
    (standing,) = finalists(result)
    found = bench.predictions(result, standing)
    truth, predicted, final = found["truth"], found["prediction"], standing.final.scores
    assert final["recall"] == pytest.approx(recall_score(truth, predicted, pos_label="no"))
    assert final["precision"] == pytest.approx(precision_score(truth, predicted, pos_label="no"))
    is_no, given = truth == "no", found["probability_no"]
    assert final["roc_auc"] == pytest.approx(roc_auc_score(is_no, given))
    assert final["average_precision"] == pytest.approx(average_precision_score(is_no, given))


# What a project registers

ELSEWHERE = """
import json, sys
import mlflow
import pandas as pd
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.sklearn.load_model(sys.argv[2])
print(json.dumps(list(model.predict(pd.read_csv(sys.argv[3])))))
"""


def loaded_elsewhere(bench: Bench, result: runcard.Result, standing: Any, rows: pd.DataFrame) -> list[Any]:
    """Load a model in a process that knows nothing of the project."""
    from mlflow import MlflowClient

    (output,) = MlflowClient(bench.uri).get_run(result.runs[standing.record.trial_key]).outputs.model_outputs
    file = bench.folder.parent / "rows.csv"
    rows.to_csv(file, index=False)
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, bench.uri, f"models:/{output.model_id}", str(file)],
        cwd=bench.folder.parent,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SETS = '''
import runcard
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from parts.years import per_year


@runcard.features
def imputed():
    return make_column_transformer((SimpleImputer(), ["age", "bill"]))


@runcard.features(rowwise=True)
def ratios(frame):
    out = frame[["bill"]].copy()
    out["per_year"] = per_year(frame)
    return out


class Careful(ClassifierMixin, BaseEstimator):
    """A classifier of the project's own, with an estimator inside."""

    def __init__(self, strength=1.0):
        self.strength = strength

    def fit(self, X, y):
        self.inner_ = LogisticRegression(C=1 / self.strength).fit(X, y)
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return self.inner_.predict(X)

    def predict_proba(self, X):
        return self.inner_.predict_proba(X)


@runcard.model(task="classification")
def careful(strength: float = 1.0):
    return Careful(strength)


@runcard.metric(greater_is_better=False)
def share_wrong(y_true, y_pred):
    """One minus accuracy."""
    return float((y_true != y_pred).mean())
'''


YEARS = """
def per_year(frame):
    return frame["bill"] / (frame["age"].fillna(40).astype("float64") + 1)
"""


@pytest.mark.slow
def test_registered_features_models_and_metrics(bench: Bench) -> None:
    card = card_of(
        features={"set": "imputed", "target": "left"},
        models=[
            {"name": "careful", "params": {"strength": [0.5, 2.0]}},
            {"name": "gaussian_nb", "features": {"set": "ratios"}},
            {"name": "decision_tree", "features": {"numerical": ["bill"], "categorical": ["city"]}},
        ],
        evaluation={"metrics": ["share_wrong", "accuracy"], "cv_folds": 3},
    )
    (bench.folder / "parts").mkdir(parents=True)
    (bench.folder / "parts" / "years.py").write_text(YEARS)
    result = bench.run(card, table=make_customers(), modules={"ours": SETS})
    assert not result.comparison.greater_is_better
    for standing in result.comparison.standings:
        wrong, right = standing.record.scores["share_wrong"], standing.record.scores["accuracy"]
        assert np.add(wrong, right) == pytest.approx(1.0)
    raw = pd.read_csv(bench.folder / "table.csv").drop(columns=["left", "customer"])
    for standing in finalists(result):
        found = bench.predictions(result, standing)
        given = bench.model(result, standing).predict(raw.iloc[found["row"].to_numpy()])
        assert list(given) == found["prediction"].tolist(), standing.record.model
        assert loaded_elsewhere(bench, result, standing, raw.iloc[found["row"].to_numpy()]) == list(given)
    sets = {s.record.model: s.record.features for s in result.comparison.standings}
    assert sets == {"careful": "imputed", "gaussian_nb": "ratios", "decision_tree": "models[2]"}


FOREIGN = '''
from sklearn.linear_model import LogisticRegression


class Foreign(LogisticRegression):
    """Of a module that the project does not name."""
'''
USES_FOREIGN = """
import runcard
from foreign import Foreign


@runcard.model(task="classification")
def foreign_model(C: float = 1.0):
    return Foreign(C=C)
"""


@pytest.mark.slow
def test_models_of_unknown_types_keep_their_scores(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    card = card_of(models=[{"name": "foreign_model", "params": {"C": [0.1, 1.0]}}])
    write_project(folder, card, table=make_customers(), modules={"ours": USES_FOREIGN})
    (folder / "foreign.py").write_text(FOREIGN)
    answer = run_cli(folder, "run", "card")
    assert answer.returncode == 1, answer.stderr
    assert "error[RC305]" in answer.stderr
    assert "foreign.Foreign" in answer.stderr
    assert "--model-format cloudpickle" in answer.stderr
    assert "Finalists" in answer.stdout
    scores = json.loads(run_cli(folder, "run", "card", "--json").stdout)["trials"]
    assert scores[0]["test_accuracy"] > 0.5

    answer = run_cli(folder, "run", "card", "--model-format", "cloudpickle", "--json")
    assert answer.returncode == 0, answer.stderr
    rows = json.loads(answer.stdout)["trials"]
    assert [row.get("test_accuracy") for row in rows] == [row.get("test_accuracy") for row in scores]
    from mlflow import MlflowClient

    with quiet_mlflow():  # whose first import in a process warns of its own dependencies
        client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    best = client.get_run(rows[0]["run_id"])
    assert len(best.outputs.model_outputs) == 1
    again = run_cli(folder, "run", "card", "--model-format", "cloudpickle")
    assert again.stderr.startswith("Nothing to run")


MEDDLER = """
import pathlib
import runcard
from sklearn.linear_model import LogisticRegression

TABLE = pathlib.Path(__file__).with_name("table.csv")


class Meddler(LogisticRegression):
    def fit(self, X, y):
        TABLE.write_text(TABLE.read_text() + "c9999,20,10.0,monthly,Ulm,yes\\\\n")
        return super().fit(X, y)


@runcard.model(task="classification")
def meddler():
    return Meddler()
"""


@pytest.mark.slow
def test_a_file_edited_while_the_run_is_on(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    card = card_of(models=[{"name": "meddler"}, *LOGISTIC])
    write_project(folder, card, table=make_customers(), modules={"ours": MEDDLER.replace("\\\\n", "\\n")})
    answer = run_cli(folder, "run", "card")
    assert answer.returncode == 1
    assert "error[RC212]: `table.csv` changed while it was being used" in answer.stderr
    assert "Finalists" in answer.stdout


@pytest.mark.slow
def test_the_processed_table_gives_the_same_plan(bench: Bench) -> None:
    card = card_of(data={"raw_path": "table.csv", "id": "customer", "processed_path": "data/clean.parquet"})
    result = bench.run(card, table=make_customers())
    kept = json.loads((bench.folder / "configs" / "card.yaml").read_text())
    kept["data"] = {"raw_path": "data/clean.parquet", "id": "customer"}
    (bench.folder / "configs" / "card.yaml").write_text(json.dumps(kept))
    again = runcard.run(bench.folder / "configs" / "card.yaml")
    assert again.n_run == 0
    assert scores_of(again) == scores_of(result)
