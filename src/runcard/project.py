"""The project: its root folder, its settings, and its own modules.

A setting comes from the first of: a flag, the environment (`MLFLOW_TRACKING_URI`, `RUNCARD_*`),
`[tool.runcard]` in `pyproject.toml`, the default.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import tomllib
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from runcard import errors
from runcard.bounds import read_bounded

CARD_FOLDER = "configs"
HOME = ".runcard"
MODEL_FORMATS = ("skops", "cloudpickle")
DIRTY = ("capture", "warn", "forbid")
SNAPSHOTS = ("auto", "always", "never")


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of a project or a user, none of which changes a number."""

    modules: tuple[str, ...] = ()
    """The project's own modules that register datasets, features, models and metrics."""
    tracking_uri: str = ""
    """Where MLflow's runs go; empty for `sqlite:///mlflow.db` at the project's root."""
    workers: int = 0
    """How many processes train; 0 for one for each core."""
    on: str = ""
    """The address of a Dask cluster's scheduler; empty for processes on this machine."""
    model_format: str = "skops"
    """How models are saved: `skops`, or `cloudpickle` for types skops does not trust."""
    dirty: str = "capture"
    """What happens to a run of code that is not committed: it is kept with it, or a warning comes too, or it stops."""
    data_store: str = ""
    """Where contents of datasets are kept: a folder or any fsspec URL; empty for `.runcard/data`."""
    snapshot: str = "auto"
    """Which contents are kept: `auto` for those up to 200 MB, `always`, `never`."""
    gates: Mapping[str, Any] = field(default_factory=dict)
    """What a promotion takes where the card does not say it: `[tool.runcard.gates]`, keys as in `registry.gates`."""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with cards, data and code that belong together."""

    root: Path
    settings: Settings = field(default_factory=Settings)

    @property
    def home(self) -> Path:
        """The folder in which runcard keeps the journal and staged files."""
        return self.root / HOME

    @property
    def tracking_uri(self) -> str:
        """MLflow's URI, the default filled in and a relative SQLite path made absolute."""
        return _absolute_uri(self.settings.tracking_uri or "sqlite:///mlflow.db", self.root)

    @property
    def data_store(self) -> str:
        """The data store's folder, absolute, or its URL."""
        found = self.settings.data_store
        return found if "://" in found else str(self.root / Path(found or f"{HOME}/data").expanduser())

    def with_settings(self, **given: Any) -> Project:
        """Override settings by flags; None means that a flag was not given."""
        given = {key: value for key, value in given.items() if value is not None}
        return replace(self, settings=replace(self.settings, **_checked(given, "command line")))

    def shown(self, path: Path) -> str:
        """Write a path for messages: relative to the root when it lies below it."""
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)


def find_project(start: Path | None = None) -> Project:
    """Find the project that a folder or file belongs to.

    The root is the nearest folder upwards whose `pyproject.toml` has `[tool.runcard]`, else the
    nearest with `.git` or a `pyproject.toml`, else the one that holds `configs/`, else the folder itself.

    Raises
    ------
    SettingInvalid
        A setting that does not exist or has an impossible value.
    """
    root, table = _root_and_table(start or Path.cwd())
    settings = _checked(table or {}, f"{root / 'pyproject.toml'}, [tool.runcard]")
    for variable, (key, value) in _from_environment().items():
        settings |= _checked({key: value}, f"environment variable {variable}")
    return Project(root, Settings(**settings))


def find_root(start: Path) -> Path:
    """Find the root of the project that a folder or file belongs to, without reading its settings."""
    try:
        return _root_and_table(start)[0]
    except errors.SettingInvalid as error:  # said by whoever reads the settings
        return Path(error.where).parent


def _root_and_table(start: Path) -> tuple[Path, dict[str, Any] | None]:
    start = start.absolute()
    folder = start if start.is_dir() else start.parent
    parents = (folder, *folder.parents)
    tables = ((parent, _tool_table(parent / "pyproject.toml")) for parent in parents)
    root, table = next(((parent, table) for parent, table in tables if table is not None), (None, None))
    if root is None:
        marked = (p for p in parents if (p / ".git").exists() or (p / "pyproject.toml").exists())
        above = (p.parent for p in parents if p.name == CARD_FOLDER)
        root = next(marked, None) or next(above, folder)
    return root, table


def import_modules(project: Project) -> list[ModuleType]:
    """Import the project's own modules, with the root first on the path; a notebook's cells count as one.

    Raises
    ------
    ProjectModuleFailed
        One of them does not import.
    """
    root = str(project.root)
    if project.settings.modules and (not sys.path or sys.path[0] != root):
        sys.path[:] = [root, *(entry for entry in sys.path if entry != root)]
    importlib.invalidate_caches()
    return [*(_import_module(name, project.root) for name in project.settings.modules), *_notebook()]


def _notebook() -> list[ModuleType]:
    """Return the namespace of a notebook's or shell's cells; not of a script, whose main module has a file."""
    main = sys.modules.get("__main__")
    return [main] if main is not None and not hasattr(main, "__file__") else []


def _import_module(name: str, root: Path) -> ModuleType:
    _forget_namesakes(name, root)
    try:
        return importlib.import_module(name)
    except errors.RuncardError as error:  # a decorator of ours refused
        error.where = error.where or _place_in(root, error)
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            raise _no_module(name, root) from None
        raise errors.ProjectModuleFailed(
            f"the module `{name}` does not import",
            where=_place_in(root, error) or f"{root / 'pyproject.toml'}, [tool.runcard] modules",
            why=f"{type(error).__name__}: {error}",
            hint=f"try `python -c 'import {name}'` in {root}",
        ) from error


