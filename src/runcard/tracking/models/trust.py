"""Trust in model files of skops format: which names they may contain, and loading those with no others.

The names are those of known_types.json, one by one and each in the role that it is listed for, and what is defined in
the project's own modules. scripts/make_known_types.py makes the list from what runcard saves.

Why: docs/adr/0034-models-name-types-one-by-one.md
"""

from __future__ import annotations

import functools
import importlib.resources
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from runcard import errors
from runcard.tracking.models.archive import BROKEN, check_inner, open_copy
from runcard.tracking.models.description import ModelDescription
from runcard.tracking.models.owncode import OwnCode
from runcard.tracking.models.types import Named, read_schema

PROTOCOLS = range(1, 3)
"""Of skops, as far as they were looked at."""


def trusted_types(model_file: Path, own: OwnCode) -> list[str]:
    """List the types of a skops file that must be passed as trusted to load it with skops alone.

    Raises
    ------
    TypesUntrusted
        It holds some that are neither known nor the project's own.
    """
    import skops.io

    with _open(model_file, model_file.name) as model:
        if foreign := model.foreign(own):
            raise untrusted_types(
                f"the model holds types that are not known to be safe to load: {errors.listing(foreign)}",
                "a model file names the code that runs when it is loaded",
            )
    found: list[str] = skops.io.get_untrusted_types(file=model_file)
    return found


def load_trusted(model: ModelDescription, own: OwnCode, name: str, *, any_version: bool = False) -> Any:
    """Load a model, running only the code of known types and of the project.

    Code that is kept with a model is not run: the project's own modules stand in for it, where they are the same to
    the byte, or in any version of them.

    Raises
    ------
    TypesUntrusted
        Loading it would run other code.
    ModelDamaged
        It cannot be read as a model, or is larger than one may be.
    """
    import skops.io

    if model.format != "skops":
        raise _not_loaded(name, f"it is kept in {model.format} format", "loading such a file runs what is in it")
    with _open(model.file, name) as opened:
        if foreign := opened.foreign(own):
            what = f"it holds types of other packages: {errors.listing(foreign)}"
            raise _not_loaded(name, what, "a model file names the code that runs when it is loaded")
        if model.code is not None and not any_version and (others := _not_in_project(model.code, own.root)):
            what = f"its code is not that of this project: {errors.listing(others)}"
            why = "it was saved with other code than is here now, which would predict otherwise"
            raise _not_loaded(name, what, why)
        return skops.io.load(opened.file, trusted=[named.name for named in opened.named])


@dataclass(frozen=True, slots=True)
class _Opened:
    file: IO[bytes]
    named: frozenset[Named]

    def foreign(self, own: OwnCode) -> list[str]:
        """Name what is neither known nor the project's own."""
        return sorted({named.name for named in self.named - known_types() if not own.has(named)})


@contextmanager
def _open(path: Path, name: str) -> Iterator[_Opened]:
    with ExitStack() as stack:
        try:
            copy, schema = stack.enter_context(open_copy(path))
            contents = read_schema(schema, PROTOCOLS)
            check_inner(copy, contents.files)
        except (*BROKEN, TypeError, AttributeError, RecursionError, MemoryError) as error:
            if errors.is_disk_full(error):
                raise
            raise _damaged(path, name, error) from None
        yield _Opened(copy, contents.named)


@functools.cache
def known_types() -> frozenset[Named]:
    """List all names that a model may contain, each with its role."""
    text = importlib.resources.files(__package__).joinpath("known_types.json").read_text(encoding="utf-8")
    found = json.loads(text)
    types = {Named(role, name) for role, names in found["types"].items() for name in names}
    return frozenset(types | {Named("FunctionNode", name) for name in found["functions"]})


def _not_in_project(code: Path, root: Path) -> list[str]:
    """List the files of a folder that the project lacks, or has with other content."""
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


def _damaged(path: Path, name: str, error: BaseException) -> errors.ModelDamaged:
    why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error) or type(error).__name__
    return errors.ModelDamaged(
        f"the model file of `{name}` cannot be read",
        where=name,
        why=f"`{path.name}`: {why}",
        hint="use another version, or run its card again and register what it gives",
    )


def untrusted_types(what: str, why: str) -> errors.TypesUntrusted:
    """Make the error for a model that cannot be saved in skops format."""
    return errors.TypesUntrusted(
        what,
        why=why,
        hint="if you trust them, use `--model-format cloudpickle`; a class of your own is trusted when its\n"
        'module lies in the project and is named in `[tool.runcard] modules = ["..."]`',
    )
