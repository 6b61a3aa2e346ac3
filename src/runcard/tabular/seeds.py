"""Seeds: set where a trial begins."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SEEDS = 2**32
"""NumPy's and scikit-learn's seeds are below this."""


def set_seeds(seed: int) -> None:
    """Seed the global generators of Python, NumPy and, if it is loaded, PyTorch; modulo 2**32."""
    import numpy as np

    seed %= _SEEDS
    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):  # the graphics cards' generators included
        torch.manual_seed(seed)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators; afterwards Python's and NumPy's go on as if nothing had been."""
    import numpy as np

    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        set_seeds(seed)
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
