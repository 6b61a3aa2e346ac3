from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skops.io
from catboost import CatBoostClassifier
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, StackingClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from xgboost import XGBClassifier

from runcard import errors
from runcard.tracking.owncode import OwnCode
from runcard.tracking.trust import trusted_types

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(80, 4))
Y = (X[:, 0] + RANDOM.normal(size=80) > 0).astype(int)


class Shift(TransformerMixin, BaseEstimator):
    """A transformer as a project would register one."""

    def fit(self, rows: np.ndarray, target: np.ndarray | None = None) -> Shift:
        self.offset_ = rows.mean(axis=0)
        return self

    def transform(self, rows: np.ndarray) -> np.ndarray:
        return rows - self.offset_


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(3),
        HistGradientBoostingClassifier(max_iter=3),
        KNeighborsClassifier(),
        SVC(),
        GaussianProcessClassifier(),
        MLPClassifier((3,), early_stopping=True, solver="adam", tol=10.0),
        StackingClassifier([("a", LogisticRegression()), ("b", RandomForestClassifier(2))]),
        XGBClassifier(n_estimators=3),
        LGBMClassifier(n_estimators=3, verbose=-1),
        CatBoostClassifier(iterations=3, verbose=0, allow_writing_files=False),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_of_known_packages_come_back(model: BaseEstimator, tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    skops.io.dump(model.fit(X, Y), file)
    loaded = skops.io.load(file, trusted=trusted_types(file, OwnCode()))
    assert (loaded.predict(X) == model.predict(X)).all()


def test_types_of_the_project_are_trusted_and_others_named(tmp_path: Path) -> None:
    file = tmp_path / "model.skops"
    skops.io.dump(make_pipeline(Shift(), LogisticRegression()).fit(X, Y), file)
    with pytest.raises(errors.TypesUntrusted) as caught:
        trusted_types(file, OwnCode(("other",)))
    assert f"`{Shift.__module__}.Shift`" in caught.value.what
    assert "--model-format cloudpickle" in caught.value.hint
    assert f"{Shift.__module__}.Shift" in trusted_types(file, OwnCode((Shift.__module__,), Path(__file__).parent))
