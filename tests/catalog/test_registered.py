from __future__ import annotations

import functools
import inspect
import sys
from types import ModuleType
from typing import Any

import pytest
from sklearn.dummy import DummyClassifier

from runcard import errors
from runcard.catalog.codetext import code_digest
from runcard.catalog.registered import (
    Catalog,
    Registered,
    collect,
    dataset,
    features,
    metric,
    model,
)


def module_of(name: str, **members: object) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(members)
    return module


@dataset
def flowers() -> object:
    """All flowers of the garden.

    More about them.
    """
    return None


@dataset(name="flowers_v2")
def new_flowers() -> object:
    return None


@features(rowwise=True)
def ratios(frame: Any) -> Any:
    return frame


@model(task="classification")
def guess(strategy: str = "prior", *, depth: int, **hyperparameters: object) -> DummyClassifier:
    return DummyClassifier(strategy=strategy)


@metric(greater_is_better=False, needs="predict_proba")
def cost(y_true: Any, y_pred: Any) -> float:
    return 0.0


def test_collects_by_kind_and_name() -> None:
    catalog = collect([sys.modules[__name__]])
    assert list(catalog.datasets) == ["flowers", "flowers_v2"]
    assert list(catalog.features) == ["ratios"]
    assert list(catalog.models) == ["guess"]
    assert list(catalog.metrics) == ["cost"]


def test_options_are_kept() -> None:
    catalog = collect([sys.modules[__name__]])
    assert catalog.features["ratios"].rowwise
    assert catalog.models["guess"].task == "classification"
    assert not catalog.metrics["cost"].greater_is_better
    assert catalog.metrics["cost"].needs == "predict_proba"


def test_a_decorated_function_is_still_the_function() -> None:
    assert flowers() is None
    assert inspect.isfunction(flowers)


def test_nothing_registered_is_an_empty_catalog() -> None:
    assert collect([]) == Catalog()
    assert collect([module_of("plain", number=3, function=len, text="x")]) == Catalog()


def test_an_imported_object_is_no_second_one() -> None:
    first = module_of("first", flowers=flowers)
    second = module_of("second", flowers=flowers, other_name=flowers)
    assert list(collect([first, second]).datasets) == ["flowers"]


def test_two_objects_of_one_kind_and_name_are_refused_with_both_places() -> None:
    @dataset(name="flowers")
    def others() -> object:
        return None

    with pytest.raises(errors.RegistrationInvalid, match="two datasets are registered") as caught:
        collect([module_of("first", flowers=flowers), module_of("second", others=others)])
    lines = [flowers.__code__.co_firstlineno, others.__code__.co_firstlineno]
    assert caught.value.where == f"{__file__}:{lines[0]}\n{__file__}:{lines[1]}"


def test_one_name_may_be_of_two_kinds() -> None:
    @features(name="flowers")
    def flower_features() -> object:
        return None

    catalog = collect([module_of("both", a=flowers, b=flower_features)])
    assert list(catalog.datasets) == list(catalog.features) == ["flowers"]


def test_a_class_is_a_model_and_its_subclass_is_not() -> None:
    @model
    class Guess(DummyClassifier):  # type: ignore[misc]
        """Guesses."""

    class Other(Guess):
        pass

    catalog = collect([module_of("m", Guess=Guess, Other=Other)])
    assert list(catalog.models) == ["Guess"]
    assert catalog.models["Guess"].description == "Guesses."


def test_what_the_module_holds_is_called() -> None:
    cached = functools.cache(flowers)
    registered = collect([module_of("m", flowers=cached)]).datasets["flowers"]
    assert registered.function is cached
    assert registered.source_digest == collect([sys.modules[__name__]]).datasets["flowers"].source_digest


def test_description_is_the_first_line() -> None:
    catalog = collect([sys.modules[__name__]])
    assert catalog.datasets["flowers"].description == "All flowers of the garden."
    assert catalog.datasets["flowers_v2"].description == ""


def test_parameters_are_names_and_defaults() -> None:
    guess_model = collect([sys.modules[__name__]]).models["guess"]
    assert guess_model.parameters == {"strategy": "prior", "depth": inspect.Parameter.empty}
    assert guess_model.accepts_any


def test_source_digest_is_of_the_code_behind_the_function() -> None:
    registered = collect([sys.modules[__name__]]).datasets["flowers"]
    assert registered.source_digest == code_digest(flowers)


def without_source(text: str) -> str:
    namespace: dict[str, Any] = {}
    exec(text, namespace)
    return Registered("dataset", "f", namespace["f"]).source_digest


def test_without_source_the_digest_is_of_the_bytecode() -> None:
    first = without_source("def f():\n    return [x for x in (1, 2)]")
    assert first == without_source("\n\n# moved\ndef f():\n    return [x for x in (1, 2)]")
    assert first != without_source("def f():\n    return [x for x in (1, 3)]")
    assert without_source("class f:\n    def g(self): return 1") != without_source(
        "class f:\n    def g(self): return 2"
    )


def test_a_metric_must_say_its_direction() -> None:
    with pytest.raises(errors.RegistrationInvalid, match="metric `score` does not say") as caught:

        @metric
        def score(y_true: Any, y_pred: Any) -> float:
            return 0.0

    assert "@runcard.metric(greater_is_better=True)" in caught.value.hint


def test_unknown_option_values_are_refused() -> None:
    with pytest.raises(errors.RegistrationInvalid, match="no task `clustering`"):
        model(task="clustering")  # type: ignore[call-overload]
    with pytest.raises(errors.RegistrationInvalid, match="no needs `proba`"):
        metric(greater_is_better=True, needs="proba")  # type: ignore[arg-type]
