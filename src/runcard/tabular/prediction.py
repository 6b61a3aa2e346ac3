"""Predictions of a fitted pipeline for some rows."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

_CLOSE = 1e-6
_LIKELIEST = frozenset(
    {
        "catboost.CatBoostClassifier",
        "lightgbm.LGBMClassifier",
        "sklearn.ExtraTreesClassifier",
        "sklearn.GradientBoostingClassifier",
        "sklearn.HistGradientBoostingClassifier",
        "sklearn.RandomForestClassifier",
        "sklearn.VotingClassifier",
        "xgboost.XGBClassifier",
    }
)
"""Models that predict the class of the highest probability, and take long to compute one or the other."""


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """Predictions, (n,), and for classifiers with probabilities those, (n, n_classes)."""

    labels: np.ndarray
    probabilities: np.ndarray | None


class Predictor:
    """A fitted pipeline or estimator that transforms its rows once for labels and probabilities."""

    def __init__(self, model: Any) -> None:
        from sklearn.pipeline import Pipeline

        is_chain = isinstance(model, Pipeline) and len(model) > 1
        self._transform = model[:-1].transform if is_chain else None
        self._final = model[-1] if is_chain else model
        self._has_probabilities = hasattr(self._final, "predict_proba")
        kind = type(self._final)
        self._is_likeliest = f"{kind.__module__.partition('.')[0]}.{kind.__name__}" in _LIKELIEST

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels of the probability columns, in order."""
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
        if not self._has_probabilities:
            return Predicted(self._labels(matrix), None)
        probabilities = np.asarray(self._final.predict_proba(matrix))
        if not self._is_likeliest:
            return Predicted(self._labels(matrix), probabilities)
        return Predicted(self._likeliest(matrix, probabilities), probabilities)

    def _labels(self, matrix: Any) -> np.ndarray:
        import numpy as np

        labels = np.asarray(self._final.predict(matrix))
        return labels.ravel() if labels.ndim > 1 and labels.shape[1] == 1 else labels  # catboost gives a column

    def _likeliest(self, matrix: Any, probabilities: np.ndarray) -> np.ndarray:
        """Derive labels from probabilities; where the top two are almost equal, ask the model."""
        import numpy as np
        from sklearn.utils import _safe_indexing

        labels: np.ndarray = np.asarray(self._final.classes_)[probabilities.argmax(axis=1)]
        highest = np.partition(probabilities, -2, axis=1)[:, -2:]
        (close,) = np.nonzero(highest[:, 1] - highest[:, 0] < _CLOSE)
        if len(close):
            labels[close] = self._labels(_safe_indexing(matrix, close))
        return labels


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


S = TypeVar("S")
T = TypeVar("T")


def abreast(function: Callable[[S], T], items: Iterable[S], *, threads: int) -> Iterator[T]:
    """Map `function` over the items with threads, in order; at most one more item than threads is held.

    The threads share the cores: each has its part of them for what it computes in compiled code. Many small pieces are
    done sooner so than one after the other on all cores, which wait for the slowest of them at each step of each piece.
    """
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(threads, "abreast", _share_cores, (threads,)) as pool:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _share_cores(threads: int) -> None:
    """Limit this thread's share of cores; OpenMP keeps that number per thread."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(max(1, (os.cpu_count() or 1) // threads), user_api="openmp")
