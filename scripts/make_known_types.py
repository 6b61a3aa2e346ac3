"""Write src/runcard/tracking/models/known_types.json: what a model file may name, read off models that are saved here.

Every estimator and transformer of scikit-learn and the boosters is fitted on a few rows, with each choice of each of
its hyperparameters, and dumped as runcard dumps models; what the files name is the list, each name in the role that
it has there. A function is listed only with the reason why it is harmless, below; another one stops this script.
It takes some minutes. `--check` writes nothing, takes seconds, and fails when the committed list was made with other
versions of the packages, or names what is not there or is not what it is listed as.
"""

from __future__ import annotations

import importlib
import io
import json
import sys
import types
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

LIST = Path(__file__).parents[1] / "src" / "runcard" / "tracking" / "models" / "known_types.json"
PACKAGES = ("scikit-learn", "numpy", "scipy", "skops", "xgboost", "lightgbm", "catboost")

METRICS = "sklearn.metrics._"
HARMLESS = {
    "numpy.mean": "averages numbers",
    "scipy._lib.array_api_compat.numpy._aliases.asarray": "makes an array of what it is given; a spline keeps it",
    "sklearn.utils.validation.check_array": "makes an array of what it is given, or says why it cannot",
    "sklearn.cluster._kmeans._kmeans_single_elkan": "clusters an array",
    "sklearn.cluster._kmeans._kmeans_single_lloyd": "clusters an array",
    **dict.fromkeys(
        (
            "sklearn.feature_selection._univariate_selection.f_classif",
            "sklearn.feature_selection._univariate_selection.f_regression",
            "sklearn.feature_selection._univariate_selection.r_regression",
            "sklearn.feature_selection._univariate_selection.chi2",
            "sklearn.feature_selection._mutual_info.mutual_info_classif",
            "sklearn.feature_selection._mutual_info.mutual_info_regression",
        ),
        "scores the columns of an array against a target",
    ),
    **dict.fromkeys(
        (
            f"{METRICS}{name}"
            for name in (
                *("classification.accuracy_score", "classification.balanced_accuracy_score"),
                *("classification.brier_score_loss", "classification.d2_brier_score"),
                *("classification.d2_log_loss_score", "classification.f1_score", "classification.jaccard_score"),
                *("classification.log_loss", "classification.matthews_corrcoef", "classification.precision_score"),
                *("classification.recall_score", "ranking.average_precision_score", "ranking.roc_auc_score"),
                *("ranking.top_k_accuracy_score", "regression.d2_absolute_error_score"),
                *("regression.explained_variance_score", "regression.max_error", "regression.mean_absolute_error"),
                *("regression.mean_absolute_percentage_error", "regression.mean_gamma_deviance"),
                *("regression.mean_poisson_deviance", "regression.mean_squared_error"),
                *("regression.mean_squared_log_error", "regression.median_absolute_error", "regression.r2_score"),
                *("regression.root_mean_squared_error", "regression.root_mean_squared_log_error"),
                *("scorer.negative_likelihood_ratio", "scorer.positive_likelihood_ratio"),
            )
        ),
        "a metric: a number from truth and predictions",
    ),
    **dict.fromkeys(
        (
            f"sklearn.metrics.cluster._supervised.{name}"
            for name in (
                *("adjusted_mutual_info_score", "adjusted_rand_score", "completeness_score", "fowlkes_mallows_score"),
                *("homogeneity_score", "mutual_info_score", "normalized_mutual_info_score", "rand_score"),
                "v_measure_score",
            )
        ),
        "a metric: a number from two labellings",
    ),
    **dict.fromkeys(
        (
            f"numpy.{name}"
            for name in (
                *("absolute", "arcsinh", "arctan", "cbrt", "ceil", "cos", "deg2rad", "exp", "exp2", "expm1", "fabs"),
                *("floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "negative", "rad2deg"),
                *("reciprocal", "rint", "sign", "sin", "sqrt", "square", "tan", "tanh", "trunc"),
            )
        ),
        "computes one number from another, element by element",
    ),
}
"""Functions that a model may hold -> why nothing comes of calling them on whatever there is."""

# Plain values, which a project's own transformer may keep.
VALUES = {
    "BytesNode": ("builtins.bytes",),
    "BytearrayNode": ("builtins.bytearray",),
    "ConstructorFromReduceNode": (
        *("builtins.frozenset", "builtins.range", "datetime.date", "datetime.datetime", "datetime.time"),
        *("datetime.timedelta", "datetime.timezone", "decimal.Decimal", "fractions.Fraction"),
        *("pathlib.PosixPath", "pathlib.WindowsPath"),
    ),
    "DefaultDictNode": ("collections.defaultdict",),
    "DictNode": ("collections.Counter", "collections.OrderedDict"),
    "ObjectNode": ("uuid.UUID",),
    "PartialNode": ("functools.partial",),
    "SetNode": ("builtins.set",),
    "SliceNode": ("builtins.slice",),
    "TypeNode": (
        *(f"builtins.{name}" for name in ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "object")),
        *(f"builtins.{name}" for name in ("set", "str", "tuple")),
        "collections.OrderedDict",
    ),
    "SparseMatrixNode": tuple(
        f"scipy.sparse._{form}.{form}_{kind}" for form in ("csr", "csc", "coo") for kind in ("matrix", "array")
    ),
    "RandomStateNode": ("numpy.random.mtrand.RandomState",),
    "RandomGeneratorNode": ("numpy.random._generator.Generator",),
}
_NUMBERS = (
    *("bool", "datetime64", "float16", "float32", "float64", "int16", "int32", "int64", "int8", "str_"),
    *("timedelta64", "uint16", "uint32", "uint64", "uint8"),
)
"""numpy's, as values and as types."""


