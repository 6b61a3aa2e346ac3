"""Which runs a comparison means, and what it refuses; on a store that the tracker and MLflow's client filled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from servers import MlflowTracker, run_mlflow

from runcard import errors
from runcard.project import Project, Settings
from runcard.tracking.items import MetricValue, Param, RunLog, Tag
from runcard.tracking.ranking import RunComparison
from runcard.workflow.choose.compare import compare_runs

PARTS = {
    "data": "d1" * 32,
    "target": "t1" * 32,
    "split": "s1" * 32,
    "features": "f1" * 32,
    "metrics": "m1",
    "seed": "1",
}
OTHER_PARTS = PARTS | {"data": "d2" * 32, "split": "s2" * 32}

Compare = Callable[..., RunComparison]


def card(experiment: str, protocol: str, start: int, **tags: Any) -> RunLog:
    given = {
        "runcard.primary": "roc_auc",
        "runcard.greater_is_better": "true",
        "runcard.protocol": protocol,
        "runcard.parts": json.dumps(PARTS if protocol == "p" else OTHER_PARTS),
        "runcard.test_share": "0.5",
        "runcard.selection": '{"rule": "best", "practical_difference": 0.02}',
        **tags,
    }
    items = tuple(Tag(*tag) for tag in given.items())
    return RunLog(
        f"{experiment}{protocol}{start}", "card", f"card-{start}", experiment, start, "FINISHED", start + 9, items=items
    )


def trial(of: RunLog, parent: str, k: int, folds: tuple[float, ...], **more: Any) -> RunLog:
    protocol = next(tag.value for tag in of.items if isinstance(tag, Tag) and tag.name == "runcard.protocol")
    tags = {"runcard.protocol": protocol, "runcard.trial_key": f"{protocol}{k}", "runcard.index": str(k)}
    scores = [MetricValue("cv_roc_auc", score, fold, 1) for fold, score in enumerate(folds)]
    scores += [MetricValue("cv_rmse", 1 - score, fold, 1) for fold, score in enumerate(folds)]
    if folds:
        mean = sum(folds) / len(folds)
        scores += [MetricValue("cv_roc_auc_mean", mean, 0, 1), MetricValue("cv_rmse_mean", 1 - mean, 0, 1)]
    others = [MetricValue(name, value, 0, 1) for name, value in more.items()]
    items = (Param("model", "m"), Param("k", str(k)), *scores, *others, *(Tag(*tag) for tag in tags.items()))
    name = f"{of.experiment}-{protocol}{k}"
    return RunLog(name, "trial", name, of.experiment, of.started_ms + k, "FINISHED", of.started_ms + 9, parent, items)


def fill(uri: str, folder: Path) -> None:
    """Record cards of two protocols in three experiments, and what a notebook would beside them."""
    with MlflowTracker(uri, artifact_root=folder) as tracker:

        def put(log: RunLog) -> str:
            run_id = tracker.open_run(log)
            tracker.fill_run(run_id, log)
            return run_id

        old, new, more = card("churn", "q", 100), card("churn", "p", 200), card("more", "p", 300)
        old_id, new_id, more_id = put(old), put(new), put(more)
        put(trial(old, old_id, 1, (0.99, 0.99, 0.98)))
        put(trial(new, new_id, 1, (0.9, 0.8, 0.85), test_roc_auc=0.8))
        put(trial(new, new_id, 2, (0.89, 0.81, 0.85)))
        put(trial(new, new_id, 3, (0.4, 0.35, 0.3), fit_seconds=0.1))
        put(trial(more, more_id, 4, (0.95, 0.94, 0.96)))
        one = card("single", "s", 400, **{"runcard.test_share": "null", "runcard.primary": "rmse"})
        put(trial(one, put(one), 1, (), test_rmse=2.0))
        for k, experiment in enumerate(("churn", "churn", "plain", "plain")):
            run_id = tracker.client.create_run(tracker.ensure_experiment(experiment), run_name=f"nb-{k}").info.run_id
            tracker.client.log_metric(run_id, "val_loss", 1.0 + k)
            tracker.client.log_metric(run_id, "system/cpu", 50)
            tracker.client.log_param(run_id, "depth", str(k))
            if experiment == "churn":
                tracker.client.log_metric(run_id, "blorp", k)
        tracker.ensure_experiment("void")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Project:
    folder = tmp_path_factory.mktemp("compare")
    uri = f"sqlite:///{shutil.copy(empty_mlflow_db, folder / 'mlflow.db')}"
    fill(uri, folder)
    (folder / "configs").mkdir()
    (folder / "configs" / "one.yaml").write_text(
        '{"experiment": {"name": "churn"}, "data": {"dataset": "iris"}, "models": [{"name": "random_forest"}]}'
    )
    return Project(folder, Settings(tracking_uri=uri))


@pytest.fixture
def compare(project: Project) -> Compare:
    return lambda *names, **given: compare_runs(names, project, **given)


def names(found: RunComparison) -> list[str]:
    return [row.run.name for row in found.rows]


@pytest.mark.parametrize("given", [(), ("one",), ("churn",)])
def test_a_card_or_experiment_means_the_trials_of_the_latest_card(compare: Compare, given: tuple[str, ...]) -> None:
    found = compare(*given)
    assert names(found) == ["churn-p1", "churn-p2", "churn-p3"]
    assert (found.yardstick.metric, found.yardstick.practical_difference, found.n_folds) == ("roc_auc", 0.02, 3)
    assert [row.beside and row.beside.is_tied for row in found.rows] == [None, True, False]
    assert len(found.others) == 1
    assert (found.n_runs, found.n_ranked, found.protocol) == (3, 3, "p")


def test_the_others_that_it_names_are_shown_by_that_name(compare: Compare) -> None:
    (other,) = compare("churn").others
    assert names(compare(other[:8])) == ["churn-q1"]
    assert len(compare(other[:8]).others) == 1


def test_only_as_many_as_asked_for_are_read_and_corrected_for(compare: Compare) -> None:
    found = compare("churn", limit=2)
    assert (names(found), found.n_runs) == (["churn-p1", "churn-p2"], 3)
    assert found.rows[1].beside.p == pytest.approx(found.rows[1].beside.difference.p_value())


def test_runs_of_one_protocol_may_come_from_several_experiments(compare: Compare) -> None:
    both = compare("churn", "more")
    assert names(both) == ["more-p4", "churn-p1", "churn-p2", "churn-p3"]
    assert both.rows[1].beside.difference.mean == pytest.approx(-0.1)
    runs = compare("more-p4", "churn-p2")
    assert (names(runs), runs.n_folds) == (["more-p4", "churn-p2"], 3)
    assert runs.rows[1].beside is not None


@pytest.mark.parametrize("given", [("churn-p1", "churn-q1"), ("churn-q1", "more-p4", "churn-p1")])
def test_other_protocols_are_refused_with_what_differs(compare: Compare, given: tuple[str, ...]) -> None:
    with pytest.raises(errors.NotComparable) as caught:
        compare(*given)
    assert "the data: d" in caught.value.why
    assert "the split and its folds: s" in caught.value.why
    assert "features" not in caught.value.why


def test_a_baseline_must_have_the_protocol_too(compare: Compare) -> None:
    assert compare("churn", baseline="churn-p2").reference == compare("churn").rows[1].run.run_id
    assert names(compare("churn", baseline="more-p4"))[-1] == "more-p4"
    with pytest.raises(errors.NotComparable, match="`churn-q1` and `card-200` do not compare"):
        compare("churn", baseline="churn-q1")
    with pytest.raises(errors.NotComparable) as caught:
        compare("churn", baseline="nb-0")
    assert "was not made by runcard" in caught.value.why


def test_a_metric_of_the_folds_or_as_it_was_logged(compare: Compare) -> None:
    rmse = compare("churn", metric="rmse")
    assert (rmse.yardstick.greater_is_better, rmse.yardstick.practical_difference) == (False, 0.0)
    assert names(rmse) == ["churn-p1", "churn-p2", "churn-p3"]
    assert rmse.rows[2].beside.worse > 0.99
    assert names(compare("churn", metric="cv_rmse_mean")) == names(rmse)
    fastest = compare("churn", metric="fit_seconds")
    assert (fastest.best.run.name, fastest.besides) == ("churn-p3", [])


def test_a_metric_that_no_trial_has_means_the_other_runs(compare: Compare) -> None:
    found = compare("churn", metric="val_loss")
    assert (names(found), found.yardstick.greater_is_better) == (["nb-0", "nb-1"], False)
    assert (found.protocol, found.besides) == (None, [])


def test_a_condition_narrows_trials_down_or_picks_other_runs(compare: Compare) -> None:
    assert names(compare("churn", where="params.k != '1'")) == ["churn-p2", "churn-p3"]
    assert names(compare("churn", where="params.depth = '1'", metric="val_loss")) == ["nb-1"]


def test_without_folds_the_test_scores_are_compared(compare: Compare) -> None:
    found = compare("single")
    assert [(row.rank, row.value) for row in found.rows] == [(1, 2.0)]
    assert found.besides == []


def test_runs_of_others_are_ranked_by_the_only_metric(compare: Compare) -> None:
    found = compare("plain")
    assert (found.yardstick.metric, names(found)) == ("val_loss", ["nb-2", "nb-3"])
    assert names(compare("nb-3", "nb-0", metric="val_loss")) == ["nb-0", "nb-3"]
    assert names(compare("plain", greater_is_better=True)) == ["nb-3", "nb-2"]


@pytest.mark.parametrize(
    ("given", "how", "said"),
    [
        (["churn"], {"metric": "blorp"}, "is more of `blorp` better, or less?"),
        (["churn"], {"metric": "val_los"}, "no run has the metric `val_los`"),
        (["nb-0", "nb-1"], {}, "which metric?"),
        (["void"], {}, "there is nothing to compare"),
        (["churn"], {"where": "params.k = '77'"}, "there is nothing to compare"),
        (["churn", "churn-p1"], {}, "is one run"),
    ],
)
def test_what_is_not_clear_is_asked_for(compare: Compare, given: list[str], how: dict[str, Any], said: str) -> None:
    with pytest.raises(errors.UsageError, match=said.replace("?", r"\?")):
        compare(*given, **how)


def test_trials_are_not_ranked_by_a_number_they_did_not_get_alike(compare: Compare) -> None:
    with pytest.raises(errors.NotComparable):
        compare("churn-p1", "churn-q1", "nb-0", metric="cv_roc_auc_mean", greater_is_better=True)


def test_a_name_that_several_runs_have_names_none(compare: Compare, project: Project) -> None:
    with MlflowTracker(project.tracking_uri, artifact_root=project.root) as tracker:
        for _ in range(2):
            tracker.client.create_run(tracker.ensure_experiment("void"), run_name="same")
    with pytest.raises(errors.RunUnknown, match="2 runs are called `same`"):
        compare("same")
    for given in (["churn-p1", "nobody"], ["nobody"]):
        with pytest.raises(errors.ExperimentUnknown, match="`nobody` is no card, experiment or run here"):
            compare(*given)


@pytest.mark.slow
def test_a_server_says_the_same_but_for_how_many_there_are(project: Project, compare: Compare, tmp_path: Path) -> None:
    store = shutil.copy(project.root / "mlflow.db", tmp_path / "mlflow.db")
    with run_mlflow(f"sqlite:///{store}", tmp_path) as address:
        served = replace(project, settings=Settings(tracking_uri=address))
        for given in (["churn"], ["churn", "more"], ["plain"], ["more-p4", "churn-p2"]):
            assert compare_runs(given, served, limit=None) == compare(*given, limit=None)
        top = compare_runs(["churn"], served, limit=2, baseline="churn-p3")
        assert (names(top), top.n_runs) == (["churn-p1", "churn-p2", "churn-p3"], None)
        narrow = compare_runs(["churn"], served, where="params.k != '1'")
        assert narrow.rows == compare("churn", where="params.k != '1'").rows
        with pytest.raises(errors.UsageError, match="the condition cannot be read"):
            compare_runs(["churn"], served, where="params.k = 1")
        with pytest.raises(errors.NotComparable, match="`churn-p1` and `churn-q1`"):
            compare_runs(["churn-p1", "churn-q1"], served)
