from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import skops.io
from estimator_cases import COLUMNS, EXCEPTIONS, Case, all_cases, make_table
from sklearn.utils import all_estimators

from runcard.catalog.features import default_transformer
from runcard.catalog.models import build_estimator, check_values, find_model, unknown_model
from runcard.catalog.registered import Catalog
from runcard.tracking.models.description import ModelDescription
from runcard.tracking.models.owncode import OwnCode
from runcard.tracking.models.trust import load_trusted

pytestmark = pytest.mark.slow

# What estimators say of themselves whatever the data; everything else is an error as in all tests.
OUTSPOKEN = {
    "passive_aggressive": FutureWarning,  # deprecated by scikit-learn
}


@pytest.mark.parametrize("case", all_cases(), ids=str)
def test_runs_on_suitable_data_and_comes_back_as_a_model(case: Case, tmp_path: Path) -> None:
    spec = find_model(case.model, Catalog())
    assert spec is not None
    table = make_table(case.table)
    x = default_transformer(*COLUMNS[case.table]).fit_transform(table)
    y = table["target"].to_numpy()
    if case.task == "classification":
        y = (y == "yes").astype(int)
    train, test = np.arange(80), np.arange(80, 120)

    predictions = []
    for _ in range(2):
        with warnings.catch_warnings():
            if case.model in OUTSPOKEN:
                warnings.simplefilter("ignore", OUTSPOKEN[case.model])
            estimator = build_estimator(spec, case.task, case.params, seed=3)
            assert check_values(estimator) is None
            predictions.append(estimator.fit(x[train], y[train]).predict(x[test]))

    assert predictions[0].shape == (40,)
    assert np.isfinite(predictions[0]).all()
    assert np.array_equal(*predictions), "the same seed gives the same model"

    with warnings.catch_warnings():
        if case.model in OUTSPOKEN:
            warnings.simplefilter("ignore", OUTSPOKEN[case.model])
        file = tmp_path / "model.skops"
        skops.io.dump(estimator, file)
        loaded = load_trusted(ModelDescription(tmp_path, file, "skops", {}, None), OwnCode(), "model")
    assert np.array_equal(loaded.predict(x[test]), predictions[1])


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_every_class_is_a_case_or_an_exception(kind: str) -> None:
    known = set()
    for case in all_cases():
        spec = find_model(case.model, Catalog())
        assert spec is not None
        known.add(spec.entries[case.task].class_name)
    classes = {name for name, _ in all_estimators(type_filter=kind)}
    assert classes - known == {name for name in EXCEPTIONS if name in classes}
    assert not known & EXCEPTIONS.keys()


@pytest.mark.parametrize(
    ("name", "class_name"),
    [
        ("chain", "ClassifierChain"),
        ("fixed_threshold", "FixedThresholdClassifier"),
        ("multi_output", "MultiOutputClassifier"),
        ("multi_task_elastic_net", "MultiTaskElasticNet"),
        ("multi_task_elastic_net_cv", "MultiTaskElasticNetCV"),
        ("multi_task_lasso", "MultiTaskLasso"),
        ("multi_task_lasso_cv", "MultiTaskLassoCV"),
        ("one_vs_one", "OneVsOneClassifier"),
        ("one_vs_rest", "OneVsRestClassifier"),
        ("output_code", "OutputCodeClassifier"),
        ("self_training", "SelfTrainingClassifier"),
        ("stacking", "StackingRegressor"),
        ("tuned_threshold_cv", "TunedThresholdClassifierCV"),
        ("voting", "VotingClassifier"),
    ],
)
def test_an_exception_says_why(name: str, class_name: str) -> None:
    assert find_model(name, Catalog()) is None
    assert unknown_model(name, Catalog()).why == EXCEPTIONS[class_name]