class _Found:
    """What was found: role -> names."""

    def __init__(self) -> None:
        self.types: dict[str, set[str]] = defaultdict(set)

    def save(self, model: Any) -> None:
        """Dump a model and note what the file names; what skops cannot keep names nothing."""
        import skops.io

        with suppress(Exception), zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
            waiting = [json.loads(archive.read("schema.json"))]
            while waiting:
                value = waiting.pop()
                if isinstance(value, dict):
                    if "__loader__" in value:
                        self.types[value["__loader__"]].add(f"{value['__module__']}.{value['__class__']}")
                    waiting += value.values()
                elif isinstance(value, list):
                    waiting += value


def _tables() -> list[tuple[Any, Any]]:
    """Make small tables and targets; an estimator takes some of them."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    x = pd.DataFrame(random.uniform(0.1, 2, size=(24, 4)), columns=list("abcd"))
    number = np.exp(x["a"].to_numpy() + 0.1 * random.normal(size=24))
    text = np.where(x["a"] > x["a"].median(), "yes", "no").astype(object)
    three = random.integers(0, 3, 24)
    return [
        (x, text),
        (x, number),
        (x, (text == "yes").astype(int)),
        (x[["a"]], number),
        ((x * 3).astype(int), three),
        (x["a"].map(str) + " word", text),
        (x, np.c_[number, number]),
        (x, np.c_[three > 1, three > 0].astype(int)),
        (x[["a"]].to_dict("records"), text),
        (x.assign(e=pd.Categorical(list("pqrs") * 6)), text),
        (x.assign(e=list("pqrs") * 6), text),
        (x.to_numpy(np.float32), number.astype(np.float32)),
    ]


def _models() -> Iterator[tuple[Any, int]]:
    """Give all estimators, unfitted, with each choice that they have; and on how many tables to fit each."""
    from sklearn.utils import all_estimators
    from sklearn.utils._test_common.instance_generator import _construct_instances

    for _, kind in all_estimators():
        with suppress(BaseException):  # pytest's Skipped among them
            for model in _construct_instances(kind):
                yield model, 5
                yield from ((varied, 2) for varied in _varied(model))
    yield from ((model, 5) for model in _boosters())
    yield from ((model, 1) for model in _further())


def _varied(model: Any) -> Iterator[Any]:
    from sklearn.base import clone
    from sklearn.utils._param_validation import Options, StrOptions

    given = model.get_params(deep=False)
    for name, constraints in getattr(model, "_parameter_constraints", {}).items():
        kinds = [kind for kind in constraints if isinstance(kind, Options | StrOptions)] if name in given else []
        for choice in sorted({choice for kind in kinds for choice in kind.options}, key=str):
            if choice != given[name] and name not in ("n_jobs", "verbose"):
                yield clone(model).set_params(**{name: choice})


def _boosters() -> Iterator[Any]:
    import catboost
    import lightgbm
    import xgboost

    for booster in ("gbtree", "gblinear", "dart"):
        for kind in (xgboost.XGBClassifier, xgboost.XGBRegressor, xgboost.XGBRFClassifier, xgboost.XGBRFRegressor):
            yield kind(n_estimators=2, n_jobs=1, booster=booster)
    for kind in (lightgbm.LGBMClassifier, lightgbm.LGBMRegressor):
        for booster in ("gbdt", "dart"):
            yield kind(n_estimators=2, n_jobs=1, verbose=-1, min_child_samples=2, boosting_type=booster)
    for kind in (catboost.CatBoostClassifier, catboost.CatBoostRegressor):
        yield kind(iterations=2, verbose=0, allow_writing_files=False)
        yield kind(iterations=2, verbose=0, allow_writing_files=False, cat_features=["e"])


def _further() -> Iterator[Any]:
    """Give what the generator of scikit-learn's own tests leaves out and pipelines hold."""
    from sklearn import model_selection
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.decomposition import PCA
    from sklearn.feature_selection import SelectKBest
    from sklearn.frozen import FrozenEstimator
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
    from sklearn.neighbors import VALID_METRICS, KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, MultiLabelBinarizer, OneHotEncoder, StandardScaler

    rbf = kernels.RBF()
    for kernel in (
        *(kernels.ConstantKernel() * rbf, rbf + kernels.WhiteKernel(), rbf**2, kernels.Matern()),
        *(kernels.RationalQuadratic(), kernels.ExpSineSquared(), kernels.DotProduct(), kernels.PairwiseKernel()),
        kernels.CompoundKernel([rbf, kernels.Matern()]),
    ):
        yield GaussianProcessRegressor(kernel=kernel, optimizer=None)
    for tree in ("ball_tree", "kd_tree"):
        for metric in VALID_METRICS[tree]:
            yield KNeighborsClassifier(algorithm=tree, metric=metric)
    for metric in ("minkowski", "seuclidean", "mahalanobis"):
        more = {"minkowski": {"p": 3}, "seuclidean": {"V": [1.0] * 4}, "mahalanobis": {"VI": [[1.0] * 4] * 4}}[metric]
        yield KNeighborsClassifier(algorithm="ball_tree", metric=metric, metric_params=more)
    for name in model_selection.__all__:
        splitter = getattr(model_selection, name, None) if "Halving" not in name else None
        if isinstance(splitter, type) and hasattr(splitter, "split") and "Group" not in name:
            with suppress(TypeError):
                yield LogisticRegressionCV(cv=splitter(), Cs=2, l1_ratios=[0.0], use_legacy_attributes=False)
    selected = make_column_transformer(
        (make_pipeline(StandardScaler(), PCA(2)), make_column_selector(dtype_include="number")),
        (OneHotEncoder(), make_column_selector(dtype_exclude="number")),
    )
    yield make_pipeline(selected, LogisticRegression())
    yield FrozenEstimator(LogisticRegression().fit([[0.0], [1.0]], [0, 1]))
    yield MultiLabelBinarizer()
    for function in HARMLESS:
        found = _look_up(function)
        yield SelectKBest(found, k=1) if "feature_selection" in function else FunctionTransformer(found)


