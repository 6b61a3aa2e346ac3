"""Against published numbers, and by what must hold for any numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from runcard.stats import bootstrap_bound, deviation, holm, holm_levels, paired_difference, pareto_front, standard_error

SCORES = st.lists(st.floats(0, 1), min_size=2, max_size=30)


@pytest.fixture(scope="module")
def kernels() -> dict[str, np.ndarray]:
    """Return the fold scores of scikit-learn's example "Statistical comparison of models using grid search"."""
    from sklearn.datasets import make_moons
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
    from sklearn.svm import SVC

    matrix, target = make_moons(noise=0.352, random_state=1, n_samples=100)
    folds = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    models = {
        "rbf": SVC(kernel="rbf", random_state=0),
        "linear": SVC(kernel="linear", random_state=0),
        "poly 2": SVC(kernel="poly", degree=2, random_state=0),
        "poly 3": SVC(kernel="poly", degree=3, random_state=0),
    }
    return {name: cross_val_score(model, matrix, target, scoring="roc_auc", cv=folds) for name, model in models.items()}


# what the example prints: the corrected t and its one-sided p, times six comparisons and at most 1 (Bonferroni)
PUBLISHED = {
    ("rbf", "linear"): (0.750, 1.000),
    ("rbf", "poly 3"): (1.657, 0.302),
    ("rbf", "poly 2"): (4.565, 0.000),
    ("linear", "poly 3"): (1.111, 0.807),
    ("linear", "poly 2"): (4.276, 0.000),
    ("poly 3", "poly 2"): (3.851, 0.001),
}


@pytest.mark.slow
@pytest.mark.parametrize(("pair", "printed"), PUBLISHED.items(), ids=str)
def test_scikit_learns_example(kernels: Any, pair: tuple[str, str], printed: tuple[float, float]) -> None:
    found = paired_difference(*(kernels[name] for name in pair), test_share=1 / 9)
    assert round(found.t(), 3) == printed[0]
    assert round(min(1.0, 6 * found.p_value() / 2), 3) == printed[1]


@pytest.mark.slow
def test_scikit_learns_example_the_bayesian_way(kernels: Any) -> None:
    found = paired_difference(kernels["rbf"], kernels["linear"], test_share=1 / 9)
    assert round(found.posterior(0.0)[2], 3) == 0.773
    assert [round(share, 3) for share in found.posterior(0.01)] == [0.068, 0.432, 0.500]
    low, high = found.interval(0.95)
    assert found.posterior(0.0)[2] > 0.5
    assert low < 0 < found.mean < high


def test_without_shared_rows_it_is_the_plain_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=12), rng.normal(size=12)
    found, plain = paired_difference(first, second, test_share=0.0), scipy_stats.ttest_rel(first, second)
    assert found.t() == pytest.approx(plain.statistic, rel=1e-12)
    assert found.p_value() == pytest.approx(plain.pvalue, rel=1e-12)
    assert found.interval() == pytest.approx(tuple(plain.confidence_interval(0.95)), rel=1e-12)


@given(SCORES, st.floats(0, 1), st.floats(0, 0.2), st.data())
def test_the_other_way_round_is_the_mirror_image(first: Any, share: float, practical: float, data: Any) -> None:
    second = data.draw(st.lists(st.floats(0, 1), min_size=len(first), max_size=len(first)))
    one, other = (paired_difference(*pair, test_share=share) for pair in ((first, second), (second, first)))
    assert one.mean == -other.mean
    assert one.p_value() == pytest.approx(other.p_value(), abs=1e-12)
    assert one.interval() == pytest.approx(tuple(-end for end in reversed(other.interval())))
    assert one.posterior(practical) == pytest.approx(tuple(reversed(other.posterior(practical))), abs=1e-9)
    assert sum(one.posterior(practical)) == pytest.approx(1)


@pytest.mark.parametrize(
    ("by", "practical", "posterior", "p"),
    [
        (0.0, 0.0, (0, 1, 0), 1.0),
        (0.0, 0.1, (0, 1, 0), 1.0),
        (0.25, 0.0, (0, 0, 1), 0.0),
        (0.25, 0.25, (0, 1, 0), 0.0),
        (-0.25, 0.125, (1, 0, 0), 0.0),
    ],
)
def test_equal_differences_are_no_division_by_zero(by: float, practical: float, posterior: Any, p: float) -> None:
    second = [0.5, 0.25, 0.75]
    found = paired_difference([score + by for score in second], second, test_share=0.25)
    assert found.posterior(practical) == posterior
    assert found.p_value() == p
    assert found.interval() == (by, by)
    assert found.t() == (math.copysign(math.inf, by) if by else 0.0)


