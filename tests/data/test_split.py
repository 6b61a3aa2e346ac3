import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import model_selection as sk

from runcard import errors
from runcard.data.split import make_split

N = 203
RNG = np.random.default_rng(0)
CLASSES = pd.Series(np.where(RNG.random(N) < 0.3, "Yes", "No"))
NUMBERS = pd.Series(RNG.normal(size=N))
GROUPS = pd.Series(RNG.integers(0, 25, N)).map("patient {}".format)
TIMES = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(RNG.permutation(N), unit="D"))
OPTIONS = {
    "stratified": {"target": CLASSES, "kind": "stratified"},
    "plain": {"target": NUMBERS, "kind": "plain"},
    "group": {"target": NUMBERS, "kind": "group", "groups": GROUPS},
    "group of classes": {"target": CLASSES, "kind": "group", "groups": GROUPS},
    "time": {"target": NUMBERS, "kind": "time", "times": TIMES},
}


def split(name, **changes):
    given = {"test_size": 0.2, "n_folds": 5, "seed": 42} | OPTIONS[name] | changes
    return make_split(given.pop("target"), **given)


def refuse(kind, name, **changes):
    with pytest.raises(kind) as caught:
        split(name, where="data/x.csv", **changes)
    assert caught.value.where == "data/x.csv"
    return caught.value


def assert_folds(found, train, expected):
    expected = list(expected)
    assert len(found) == len(expected)
    for (fit, score), (fit_index, score_index) in zip(found, expected, strict=True):
        np.testing.assert_array_equal(fit, train[fit_index])
        np.testing.assert_array_equal(score, train[score_index])


# What a scikit-learn user gets


def test_stratified_equals_scikit_learn():
    made = split("stratified")

    train, test = sk.train_test_split(np.arange(N), test_size=0.2, random_state=42, stratify=CLASSES)
    np.testing.assert_array_equal(made.train, np.sort(train))
    np.testing.assert_array_equal(made.test, np.sort(test))
    folds = sk.StratifiedKFold(5, shuffle=True, random_state=42)
    assert_folds(made.folds, made.train, folds.split(made.train, CLASSES[made.train]))


def test_plain_equals_scikit_learn():
    made = split("plain")

    train, test = sk.train_test_split(np.arange(N), test_size=0.2, random_state=42)
    np.testing.assert_array_equal(made.train, np.sort(train))
    np.testing.assert_array_equal(made.test, np.sort(test))
    assert_folds(made.folds, made.train, sk.KFold(5, shuffle=True, random_state=42).split(made.train))


def test_repeats_equal_scikit_learn():
    stratified, plain = split("stratified", n_repeats=3), split("plain", n_repeats=3)

    folds = sk.RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=42)
    assert_folds(stratified.folds, stratified.train, folds.split(stratified.train, CLASSES[stratified.train]))
    folds = sk.RepeatedKFold(n_splits=5, n_repeats=3, random_state=42)
    assert_folds(plain.folds, plain.train, folds.split(plain.train))


@pytest.mark.parametrize(
    ("name", "splitter"), [("group", sk.GroupKFold), ("group of classes", sk.StratifiedGroupKFold)]
)
def test_group_equals_scikit_learn(name, splitter):
    made = split(name)
    y = OPTIONS[name]["target"]

    train, test = next(sk.GroupShuffleSplit(1, test_size=0.2, random_state=42).split(np.arange(N), groups=GROUPS))
    np.testing.assert_array_equal(made.train, train)
    np.testing.assert_array_equal(made.test, test)
    folds = splitter(5, shuffle=True, random_state=42)
    assert_folds(made.folds, train, folds.split(train, y[train], GROUPS[train]))


def test_the_task_decides_how_groups_are_folded():
    whole = pd.Series(RNG.integers(0, 2, N))

    as_classes = split("group", target=whole)
    as_numbers = split("group", target=whole, task="regression")

    assert_folds(
        as_numbers.folds,
        as_numbers.train,
        sk.GroupKFold(5, shuffle=True, random_state=42).split(as_numbers.train, groups=GROUPS[as_numbers.train]),
    )
    assert any(len(one[1]) != len(other[1]) for one, other in zip(as_classes.folds, as_numbers.folds, strict=True))


def test_time_equals_scikit_learn():
    made = split("time")

    ordered = np.argsort(TIMES.to_numpy(), kind="stable")
    train, test = sk.train_test_split(ordered, test_size=0.2, shuffle=False)
    np.testing.assert_array_equal(made.train, train)
    np.testing.assert_array_equal(made.test, test)
    assert_folds(made.folds, train, sk.TimeSeriesSplit(5).split(train))


def test_leave_one_out_equals_scikit_learn():
    for name in ("plain", "stratified"):
        made = split(name, n_folds="leave_one_out")
        assert_folds(made.folds, made.train, sk.LeaveOneOut().split(made.train))


# What holds for every kind


@pytest.mark.parametrize("name", list(OPTIONS))
def test_every_row_has_one_place(name):
    made = split(name, n_repeats=1 if name == "time" else 2)

    assert made.kind == OPTIONS[name]["kind"]
    assert sorted([*made.train, *made.test]) == list(range(N))
    assert {rows.dtype for fold in made.folds for rows in (made.train, made.test, *fold)} == {np.dtype(np.int32)}
    for fit, score in made.folds:
        assert set(fit).isdisjoint(score)
        assert set(fit) | set(score) <= set(made.train)
    if name != "time":
        for repeat in (made.folds[:5], made.folds[5:]):
            assert sorted(row for _, score in repeat for row in score) == sorted(made.train)


