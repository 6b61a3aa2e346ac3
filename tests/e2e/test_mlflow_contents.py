"""What stands in MLflow after a run, read with MLflow's own client, for each kind of store."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from projects import commit, customers_card, journal_of, make_customers, write_project

import runcard
from runcard.plan import Plan
from runcard.redact import redact
from runcard.workflow.resolve import resolve

PASSWORD = "s3cret"


@dataclass(frozen=True)
class Story:
    """A finished run: where it is, what it gave, and MLflow's client on it."""

    folder: Path
    uri: str
    result: Any
    plan: Plan
    client: Any
    said: str

    @property
    def experiment_id(self) -> str:
        return self.client.get_experiment_by_name("customers").experiment_id

    def runs(self, kind: str) -> list[Any]:
        return list(
            self.client.search_runs(
                [self.experiment_id], f"tags.`runcard.kind` = '{kind}'", order_by=["attributes.start_time"]
            )
        )

    @property
    def parent(self) -> Any:
        (run,) = self.runs("card")
        return run

    def run_of(self, standing: Any) -> Any:
        return self.client.get_run(self.result.runs[standing.record.trial_key])

    def artifacts(self, run: Any, folder: str | None = None) -> set[str]:
        return {found.path for found in self.client.list_artifacts(run.info.run_id, folder)}

    def text(self, run: Any, path: str) -> str:
        return Path(self.client.download_artifacts(run.info.run_id, path)).read_text()

    @property
    def standings(self) -> tuple[Any, ...]:
        return self.result.comparison.standings

    @property
    def finalists(self) -> list[Any]:
        return [s for s in self.standings if s.final is not None]


def _with_password(address: str) -> str:
    return address.replace("http://", f"http://runner:{PASSWORD}@")


def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, runcard.Result, str]:
    """Run the customers' card once for a kind of store, in a git repository with a change in it."""
    if request.param == "sqlite":
        folder, result = request.getfixturevalue("customers_run")
        return folder, result, result.tracking_uri
    uri = {
        "server": lambda: _with_password(request.getfixturevalue("mlflow_server")),
        "server on PostgreSQL": lambda: _with_password(request.getfixturevalue("mlflow_server_on_postgres")),
        "PostgreSQL": lambda: request.getfixturevalue("own_postgres"),
    }[request.param]()
    folder = tmp_path_factory.mktemp("contents") / "project"
    card = write_project(folder, customers_card(), table=make_customers())
    commit(folder)
    (folder / "notes.py").write_text("# not committed yet\n")
    return folder, runcard.run(card, tracking_uri=uri, workers=2), uri


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("sqlite", marks=pytest.mark.slow),
        pytest.param("server", marks=pytest.mark.slow),
        pytest.param("server on PostgreSQL", marks=pytest.mark.slow),
        pytest.param("PostgreSQL", marks=pytest.mark.slow),
    ],
)
def story(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    import mlflow

    folder, result, uri = made(request, tmp_path_factory)
    card = folder / "configs" / "card.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient(tracking_uri=uri)
        yield Story(folder, uri, result, resolve(card).plan, client, repr(result))
        mlflow.set_tracking_uri(None)


def test_everything_was_delivered(story: Story) -> None:
    assert story.result.problem is None
    assert (story.result.n_run, story.result.n_left) == (4, 0)
    assert len(story.finalists) == 2
    assert len(story.runs("trial")) == 4
    assert set(story.result.runs) == {s.record.trial_key for s in story.standings}


def test_the_cards_run(story: Story) -> None:
    run = story.parent
    assert run.info.run_id == story.result.run_id
    assert run.info.status == "FINISHED"
    date, name, key = run.info.run_name.rsplit("-", 2)
    assert (len(date), name, key) == (15, "customers", story.plan.hash[:8])
    tags = run.data.tags
    assert tags["mlflow.note.content"] == "Who leaves?"
    assert tags["team"] == "blue"
    assert tags["runcard.plan"] == story.plan.hash
    assert tags["runcard.protocol"] == story.plan.protocol
    assert tags["runcard.best_trial"] == story.result.best.record.trial_key
    assert tags["runcard.test_openings"] == "2"
    assert (tags["runcard.decision"], tags["runcard.decision_rule"]) == ("chosen", "best")
    assert story.client.get_run(tags["runcard.decision_run"]).data.tags["runcard.decision"] == "chosen"
    assert (tags["runcard.n_trials"], tags["runcard.n_done"], tags["runcard.n_failed"]) == ("4", "4", "0")
    best = story.result.best
    assert run.data.metrics == {
        "best_cv_roc_auc_mean": best.mean,
        "best_test_roc_auc": best.final.scores["roc_auc"],
        "chosen_cv_roc_auc_mean": best.mean,
        "chosen_test_roc_auc": best.final.scores["roc_auc"],
    }
    assert run.info.start_time <= run.info.end_time


def test_the_cards_run_says_which_commit(story: Story) -> None:
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=story.folder, check=True, capture_output=True, text=True
    ).stdout.strip()
    tags = story.parent.data.tags
    assert tags["mlflow.source.git.commit"] == head
    assert tags["mlflow.source.git.branch"] == "main"
    assert json.loads(story.text(story.parent, "provenance/code.json"))["dirty"] is True
    assert "notes.py" in story.text(story.parent, "provenance/code.json")
    assert tags["mlflow.source.git.repoURL"].endswith("git.example.org/churn.git")


