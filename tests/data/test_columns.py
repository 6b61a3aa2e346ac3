from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from runcard import errors
from runcard.data.columns import Columns, check_target, column_kind, resolve_columns, task_of
from runcard.data.source import read_table

CHURN = Path(__file__).parents[2] / "examples/churn/data/raw/customers.csv"
WHERE = "data/raw/x.csv"


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "id": ["a", "b", "c", "d"],
            "age": [30, 40, 50, 60],
            "income": [1.5, np.nan, 2.5, 3.5],
            "city": ["Rome", None, "Oslo", "Rome"],
            "member": [True, False, True, True],
            "since": pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]),
            "empty": [np.nan] * 4,
            "churn": ["Yes", "No", "No", "Yes"],
        }
    )


def resolve(frame, **changes):
    options = {"target": "churn", "numerical": None, "categorical": None, "where": WHERE}
    return resolve_columns(frame, **(options | changes))


def refuse(frame, **changes):
    with pytest.raises(errors.RuncardError) as caught:
        resolve(frame, **changes)
    return caught.value


def test_roles_by_type(frame):
    assert resolve(frame, id="id", time="since") == Columns(
        target="churn",
        numerical=("age", "income"),
        categorical=("city", "member"),
        id="id",
        group=None,
        time="since",
    )


def test_roles_by_type_leave_out_what_is_excluded_and_what_has_no_name(frame):
    frame.insert(0, "", range(4))

    columns = resolve(frame, exclude=["id", "age"])

    assert columns.numerical == ("income",)
    assert columns.categorical == ("city", "member")


@pytest.mark.parametrize(("given", "other"), [("numerical", "categorical"), ("categorical", "numerical")])
def test_one_list_alone_leaves_the_other_empty(frame, given, other):
    columns = resolve(frame, **{given: ["member"]})

    assert getattr(columns, given) == ("member",)
    assert getattr(columns, other) == ()


def test_numbers_can_be_categories(frame):
    assert resolve(frame, categorical=["age", "income"]).categorical == ("age", "income")


def test_nothing_left_to_learn_from(frame):
    error = refuse(frame[["since", "empty", "churn"]])

    assert isinstance(error, errors.ColumnUnsupported)
    assert error.what == "no column is left that can be a feature"


def test_churn_columns_without_na_values():
    table = read_table(CHURN, root=CHURN.parents[2])

    error = refuse(table.frame, numerical=["tenure", "total_charges"], where=table.source)

    assert str(error) == (
        "error[RC208]: column `total_charges` is numerical and holds text in 11 of 7,043 rows\n"
        '  where: data/raw/customers.csv, column "total_charges"\n'
        "  why:   rows 489, 754, 937 and 8 more: `NA`\n"
        '  hint:  write `na_values: ["NA"]` under `data:` if that means missing, '
        "or list `total_charges` under `categorical`"
    )
    assert CHURN.read_text().splitlines()[489].endswith(",NA")  # row 489 is the 489th line below the header


def test_churn_columns_with_na_values():
    frame = read_table(CHURN, na_values=["NA"]).frame

    columns = resolve(frame, numerical=["tenure", "total_charges"], categorical=["contract"])

    assert columns.numerical == ("tenure", "total_charges")
    check_target(frame["churn"], task_of(frame, "churn"))


def test_unknown_target(frame):
    error = refuse(frame, target="chrun")

    assert str(error) == (
        "error[RC205]: unknown column `chrun`\n"
        "  where: data/raw/x.csv\n"
        "  why:   the table has `id`, `age`, `income`, `city`, `member`, `since`, `empty`, `churn`\n"
        "  hint:  did you mean `churn`?"
    )


@pytest.mark.parametrize("role", ["numerical", "categorical", "exclude"])
def test_unknown_columns_in_lists(frame, role):
    error = refuse(frame, **{role: ["agee"]})

    assert isinstance(error, errors.ColumnUnknown)
    assert error.hint == "did you mean `age`?"


