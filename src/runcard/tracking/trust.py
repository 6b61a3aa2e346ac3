"""Which types a model file in skops format may hold.

A skops file names the types to build when it is loaded, and the loader asks which of them to trust. They are
computed when the model is saved: known packages and the project's own modules are trusted, all else is said.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runcard import errors

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
    import skops.io

    types: list[str] = skops.io.get_untrusted_types(file=model_file)
    packages = KNOWN_PACKAGES | {module.split(".")[0] for module in project_modules}
    foreign = [name for name in types if name not in KNOWN_TYPES and name.split(".")[0] not in packages]
    if foreign:
        raise refusal(
            f"the model holds types that are not known to be safe to load: {errors.listing(foreign)}",
            "a model file names the code that runs when it is loaded",
        )
    return types


def refusal(what: str, why: str) -> errors.TypesUntrusted:
    """Build the error for a model that cannot be kept in skops format."""
    return errors.TypesUntrusted(
        what,
        why=why,
        hint="if you trust them, use `--model-format cloudpickle`; a class of your own is trusted when its\n"
        'module is named in `[tool.runcard] modules = ["..."]`',
    )
