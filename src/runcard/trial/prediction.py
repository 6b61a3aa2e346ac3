"""What a fitted pipeline predicts for some rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Predictions, (n,), and of classifiers that have them the probabilities, (n, n_classes)."""

    labels: np.ndarray
    probabilities: np.ndarray | None


class Predictor:
    """A fitted pipeline or estimator; its rows are transformed once for labels and probabilities."""

    def __init__(self, model: Any) -> None:
        from sklearn.pipeline import Pipeline

        is_chain = isinstance(model, Pipeline) and len(model) > 1
        self._transform = model[:-1].transform if is_chain else None
        self._final = model[-1] if is_chain else model
        self._has_probabilities = hasattr(self._final, "predict_proba")

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels that there are probabilities of, in their order."""
        return tuple(self._final.classes_) if self._has_probabilities else ()

    def predict(self, parts: Iterable[tuple[np.ndarray | None, pd.DataFrame]]) -> Predicted:
        """Predict for the rows of frames, each with the positions of its rows; None: all, in order."""
        import numpy as np

        found = [(positions, self._predict(frame)) for positions, frame in parts]
        if len(found) == 1:
            return found[0][1]
        order = np.argsort(np.concatenate([positions for positions, _ in found if positions is not None]))
        labels = np.concatenate([part.labels for _, part in found])[order]
        probabilities = [part.probabilities for _, part in found if part.probabilities is not None]
        return Predicted(labels, np.concatenate(probabilities)[order] if probabilities else None)

    def _predict(self, frame: pd.DataFrame) -> Predicted:
        import numpy as np

        matrix = frame if self._transform is None else self._transform(frame)
        labels = np.asarray(self._final.predict(matrix))
        if labels.ndim > 1 and labels.shape[1] == 1:
            labels = labels.ravel()  # catboost gives a column for several classes
        return Predicted(labels, self._final.predict_proba(matrix) if self._has_probabilities else None)


def predicted_table(predicted: Predicted, classes: tuple[Any, ...], id: tuple[str, Any]) -> pa.Table:
    """Put an id, the prediction and a probability for each class side by side."""
    import pyarrow as pa

    columns = {"prediction": _array(predicted.labels)}
    if predicted.probabilities is not None:
        for code, label in enumerate(classes):
            columns[f"probability_{label}"] = pa.array(predicted.probabilities[:, code])
    name, values = id
    return pa.table({f"{name}_" if name in columns else name: values, **columns})


def _array(labels: np.ndarray) -> pa.Array:
    import pyarrow as pa

    return pa.array(labels.tolist() if labels.dtype.hasobject else labels)
