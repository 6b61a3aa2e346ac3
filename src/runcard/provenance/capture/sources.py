"""Where packages come from that a version does not say enough about."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from runcard.redact import redact


def sources_of(packages: Iterable[Distribution], top: Path) -> dict[str, dict[str, Any]]:
    """Map each distribution that was not installed from an index, by its normalised name, to its source."""
    found: dict[str, dict[str, Any]] = {}
    seen: set[str] = set()
    for package in packages:
        text = package.read_text("direct_url.json")
        name = normalised(package.name or "") if text else ""
        if text and name not in seen:  # of two, the first on the path is imported
            found[name] = source_of(text, top)
        seen.add(name)
    return dict(sorted(found.items()))


def source_of(direct_url: str, top: Path) -> dict[str, Any]:
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
    """Write a distribution's name as an index does (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
