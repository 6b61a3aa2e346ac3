"""Tests of whose turn it is."""

from __future__ import annotations

from itertools import islice

from runcard.plan import Fit
from runcard.record import JobResult
from runcard.workflow.run.schedule import Turns


def fit(model: str, name: str) -> Fit:
    return Fit(model, "features", {"name": name}, ())


def took(seconds: float) -> JobResult:
    return JobResult(0, (), cpu_seconds=seconds, started=100.0, ended=100.0 + seconds)


def never(fit: Fit, fold: int) -> bool:
    return False


def test_the_slowest_model_goes_first() -> None:
    quick, slow, middling = (
        [fit(model, name) for name in ("first", "second")] for model in ("quick", "slow", "middling")
    )
    turns = Turns([*quick, *slow, *middling], [0, 1], never)
    order = iter(turns)
    found = list(islice(order, 1))
    turns.note(quick[0], took(0.1))
    found += islice(order, 1)
    turns.note(slow[0], took(5.0))
    found += islice(order, 1)
    turns.note(middling[0], took(1.0))
    found += order
    assert found == [
        (quick[0], 0),
        (slow[0], 0),  # nothing is known of it, so it may be slow
        (middling[0], 0),
        *[(slow[0], 1), (slow[1], 0), (slow[1], 1)],
        *[(middling[0], 1), (middling[1], 0), (middling[1], 1)],
        *[(quick[0], 1), (quick[1], 0), (quick[1], 1)],
    ]


def test_what_is_not_known_keeps_its_order() -> None:
    fits = [fit("one", "a"), fit("two", "b"), fit("one", "c")]
    assert list(Turns(fits, [0], never)) == [(fits[0], 0), (fits[2], 0), (fits[1], 0)]


def test_what_may_prove_needless_is_put_off_while_there_is_something_else() -> None:
    tight, other = fit("one", "tight"), fit("two", "other")
    assert list(Turns([tight, other], [0], never)) == [(tight, 0), (other, 0)]
    assert list(Turns([tight, other], [0], lambda fit, fold: fit is tight)) == [(other, 0), (tight, 0)]
