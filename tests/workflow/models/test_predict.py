"""Predicting files with registered models."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import customers_card, make_customers, write_project
from registered import load_pipeline, register, stored_model

import runcard
from runcard import errors
from runcard.project import Project, find_project
from runcard.tracking.models.digest import model_digest
from runcard.workflow.models.predict import predict

pytestmark = pytest.mark.slow

OWN = '''
import runcard
from sklearn.base import BaseEstimator, TransformerMixin


class Words(TransformerMixin, BaseEstimator):
    """What a number is written like: it shows of which type a column is."""

    def fit(self, X, y=None):
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return X["age"].astype(str).str.len().to_numpy().reshape(-1, 1)

    def get_feature_names_out(self, names=None):
        return ["length"]


@runcard.features
def words():
    return Words()
'''


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> runcard.Result:
    folder = tmp_path_factory.mktemp("predict") / "project"
    card = customers_card(
        data={"raw_path": "table.csv", "id": "customer", "train_test_split": 0.25, "na_values": ["?"]},
        models=[
            {"name": "logistic_regression"},
            {"name": "random_forest", "params": {"n_estimators": 5}},
            {"name": "xgboost", "params": {"n_estimators": 5}},
            {"name": "decision_tree", "features": {"set": "words"}},
        ],
    )
    table = make_customers()
    table["age"] = table["age"].fillna(40)  # whole numbers throughout
    path = write_project(folder, card, table=table, db=empty_mlflow_db, modules={"predict_own": OWN})
    return runcard.run(path, workers=2)


@pytest.fixture(scope="module")
def project(result: runcard.Result) -> Project:
    return find_project(Path(result.tracking_uri.removeprefix("sqlite:///")).parent)


@pytest.fixture(scope="module")
def models(result: runcard.Result) -> dict[str, str]:
    names = ("logistic_regression", "random_forest", "xgboost", "decision_tree")
    return {name: register(result, name, name, alias="production") for name in names}


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Rows to predict, among them gaps where training had none, and categories that it never saw."""
    frame = make_customers(230).drop(columns="left")
    frame.loc[[5, 6, 9], "contract"] = ["weekly", "daily", "weekly"]
    return frame


@pytest.fixture
def csv(rows: pd.DataFrame, tmp_path: Path) -> Path:
    rows.to_csv(tmp_path / "rows.csv", index=False, na_rep="?")
    return tmp_path / "rows.csv"


@pytest.mark.parametrize("batch_rows", [1, 7, 1000])
@pytest.mark.parametrize("model", ["logistic_regression", "random_forest", "xgboost"])
def test_batches_change_nothing(
    result: runcard.Result,
    project: Project,
    models: dict[str, str],
    rows: pd.DataFrame,
    csv: Path,
    model: str,
    batch_rows: int,
) -> None:
    out = csv.with_name("out.parquet")
    some = rows.head(40) if batch_rows == 1 else rows
    some.to_csv(csv, index=False, na_rep="?")
    found = predict(f"{model}@production", csv, out, project=project, batch_rows=batch_rows)
    pipeline = load_pipeline(result, models[model])
    told = some.assign(age=some["age"].astype(float))
    written = pd.read_parquet(out)
    assert written["customer"].tolist() == some["customer"].tolist()
    assert written["prediction"].tolist() == pipeline.predict(told).tolist()
    assert written.columns[2:].tolist() == [f"probability_{label}" for label in pipeline.classes_]
    np.testing.assert_allclose(written.iloc[:, 2:], pipeline.predict_proba(told), rtol=1e-6, atol=0)
    (unseen,) = found.unseen
    assert (unseen.column, unseen.n_rows, unseen.values) == ("contract", 3, ["weekly", "daily"])
    assert found.n_rows == len(some)


def test_a_type_does_not_change_with_the_rows_beside_it(project: Project, models: dict[str, str], csv: Path) -> None:
    """The project's own feature set sees `34`, where pandas makes `34.0` of it beside a gap."""
    outs = []
    for batch_rows in (1, 7, 1000):
        outs.append(csv.with_name(f"{batch_rows}.parquet"))
        predict("decision_tree", csv, outs[-1], project=project, batch_rows=batch_rows)
    first, *others = [pd.read_parquet(out) for out in outs]
    for other in others:
        pd.testing.assert_frame_equal(first, other)


def test_every_format_gives_the_same(project: Project, models: dict[str, str], rows: pd.DataFrame, csv: Path) -> None:
    (csv.with_name("rows.csv.gz")).write_bytes(gzip.compress(csv.read_bytes()))
    shuffled = rows[rows.columns[::-1]].assign(notes="x")
    shuffled.to_parquet(csv.with_name("rows.parquet"), row_group_size=50)
    outs = {}
    for source in ("rows.csv", "rows.csv.gz", "rows.parquet"):
        for ending in (".csv", ".csv.gz", ".parquet"):
            out = csv.with_name(f"{source}-out{ending}")
            found = predict("logistic_regression/1", csv.with_name(source), out, project=project, batch_rows=100)
            outs[out.name] = pd.read_parquet(out) if ending == ".parquet" else pd.read_csv(out)
            assert found.ignored == (("notes",) if source == "rows.parquet" else ())
    first = outs.pop("rows.csv-out.csv")
    for other in outs.values():
        pd.testing.assert_frame_equal(first, other)


