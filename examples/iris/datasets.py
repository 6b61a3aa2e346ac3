"""The data that cards of this project can name."""

import pandas as pd
from sklearn.datasets import load_iris

import runcard


@runcard.dataset
def iris_v1() -> pd.DataFrame:
    """Fisher's iris flowers: four lengths in centimetres, and the species."""
    bunch = load_iris(as_frame=True)
    names = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    frame = bunch.data.set_axis(names, axis="columns")
    return frame.assign(species=bunch.target.map(dict(enumerate(bunch.target_names))))