def test_an_interval_covers_as_often_as_it_says() -> None:
    """Simulate differences as the correction takes them: correlated by rho, with n_test / n_train = rho / (1 - rho)."""
    rng = np.random.default_rng(1)
    n_folds, rho, true = 10, 0.1, 0.02
    covariance = np.full((n_folds, n_folds), rho) + np.eye(n_folds) * (1 - rho)
    draws = rng.multivariate_normal(np.full(n_folds, true), covariance * 0.05**2, size=4000)
    zeros = [0.0] * n_folds
    hits = 0
    for row in draws:
        low, high = paired_difference(list(row), zeros, test_share=rho / (1 - rho)).interval(0.95)
        hits += low <= true <= high
    assert abs(hits / len(draws) - 0.95) < 0.012


@pytest.mark.parametrize(
    ("first", "second"), [([0.5], [0.4]), ([], []), ([0.1, 0.2], [0.1]), ([0.1, 0.2, 0.3], [0.1, 0.2])]
)
def test_too_few_folds_or_unequal_ones_are_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match=r"folds|zip"):
        paired_difference(first, second, test_share=0.25)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_keeps_the_order_and_lies_between_none_and_bonferroni(p_values: list[float]) -> None:
    found = holm(p_values)
    for p, adjusted in zip(p_values, found, strict=True):
        assert p <= adjusted <= min(1.0, len(p_values) * p) + 1e-12
    assert [p for _, p in sorted(zip(p_values, found, strict=True))] == sorted(found)


def test_the_deviation_is_of_a_sample() -> None:
    assert deviation([0.3]) == 0.0
    assert deviation([0.1, 0.1, 0.1]) == 0.0
    assert deviation([1.0, 3.0]) == pytest.approx(math.sqrt(2))


def test_the_standard_error_is_not_the_deviation() -> None:
    assert standard_error([1.0, 2.0, 3.0, 4.0]) == pytest.approx(math.sqrt(5 / 3) / 2)
    assert standard_error([0.7]) == 0.0


def test_bootstrap_bound_is_that_of_scipy_and_of_the_normal_distribution() -> None:
    from scipy import stats as reference

    values = np.random.default_rng(3).normal(0.4, 1.0, 400)
    bound = bootstrap_bound(lambda at: float(values[at].mean()), np.arange(400), confidence=0.95, seed=0)
    assert bound is not None
    expected = reference.bootstrap(
        (values,), np.mean, n_resamples=2000, confidence_level=0.9, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval.low
    assert bound == pytest.approx(expected, abs=0.01)
    assert bound == pytest.approx(values.mean() - 1.645 * values.std(ddof=1) / 20, abs=0.01)
    again = bootstrap_bound(lambda at: float(values[at].mean()), np.arange(400), confidence=0.95, seed=0)
    assert again == bound


def test_rows_of_a_group_are_drawn_together() -> None:
    """A group's rows say the same: the bound is that of the groups, much lower than that of as many rows."""
    means = np.random.default_rng(4).normal(0.4, 1.0, 20)
    groups = np.repeat(np.arange(20), 30)
    values = means[groups]
    mean = lambda at: float(values[at].mean())  # noqa: E731
    together = bootstrap_bound(mean, groups, confidence=0.95, seed=0)
    apart = bootstrap_bound(mean, np.arange(600), confidence=0.95, seed=0)
    assert together == pytest.approx(means.mean() - 1.645 * means.std() / 20**0.5, abs=0.05)
    assert together < apart - 0.1


def test_a_statistic_that_is_often_undefined_has_no_bound() -> None:
    def lone(at: np.ndarray) -> float:
        return 1.0 if 0 in at else float("nan")

    assert bootstrap_bound(lone, np.arange(3), confidence=0.95, seed=0) is None


@pytest.mark.parametrize(
    ("p_values", "levels"),
    [
        ([0.001, 0.02, 0.01], [0.05 / 3, 0.05, 0.025]),
        ([0.04, 0.01, 0.5], [0.025, 0.05 / 3, 0.025]),  # 0.04 is not below its level: from there on it stays
        ([0.9, 0.025, 0.0], [0.025, 0.025, 0.05 / 3]),  # nor is what equals it
        ([0.3, 0.2], [0.025, 0.025]),
        ([0.3], [0.05]),
        ([], []),
    ],
)
def test_levels_by_hand(p_values: list[float], levels: list[float]) -> None:
    assert holm_levels(p_values, 0.05) == pytest.approx(levels)


def test_the_pareto_front_by_hand() -> None:
    points = [(1.0, 5.0), (2.0, 2.0), (5.0, 1.0), (3.0, 2.0), (2.0, 2.0), (5.0, 5.0)]
    assert pareto_front(points) == [0, 1, 2, 4]  # equal ones do not beat each other
    assert pareto_front([(1.0, math.inf), (2.0, math.inf)]) == [0]
    assert pareto_front([]) == []
