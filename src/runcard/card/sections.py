"""The sections of a card as types; the card reference and the JSON Schema are made from them."""
# ruff: noqa: RUF009 (`key` is a `dataclasses.field`)

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runcard.card.kinds import (
    Anything,
    Either,
    Key,
    ListOf,
    MappingOf,
    Part,
    any_text,
    bound,
    flag,
    key,
    keys_of,
    model_name,
    number,
    one_of,
    scalar,
    text,
    whole,
)
from runcard.search.space import MAX_TRIALS, Parameter, parse_parameter
from runcard.yaml import Document

Scalar = str | int | float | bool
Names = tuple[str, ...]

NAME = text(longest=250)
MODEL_NAME = model_name()
COLUMN = text()
COLUMNS = ListOf(COLUMN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What the experiment is about, in words; nothing here changes a number."""

    name: str | None = key(NAME, "The MLflow experiment; default: the card's file name.", default=None)
    description: str = key(any_text(), "What is done and how.", default="")
    hypothesis: str = key(any_text(), "What is expected, written down before the result is known.", default="")
    manual_steps: str = key(
        any_text(),
        "What was done by hand and no code shows, such as an export or rows removed; `none` when there was nothing.",
        default="",
    )
    tags: Mapping[str, Scalar] = key(MappingOf(scalar()), "Tags of the MLflow runs.", default={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Which rows, and how they are divided."""

    raw_path: str | None = key(
        text(),
        "A CSV, TSV, Parquet, Feather or JSON-lines file, relative to the project's root; text formats may be gzipped.",
        default=None,
    )
    dataset: str | None = key(
        text(),
        "Instead of `raw_path`: a registered dataset, or one of scikit-learn's bundled ones.",
        default=None,
    )
    description: str = key(
        any_text(), "How the data were collected: by whom, when, of what; nothing depends on it.", default=""
    )
    processed_path: str | None = key(text(), "Keep the typed table here, as Parquet.", default=None)
    na_values: Names = key(
        ListOf(any_text()),
        "Texts that mean missing; the empty text always does, and nothing else.",
        default=(),
    )
    train_test_split: float = key(
        number(at_least=0, below=1),
        "The share of rows kept for the test; 0: none, then scores are those of the folds alone.",
        default=0.2,
    )
    random_state: int = key(whole(0, 2**32 - 1), "The seed of the split, the folds and every estimator.", default=42)
    stratify: bool | None = key(
        flag(), "Keep class shares equal in every part; default: true for classification.", default=None
    )
    group: str | None = key(COLUMN, "Rows with equal values of this column stay together.", default=None)
    time: str | None = key(COLUMN, "Split by this column: train on the past, score on the future.", default=None)
    test_where: Mapping[str, Scalar | tuple[Scalar, ...]] | None = key(
        MappingOf(Either((scalar(), ListOf(scalar(), at_least=1)))),
        "The test rows are those with these values, instead of a random share.",
        default=None,
    )
    id: str | None = key(COLUMN, "A column that names each row; unique, never a feature.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """Which columns are learned from, and what is predicted."""

    target: str | None = key(COLUMN, "The column to predict.", default=None)
    positive: Scalar | None = key(
        scalar(),
        "For two classes, the one that `precision`, `recall` and `roc_auc` are about; "
        "default: the last in sorted order.",
        default=None,
    )
    numerical: Names | None = key(
        COLUMNS,
        "Columns of numbers: median for missing values, then standardised. "
        "Default, with `categorical` also absent: every column of numbers.",
        default=None,
    )
    categorical: Names | None = key(
        COLUMNS,
        "Columns of categories: one-hot encoded, unseen ones ignored. "
        "Default, with `numerical` also absent: every column of text or booleans.",
        default=None,
    )
    set: str | None = key(text(), "Instead of the two lists: a registered feature set.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFeatures:
    """What a model sees when it differs from the card's `features`."""

    numerical: Names | None = key(COLUMNS, "As in `features`.", default=None)
    categorical: Names | None = key(COLUMNS, "As in `features`.", default=None)
    set: str | None = key(text(), "As in `features`.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model and its hyperparameters: each a value, a list of choices, or a W&B-style distribution."""

    name: str = key(text(), "A name from `runcard list models`.")
    params: Mapping[str, Any] = key(
        MappingOf(Anything()), "Hyperparameter -> value, list of choices, or distribution.", default={}
    )
    features: ModelFeatures | None = key(
        Part(ModelFeatures), "Overrides the card's `features` for this model.", default=None
    )

    @property
    def space(self) -> Mapping[str, Parameter]:
        """The hyperparameters, parsed."""
        return {name: parse_parameter(value, name) for name, value in self.params.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyTerminate:
    """Stop trials that fall behind, as Weights & Biases sweeps do."""

    type: Literal["hyperband"] = key(one_of("hyperband"), "The only one.")
    min_iter: int | None = key(
        whole(1), "The first bracket, in iterations: boosting rounds or epochs, else folds.", default=None
    )
    max_iter: int | None = key(
        whole(1), "The brackets are this divided by eta, by its square and so on; needs `s`.", default=None
    )
    s: int | None = key(whole(1), "How many brackets, with `max_iter`.", default=None)
    eta: float = key(number(above=1), "The factor between brackets.", default=3.0)
    strict: bool = key(flag(), "Judge by the value at the bracket, not by the best so far.", default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How the space of hyperparameters is gone through."""

    method: Literal["grid", "random", "bayes"] = key(
        one_of("grid", "random", "bayes"), "`grid` runs every combination.", default="grid"
    )
    trials: int | None = key(whole(1, MAX_TRIALS), "How many in all; not for `grid`.", default=None)
    lag: int = key(
        whole(1, 1024),
        "For `bayes` and early stopping: trial n is begun once trials up to n - lag are known.",
        default=8,
    )
    early_terminate: EarlyTerminate | None = key(Part(EarlyTerminate), "Stop trials that fall behind.", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How trials are scored."""

    metrics: Names | None = key(
        ListOf(text(), at_least=1),
        "scikit-learn's scorer names, or plain losses such as `rmse`. "
        "Default: accuracy, balanced_accuracy and f1; or rmse, mae and r2.",
        default=None,
    )
    primary: str | None = key(text(), "The metric that ranks; default: the first.", default=None)
    cv_folds: int | Literal["leave_one_out"] | None = key(
        Either((whole(2), one_of("leave_one_out"))),
        "Default: 5, or none when the card has a single trial.",
        default=None,
    )
    cv_repeats: int = key(whole(1, 1000), "Repeat the folds with new shuffles.", default=1)
    tolerance: float | Mapping[str, float] | None = key(
        Either((number(at_least=0), MappingOf(number(at_least=0)))),
        "By how much metrics may differ when a run is reproduced, in their own units: for all, or metric -> number. "
        "Default: they may not.",
        default=None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which trial is chosen."""

    rule: Literal["best", "one_standard_error"] = key(
        one_of("best", "one_standard_error"),
        "`one_standard_error`: the cheapest within one standard error of the best.",
        default="best",
    )
    practical_difference: float = key(number(at_least=0), "Differences below this do not matter.", default=0.0)
    constraints: Mapping[str, str] = key(MappingOf(bound()), 'Recorded number -> bound, such as `"<= 5"`.', default={})
    cost: Names = key(
        ListOf(text(), at_least=1),
        "For `one_standard_error`: recorded numbers, the less the cheaper; the first decides, the next where it is "
        "equal. Default: `[predict_ms_p95, model_mb]`.",
        default=("predict_ms_p95", "model_mb"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """What a model version must show before `runcard promote` moves an alias to it."""

    beats_holder: bool = key(
        flag(), "It must beat the version that holds the alias, both scored now on its own test rows.", default=True
    )
    metric: str | None = key(text(), "By which metric it must; default: the card's primary one.", default=None)
    margin: float = key(
        number(), "By more than this, in the metric's unit; below 0: it may be worse by as much.", default=0.0
    )
    confidence: float = key(number(at_least=0.5, below=1), "How sure that must be, one-sided.", default=0.95)
    floors: Mapping[str, str] = key(
        MappingOf(bound()), 'Metric on the test rows -> bound, such as `">= 0.8"`.', default={}
    )
    constraints: Mapping[str, str] = key(
        MappingOf(bound()), '`predict_ms_p95`, `model_mb` or `fit_seconds` -> bound, such as `"<= 5"`.', default={}
    )
    digest: bool = key(flag(), "The model's files must be those that were saved.", default=True)
    signature: bool = key(flag(), "Whoever calls the holder must be able to call it the same way.", default=True)
    signed: bool = key(flag(), "It must be signed by somebody whom git's allowed signers name.", default=False)
    reproduced: bool = key(flag(), "Its run must have been run again and come out equal.", default=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """Under which name its model is registered, and what it takes to be promoted; nothing here changes a number."""

    model: str | None = key(MODEL_NAME, "The registered model; default: the experiment's name.", default=None)
    gates: Gates = key(
        Part(Gates), "What a promotion takes; what is not said here, `[tool.runcard.gates]` says.", default=Gates()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One experiment: data, features, models, evaluation and choice rule."""

    experiment: Experiment = key(Part(Experiment), "In words.", default=Experiment())
    task: Literal["classification", "regression"] | None = key(
        one_of("classification", "regression"),
        "Whether classes or numbers are predicted; default: what the metrics, `positive` and the models are for, "
        "else what the target looks like.",
        default=None,
    )
    data: Data = key(Part(Data), "Which rows.")
    features: Features = key(Part(Features), "Which columns.", default=Features())
    models: tuple[Model, ...] = key(ListOf(Part(Model), at_least=1), "What is tried.")
    search: Search = key(
        Part(Search), "How the space is gone through; default: the grid of all lists.", default=Search()
    )
    evaluation: Evaluation = key(Part(Evaluation), "How trials are scored.", default=Evaluation())
    selection: Selection = key(Part(Selection), "Which trial is chosen.", default=Selection())
    registry: Registry = key(Part(Registry), "How its model is registered and promoted.", default=Registry())
    document: Document = field(default=Document("", {}), repr=False, compare=False)
    """Its values with their places."""
    path: Path | None = field(default=None, compare=False)
    """The file it was read from; None for a card given as a mapping."""
    text: str = field(default="", repr=False, compare=False)
    """The card as it was written."""

    @property
    def name(self) -> str:
        """The experiment's name; the card's file name when it gives none."""
        return self.experiment.name or (self.path.stem if self.path else "experiment")

    @property
    def shown(self) -> str:
        """How its messages name it."""
        return self.document.name or "the card"

    def where(self, *path: str | int, key: bool = False) -> str:
        """Say where a value of the card stands: `configs/churn.yaml:41:15, evaluation.metrics[4]`."""
        return self.document.where(path, key=key)


SECTIONS: Mapping[str, Key] = keys_of(Card)