@pytest.mark.parametrize("role", ["id", "group", "time"])
def test_unknown_columns_in_roles(frame, role):
    assert isinstance(refuse(frame, **{role: "zzz"}), errors.ColumnUnknown)


@pytest.mark.parametrize("role", ["id", "group", "time"])
def test_a_role_among_the_features(frame, role):
    error = refuse(frame, numerical=["age", "income"], **{role: "age"})

    assert isinstance(error, errors.ColumnMisused)
    assert error.what == f"column `age` is used as {role} and as a feature"
    assert error.where == 'data/raw/x.csv, column "age"'
    assert error.hint == "take `age` out of `features`"


@pytest.mark.parametrize("given", ["numerical", "categorical"])
def test_the_target_among_the_features(frame, given):
    error = refuse(frame, **{given: ["churn"]})

    assert isinstance(error, errors.ColumnMisused)
    assert error.what == "column `churn` is used as target and as a feature"


def test_one_column_in_two_roles(frame):
    assert refuse(frame, id="churn").what == "column `churn` is used as target and as id"
    assert refuse(frame, id="id", group="id").what == "column `id` is used as id and as group"


def test_one_feature_listed_twice(frame):
    both = refuse(frame, numerical=["age"], categorical=["age"])
    twice = refuse(frame, numerical=["age", "age"])

    assert both.what == "column `age` is used as numerical and as categorical"
    assert twice.what == "column `age` is used 2 times as a feature"


def test_all_errors_come_at_once_and_each_once(frame):
    frame["rank"] = [1.0, 2.0, np.inf, 4.0]

    error = refuse(frame, target="chrun", numerical=["city", "rank", "since"], categorical=["city", "ag"], id="member")

    assert isinstance(error, errors.CardErrors)
    assert [type(one).__name__ for one in error.errors] == [
        "ColumnUnknown",
        "ColumnUnknown",
        "ColumnMisused",
        "ValuesInfinite",
        "ColumnUnsupported",
        "IdDuplicate",
    ]


def test_text_through_and_through_is_no_case_for_na_values(frame):
    error = refuse(frame, numerical=["id"])

    assert error.what == "column `id` is numerical and holds text in 4 of 4 rows"
    assert error.why == "rows 1, 2, 3 and 1 more: `a`, `b`, `c` and 1 more"
    assert error.hint == "list `id` under `categorical`"


def test_numbers_stored_as_text(frame):
    frame["age"] = frame["age"].astype(str)

    error = refuse(frame, numerical=["age"])

    assert error.what == "column `age` is numerical and its numbers are stored as text"


def test_na_values_in_the_hint_are_yaml(frame):
    frame["income"] = ["1", 'n"a', "3", "4"]

    error = refuse(frame, numerical=["income"])

    assert 'na_values: ["n\\"a"]' in error.hint


def test_infinite_values(frame):
    frame["income"] = [1.0, np.inf, -np.inf, 2.0]

    error = refuse(frame, numerical=["income"])

    assert isinstance(error, errors.ValuesInfinite)
    assert error.what == "column `income` is infinite in 2 of 4 rows"
    assert error.why.endswith("rows 2, 3")


@pytest.mark.parametrize("role", ["numerical", "categorical"])
@pytest.mark.parametrize(
    ("name", "holds"),
    [("since", "it holds dates"), ("empty", "has no value"), ("nested", "it holds values of type")],
)
def test_unsupported_columns(frame, role, name, holds):
    frame["nested"] = [[1], [2], [3], [4]]

    error = refuse(frame, **{role: [name]})

    assert isinstance(error, errors.ColumnUnsupported)
    assert holds in error.what