def make_list() -> dict[str, Any]:
    """Return the whole list: versions, the names in each role, and the functions with their reasons."""
    from sklearn.base import clone

    found, tables = _Found(), _tables()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model, n_fits in _models():
            n_fitted = 0
            for x, y in tables:
                with suppress(Exception):
                    found.save(clone(model).fit(x, y))
                    n_fitted += 1
                if n_fitted == n_fits:
                    break
    names = {role: {*found.types[role], *VALUES.get(role, ())} for role in {*found.types, *VALUES}}
    numbers = {f"numpy.{name}" for name in _NUMBERS}
    names["NdArrayNode"] |= numbers
    names["TypeNode"] |= numbers
    unexplained = names.pop("FunctionNode") - HARMLESS.keys()
    if unexplained:
        raise SystemExit(f"say in HARMLESS why these are, or see that no model holds them: {sorted(unexplained)}")
    del names["JsonNode"]
    return {
        "made_with": _versions(),
        "types": {role: sorted(found) for role, found in sorted(names.items())},
        "functions": dict(sorted(HARMLESS.items())),
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {}
    for package in PACKAGES:
        for name in (package, f"{package}-cpu"):
            with suppress(PackageNotFoundError):
                found[package] = version(name)
    return found


def _look_up(name: str) -> Any:
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last)


def problems(found: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with a list, as far as seconds tell."""
    if found["made_with"] != _versions():
        yield "it was made with other versions of the packages"
    for role, names in found["types"].items():
        yield from (f"{role} {name} is no type" for name in _unlike(names, type))
    yield from (f"{name} is a type" for name in found["functions"] if isinstance(_look_up(name), type))
    if found["functions"] != dict(sorted(HARMLESS.items())):
        yield "its functions are not those that this script explains"


def _unlike(names: Iterable[str], kind: type) -> Iterator[str]:
    for name in names:
        found = _look_up(name)
        if not isinstance(found, kind) or isinstance(found, types.FunctionType):
            yield name


def main(arguments: list[str]) -> int:
    """Write the list, or with `--check` look at the one that is there."""
    if arguments == ["--check"]:
        found = [*problems(json.loads(LIST.read_text(encoding="utf-8")))]
        sys.stderr.writelines(f"{LIST.name}: {problem}: run scripts/make_known_types.py\n" for problem in found)
        return 1 if found else 0
    LIST.write_text(json.dumps(make_list(), indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
