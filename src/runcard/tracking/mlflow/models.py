"""Fitted pipelines as MLflow model folders."""

from __future__ import annotations

import importlib
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runcard.tracking import addresses
from runcard.tracking.mlflow.connection import quiet_mlflow
from runcard.tracking.models import trust
from runcard.tracking.models.owncode import OwnCode

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

ModelFormat = Literal["skops", "cloudpickle"]
_WRITERS: Mapping[ModelFormat, Sequence[str]] = {
    "skops": ("mlflow.pyfunc", "mlflow.sklearn", "skops.io"),
    "cloudpickle": ("mlflow.pyfunc", "mlflow.sklearn", "cloudpickle"),
}


def save_model(
    pipeline: Any,
    path: Path,
    *,
    input_example: pd.DataFrame,
    predictions: Any,
    requirements: Sequence[str],
    model_format: ModelFormat = "skops",
    own: OwnCode | None = None,
    code_paths: Sequence[Path] = (),
) -> None:
    """Write a fitted pipeline as a complete MLflow model folder, without predicting or inferring anything.

    Parameters
    ----------
    path
        The folder to make.
    input_example, predictions
        Some raw rows and what the pipeline predicts for them; their types make the signature, so the rows
        have the types of the whole table (a column of integers anywhere missing is one of doubles).
    requirements
        The packages that loading it needs, with exact versions.
    own, code_paths
        The project's own code, whose types are trusted, and its files, which are kept with the model.

    Raises
    ------
    TypesUntrusted
        The pipeline holds types of other packages, or what skops cannot keep.
    """
    from sklearn.dummy import DummyClassifier

    import_writer(model_format)
    with quiet_mlflow(), tempfile.TemporaryDirectory(dir=path.parent, prefix=".model-") as folder:
        dumped = Path(folder, "model")
        trusted = _dump(pipeline, dumped, model_format, own or OwnCode())
        # MLflow would write the file uncompressed (five times larger) and load it again to see that it can.
        # It is given a stand-in to build the folder around, whose file the dumped one then replaces.
        import mlflow.sklearn
        from mlflow.models import Model

        mlflow.sklearn.save_model(
            DummyClassifier(),
            str(path),
            serialization_format=model_format,
            signature=_signature(_as_read(input_example), predictions),
            input_example=_as_read(input_example),
            pip_requirements=list(requirements),
            skops_trusted_types=trusted,
            code_paths=[str(code) for code in code_paths] or None,
        )
        description = Model.load(str(path / "MLmodel"))
        dumped.replace(path / description.flavors["sklearn"]["pickled_model"])
    description.model_size_bytes = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    description.save(str(path / "MLmodel"))


def import_writer(model_format: ModelFormat) -> None:
    """Import what saving models needs; takes seconds the first time.

    MLflow's imports give advice, which only the main thread can keep to itself: whoever saves models in another calls
    this before.
    """
    missing = [name for name in _WRITERS[model_format] if name not in sys.modules]
    if missing:
        with _without_advice():
            for name in missing:
                importlib.import_module(name)


def signature_of(folder: Path) -> dict[str, Any] | None:
    """Read the input and output columns from a model's folder, as lists of specifications; None if invalid."""
    from mlflow.models import Model

    with _without_advice():
        try:
            signature = Model.load(str(folder / "MLmodel")).signature
            outputs = signature.outputs.to_dict() if signature.outputs else []
            return {"inputs": signature.inputs.to_dict(), "outputs": outputs}
        except Exception:  # there is none, or the description is damaged, which may make its reader raise anything
            return None


def load_with_code(folder: Path) -> Any:
    """Load the scikit-learn model of a folder as MLflow does, running any code in it."""
    with _without_advice():
        import mlflow.sklearn

        return mlflow.sklearn.load_model(str(folder))


@contextmanager
def _without_advice() -> Iterator[None]:
    """Suppress warnings from MLflow's imports and loader, about which the user can do nothing."""
    with quiet_mlflow(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _dump(pipeline: Any, file: Path, model_format: ModelFormat, own: OwnCode) -> list[str] | None:
    """Write the pipeline and return the types to trust, if the format needs them."""
    if model_format == "cloudpickle":
        import cloudpickle

        file.write_bytes(cloudpickle.dumps(pipeline))
        return None
    import skops.io

    try:
        skops.io.dump(pipeline, file, compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    except Exception as error:  # whatever the __getstate__ or __reduce__ of a part raises
        raise trust.untrusted_types("the model cannot be kept in skops format", addresses.reason(error)) from error
    return trust.trusted_types(file, own)


def _signature(rows: pd.DataFrame, predictions: Any) -> ModelSignature:
    """Describe inputs and outputs; the pipeline needs every column, whichever may have missing values."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, Schema

    inferred = infer_signature(rows, predictions)
    inputs = Schema([ColSpec(column.type, column.name) for column in inferred.inputs.inputs])
    return ModelSignature(inputs=inputs, outputs=inferred.outputs)


def _as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """Give nullable integers with gaps the type that a plain reader gives them: double.

    MLflow refuses doubles for a column declared integer, and integers for one declared double.
    """
    gaps = [name for name in frame if frame[name].dtype.kind in "iu" and frame[name].hasnans]
    return frame.astype(dict.fromkeys(gaps, "float64"))
