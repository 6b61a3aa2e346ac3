"""Which names in a model are the project's own: defined in its modules, not merely imported there."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

from runcard.tracking.models.types import Named

_OF_TYPES = frozenset(
    {
        "ObjectNode",
        "TypeNode",
        "ConstructorFromReduceNode",
        "DictNode",
        "ListNode",
        "SetNode",
        "TupleNode",
        "NdArrayNode",
    }
)
"""Roles that a class of a project may have."""


@dataclass(frozen=True, slots=True)
class OwnCode:
    """The modules that a project names as its own, and the files of the same packages in its folder."""

    modules: tuple[str, ...] = ()
    root: Path = Path()
    import_all: Callable[[], object] = lambda: None
    """Imports them, called before one of them is looked into."""

    def has(self, named: Named) -> bool:
        """Tell whether a name refers to a class, function or method defined in the project's own code."""
        role, module, name, method = named.role, named.module, named.name.rpartition(".")[2], ""
        if role == "MethodNode":
            (module, _, name), method = module.rpartition("."), name
        found = getattr(self._module(module), name, None)
        if getattr(found, "__module__", None) != module or getattr(found, "__qualname__", None) != name:
            return False
        if role == "FunctionNode":
            return isinstance(found, FunctionType)
        if role == "MethodNode":
            inner = inspect.getattr_static(found, method, None)
            return isinstance(found, type) and isinstance(inner, FunctionType) and self._may_be(inner.__module__)
        return isinstance(found, type) and role in _OF_TYPES

    def _may_be(self, module: str) -> bool:
        return module.partition(".")[0] in {name.partition(".")[0] for name in self.modules}

    def _module(self, name: str) -> Any:
        """Import a module of the project's folder that is named, or in a package that is; None for others.

        A program (`__main__`) is never one: to import it is to run it.
        """
        if not self._may_be(name) or "__main__" in name.split("."):
            return None
        self.import_all()
        if name not in sys.modules:
            try:
                spec = importlib.util.find_spec(name)
            except (ImportError, ValueError):
                return None
            if spec is None or not self._is_below(spec.origin):
                return None
            importlib.import_module(name)
        loaded = sys.modules.get(name)
        return loaded if self._is_below(getattr(loaded, "__file__", None)) else None

    def _is_below(self, file: str | None) -> bool:
        if file is None:
            return False
        path = Path(file).resolve()
        return path.is_relative_to(self.root.resolve()) and "site-packages" not in path.parts
