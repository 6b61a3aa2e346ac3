"""Search strategies: every combination (grid), random draws, or what earlier results suggest (Bayesian)."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from runcard.search.sampling import quantile
from runcard.search.space import (
    Categorical,
    Constant,
    Distribution,
    Parameter,
    count_drawn,
    count_points,
    drawn_values,
    drop_inactive,
    grid,
    in_order,
    is_listed,
    is_there,
)

Space = Mapping[str, Parameter]
_MODEL = "model"
_MOST_REPEATS = 20
_MOST_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class Point:
    """A point in one of several search spaces: the space, and a value for each of its hyperparameters."""

    entry: int
    params: Mapping[str, object]


def every_point(spaces: Sequence[Space]) -> Iterator[Point]:
    """Iterate over every combination of every space."""
    return (Point(entry, params) for entry, space in enumerate(spaces) for params in grid(space))


def n_points(spaces: Sequence[Space]) -> float:
    """Count the combinations; infinite where a hyperparameter takes any number."""
    return sum(count_points(space, _n_values) for space in spaces)


def every_value(spaces: Sequence[Space]) -> Iterator[Point]:
    """Iterate over every combination of finite spaces, whatever the names of their distributions."""
    listed = [
        {name: Categorical(drawn_values(parameter), when=parameter.when) for name, parameter in space.items()}
        for space in spaces
    ]
    return every_point(listed)


def random_points(spaces: Sequence[Space], *, seed: int) -> Iterator[Point]:
    """Draw distinct points: a space, all equally likely, then each hyperparameter independently.

    The n-th depends on the seed and on n only, so that asking for more gives the same ones first. It ends when
    nothing new turns up.
    """
    import numpy as np

    seen: set[str] = set()
    n_vain = 0
    for n in itertools.count():
        draws = np.random.default_rng([seed, n])
        point = _draw(spaces, draws)
        identity = repr(point)
        if identity in seen:
            n_vain += 1
            if n_vain == _MOST_DRAWS:
                return
            continue
        n_vain = 0
        seen.add(identity)
        yield point


def _draw(spaces: Sequence[Space], draws: Any) -> Point:
    entry = int(draws.integers(len(spaces)))
    drawn = {name: quantile(parameter, draws.random()) for name, parameter in spaces[entry].items()}
    return Point(entry, drop_inactive(spaces[entry], drawn))


class BayesianSearch:
    """Tree-structured Parzen estimators over several spaces (Bergstra et al. 2011), by Optuna.

    What `ask` gives depends on the seed and on what was asked and told before, in order, and on nothing else.
    Numbers are searched on the scale of their distribution.

    Parameters
    ----------
    identify
        Gives equal values for points that are the same: each is asked once.
    """

    def __init__(
        self, spaces: Sequence[Space], *, seed: int, greater_is_better: bool, identify: Callable[[Point], str]
    ) -> None:
        import numpy as np
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True, constant_liar=True)
        self._study = optuna.create_study(sampler=sampler, direction="maximize" if greater_is_better else "minimize")
        self._spaces, self._identify = spaces, identify
        self._draws = np.random.default_rng(seed)
        self._seen: set[str] = set()
        self._asked: list[Any] = []

    def ask(self) -> Point | None:
        """Return the next point, never one asked before; None when no new point turns up."""
        from optuna.trial import TrialState

        for n_vain in range(_MOST_DRAWS):
            if n_vain >= _MOST_REPEATS:  # good values are few, and were all asked
                self._study.enqueue_trial(self._draw())
            trial = self._study.ask()
            point = self._suggest(trial)
            identity = self._identify(point)
            if identity not in self._seen:
                self._seen.add(identity)
                self._asked.append(trial)
                return point
            self._study.tell(trial, state=TrialState.FAIL)
        return None

    def tell(self, number: int, value: float | None, *, step: int | None = None) -> None:
        """Report the result of the point asked as `number`, counted from 0: None if it failed.

        With `step` it was stopped there, and the value is what it had got by then.
        """
        from optuna.trial import TrialState

        trial = self._asked[number]
        if value is None:
            self._study.tell(trial, state=TrialState.FAIL)
        elif step is None:
            self._study.tell(trial, value)
        else:
            trial.report(value, step)
            self._study.tell(trial, state=TrialState.PRUNED)

    def _suggest(self, trial: Any) -> Point:
        entry = 0
        if len(self._spaces) > 1:
            entry = trial.suggest_categorical(_MODEL, list(range(len(self._spaces))))
        params: dict[str, object] = {}
        space = self._spaces[entry]
        for name in in_order(space):
            parameter = space[name]
            if not is_there(parameter, params):
                continue
            label = f"{entry}.{name}"
            if isinstance(parameter, Constant):
                params[name] = parameter.value
            elif _is_plain_choice(parameter):
                place = trial.suggest_categorical(label, list(range(len(parameter.values))))
                params[name] = parameter.values[place]
            else:
                params[name] = quantile(parameter, trial.suggest_float(label, 0.0, 1.0))
        return Point(entry, {name: params[name] for name in space if name in params})

    def _draw(self) -> dict[str, float]:
        """Draw at random the values that `_suggest` asks for."""
        entry = int(self._draws.integers(len(self._spaces)))
        drawn: dict[str, float] = {_MODEL: entry}
        for name, parameter in self._spaces[entry].items():
            label = f"{entry}.{name}"
            if _is_plain_choice(parameter):
                drawn[label] = int(self._draws.integers(len(parameter.values)))
            else:
                drawn[label] = self._draws.random()
        return drawn


def _is_plain_choice(parameter: Parameter) -> TypeGuard[Categorical]:
    return isinstance(parameter, Categorical) and parameter.probabilities is None


def _n_values(parameter: Parameter) -> float:
    if isinstance(parameter, Distribution) and not is_listed(parameter):
        return math.inf
    return count_drawn(parameter)