def test_the_cards_run_has_the_plan_and_its_circumstances(story: Story) -> None:
    run = story.parent
    assert {"card.yaml", "plan.json", "comparison.csv", "provenance"} <= story.artifacts(run)
    assert story.text(run, "card.yaml") == (story.folder / "configs" / "card.yaml").read_text()
    plan = json.loads(story.text(run, "plan.json"))
    assert plan["hash"] == story.plan.hash
    assert [trial["key"] for trial in plan["trials"]] == [trial.key for trial in story.plan.trials]
    provenance = story.artifacts(run, "provenance")
    parts = ("code", "container", "environment", "hardware", "notebooks", "seeds")
    assert {f"provenance/{name}.json" for name in parts} <= provenance
    assert "provenance/requirements.txt" in provenance
    assert "scikit-learn==" in story.text(run, "provenance/requirements.txt")
    assert json.loads(story.text(run, "provenance/seeds.json"))["random_state"] == 42


def test_the_comparison_is_kept_as_a_table(story: Story) -> None:
    path = story.client.download_artifacts(story.result.run_id, "comparison.csv")
    table = pd.read_csv(path)
    assert table["trial_key"].tolist() == [s.record.trial_key for s in story.standings]
    assert table["cv_roc_auc_mean"].tolist() == pytest.approx([s.mean for s in story.standings], abs=1e-12)


def test_the_cards_run_names_its_data(story: Story) -> None:
    (given,) = story.parent.inputs.dataset_inputs
    data = given.dataset
    assert data.name == "table.csv"
    assert data.digest == story.plan.work.fingerprint.digest[:36]
    assert json.loads(data.profile) == {"num_rows": 160, "n_train": 120, "n_test": 40}
    names = [column["name"] for column in json.loads(data.schema)["columns"]]
    assert names == list(make_customers().columns)
    assert "table.csv" in data.source
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "training"}


def test_every_trial_is_a_child_with_its_params_and_scores(story: Story) -> None:
    for standing in story.standings:
        record, run = standing.record, story.run_of(standing)
        assert run.info.status == "FINISHED"
        assert run.info.run_name == f"{record.model}-{record.trial_key[:8]}"
        assert run.data.tags["mlflow.parentRunId"] == story.result.run_id
        assert run.data.tags["runcard.trial_key"] == record.trial_key
        assert run.data.params == {
            "model": record.model,
            **{name: json.dumps(value) for name, value in record.params.items()},
        }
        for name, scores in record.scores.items():
            steps = story.client.get_metric_history(run.info.run_id, f"cv_{name}")
            assert [(m.step, m.value) for m in sorted(steps, key=lambda m: m.step)] == list(enumerate(scores))
            assert run.data.metrics[f"cv_{name}_mean"] == pytest.approx(np.mean(scores), abs=1e-12)
            assert run.data.metrics[f"cv_{name}_std"] == pytest.approx(np.std(scores, ddof=1), abs=1e-12)
        assert run.data.metrics["fit_seconds"] == pytest.approx(np.mean(record.fit_seconds))
        assert run.data.metrics["predict_ms_p95"] == record.predict_ms_p95 > 0
        assert run.data.metrics["model_mb"] == record.model_mb > 0


def test_losers_never_see_the_test_rows(story: Story) -> None:
    losers = [s for s in story.standings if s.final is None]
    assert len(losers) == 2
    for standing in losers:
        run = story.run_of(standing)
        assert not [name for name in run.data.metrics if name.startswith("test_")]
        assert not (run.outputs and run.outputs.model_outputs)
        assert story.artifacts(run) == set()