def test_without_the_id_rows_are_numbered(project: Project, models: dict[str, str], rows: pd.DataFrame, csv: Path):
    rows.drop(columns="customer").to_csv(csv, index=False)
    out = csv.with_name("out.csv")
    predict("logistic_regression", csv, out, project=project, batch_rows=100)
    assert pd.read_csv(out)["row"].tolist() == list(range(len(rows)))


@pytest.mark.parametrize(
    ("change", "what", "where"),
    [
        (lambda f: f.drop(columns=["age", "city"]), "lacks 2 columns that the model takes: `age`, `city`", "rows.csv"),
        (
            lambda f: f.assign(bill=f["bill"].astype(str).mask(f.index == 150, "?!")),
            "where the model takes numbers",
            "row 151",
        ),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    project: Project, models: dict[str, str], rows: pd.DataFrame, csv: Path, change: Any, what: str, where: str
) -> None:
    change(rows).to_csv(csv, index=False)
    out = csv.with_name("out.csv")
    out.write_text("what was there")
    with pytest.raises(errors.RuncardError) as caught:
        predict("logistic_regression", csv, out, project=project, batch_rows=100)
    assert "error[RC218]" in str(caught.value)
    assert what in str(caught.value)
    assert where in str(caught.value)
    assert out.read_text() == "what was there"
    assert {path.name for path in csv.parent.iterdir()} == {"rows.csv", "out.csv"}


def test_the_input_is_not_written_over(project: Project, models: dict[str, str], csv: Path) -> None:
    with pytest.raises(errors.UsageError, match="is the input"):
        predict("logistic_regression", csv, csv, project=project)


@pytest.fixture
def damaged(result: runcard.Result, models: dict[str, str]) -> Iterator[Path]:
    """The stored model, to be changed and then put back."""
    folder = stored_model(result, models["logistic_regression"])
    shutil.copytree(folder, kept := folder.with_name(f"{folder.name}-kept"))
    yield folder
    shutil.rmtree(folder)
    kept.rename(folder)


def test_a_changed_model_is_not_loaded_even_with_allow_code(damaged: Path, project: Project, csv: Path) -> None:
    (damaged / "requirements.txt").write_text("evil\n")
    for allow_code in (False, True):
        with pytest.raises(errors.ModelDamaged, match="not those that were saved"):
            predict("logistic_regression", csv, csv.with_name("o.csv"), project=project, allow_code=allow_code)


def test_the_digest_of_an_untagged_version_is_that_of_its_run(
    result: runcard.Result, project: Project, damaged: Path, csv: Path
) -> None:
    register(result, "logistic_regression", "untagged", tagged=False)
    predict("untagged", csv, csv.with_name("o.csv"), project=project)
    (damaged / "requirements.txt").write_text("evil\n")
    with pytest.raises(errors.ModelDamaged):
        predict("untagged", csv, csv.with_name("o.csv"), project=project)


def test_a_model_of_other_code_needs_a_word(
    result: runcard.Result, project: Project, models: dict[str, str], csv: Path
) -> None:
    own = project.root / "predict_own.py"
    same = own.read_text()
    try:
        own.write_text(same + "\n# changed since\n")
        with pytest.raises(errors.TypesUntrusted, match=r"its code is not that of this project: `predict_own\.py`"):
            predict("decision_tree", csv, csv.with_name("o.csv"), project=project)
        with pytest.raises(errors.TypesUntrusted, match=r"types of other packages: `predict_own\.Words`"):
            predict(
                "decision_tree",
                csv,
                csv.with_name("o.csv"),
                project=Project(csv.parent).with_settings(tracking_uri=project.tracking_uri),
            )
        assert predict("decision_tree", csv, csv.with_name("o.csv"), project=project, allow_code=True).n_rows
    finally:
        own.write_text(same)


def test_a_model_that_runcard_did_not_make_needs_a_word(
    result: runcard.Result, project: Project, models: dict[str, str], csv: Path, tmp_path: Path
) -> None:
    """A pickle runs what is in it."""
    import mlflow.sklearn
    from mlflow import MlflowClient
    from mlflow.models import infer_signature
    from sklearn.linear_model import LogisticRegression

    table = pd.DataFrame({"bill": [1.0, 50.0, 90.0], "left": ["no", "yes", "yes"]})
    model = LogisticRegression().fit(table[["bill"]], table["left"])
    signature = infer_signature(table[["bill"]], table["left"])
    folder = tmp_path / "foreign"
    mlflow.sklearn.save_model(
        model, str(folder), signature=signature, serialization_format="cloudpickle", pip_requirements=["scikit-learn"]
    )
    client = MlflowClient(project.tracking_uri, registry_uri=project.tracking_uri)
    client.create_registered_model("foreign")
    client.create_model_version("foreign", folder.as_uri())
    out = csv.with_name("o.csv")
    with pytest.raises(errors.ModelDamaged, match="nothing says what the files"):
        predict("foreign", csv, out, project=project)
    client.set_model_version_tag("foreign", "1", "runcard.model_digest", model_digest(folder))
    with pytest.raises(errors.TypesUntrusted, match="it is kept in cloudpickle format"):
        predict("foreign", csv, out, project=project)
    assert not out.exists()
    predict("foreign", csv, out, project=project, allow_code=True)
    bills = pd.read_csv(csv)[["bill"]]
    assert pd.read_csv(out)["prediction"].tolist() == model.predict(bills).tolist()
