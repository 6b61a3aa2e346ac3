"""Which types a model file in skops format may hold.

A skops file names the types to build when it is loaded, and the loader asks which of them to trust. They are
computed when the model is saved: known packages and the project's own modules are trusted, all else is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runcard import errors
from runcard.tracking.description import ModelDescription

KNOWN_PACKAGES = frozenset(
    {"sklearn", "numpy", "scipy", "pandas", "xgboost", "lightgbm", "catboost", "polars", "runcard"}
)
"""Packages whose types a model may hold; those of the numeric stack, which loading a model imports anyway."""

KNOWN_TYPES = frozenset(
    {
        "builtins.bytearray",
        "builtins.complex",
        "builtins.frozenset",
        "builtins.object",
        "builtins.range",
        "collections.Counter",
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.deque",
        "datetime.date",
        "datetime.datetime",
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "functools.partial",
        "pathlib.PosixPath",
        "pathlib.WindowsPath",
        "uuid.UUID",
    }
)
"""Plain values of the standard library; never its functions, some of which run commands."""


def trusted_types(model_file: Path, project_modules: Iterable[str]) -> list[str]:
    """List the types of a skops file that its loader must be told to trust.

    Raises
    ------
    TypesUntrusted
        Some of them are of packages that are neither known nor the project's own.
    """
    types, foreign = _types_of(model_file, project_modules)
    if foreign:
        raise refusal(
            f"the model holds types that are not known to be safe to load: {errors.listing(foreign)}",
            "a model file names the code that runs when it is loaded",
        )
    return types


def types_to_load(model: ModelDescription, project_modules: Iterable[str], root: Path, name: str) -> list[str]:
    """List the types that a loader must be told to trust, for a model that loads no unknown code.

    Code that is kept with a model is not looked at: the project's own modules stand in for it, where they are the
    same to the byte.

    Raises
    ------
    TypesUntrusted
        Loading it would run code of neither known packages nor the project's own modules.
    """
    if model.format != "skops":
        raise _not_loaded(name, f"it is kept in {model.format} format", "loading such a file runs what is in it")
    types, foreign = _types_of(model.file, project_modules)
    if foreign:
        what = f"it holds types of other packages: {errors.listing(foreign)}"
        raise _not_loaded(name, what, "a model file names the code that runs when it is loaded")
    if model.code is not None and (others := _not_in_project(model.code, root)):
        what = f"its code is not that of this project: {errors.listing(others)}"
        raise _not_loaded(name, what, "it was saved with other code than is here now, which would predict otherwise")
    return types


def _types_of(model_file: Path, project_modules: Iterable[str]) -> tuple[list[str], list[str]]:
    """List the types that skops does not trust by itself, and those of them that are of unknown packages."""
    import skops.io

    types: list[str] = skops.io.get_untrusted_types(file=model_file)
    packages = KNOWN_PACKAGES | {module.split(".")[0] for module in project_modules}
    return types, [name for name in types if name not in KNOWN_TYPES and name.split(".")[0] not in packages]


def _not_in_project(code: Path, root: Path) -> list[str]:
    """List the files of a folder that the project does not have, or has with another content."""
    files = {path.relative_to(code): path for path in sorted(code.rglob("*")) if path.is_file()}
    return [
        name.as_posix()
        for name, path in files.items()
        if not (own := root / name).is_file() or own.read_bytes() != path.read_bytes()
    ]


def _not_loaded(name: str, what: str, why: str) -> errors.TypesUntrusted:
    return errors.TypesUntrusted(
        f"`{name}` is not loaded: {what}",
        where=name,
        why=why,
        hint="if you trust who made it, use `--allow-code`",
    )


def refusal(what: str, why: str) -> errors.TypesUntrusted:
    """Build the error for a model that cannot be kept in skops format."""
    return errors.TypesUntrusted(
        what,
        why=why,
        hint="if you trust them, use `--model-format cloudpickle`; a class of your own is trusted when its\n"
        'module is named in `[tool.runcard] modules = ["..."]`',
    )
