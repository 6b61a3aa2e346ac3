"""The feature sets that cards of this project can name."""

from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import runcard


@runcard.features
def iris_v1_features_v1() -> Pipeline:
    """Lengths and their products, standardised; fitted inside each fold."""
    return make_pipeline(PolynomialFeatures(degree=2, include_bias=False), StandardScaler())
