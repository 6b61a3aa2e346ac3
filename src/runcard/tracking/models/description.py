"""The description in a model's folder, read without MLflow and without loading the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.bounds import read_bounded
from runcard.data.signature import InputKind

_KINDS: Mapping[str, InputKind] = {
    "integer": "whole",
    "long": "whole",
    "float": "number",
    "double": "number",
    "boolean": "bool",
    "string": "text",
    "datetime": "date",
}
_EXAMPLE = "serving_input_example.json"
_NOT_AS_WRITTEN = (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A scikit-learn model as its folder describes it."""

    folder: Path
    file: Path
    """The fitted pipeline."""
    format: str
    """How it is written: `skops`, or a format whose loading runs code, such as `cloudpickle`."""
    columns: Mapping[str, InputKind]
    """The columns it takes, in order, and what they held in training."""
    code: Path | None
    """Code that is kept with the model, to be imported when it is loaded."""

    def example_row(self) -> dict[str, list[Any]] | None:
        """Give one row of the input example as `{"columns": [...], "data": [[...]]}`, null for missing; or None."""
        try:
            found = json.loads(read_bounded(self.folder / _EXAMPLE).decode())["dataframe_split"]
            return {"columns": found["columns"], "data": found["data"][:1]}
        except _NOT_AS_WRITTEN:
            return None


def describe_model(folder: Path, name: str) -> ModelDescription:
    """Read a model's description.

    Raises
    ------
    ModelDamaged
        There is none, or it is not of a scikit-learn model with named columns.
    """
    try:
        found = _read_yaml(folder / "MLmodel")
        flavor, plain = found["flavors"]["sklearn"], found["flavors"]["python_function"]
        description = ModelDescription(
            folder=folder,
            file=_within(folder, flavor["pickled_model"]),
            format=str(flavor.get("serialization_format", "pickle")),
            columns={str(column["name"]): _kind(column) for column in json.loads(found["signature"]["inputs"])},
            code=_within(folder, code) if (code := flavor.get("code") or plain.get("code")) else None,
        )
        if not description.file.is_file():
            raise ValueError("its model is no file")
    except _NOT_AS_WRITTEN as error:
        raise errors.ModelDamaged(
            f"`{name}` is no scikit-learn model with a signature of named columns",
            where=name,
            why=f"its description cannot be used: {type(error).__name__}: {error}",
            hint="register a model that `runcard run` made",
        ) from None
    return description


def _kind(column: Mapping[str, Any]) -> InputKind:
    return _KINDS.get(str(column["type"]), "other")


def _within(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.exists():
        raise ValueError(f"it names `{name}`, which is not among its files")
    return path


def _read_yaml(path: Path) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(read_bounded(path).decode())
    except (YAMLError, RecursionError) as error:
        raise ValueError(str(error).partition("\n")[0]) from None
