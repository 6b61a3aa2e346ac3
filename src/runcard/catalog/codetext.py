"""A digest of the code behind a registered function: its text and that of all project code it uses.

A trial's identity holds the hash of this, so that a changed helper counts as much as a changed function.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PLAIN = (str, bytes, int, float, complex, bool, type(None), tuple, frozenset, list, dict, set)


def code_digest(function: Callable[..., Any]) -> str:
    """Hash the text of a function or class and of the project's code that it uses; sha256, 64 hex digits."""
    texts: dict[str, str] = {}
    _collect(inspect.unwrap(function), _home(function), texts)
    hashed = hashlib.sha256()
    for name in sorted(texts):
        hashed.update(f"{name}\0{texts[name]}\0".encode())
    return hashed.hexdigest()


def _collect(thing: Any, home: Path | None, texts: dict[str, str]) -> None:
    name = f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', repr(type(thing)))}"
    if name in texts:
        return
    texts[name] = _text(thing)
    for used, value in _used(thing):
        if isinstance(value, ModuleType):
            if _is_own(value, home):
                texts[value.__name__] = Path(str(value.__file__)).read_text(encoding="utf-8", errors="replace")
        elif isinstance(value, FunctionType | type):
            if _is_own(sys.modules.get(value.__module__), home):
                _collect(inspect.unwrap(value), home, texts)
        elif isinstance(value, _PLAIN):
            texts[f"{name}:{used}"] = _spelt(value, home, texts)


def _spelt(value: Any, home: Path | None, texts: dict[str, str], above: tuple[int, ...] = ()) -> str:
    """Write a value like `repr`, but equal in every process: sets sorted, functions by name and text."""
    if id(value) in above:
        return "..."
    kind = type(value)
    if isinstance(value, FunctionType | type):
        if _is_own(sys.modules.get(value.__module__), home):
            _collect(inspect.unwrap(value), home, texts)
        return f"{value.__module__}.{value.__qualname__}"
    if kind not in (list, tuple, dict, set, frozenset):
        return repr(value)

    def spelt(item: Any) -> str:
        return _spelt(item, home, texts, (*above, id(value)))

    if kind is dict:
        return "{" + ", ".join(f"{spelt(name)}: {spelt(item)}" for name, item in value.items()) + "}"
    inner = [spelt(item) for item in value]
    if kind in (set, frozenset):
        return f"{kind.__name__}({', '.join(sorted(inner))})"  # their order depends on PYTHONHASHSEED
    return f"[{', '.join(inner)}]" if kind is list else f"({', '.join(inner)}{',' * (len(inner) == 1)})"


def _used(thing: Any) -> Iterator[tuple[str, Any]]:
    """Find the global names that a function, or a class's methods and bases, refer to, with their values."""
    if isinstance(thing, type):
        yield from ((base.__qualname__, base) for base in thing.__bases__)
        for method in vars(thing).values():
            yield from _used(getattr(method, "__func__", method))
    elif isinstance(thing, FunctionType):
        for name in sorted(_names(thing.__code__)):
            if name in thing.__globals__:
                yield name, thing.__globals__[name]
        for name, cell in zip(thing.__code__.co_freevars, thing.__closure__ or (), strict=True):
            yield name, cell.cell_contents


def _names(code: CodeType) -> set[str]:
    nested = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return set(code.co_names).union(*(_names(inner) for inner in nested))


def _text(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError):
        return repr(_bytecode(thing))


def _bytecode(thing: object) -> object:
    # Names, constants and instructions, but no file name and no line numbers: moving a function is no change.
    if isinstance(thing, CodeType):
        return thing.co_code.hex(), thing.co_names, [_bytecode(constant) for constant in thing.co_consts]
    if isinstance(thing, frozenset):
        return sorted(map(repr, thing))
    if isinstance(thing, type):
        return [(name, _bytecode(value)) for name, value in sorted(vars(thing).items()) if callable(value)]
    return _bytecode(thing.__code__) if inspect.isfunction(thing) else repr(thing)


def _home(function: Callable[..., Any]) -> Path | None:
    """Find the folder that contains the project's modules: that of the function's top-level package."""
    module = sys.modules.get(function.__module__)
    if module is None or not getattr(module, "__file__", None):
        return None
    depth = module.__name__.count(".") + (1 if hasattr(module, "__path__") else 0)
    return Path(str(module.__file__)).resolve().parents[depth]


def _is_own(module: ModuleType | None, home: Path | None) -> bool:
    if module is None:
        return False
    file = getattr(module, "__file__", None)
    if home is None or file is None:
        return module.__name__ == "__main__"
    path = Path(file).resolve()
    return path.is_relative_to(home) and not {"site-packages", "dist-packages"} & set(path.parts)
