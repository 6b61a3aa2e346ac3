"""A model's outputs for some rows, computed once for all metrics."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard import errors
from runcard.catalog.metrics import Metric, Outputs, score
from runcard.data.target import Target
from runcard.redact import redact

if TYPE_CHECKING:
    import numpy as np


def compute_outputs(
    model: Any,
    rows: Any,
    metrics: Sequence[Metric],
    target: Target,
    *,
    every: bool = False,
) -> Outputs:
    """Compute from a fitted model, which predicts labels, the outputs that the metrics need, as codes.

    Parameters
    ----------
    every
        Ask for all that it can give, for figures and for keeping.

    Raises
    ------
    ValueError
        It predicts what is no class of the target.
    """
    needs = {metric.needs for metric in metrics}
    wants_scores = (every or "score" in needs) and target.n_classes > 0 and hasattr(model, "decision_function")
    wants_probabilities = (
        target.n_classes > 0
        and hasattr(model, "predict_proba")
        and (every or "predict_proba" in needs or ("score" in needs and not wants_scores))
    )
    scores = model.decision_function(rows) if wants_scores else None
    probabilities = model.predict_proba(rows) if wants_probabilities else None
    wants_predictions = every or "predict" in needs or target.n_classes == 0
    predictions = _predictions(model, rows, probabilities) if wants_predictions else None
    if not target.n_classes:
        return Outputs(predictions=None if predictions is None else predictions.reshape(len(predictions)))
    return Outputs(
        None if predictions is None else _codes(predictions, target),
        _all_columns(probabilities, model, target),
        scores if scores is None or scores.ndim > 1 or _order(model, target) != [1, 0] else -scores,
    )


@dataclass(frozen=True, slots=True)
class Scored:
    """The values of metrics on some rows, each in its own unit, never negated."""

    scores: Mapping[str, float]
    """Of those that are defined on these rows."""
    missing: Mapping[str, str]
    """The others -> why they are not."""

    def why_not(self, name: str) -> str | None:
        """Give the reason why a metric is not defined; None where it is."""
        return f"{name} is not defined: {self.missing[name]}" if name in self.missing else None


def score_all(metrics: Sequence[Metric], truth: np.ndarray, outputs: Outputs, target: Target) -> Scored:
    """Compute every metric, in order."""
    import numpy as np

    classes = np.asarray(target.classes) if target.classes else None
    scores: dict[str, float] = {}
    missing: dict[str, str] = {}
    for metric in metrics:
        said: list[str] = []
        try:
            value = score(metric, truth, outputs, classes=classes, positive=target.positive, said=said)
        except errors.MetricImpossible as error:
            missing[metric.name] = redact(" ".join(error.why.split()))
        else:
            if math.isfinite(value):
                scores[metric.name] = value
            else:
                missing[metric.name] = "; ".join(dict.fromkeys([f"it is {value}", *said]))
    return Scored(scores, missing)


def pool(parts: Sequence[tuple[np.ndarray, Outputs]]) -> tuple[np.ndarray, Outputs]:
    """Concatenate the true values and the outputs of several parts."""
    import numpy as np

    def joined(name: str) -> Any:
        found = [getattr(outputs, name) for _, outputs in parts]
        return None if found[0] is None else np.concatenate(found)

    truth = np.concatenate([truth for truth, _ in parts])
    return truth, Outputs(joined("predictions"), joined("probabilities"), joined("scores"))


def digest_outputs(outputs: Outputs) -> str:
    """Hash a model's outputs: names, types, shapes and bytes; sha256, 16 hex digits; all NaN are equal."""
    hashed = hashlib.sha256()
    named = {"predictions": outputs.predictions, "probabilities": outputs.probabilities, "scores": outputs.scores}
    for name, array in named.items():
        if array is not None:
            plain = _plain(array)
            hashed.update(f"{name} {plain.dtype.str} {plain.shape} ".encode())
            hashed.update(plain.data if plain.size else b"")
    return hashed.hexdigest()[:16]


def _plain(array: Any) -> np.ndarray:
    """Convert to an array whose bytes are its values: no object pointers, one NaN, C order."""
    import numpy as np

    found = np.ascontiguousarray(array)
    if found.dtype.hasobject:
        return np.ascontiguousarray([repr(value) for value in found.ravel().tolist()])
    if found.dtype.kind == "f" and (gaps := np.isnan(found)).any():
        found = np.where(gaps, found.dtype.type("nan"), found)
    return found


def _predictions(model: Any, rows: Any, probabilities: Any) -> np.ndarray:
    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier, VotingClassifier

    kinds = (RandomForestClassifier, ExtraTreesClassifier, VotingClassifier)  # one that votes has probabilities, too
    if probabilities is not None and type(model) in kinds:
        return np.asarray(model.classes_[probabilities.argmax(axis=1)])  # what its predict does, at half the cost
    return np.asarray(model.predict(rows))


def _codes(labels: np.ndarray, target: Target) -> np.ndarray:
    import numpy as np

    labels = labels.reshape(len(labels))  # catboost gives a column for several classes
    classes = np.asarray(target.classes)
    if classes.dtype.kind == "U" and labels.dtype.kind != "U":
        labels = labels.astype(str)  # objects, which are slow to compare
    codes = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    strange = classes[codes] != labels
    if strange.any():
        (label,) = labels[[strange.argmax()]].tolist()
        raise ValueError(
            f"it predicts {label!r}, and the classes of `{target.name}` are {errors.listing(target.classes)}"
        )
    return codes.astype(np.int64)


def _all_columns(probabilities: Any, model: Any, target: Target) -> Any:
    """Give one column per class of the table, in order, with zeros for classes missing from the fit rows."""
    if probabilities is None:
        return None
    import numpy as np

    known = _order(model, target)
    if known is None or known == list(range(target.n_classes)):
        return probabilities
    full = np.zeros((len(probabilities), target.n_classes))
    full[:, known] = probabilities
    return full


def _order(model: Any, target: Target) -> list[int] | None:
    """Give the class codes of a model's columns; None where it does not tell, and has all of them."""
    import numpy as np

    try:
        return [int(code) for code in _codes(np.asarray(model.classes_), target)]
    except (AttributeError, ValueError):
        return None
