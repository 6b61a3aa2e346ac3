"""Write src/runcard/catalog/estimators.json: the models that cards name, read off the installed packages.

A name is the class's in snake_case without the word Classifier or Regressor, so that a pair shares it:
RandomForestClassifier and RandomForestRegressor are `random_forest`. The boosting packages go by their names.
`--check` writes nothing and fails when the committed table is not the one this would write.
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
import sys
import warnings
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "src" / "runcard" / "catalog" / "estimators.json"

BOOSTERS = {
    "xgboost": ("XGBClassifier", "XGBRegressor"),
    "lightgbm": ("LGBMClassifier", "LGBMRegressor"),
    "catboost": ("CatBoostClassifier", "CatBoostRegressor"),
}

# What the packages document as parameters of training and take through **kwargs. Aliases of a named parameter
# are left out: one right way.
FURTHER = {
    "xgboost": (
        "huber_slope", "lambdarank_num_pair_per_sample", "lambdarank_pair_method", "max_cached_hist_node",
        "normalize_type", "one_drop", "quantile_alpha", "rate_drop", "refresh_leaf", "sample_type",
        "seed_per_iteration", "sketch_ratio", "skip_drop", "top_k", "tweedie_variance_power", "updater",
    ),
    "lightgbm": (
        "alpha", "bagging_by_query", "bagging_seed", "bin_construct_sample_cnt", "boost_from_average",
        "cat_l2", "cat_smooth", "cegb_penalty_split", "cegb_tradeoff", "data_random_seed",
        "deterministic", "drop_rate", "drop_seed", "enable_bundle", "extra_seed", "extra_trees", "fair_c",
        "feature_fraction_bynode", "feature_fraction_seed", "feature_pre_filter", "force_col_wise",
        "force_row_wise", "is_unbalance", "linear_lambda", "linear_tree", "max_bin", "max_cat_threshold",
        "max_cat_to_onehot", "max_delta_step", "max_drop", "min_data_in_bin", "min_data_per_group",
        "monotone_constraints", "monotone_constraints_method", "monotone_penalty", "neg_bagging_fraction",
        "num_grad_quant_bins", "objective_seed", "other_rate", "path_smooth", "poisson_max_delta_step",
        "pos_bagging_fraction", "quant_train_renew_leaf", "reg_sqrt", "scale_pos_weight", "sigmoid",
        "skip_drop", "stochastic_rounding", "top_rate", "tweedie_variance_power", "uniform_drop",
        "use_missing", "use_quantized_grad", "verbosity", "xgboost_dart_mode", "zero_as_missing",
    ),
    "catboost": (),
}  # fmt: skip

SEVERAL_TARGETS = "it predicts several targets at once, and a card has one"
REFUSED = {
    "MultiTaskElasticNet": SEVERAL_TARGETS,
    "MultiTaskElasticNetCV": SEVERAL_TARGETS,
    "MultiTaskLasso": SEVERAL_TARGETS,
    "MultiTaskLassoCV": SEVERAL_TARGETS,
    "SelfTrainingClassifier": "it needs another estimator as `estimator`, which a card cannot give",
}


def name_of(class_name: str) -> str:
    """Return the name that cards use: KNeighborsClassifier -> k_neighbors, RidgeClassifierCV -> ridge_cv."""
    stem = re.sub("Classifier|Regressor", "", class_name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", stem).lower()


def describe(estimator: type, package: str) -> dict[str, Any]:
    """Return what the table says of one class."""
    found: dict[str, Any] = {"path": public_path(estimator), "summary": summary_of(estimator)}
    required, parameters = parameters_of(estimator)
    found["parameters"] = sorted({*required, *parameters, *FURTHER.get(package, ())})
    if required:
        found["refused"] = f"it needs {', '.join(f'`{name}`' for name in required)}, which a card cannot give"
    elif estimator.__name__ in REFUSED:
        found["refused"] = REFUSED[estimator.__name__]
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecated estimators say so whenever they are built
            made = estimator()
        found["outputs"] = [name for name in ("predict_proba", "decision_function") if hasattr(made, name)]
    return found


def parameters_of(estimator: type) -> tuple[list[str], list[str]]:
    """Return the required and the optional arguments' names, with the parents' where **kwargs leads there."""
    required: list[str] = []
    optional: list[str] = []
    for parent in estimator.__mro__:
        if "__init__" not in vars(parent) or parent is object:
            continue
        arguments = list(inspect.signature(vars(parent)["__init__"]).parameters.values())[1:]
        named = [a for a in arguments if a.kind in (a.POSITIONAL_OR_KEYWORD, a.KEYWORD_ONLY)]
        required += [a.name for a in named if a.default is a.empty]
        optional += [a.name for a in named if a.default is not a.empty]
        if not any(a.kind is a.VAR_KEYWORD for a in arguments):
            break
    return required, optional


def public_path(estimator: type) -> str:
    """Return the shortest path that imports the class: sklearn.ensemble, not sklearn.ensemble._forest."""
    parts = estimator.__module__.split(".")
    for end in range(1, len(parts) + 1):
        module = ".".join(parts[:end])
        if getattr(importlib.import_module(module), estimator.__name__, None) is estimator:
            return f"{module}.{estimator.__name__}"
    raise LookupError(estimator)


def summary_of(estimator: type) -> str:
    """Return the first line of the docstring."""
    return (inspect.getdoc(estimator) or "").strip().partition("\n")[0].rstrip(".")


def make_table() -> dict[str, Any]:
    """Return the whole table: versions, and per model its package and what each task means."""
    from sklearn.utils import all_estimators

    versions = {"scikit-learn": importlib.import_module("sklearn").__version__}
    models: dict[str, Any] = {}
    for task, kind in (("classification", "classifier"), ("regression", "regressor")):
        for class_name, estimator in all_estimators(type_filter=kind):
            model = models.setdefault(name_of(class_name), {"package": "scikit-learn"})
            model[task] = describe(estimator, "scikit-learn")
    for package, pair in BOOSTERS.items():
        module = importlib.import_module(package)
        versions[package] = module.__version__
        described = [describe(getattr(module, class_name), package) for class_name in pair]
        models[package] = {"package": package, "classification": described[0], "regression": described[1]}
    return {"made_with": versions, "models": dict(sorted(models.items()))}


def main(arguments: list[str]) -> int:
    """Write the table, or with `--check` compare it."""
    text = json.dumps(make_table(), indent=1) + "\n"
    if arguments == ["--check"]:
        current = TABLE.exists() and TABLE.read_text(encoding="utf-8") == text
        if not current:
            sys.stderr.write(f"{TABLE.name} is not current: run scripts/make_estimator_table.py\n")
        return 0 if current else 1
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