def _forget_namesakes(name: str, root: Path) -> None:
    """Drop loaded modules of this name, and its parent packages, that are not the project's own."""
    parts = name.split(".")
    for n_parts in range(1, len(parts) + 1):
        own = root.joinpath(*parts[:n_parts])
        loaded = sys.modules.get(".".join(parts[:n_parts]))
        places = (own.with_name(f"{own.name}.py"), own / "__init__.py")
        if loaded is None or not (any(place.is_file() for place in places) or own.is_dir()):
            continue
        found = [getattr(loaded, "__file__", None), *getattr(loaded, "__path__", ())]
        if not any(path is not None and Path(path) in (*places, own) for path in found):
            for key in [key for key in sys.modules if f"{key}.".startswith(f"{loaded.__name__}.")]:
                del sys.modules[key]


def _place_in(root: Path, error: BaseException) -> str:
    """Give the last line below the root in an error's traceback, as `file:line`."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    frames = (f for f, _ in traceback.walk_tb(error.__traceback__))
    lines = [f"{f.f_code.co_filename}:{f.f_lineno}" for f in frames if _is_own(f.f_code.co_filename, root)]
    return lines[-1] if lines else ""


def _is_own(file: str, root: Path) -> bool:
    return Path(file).is_relative_to(root) and "site-packages" not in file


def _no_module(name: str, root: Path) -> errors.ProjectModuleFailed:
    near = errors.nearest(name, (path.stem for path in root.glob("*.py")))
    return errors.ProjectModuleFailed(
        f"there is no module `{name}`",
        where=f"{root / 'pyproject.toml'}, [tool.runcard] modules",
        why=f"it is neither {name.replace('.', '/')}.py at the project's root nor an installed package",
        hint=f"did you mean `{near}`?" if near else "correct the name, or write the module",
    )


def _tool_table(path: Path) -> dict[str, Any] | None:
    try:
        found = tomllib.loads(read_bounded(path).decode()).get("tool", {}).get("runcard")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise errors.SettingInvalid(
            "pyproject.toml cannot be read", where=str(path), why=why, hint="mend the file"
        ) from error
    if found is None or isinstance(found, dict):
        return found
    raise errors.SettingInvalid(
        "`tool.runcard` is no table",
        where=str(path),
        why="it holds the project's settings",
        hint="write `[tool.runcard]` in a line of its own, and `key = value` below it",
    )


def _from_environment() -> dict[str, tuple[str, Any]]:
    """Map each variable that is set to the setting it means and its value."""
    known: dict[str, tuple[str, Callable[[str], Any]]] = {
        "MLFLOW_TRACKING_URI": ("tracking_uri", str),
        "RUNCARD_WORKERS": ("workers", _whole),
        "RUNCARD_ON": ("on", str),
        "RUNCARD_MODEL_FORMAT": ("model_format", str),
        "RUNCARD_DIRTY": ("dirty", str),
        "RUNCARD_DATA_STORE": ("data_store", str),
        "RUNCARD_SNAPSHOT": ("snapshot", str),
    }
    return {
        variable: (key, read(os.environ[variable]))
        for variable, (key, read) in known.items()
        if os.environ.get(variable)
    }


def _whole(text: str) -> int | str:
    return int(text) if text.isdigit() else text


def _checked(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _SETTINGS:
            near = errors.nearest(key, _SETTINGS)
            known = f"the settings are {errors.listing(list(_SETTINGS))}"
            hint = f"use `{near}`" if near else "take it out"
            raise errors.SettingInvalid(f"unknown setting `{key}`", where=where, why=known, hint=hint)
        wanted, accepts = _SETTINGS[key]
        if not accepts(value):
            raise errors.SettingInvalid(
                f"the setting `{key}` cannot be `{value}`",
                where=where,
                why=f"it must be {wanted}",
                hint="correct it there",
            )
        checked[key] = tuple(value) if isinstance(value, list) else value
    return checked


def _is_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)


# setting -> what it must be, and whether a value is that
_SETTINGS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "modules": ('a list of names, such as `["datasets", "features"]`', _is_names),
    "tracking_uri": ("text", lambda value: isinstance(value, str)),
    "workers": (
        "a whole number from 0 (all cores) to 1024",
        lambda value: type(value) is int and 0 <= value <= 1024,
    ),
    "gates": ("a table, `[tool.runcard.gates]`", lambda value: isinstance(value, dict)),
    "on": ("text, such as `tcp://host:8786`", lambda value: isinstance(value, str)),
    "dirty": (errors.listing(DIRTY).replace(",", " or"), lambda value: value in DIRTY),
    "model_format": (errors.listing(MODEL_FORMATS).replace(",", " or"), lambda value: value in MODEL_FORMATS),
    "data_store": ("a folder, or a URL such as `s3://bucket/folder`", lambda value: isinstance(value, str)),
    "snapshot": ("`auto`, `always` or `never`", lambda value: value in SNAPSHOTS),
}


def _absolute_uri(uri: str, root: Path) -> str:
    found = _RELATIVE.fullmatch(uri)
    if found is None or found["path"].startswith((":memory:", "file:")):
        return uri
    return f"{found['scheme']}{_encoded(root) / found['path']}{found['query']}"


def _encoded(path: Path) -> Path:
    """Write a folder as part of a URI, escaping only characters that may not stand in one."""
    return Path(str(path).replace("%", "%25").replace("?", "%3F").replace("#", "%23"))


_RELATIVE = re.compile(r"(?P<scheme>sqlite(?:\+\w+)?:///)(?P<path>[^/?][^?]*)(?P<query>.*)", re.DOTALL)
"""A database's file by its place in the project."""
