"""The models that cards of this project can name, beside all of scikit-learn's."""

from sklearn.linear_model import LogisticRegression

import runcard


@runcard.model(task="classification")
def sparse_logistic(strength: float = 1.0) -> LogisticRegression:
    """Logistic regression that sets the weights of useless features to zero."""
    return LogisticRegression(C=1.0 / strength, l1_ratio=1.0, solver="saga", max_iter=5000)