@pytest.mark.parametrize("name", list(OPTIONS))
def test_the_seed_decides(name):
    one, again, other = split(name, seed=1), split(name, seed=1), split(name, seed=2)

    assert_folds(one.folds, np.arange(N), again.folds)
    np.testing.assert_array_equal(one.test, again.test)
    assert np.array_equal(one.test, other.test) == (name == "time")


@pytest.mark.parametrize("name", ["group", "group of classes"])
def test_groups_stay_together(name):
    made = split(name, n_repeats=2)

    assert set(GROUPS[made.train]).isdisjoint(GROUPS[made.test])
    for fit, score in made.folds:
        assert set(GROUPS[fit]).isdisjoint(GROUPS[score])


@pytest.mark.parametrize("n_times", [6, 7, 20, 100])
def test_equal_times_stay_together(n_times):
    times = pd.Series(np.random.default_rng(n_times).integers(0, n_times, N))

    made = split("time", times=times, n_folds=3)

    assert times[made.train].max() < times[made.test].min()
    assert times[made.train].is_monotonic_increasing
    for fit, score in made.folds:
        assert times[fit].max() < times[score].min()


def test_a_border_moves_to_the_nearest_change_of_time():
    times = pd.Series([1, 1, 1, 2, 3, 3, 3, 3, 3, 4])

    assert len(split("time", target=times, times=times, test_size=0.2, n_folds=None).test) == 1
    assert len(split("time", target=times, times=times, test_size=0.5, n_folds=None).test) == 6


def test_rows_that_test_where_names():
    is_test = TIMES >= "2024-05-01"

    for name in ("stratified", "plain", "time"):
        made = split(name, test_rows=is_test.to_numpy())
        assert set(made.test) == set(np.flatnonzero(is_test))
        assert len(made.folds) == 5


def test_whole_groups_that_test_where_names():
    made = split("group", test_rows=GROUPS.isin(["patient 1", "patient 7"]).to_numpy())

    assert set(GROUPS[made.test]) == {"patient 1", "patient 7"}


def test_no_folds_and_no_test_rows():
    assert split("plain", n_folds=None).folds == ()
    made = split("plain", test_size=0)
    assert (len(made.train), len(made.test)) == (N, 0)


# What cannot be done


def test_a_class_with_fewer_rows_than_folds():
    target = pd.Series(["common"] * 95 + ["rare"] * 5)

    error = refuse(errors.ClassTooSmall, "stratified", target=target)

    assert str(error) == (
        "error[RC207]: class `rare` has 4 training rows, and 5 folds need 5\n"
        "  where: data/x.csv\n"
        "  why:   every class must be on both sides of every fold\n"
        "  hint:  use `cv_folds: 4` or fewer, or write `stratify: false` under `data:`, "
        "or merge the class with another"
    )


def test_a_class_with_fewer_rows_than_folds_of_groups():
    target = pd.Series(["common"] * (N - 3) + ["rare"] * 3)

    error = refuse(errors.ClassTooSmall, "group of classes", target=target, groups=np.arange(N))

    assert "stratify" not in error.hint


def test_a_class_with_one_row():
    error = refuse(errors.ClassTooSmall, "stratified", target=pd.Series(["common"] * 99 + ["rare"]))

    assert error.what == "class `rare` has 1 row, and the test split needs 2"


def test_a_class_that_is_in_no_training_row():
    target = pd.Series(["common"] * 90 + ["rare"] * 10)

    error = refuse(errors.ClassTooSmall, "stratified", target=target, test_rows=(target == "rare").to_numpy())

    assert error.what == "class `rare` has 0 training rows, and 5 folds need 5"


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("stratified", {"target": pd.Series(list("abcdef") * 2), "test_size": 0.2},
         "3 test rows and 9 training rows are too few for 6 classes"),
        ("plain", {"target": pd.Series([1.0])}, "1 row cannot be split into training and test"),
        ("plain", {"target": pd.Series([1.0, 2.0, 3.0])}, "2 training rows cannot make 5 folds"),
        ("plain", {"n_folds": 1}, "162 training rows cannot make 1 folds"),
        ("plain", {"test_rows": np.zeros(N, dtype=bool)}, "`test_where` matches no row"),
        ("plain", {"test_rows": np.ones(N, dtype=bool)}, "`test_where` matches all 203 rows"),
        ("plain", {"n_folds": "leave_one_out", "n_repeats": 2}, "`cv_repeats: 2` with `leave_one_out`"),
        ("time", {"n_repeats": 2}, "`cv_repeats: 2` with a split by `time`"),
        ("time", {"n_folds": "leave_one_out"}, "`cv_folds: leave_one_out` with a split by `time`"),
        ("group", {"n_folds": "leave_one_out"}, "`cv_folds: leave_one_out` with a split by `group`"),
        ("group", {"n_folds": 21}, "20 groups cannot make 21 folds"),
        ("group", {"groups": ["a"] * N}, "1 group cannot be split into training and test"),
        ("group", {"groups": GROUPS.where(GROUPS != "patient 3")}, "the group column is missing in "),
        ("group", {"test_rows": np.arange(N) < 2}, "`test_where` cuts through 2 groups"),
        ("time", {"times": TIMES.where(TIMES > "2024-01-02")}, "the time column is missing in 2 of 203 rows"),
        ("time", {"times": [7] * N}, "all rows have the same time"),
        ("time", {"times": np.arange(N) // 100}, "2 different times cannot make 5 folds"),
    ],
)  # fmt: skip
def test_splits_that_are_impossible(name, changes, message):
    assert refuse(errors.SplitImpossible, name, **changes).what.startswith(message)


def test_groups_too_uneven_for_balanced_folds():
    groups = np.array(["huge"] * 190 + ["small"] * 10 + ["a", "b", "c"])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = split("group of classes", groups=groups, n_folds=3, test_rows=groups == "a")

    assert all(len(fit) and len(score) for fit, score in made.folds)
