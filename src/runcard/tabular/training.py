"""The one function that trains an estimator: on a fold, on all training rows, or on a few rows to try it.

It is given the data's own labels, and gives them. An estimator whose package needs codes is trained on codes, of the
classes that its rows have, and put into a plain scikit-learn classifier that knows their labels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from runcard.catalog.labels import are_codes, code_order, encode_inside, set_weights, unfitted_copy
from runcard.data.target import Target

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A fitted estimator, and the label of each code if it was not trained on labels."""

    estimator: Any
    unfitted: Any
    labels: np.ndarray | None = None

    @property
    def model(self) -> Any:
        """The model that predicts labels."""
        return self.labelled(self.estimator)

    def labelled(self, fitted: Any) -> Any:
        """Wrap the estimator, or one read off it, so that it predicts labels.

        A soft vote of one is scikit-learn's own way to encode labels: the probabilities pass through unchanged.
        """
        if self.labels is None:
            return fitted
        from sklearn.ensemble import VotingClassifier
        from sklearn.preprocessing import LabelEncoder
        from sklearn.utils import Bunch

        vote = VotingClassifier([("model", self.unfitted)], voting="soft")
        vote.le_ = LabelEncoder()
        vote.le_.classes_ = vote.classes_ = self.labels
        vote.estimators_, vote.named_estimators_ = [fitted], Bunch(model=fitted)
        return vote


def train_estimator(estimator: Any, matrix: Any, codes: np.ndarray, target: Target) -> Trained:
    """Fit a copy of an estimator to a matrix, (n, n_features), and the target's codes, (n,)."""
    import numpy as np

    fitted = unfitted_copy(estimator)
    if not target.n_classes:
        return Trained(fitted.fit(matrix, codes), estimator)
    present = np.flatnonzero(np.bincount(codes, minlength=target.n_classes)).tolist()
    order = code_order(fitted, target.classes, present, target.positive)
    set_weights(fitted, target.classes, present, order)
    if order is None:
        if not are_codes(target.classes):
            encode_inside(fitted)
        fitted.fit(matrix, target.labels(codes))
        return Trained(fitted, estimator)
    own = np.zeros(target.n_classes, dtype=np.int64)
    own[list(order)] = range(len(order))
    fitted.fit(matrix, own[codes])
    return Trained(fitted, estimator, target.labels(np.asarray(order)))
