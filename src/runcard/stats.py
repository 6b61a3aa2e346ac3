"""Statistics of fold scores, as pure functions with their sources.

Scores of two trials pair fold by fold. Folds share training rows, so their differences are not independent, and the
plain t-test takes chance for a difference much too often. Both tests here widen the variance by the share of
test rows (Nadeau & Bengio 2003); what is called "better" is the caller's business, by the sign of the differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

N_RESAMPLES = 2000
_MOST_UNDEFINED = 0.05


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The paired differences of two trials' fold scores, and tests of the difference behind them."""

    mean: float
    scale: float
    """Standard error of the mean, corrected for folds that share training rows; 0 where all differences are equal."""
    df: int
    """Degrees of freedom."""

    def t(self) -> float:
        """Compute the corrected resampled t (Nadeau & Bengio 2003); 0 where there is no difference at all."""
        if self.scale == 0:
            return 0.0 if self.mean == 0 else math.copysign(math.inf, self.mean)
        return self.mean / self.scale

    def p_value(self) -> float:
        """Give the two-sided p of no difference; 1 where there is none at all, 0 where it is the same on every fold."""
        from scipy.special import stdtr

        return float(2 * stdtr(self.df, -abs(self.t())))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Give the confidence interval of the difference; of no width where it is the same on every fold."""
        from scipy.special import stdtrit

        half = float(stdtrit(self.df, (1 + level) / 2)) * self.scale
        return self.mean - half, self.mean + half

    def posterior(self, practical: float) -> tuple[float, float, float]:
        """Give the probabilities that the difference is below -practical, within it, and above.

        The Bayesian correlated t-test (Corani & Benavoli 2015): the posterior of the difference is Student's t
        with the mean, scale and degrees of freedom of the corrected resampled t. An end of the region that
        holds all of the probability counts as within.
        """
        below = self._share_below(-practical, closed=False)
        above = 1 - self._share_below(practical, closed=True)
        return below, max(0.0, 1 - below - above), above

    def _share_below(self, bound: float, *, closed: bool) -> float:
        from scipy.special import stdtr

        if self.scale == 0:
            return float(self.mean <= bound if closed else self.mean < bound)
        return float(stdtr(self.df, (bound - self.mean) / self.scale))


def paired_difference(first: Sequence[float], second: Sequence[float], *, test_share: float) -> PairedDifference:
    """Compare two trials' scores, (n_folds,) each, in fold order.

    Parameters
    ----------
    test_share
        n_test / n_train of a fold.

    Raises
    ------
    ValueError
        They have different numbers of folds, or fewer than two.
    """
    differences = [a - b for a, b in zip(first, second, strict=True)]
    n_folds = len(differences)
    if n_folds < 2:
        raise ValueError(f"{n_folds} folds tell nothing of chance")
    scale = deviation(differences) * math.sqrt(1 / n_folds + test_share)
    return PairedDifference(fmean(differences), scale, n_folds - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for multiple testing (Holm 1979), in the order given."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def holm_levels(p_values: Sequence[float], level: float) -> list[float]:
    """Give the level at which Holm's method tests each p-value, in the order given.

    The smallest of m is judged at `level` / m, the next at `level` / (m - 1), and so on until one is not below its
    level: the others are judged at the same as that one. An interval of 1 minus this level leaves out 0 if and only
    if the p that `holm` adjusts is below `level`.
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    levels, has_stopped, at = [level] * len(p_values), False, level
    for rank, place in enumerate(order):
        at = at if has_stopped else level / (len(p_values) - rank)
        levels[place] = at
        has_stopped = has_stopped or p_values[place] >= at
    return levels


def standard_error(scores: Sequence[float]) -> float:
    """Compute the standard error of the mean with ddof 1 (Breiman et al. 1984); 0 for one score."""
    return deviation(scores) / math.sqrt(len(scores)) if len(scores) > 1 else 0.0


def pareto_front(points: Sequence[Sequence[float]]) -> list[int]:
    """Give the indices of the non-dominated points among (n, n_dimensions).

    Less is better in every dimension; equal points do not beat each other.
    """
    import numpy as np

    if not points:
        return []
    found = np.asarray(points, dtype=float)
    kept = np.empty_like(found)
    places: list[int] = []
    for place in np.lexsort(found.T[::-1]):  # in this order, nothing is beaten by what comes later
        point, front = found[place], kept[: len(places)]
        if not ((front <= point).all(axis=1) & (front < point).any(axis=1)).any():
            kept[len(places)] = point
            places.append(int(place))
    return sorted(places)


def bootstrap_bound(
    statistic: Callable[[np.ndarray], float],
    units: np.ndarray,
    *,
    confidence: float,
    seed: int,
    n_resamples: int = N_RESAMPLES,
) -> float | None:
    """Bound a statistic of rows from below, one-sided: percentile bootstrap (Efron & Tibshirani 1993, ch. 13).

    Parameters
    ----------
    statistic
        From row numbers, some of them several times, to a number; NaN where it is not defined on them.
    units
        (n_rows,) codes 0..k-1: rows of one unit are drawn together, for they are not independent of each other.
    confidence
        The share of resamples that lie above the bound.

    Returns
    -------
    None where the statistic is not defined on more than one resample in twenty.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    rows_of = np.split(np.argsort(units, kind="stable"), np.cumsum(np.bincount(units))[:-1])
    draws = (rng.integers(0, len(rows_of), len(rows_of)) for _ in range(n_resamples))
    found = np.array([statistic(np.concatenate([rows_of[unit] for unit in draw])) for draw in draws])
    defined = found[~np.isnan(found)]
    if len(defined) < (1 - _MOST_UNDEFINED) * n_resamples:
        return None
    return float(np.quantile(defined, 1 - confidence, method="lower"))


def deviation(values: Sequence[float]) -> float:
    """Compute the standard deviation with ddof 1; exactly 0 if all values are equal.

    `statistics.stdev` is exact in fractions, at fifty times the price.
    """
    if min(values) == max(values):
        return 0.0
    mean = fmean(values)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1))


def percentile_95(milliseconds: Sequence[float]) -> float | None:
    """Give the 95th percentile by the nearest rank; None for an empty sequence."""
    ordered = sorted(milliseconds)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else None
