"""The grammar of names: what a text on the command line may refer to, by its spelling alone.

Why: docs/adr/0040-names.md
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from runcard import errors
from runcard.card.load import CARD_SUFFIXES
from runcard.data.file import FORMATS, suffix_of
from runcard.data.locked import DATASET

_BEGINS_AN_ID = re.compile(r"[0-9a-f]{4,32}")
_VERSION = re.compile(r"([^@/:]+)(?:@([^@/:]+)|/([1-9][0-9]*))")
_MLFLOW = "models:/"
_LATEST = "/latest"


@dataclass(frozen=True, slots=True)
class CardRef:
    """A card: its file, or its bare name under `configs/`."""

    KIND: ClassVar[str] = "a card"
    SPELLINGS: ClassVar[str] = "`configs/churn.yaml`, or `churn` for short"
    TAKEN_BY: ClassVar[str] = "`run`, `check`, `compare`, `select`, `register`, `reproduce`, `diff` and `audit` take it"

    name: str


@dataclass(frozen=True, slots=True)
class ExperimentRef:
    """An experiment in MLflow."""

    KIND: ClassVar[str] = "an experiment"
    SPELLINGS: ClassVar[str] = "`churn`, its name in MLflow"
    TAKEN_BY: ClassVar[str] = "`compare`, `select`, `register`, `reproduce`, `diff` and `audit` take it"

    name: str


@dataclass(frozen=True, slots=True)
class RunRef:
    """A run in MLflow: its id, four digits or more that only its id begins with, or its name."""

    KIND: ClassVar[str] = "a run"
    SPELLINGS: ClassVar[str] = "`7e538e79`, four digits of its id or more, or its name"
    TAKEN_BY: ClassVar[str] = "`compare`, `register`, `reproduce`, `diff` and `audit` take it; `select` that of a card"

    name: str


@dataclass(frozen=True, slots=True)
class VersionRef:
    """A registered model, or one version of it by its alias or number."""

    KIND: ClassVar[str] = "a registered model"
    SPELLINGS: ClassVar[str] = "`churn@production`, `churn/3`, `models:/churn/3`, or `churn` for its latest version"
    TAKEN_BY: ClassVar[str] = (
        "`promote`, `predict` and `serve` take it, `rollback` and `history` its model;\n"
        "`compare`, `register`, `reproduce`, `diff` and `audit` take a version for the run that it came from"
    )

    name: str
    alias: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        """Write it as the grammar reads it."""
        ending = f"@{self.alias}" if self.alias else f"/{self.version}" if self.version else ""
        return self.name + ending


@dataclass(frozen=True, slots=True)
class DatasetRef:
    """A dataset as `runcard.lock` names it: a data file, or a registered or bundled dataset."""

    KIND: ClassVar[str] = "a dataset"
    SPELLINGS: ClassVar[str] = "`data/churn.csv`, or `iris` that is registered or comes with scikit-learn"
    TAKEN_BY: ClassVar[str] = "`lock`, `data verify` and `data restore` take it"

    name: str


Ref = CardRef | ExperimentRef | RunRef | VersionRef | DatasetRef
_Kind = TypeVar("_Kind", CardRef, ExperimentRef, RunRef, VersionRef, DatasetRef)


def parse_name(text: str) -> tuple[Ref, ...]:
    """List everything a text may refer to; one spelling often fits several kinds of names.

    Raises
    ------
    UsageError
        It begins as an address of MLflow's registry, and is none of a registered model.
    """
    if text.startswith(_MLFLOW):
        return (_parse_address(text),)
    if text.startswith(DATASET):
        return (DatasetRef(text.removeprefix(DATASET)),)
    if text.lower().endswith(CARD_SUFFIXES):
        return (CardRef(text),)
    if suffix_of(Path(text)) in FORMATS:
        return (DatasetRef(text),)
    if found := _VERSION.fullmatch(text):
        return _version(found), ExperimentRef(text), RunRef(text)
    return CardRef(text), ExperimentRef(text), RunRef(text), VersionRef(text), DatasetRef(text)


def read_as(kind: type[_Kind], text: str) -> _Kind:
    """Parse a text as the one kind of name that a command takes.

    Raises
    ------
    UsageError
        It can only be another kind of thing.
    """
    readings = parse_name(text)
    for ref in readings:
        if isinstance(ref, kind):
            return ref
    raise errors.UsageError(
        f"`{text}` names {readings[0].KIND}, not {kind.KIND}",
        why=f"{kind.KIND} is written {kind.SPELLINGS}",
        hint=readings[0].TAKEN_BY,
    )


def read_model(text: str) -> str:
    """Parse the name of a registered model, without a version.

    Raises
    ------
    UsageError
        It names one version, or something else.
    """
    ref = read_as(VersionRef, text)
    if ref.alias or ref.version:
        raise errors.UsageError(
            f"`{text}` names one version of `{ref.name}`, and here the model is asked for",
            why="what is done concerns all of its versions",
            hint=f"write `{ref.name}`",
        )
    return ref.name


def begins_an_id(text: str) -> bool:
    """Tell whether a text may be the beginning of a run's id, long enough to identify it."""
    return _BEGINS_AN_ID.fullmatch(text) is not None


def _version(found: re.Match[str]) -> VersionRef:
    name, alias, number = found.groups()
    return VersionRef(name, alias, int(number) if number else None)


def _parse_address(text: str) -> VersionRef:
    """Parse a `models:/` address of MLflow's registry."""
    name = text.removeprefix(_MLFLOW).removesuffix(_LATEST)
    found = _VERSION.fullmatch(name)
    if found:
        return _version(found)
    if name and "/" not in name and "@" not in name and not name.startswith("m-"):
        return VersionRef(name)
    raise errors.UsageError(
        f"`{text}` names no registered model",
        why="that is `models:/NAME/VERSION`, `models:/NAME@ALIAS` or `models:/NAME/latest`; a logged model or a stage "
        "is none",
        hint="write `NAME/3` or `NAME@production`, or name the run that logged the model",
    )
