"""Capture of a run's environment: Python, packages and settings."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import locale
import os
import platform
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from runcard.redact import redact, redact_command

_LOCKS = (
    "uv.lock",
    "poetry.lock",
    "pdm.lock",
    "Pipfile.lock",
    "pixi.lock",
    "conda-lock.yml",
    "environment.yml",
)
_LOCK_PATTERNS = ("pylock*.toml", "requirements*.txt", "requirements/*.txt")
# The environment holds secrets: only what changes numbers or speed is read, by name.
VARIABLES = (
    *("PYTHONHASHSEED", "PYTHONOPTIMIZE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *(
        "OPENBLAS_CORETYPE",
        "MKL_CBWR",
        "CUDA_VISIBLE_DEVICES",
        "CUBLAS_WORKSPACE_CONFIG",
        "LOKY_MAX_CPU_COUNT",
    ),
)
_PLAIN = (str, bytes, int, float, complex)
_HEADER = re.compile(r"^(Name|Version):[ \t]*(\S+)", re.MULTILINE)
# Modules whose distribution is called otherwise; all other names are looked up.
_DISTRIBUTIONS = {
    "sklearn": ("scikit-learn",),
    "xgboost": ("xgboost", "xgboost-cpu"),
    "_catboost": ("catboost",),
}
CORE = ("scikit-learn", "numpy", "scipy", "pandas")
"""Packages that compute every trial: their versions are part of what a trial is."""
SAMPLER = ("optuna",)
"""Packages that choose the trials of a Bayesian search, besides those that compute them."""
BOOSTING = {"xgboost": ("xgboost", "xgboost-cpu"), "lightgbm": ("lightgbm",), "catboost": ("catboost",)}
"""Module -> the packages, of which one is installed, that compute the trials of its models."""


@dataclass(frozen=True, slots=True)
class Environment:
    """The software environment of a run, without the operating system."""

    python: str
    implementation: str
    packages: Mapping[str, str]
    """Normalised name of every installed distribution -> version."""
    sources: Mapping[str, Mapping[str, Any]]
    """Sources of packages that a version does not identify, as `build_source` describes them."""
    locks: Mapping[str, str]
    """Lock and requirements file -> SHA-256."""
    argv: tuple[str, ...]
    """The command line, credentials removed."""
    locale: str
    encoding: str
    timezone: str
    """Name and current offset: `Europe/Berlin, UTC+01:00`."""
    variables: Mapping[str, str]
    """The few environment variables that change numbers or speed, where set."""
    runcard_source: str
    """Digest of runcard's own source: two states of one version may compute differently."""

    def as_dict(self) -> dict[str, Any]:
        """Describe the environment as JSON."""
        return asdict(self) | {"argv": list(self.argv)}


def capture_environment(root: Path, *, top: Path | None = None) -> Environment:
    """Describe the running interpreter and the lock files at a project's root.

    Parameters
    ----------
    root
        The project's root.
    top
        The top of the repository that it is in; packages installed from below it are named by their folder there.
    """
    packages = list(importlib.metadata.distributions())
    return Environment(
        python=platform.python_version(),
        implementation=platform.python_implementation(),
        packages=_installed(packages),
        sources=sources_of(packages, top or root),
        locks=_locks(root),
        argv=tuple(redact_command(sys.argv)),
        locale=locale.setlocale(locale.LC_ALL),  # with one argument it only reads
        encoding=locale.getpreferredencoding(do_setlocale=False),
        timezone=_timezone(),
        variables={name: redact(os.environ[name]) for name in VARIABLES if name in os.environ},
        runcard_source=digest_own_source(),
    )


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of those distributions among the given names that are installed."""
    return {name: version for name in packages if (version := _version(name))}


def requirements_for(modules: Iterable[str], *, model_format: str = "skops") -> list[str]:
    """Return exact pins of the packages that loading a saved model needs: `["numpy==2.3.1", ...]`.

    Modules that belong to no distribution, such as the project's own, are passed over. scikit-learn,
    NumPy, SciPy and pandas are always among them, and the package that reads `model_format`.
    """
    names = {*CORE, model_format, *_distributions_of(modules)}
    # An index has no local versions: `2.3.0+cpu` is asked for as `2.3.0`.
    return [f"{name}=={version.partition('+')[0]}" for name, version in sorted(versions_of(names).items())]


def modules_of(estimator: object) -> frozenset[str]:
    """Return the top-level modules of all types, functions and classes in an estimator."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [estimator]
    while waiting:
        item = waiting.pop()
        if item is None or isinstance(item, _PLAIN) or id(item) in seen:
            continue
        seen.add(id(item))
        named = item if isinstance(item, type) or hasattr(item, "__qualname__") else type(item)
        found.add(str(getattr(named, "__module__", None) or "builtins").partition(".")[0])
        if not isinstance(item, type):
            waiting += _parts_of(item)
    return frozenset(found - set(sys.stdlib_module_names))


