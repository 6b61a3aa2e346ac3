"""The grammar of names: what a spelling may stand for."""

from __future__ import annotations

import pytest

from runcard import errors
from runcard.names import (
    CardRef,
    DatasetRef,
    ExperimentRef,
    Ref,
    RunRef,
    VersionRef,
    begins_an_id,
    parse_name,
    read_as,
    read_model,
)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("configs/churn.yaml", CardRef("configs/churn.yaml")),
        ("Churn.YML", CardRef("Churn.YML")),
        ("data/churn.csv", DatasetRef("data/churn.csv")),
        ("churn.jsonl.gz", DatasetRef("churn.jsonl.gz")),
        ("dataset:iris", DatasetRef("iris")),
        ("models:/churn/3", VersionRef("churn", version=3)),
        ("models:/churn@production", VersionRef("churn", alias="production")),
        ("models:/churn/latest", VersionRef("churn")),
        ("models:/churn.csv", VersionRef("churn.csv")),
    ],
)
def test_a_spelling_of_one_kind(text: str, ref: Ref) -> None:
    assert parse_name(text) == (ref,)


@pytest.mark.parametrize(
    "text", ["churn", "churn_v2", "962ca3", "churn.v2", "churn/0", "a/b/c", "@production", "churn@", ""]
)
def test_a_word_may_be_anything(text: str) -> None:
    assert parse_name(text) == (CardRef(text), ExperimentRef(text), RunRef(text), VersionRef(text), DatasetRef(text))


@pytest.mark.parametrize(
    ("text", "ref"),
    [("churn/3", VersionRef("churn", version=3)), ("churn@staging", VersionRef("churn", alias="staging"))],
)
def test_a_version_may_be_the_name_of_an_experiment_or_run(text: str, ref: VersionRef) -> None:
    assert parse_name(text) == (ref, ExperimentRef(text), RunRef(text))
    assert read_as(VersionRef, text) == ref
    assert str(ref) == text


@pytest.mark.parametrize(
    "text", ["models:/", "models:/m-0123abcd", "models:/churn/Production", "models:/churn@", "models:/a/b/1"]
)
def test_other_addresses_of_mlflow_are_refused(text: str) -> None:
    with pytest.raises(errors.UsageError, match="names no registered model") as refused:
        parse_name(text)
    assert "models:/NAME/VERSION" in refused.value.why


def test_what_can_only_be_another_kind_is_refused_with_who_takes_it() -> None:
    with pytest.raises(errors.UsageError, match=r"`churn\.yaml` names a card, not a registered model") as refused:
        read_as(VersionRef, "churn.yaml")
    assert "`churn@production`" in refused.value.why
    assert refused.value.hint == CardRef.TAKEN_BY
    with pytest.raises(errors.UsageError, match="`churn/3` names a registered model, not a dataset"):
        read_as(DatasetRef, "churn/3")


def test_a_model_is_not_one_of_its_versions() -> None:
    assert read_model("churn") == read_model("models:/churn/latest") == "churn"
    for text in ("churn/3", "churn@production", "models:/churn/3"):
        with pytest.raises(errors.UsageError, match="names one version of `churn`"):
            read_model(text)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("96c", False),
        ("962c", True),
        ("0" * 32, True),
        ("0" * 33, False),
        ("962G", False),
        ("962C", False),
        ("96%2", False),
    ],
)
def test_the_beginning_of_an_id(text: str, is_one: bool) -> None:
    assert begins_an_id(text) is is_one