def test_finalists_have_test_scores_figures_and_tables(story: Story) -> None:
    for standing in story.finalists:
        run = story.run_of(standing)
        for name, value in standing.final.scores.items():
            assert run.data.metrics[f"test_{name}"] == value
        expected = {"classification_report.json", "classification_report.txt", "confusion_matrix.png"}
        expected |= {"feature_importance.csv", "feature_importance.png", "precision_recall.png"}
        expected |= {"predictions.parquet", "roc_curve.png"}
        assert expected <= story.artifacts(run)
        report = json.loads(story.text(run, "classification_report.json"))
        assert report["accuracy"] == pytest.approx(standing.final.scores["accuracy"])


def test_predictions_are_of_the_test_rows(story: Story) -> None:
    table = make_customers()
    for standing in story.finalists:
        found = predictions(story, standing)
        assert found["row"].tolist() == story.plan.work.split.test.tolist()
        assert found["customer"].tolist() == table["customer"][found["row"]].tolist()
        assert found["truth"].tolist() == table["left"][found["row"]].tolist()
        assert (found["prediction"] == found["truth"]).mean() == standing.final.scores["accuracy"]
        assert found[["probability_no", "probability_yes"]].sum(axis=1).to_numpy() == pytest.approx(1.0)


def predictions(story: Story, standing: Any) -> pd.DataFrame:
    run_id = story.result.runs[standing.record.trial_key]
    return pd.read_parquet(story.client.download_artifacts(run_id, "predictions.parquet"))


def raw_rows(story: Story, rows: pd.Series) -> pd.DataFrame:
    """Return test rows as a user reads them: the file itself, without its target and id."""
    frame = pd.read_csv(story.folder / "table.csv").drop(columns=["left", "customer"])
    return frame.iloc[rows.to_numpy()].reset_index(drop=True)


@pytest.mark.parametrize("flavor", ["sklearn", "pyfunc"])
def test_models_load_and_predict_raw_rows(story: Story, flavor: str) -> None:
    import mlflow.pyfunc
    import mlflow.sklearn

    load = mlflow.sklearn.load_model if flavor == "sklearn" else mlflow.pyfunc.load_model
    for standing in story.finalists:
        run = story.run_of(standing)
        (output,) = run.outputs.model_outputs
        found = predictions(story, standing)
        raw = raw_rows(story, found["row"])
        assert raw.isna().any().any()  # the point is that gaps are the model's business
        given = load(f"models:/{output.model_id}").predict(raw)
        assert list(given) == found["prediction"].tolist()


def test_models_have_a_signature_an_example_and_exact_requirements(story: Story) -> None:
    from mlflow.models import get_model_info

    for standing in story.finalists:
        (output,) = story.run_of(standing).outputs.model_outputs
        info = get_model_info(f"models:/{output.model_id}")
        assert info.signature.inputs.input_names() == ["age", "bill", "contract", "city"]
        assert info.saved_input_example_info["artifact_path"] == "input_example.json"
        logged = story.client.get_logged_model(output.model_id)
        assert str(logged.status) == "READY"
        assert {m.key: m.value for m in logged.metrics if m.key.startswith("test_")} == {
            f"test_{name}": value for name, value in standing.final.scores.items()
        }


def test_no_password_stands_anywhere(story: Story, capfd: pytest.CaptureFixture[str]) -> None:
    """Look for it in the journal, in all files of the project, and in every tag, param and artifact."""
    said = capfd.readouterr()
    assert PASSWORD not in said.out + said.err + story.said
    for path in story.folder.rglob("*"):
        if path.is_file() and ".git" not in path.relative_to(story.folder).parts[:1]:
            assert PASSWORD.encode() not in path.read_bytes(), path
    for run in [story.parent, *story.runs("trial")]:
        assert PASSWORD not in str(run.to_dictionary())
        for name in story.artifacts(run):
            place = Path(story.client.download_artifacts(run.info.run_id, name))
            for path in [place, *place.rglob("*")]:
                assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path


def test_the_journal_has_the_same(story: Story) -> None:
    keys = [s.record.trial_key for s in story.standings]
    with journal_of(story.folder) as journal:
        records, finals = journal.records(keys), journal.finals(keys)
        assert not journal.waiting(redact(story.uri))
        assert {key: r.scores for key, r in records.items()} == {
            s.record.trial_key: s.record.scores for s in story.standings
        }
        assert set(finals) == {s.record.trial_key for s in story.finalists}
        for final in finals.values():
            assert "predictions.parquet" in journal.manifest(final.record_id)