@pytest.mark.parametrize("role", ["id", "group", "categorical"])
def test_whole_numbers_that_float64_makes_equal(frame, role):
    frame["big"] = [2.0**60, np.nan, 1.0, 2.0]

    error = refuse(frame, **{role: ["big"] if role == "categorical" else "big"})

    assert isinstance(error, errors.ColumnUnsupported)
    assert "2^53" in error.what


def test_repeated_ids(frame):
    frame["id"] = ["a", "b", "a", None]

    error = refuse(frame, id="id")

    assert isinstance(error, errors.IdDuplicate)
    assert error.what == "the id column `id` has `a` more than once"
    assert error.why.endswith("rows 1, 3")


def test_dates_can_be_ids_and_groups_and_times(frame):
    assert resolve(frame, id="since").id == "since"
    assert resolve(frame, group="since").group == "since"
    assert resolve(frame, time="since").time == "since"


def test_text_is_no_time(frame):
    error = refuse(frame, time="city")

    assert error.what == "column `city` cannot be used as time: it holds text"
    assert "2024-01-31" in error.hint


# The target


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["Yes", "No"], "classification"),
        ([True, False], "classification"),
        ([True, None], "classification"),
        (pd.Categorical([1, 2]), "classification"),
        (range(20), "classification"),
        (range(21), "regression"),
        ([1.0, 2.0, np.nan], "classification"),
        (np.arange(21.0), "regression"),
        ([0.5, 1.0], "regression"),
        ([np.inf, 1.0], "regression"),
    ],
)
def test_task(values, task):
    assert task_of(pd.DataFrame({"y": values}), "y") == task


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2], "number"),
        ([0.5, None], "number"),
        ([True, False], "bool"),
        ([True, np.nan], "bool"),
        (["x", None], "text"),
        (pd.Series(["x", np.nan], dtype=object), "text"),
        (pd.Categorical(["x", "y"]), "text"),
        (pd.Categorical([1, 2]), "text"),
        (pd.to_datetime(["2024-01-31"]), "date"),
        (pd.to_datetime(["2024-01-31"], utc=True), "date"),
        (pd.to_timedelta([1]), "other"),
        ([[1], [2]], "other"),
        ([1j, 2j], "other"),
    ],
)
def test_kinds(values, kind):
    assert column_kind(pd.Series(values)) == kind


@pytest.mark.parametrize(
    ("values", "task", "kind", "message"),
    [
        (
            ["x", None, "y"],
            "classification",
            errors.TargetInvalid,
            "the target `y` is missing in 1 of 3 rows",
        ),
        ([1.0, np.nan], "regression", errors.TargetInvalid, "the target `y` is missing in 1 of 2 rows"),
        (["x", "y"], "regression", errors.TargetInvalid, "the target `y` does not fit a regression"),
        ([0.5, 1.5], "classification", errors.TargetInvalid, "the target `y` does not fit a classification"),
        ([[1], [2]], "classification", errors.TargetInvalid, "the target `y` does not fit a classification"),
        ([1.0, np.inf], "regression", errors.ValuesInfinite, "column `y` is infinite in 1 of 2 rows"),
        ([1.0, np.inf], "classification", errors.ValuesInfinite, "column `y` is infinite in 1 of 2 rows"),
        (["No", "No"], "classification", errors.TargetConstant, "the target `y` is `No` in every row"),
        ([1.5, 1.5], "regression", errors.TargetConstant, "the target `y` is `1.5` in every row"),
    ],
)
def test_targets_that_cannot_be_learnt(values, task, kind, message):
    with pytest.raises(kind) as caught:
        check_target(pd.Series(values, name="y"), task, where=WHERE)

    assert caught.value.what == message
    assert caught.value.where == 'data/raw/x.csv, column "y"'


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["x", "y"], "classification"),
        ([True, False], "classification"),
        ([0.0, 1.0], "classification"),
        ([0, 1], "regression"),
        ([0.5, 1.5], "regression"),
    ],
)
def test_targets_that_can_be_learnt(values, task):
    check_target(pd.Series(values, name="y"), task)
