"""What a project registers: the decorators, and the catalog collected from the project's modules.

Decorating only marks and stores nothing in runcard: two projects in one process cannot mix. A catalog
is made by looking through the modules that a project names.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import CodeType, MappingProxyType, ModuleType
from typing import Any, Literal, TypeVar, cast, get_args, overload

from runcard import errors
from runcard.catalog.codetext import code_digest
from runcard.catalog.keepable import LONGEST_METRIC, RULE, is_kept, kept_form
from runcard.project import Project, import_modules

RegisteredKind = Literal["dataset", "features", "model", "metric"]
Task = Literal["classification", "regression"]
Needs = Literal["predict", "predict_proba", "score"]
Registrable = TypeVar("Registrable", bound=Callable[..., object])
MARK = "__runcard__"


@dataclass(frozen=True, slots=True)
class Registered:
    """A registered function or class, its kind, and the name that cards use for it.

    Parameters
    ----------
    rowwise
        Of a feature set: the function maps frame to frame, each row for itself.
    task
        Of a model or metric: the task it is for; None when it may be for either.
    greater_is_better, needs, decomposes
        Of a metric: its direction, the output of the model it looks at, and whether its value on rows is the mean
        of its values on each of them alone.
    """

    kind: RegisteredKind
    name: str
    function: Callable[..., Any]
    rowwise: bool = False
    task: Task | None = None
    greater_is_better: bool = True
    needs: Needs = "predict"
    decomposes: bool = False

    @property
    def description(self) -> str:
        """The first line of the docstring, empty when there is none."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0].strip()

    @property
    def place(self) -> str:
        """Where it is defined, as `file:line`."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        if isinstance(code, CodeType):
            return f"{code.co_filename}:{code.co_firstlineno}"
        return f"{self.function.__module__}.{getattr(self.function, '__qualname__', self.name)}"

    @property
    def parameters(self) -> Mapping[str, object]:
        """Name and default of each named parameter; `inspect.Parameter.empty` where there is no default."""
        return MappingProxyType({p.name: p.default for p in self._signature() if p.kind in _NAMED})

    @property
    def accepts_any(self) -> bool:
        """Whether it takes any further keyword (`**hyperparameters`)."""
        return any(p.kind is inspect.Parameter.VAR_KEYWORD for p in self._signature())

    @property
    def source_digest(self) -> str:
        """sha256 of its source text, and of the project's code that it uses."""
        return code_digest(self.function)

    def _signature(self) -> Iterable[inspect.Parameter]:
        return inspect.signature(self.function).parameters.values()


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All that a project registers, by kind and name."""

    datasets: Mapping[str, Registered] = field(default_factory=dict)
    features: Mapping[str, Registered] = field(default_factory=dict)
    models: Mapping[str, Registered] = field(default_factory=dict)
    metrics: Mapping[str, Registered] = field(default_factory=dict)


def collect(modules: Iterable[ModuleType]) -> Catalog:
    """Collect what the decorators marked in the namespaces of `modules`.

    One object may be seen in several modules (it was imported).

    Raises
    ------
    errors.RegistrationInvalid
        Two different objects of one kind have the same name.
    """
    found: dict[RegisteredKind, dict[str, Registered]] = {kind: {} for kind in get_args(RegisteredKind)}
    for module in modules:
        for value in vars(module).values():
            registered = _mark_of(value)
            if registered is not None:
                known = found[registered.kind].setdefault(registered.name, registered)
                if known.function is not registered.function:
                    raise _name_taken(known, registered)
    return Catalog(found["dataset"], found["features"], found["model"], found["metric"])


def place_in_script(kind: RegisteredKind, name: str) -> str | None:
    """Give the place where the running script registers a name: workers cannot import it from there."""
    script = sys.modules.get("__main__")
    marks = map(_mark_of, vars(script).values()) if script is not None else ()
    return next((mark.place for mark in marks if mark and (mark.kind, mark.name) == (kind, name)), None)


def _mark_of(value: object) -> Registered | None:
    # vars(), not getattr: a subclass of a registered class is not registered by that.
    mark = getattr(value, "__dict__", {}).get(MARK)
    if not isinstance(mark, Registered):
        return None
    # A decorator above ours (functools.cache, say) copies the mark: what the module holds is to be called.
    return replace(mark, function=cast("Callable[..., Any]", value))


def _name_taken(first: Registered, second: Registered) -> errors.RegistrationInvalid:
    return errors.RegistrationInvalid(
        f"two {_PLURAL[first.kind]} are registered as `{first.name}`",
        where=f"{first.place}\n{second.place}",
        why="a name in a card must mean one thing",
        hint=f'give one of them another name: `@runcard.{first.kind}(name="...")`',
    )


_PLURAL: Mapping[RegisteredKind, str] = {
    "dataset": "datasets",
    "features": "feature sets",
    "model": "models",
    "metric": "metrics",
}


@overload
def dataset(function: Registrable, /) -> Registrable: ...


@overload
def dataset(*, name: str | None = None) -> Callable[[Registrable], Registrable]: ...


def dataset(function: Registrable | None = None, /, *, name: str | None = None) -> Any:
    """Register a dataset: a function without arguments that returns a frame, or `(X, y)`."""
    return _marker(function, lambda f: Registered("dataset", name or f.__name__, f))


@overload
def features(function: Registrable, /) -> Registrable: ...


@overload
def features(*, name: str | None = None, rowwise: bool = False) -> Callable[[Registrable], Registrable]: ...


def features(function: Registrable | None = None, /, *, name: str | None = None, rowwise: bool = False) -> Any:
    """Register a feature set: a function without arguments that returns an unfitted transformer.

    With `rowwise=True` it is instead a function from frame to frame that treats each row for itself.
    """
    return _marker(function, lambda f: Registered("features", name or f.__name__, f, rowwise=rowwise))


@overload
def model(function: Registrable, /) -> Registrable: ...


@overload
def model(*, name: str | None = None, task: Task | None = None) -> Callable[[Registrable], Registrable]: ...


def model(function: Registrable | None = None, /, *, name: str | None = None, task: Task | None = None) -> Any:
    """Register a model: an estimator class, or a function from hyperparameters to an unfitted estimator."""
    _require_choice("model", "task", task, (*get_args(Task), None))
    return _marker(function, lambda f: Registered("model", name or f.__name__, f, task=task))


def metric(
    function: Callable[..., object] | None = None,
    /,
    *,
    greater_is_better: bool | None = None,
    name: str | None = None,
    needs: Needs = "predict",
    task: Task | None = None,
    decomposes: bool = False,
) -> Callable[[Registrable], Registrable]:
    """Register a metric: a function `(y_true, y_pred) -> float`.

    With `needs="predict"` both hold labels (numbers, for regression) as the data has them. With
    `"predict_proba"` or `"score"` `y_true` holds class codes; for two classes 1 is the positive class, and
    `y_pred` is its probability or decision score, shape (n,); for more, `y_pred` has shape (n, n_classes).
    `decomposes=True` says that its value on rows is the mean of its values on each of them alone, as of `mae`
    and not of `rmse`; where folds score a single row, what does not is computed once, on all of them together.

    Raises
    ------
    errors.RegistrationInvalid
        `greater_is_better` is not given, or an option has an unknown value.
    """
    if function is not None or greater_is_better is None:
        raise errors.RegistrationInvalid(
            f"metric `{name or getattr(function, '__name__', '')}` does not say which direction is better",
            why="runcard cannot rank trials by it",
            hint="write `@runcard.metric(greater_is_better=True)`, or False for a loss",
        )
    if name is not None and not is_kept(name, longest=LONGEST_METRIC):
        raise errors.RegistrationInvalid(
            f"`{name}` cannot be the name of a metric",
            why=f"{RULE}, and at most {LONGEST_METRIC} characters",
            hint=f'write `@runcard.metric(name="{kept_form(name, longest=LONGEST_METRIC)}", ...)`',
        )
    _require_choice("metric", "needs", needs, get_args(Needs))
    _require_choice("metric", "task", task, (*get_args(Task), None))
    marker: Callable[[Registrable], Registrable] = _marker(
        None, lambda f: Registered("metric", name or f.__name__, f, False, task, greater_is_better, needs, decomposes)
    )
    return marker


def _marker(function: Registrable | None, make: Callable[[Any], Registered]) -> Any:
    def mark(target: Registrable) -> Registrable:
        setattr(target, MARK, make(target))
        return target

    return mark if function is None else mark(function)


def _require_choice(kind: RegisteredKind, option: str, value: object, choices: tuple[object, ...]) -> None:
    if value not in choices:
        raise errors.RegistrationInvalid(
            f"`@runcard.{kind}` has no {option} `{value}`",
            why="a project registers what cards can use",
            hint=f"{option} is one of {errors.listing(choices)}",
        )


def load_catalog(project: Project) -> Catalog:
    """Collect what the project's modules register."""
    return collect(import_modules(project))
