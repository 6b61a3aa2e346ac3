from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
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
from runcard.tracking.models.description import ModelDescription
from runcard.tracking.models.owncode import OwnCode
from runcard.tracking.models.trust import known_types, load_trusted, trusted_types
from runcard.tracking.models.types import Named

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


SHIFT = """
from sklearn.preprocessing import StandardScaler


class Scaler(StandardScaler):
    pass
"""


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder with a project's module and others whose names begin as one that is trusted does."""
    names = ("shop", "shop_evil", "sklearn_evil")
    for name in names:
        (tmp_path / f"{name}.py").write_text(SHIFT)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in names:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("name", "is_trusted"), [("shop", True), ("shop_evil", False), ("sklearn_evil", False)])
def test_a_name_that_begins_as_a_trusted_one_is_not_trusted(name: str, is_trusted: bool, modules: Path) -> None:
    own = OwnCode(("shop",), modules, lambda: importlib.import_module("shop"))
    file = modules / "model.skops"
    skops.io.dump(importlib.import_module(name).Scaler().fit(X), file)
    assert own.has(Named("ObjectNode", f"{name}.Scaler")) is is_trusted
    model = ModelDescription(modules, file, "skops", {}, None)
    if is_trusted:
        assert type(load_trusted(model, own, "churn/1")).__name__ == "Scaler"
        return
    for refused in (lambda: trusted_types(file, own), lambda: load_trusted(model, own, "churn/1")):
        with pytest.raises(errors.TypesUntrusted, match=f"`{name}.Scaler`"):
            refused()


@pytest.mark.parametrize("name", ["sklearn_evil.Scaler", "sklearn.evil.Scaler", "sklearn.svm._classes.SVC.more"])
def test_names_are_known_one_by_one(name: str) -> None:
    assert Named("ObjectNode", "sklearn.svm._classes.SVC") in known_types()
    assert Named("ObjectNode", name) not in known_types()


@pytest.mark.parametrize(
    ("here", "is_loaded"), [({}, False), ({"shop.py": "x = 2"}, False), ({"shop.py": "x = 1", "more.py": ""}, True)]
)
def test_code_that_is_kept_with_a_model_must_be_that_of_the_project(
    here: dict[str, str], is_loaded: bool, tmp_path: Path
) -> None:
    code, root, file = tmp_path / "code", tmp_path / "root", tmp_path / "model.skops"
    for folder in (code, root):
        folder.mkdir()
    (code / "shop.py").write_text("x = 1")
    for name, text in here.items():
        (root / name).write_text(text)
    skops.io.dump(LogisticRegression().fit(X, Y), file)
    model = ModelDescription(tmp_path, file, "skops", {}, code)
    own = OwnCode((), root)
    assert isinstance(load_trusted(model, own, "churn/1", any_version=True), LogisticRegression)
    if is_loaded:
        assert isinstance(load_trusted(model, own, "churn/1"), LogisticRegression)
        return
    with pytest.raises(errors.TypesUntrusted, match=r"not that of this project: `shop\.py`"):
        load_trusted(model, own, "churn/1")