def _parts_of(item: Any) -> Iterator[Any]:
    import numpy as np

    if isinstance(item, Mapping):
        yield from item.keys()
        yield from item.values()
    elif isinstance(item, list | tuple | set | frozenset):
        yield from item
    elif isinstance(item, np.ndarray) and item.dtype.hasobject:
        yield from item.ravel()
    yield from getattr(item, "__dict__", {}).values()
    for kind in type(item).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        yield from (getattr(item, name, None) for name in ((slots,) if isinstance(slots, str) else slots))


def _distributions_of(modules: Iterable[str]) -> set[str]:
    found: set[str] = set()
    unknown = []
    for module in set(modules) - set(sys.stdlib_module_names):
        name = next(filter(_version, _DISTRIBUTIONS.get(module, (module,))), None)
        if name:
            found.add(normalised(name))
        else:
            unknown.append(module)
    if unknown:
        known = _modules_of_all(_installed_state())
        found.update(normalised(name) for module in unknown for name in known.get(module, ()))
    return found


def _installed_state() -> tuple[tuple[str, int], ...]:
    """Give a value that changes when a package is installed or removed: the site folders with their times."""
    folders = [entry for entry in sys.path if os.path.isdir(entry)]
    marks = (".dist-info", ".egg-info")
    holding = [folder for folder in folders if any(name.endswith(marks) for name in os.listdir(folder))]
    return tuple((folder, os.stat(folder).st_mtime_ns) for folder in holding)


@functools.lru_cache(maxsize=1)
def _modules_of_all(state: tuple[tuple[str, int], ...]) -> Mapping[str, list[str]]:
    """Map each importable module to the packages that provide it; takes some tenths of a second."""
    return importlib.metadata.packages_distributions()


def _installed(packages: Iterable[importlib.metadata.Distribution]) -> dict[str, str]:
    # The header is read as text: parsing all of the metadata takes ten times as long.
    found: dict[str, str] = {}
    for package in packages:
        text = package.read_text("METADATA") or package.read_text("PKG-INFO") or ""
        header = dict(_HEADER.findall(text.partition("\n\n")[0]))
        if "Name" in header:  # what was half removed has none; of two, the first on the path is imported
            found.setdefault(normalised(header["Name"]), header.get("Version", ""))
    return dict(sorted(found.items()))


def _locks(root: Path) -> dict[str, str]:
    paths = {root / name for name in _LOCKS}.union(*(root.glob(pattern) for pattern in _LOCK_PATTERNS))
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(paths)
        if path.is_file()
    }


def _timezone() -> str:
    now = datetime.now().astimezone()
    return f"{_zone_name() or now.tzname()}, {now.strftime('UTC%z')[:-2]}:{now.strftime('%z')[-2:]}"


def _zone_name() -> str | None:
    if name := os.environ.get("TZ"):
        return name
    path = os.path.realpath("/etc/localtime")  # the operating system says it nowhere else
    return path.partition("zoneinfo/")[2] or None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except (importlib.metadata.PackageNotFoundError, KeyError, ValueError):
        return None


def sources_of(packages: Iterable[Distribution], top: Path) -> dict[str, dict[str, Any]]:
    """Map each distribution that was not installed from an index (by normalised name) to its source."""
    found: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for package in packages:
        text = package.read_text("direct_url.json")
        name = normalised(package.name or "") if text else ""
        if text and name not in seen:  # of two, the first on the path is imported
            found[name] = build_source(text, top)
        seen.add(name)
    return dict(sorted(found.items()))


def build_source(direct_url: str, top: Path) -> dict[str, Any]:
    """Describe a source as its `direct_url.json` does (PEP 610), without credentials.

    A folder below the repository's top is `folder`, relative to it, in place of `url`: so it is found in a clone.
    """
    about = json.loads(direct_url)
    url = str(about.pop("url", ""))
    folder = Path(unquote(urlsplit(url).path)).resolve() if url.startswith("file:") and "dir_info" in about else None
    if folder is not None and folder.is_relative_to(top.resolve()):
        return {"folder": folder.relative_to(top.resolve()).as_posix(), **about}
    return {"url": redact(url).replace("***@", ""), **about}


def digest_own_source() -> str:
    """Return the SHA-256 over runcard's own source files, by name and content."""
    home = Path(__file__).parents[2]
    digest = hashlib.sha256()
    names = {path.relative_to(home).as_posix(): path for path in home.rglob("*") if path.suffix in (".py", ".json")}
    for name, path in sorted(names.items()):
        digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def normalised(name: str) -> str:
    """Normalise a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
