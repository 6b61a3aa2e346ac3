"""Detection of secrets among a run's files, so that they do not leave the machine with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from runcard.redact import redact
from runcard.tokens import find_secret

_FOLDERS = {".ssh", ".aws", ".gnupg", ".kube"}
# Patterns for the last part of a path, in lower case.
_NAMES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    "*credentials*",
    "secrets.[!p]*",  # a module may be called so; its content is looked at
    "service[-_]account*.json",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".pypirc",
    ".npmrc",
    ".htpasswd",
    ".git-credentials",
    "kubeconfig*",
)


def named_like_secret(name: str) -> bool:
    """Tell by a file's path (with `/`) whether keys or passwords are usually kept in it."""
    path = PurePosixPath(name.lower())
    return not _FOLDERS.isdisjoint(path.parts) or any(fnmatchcase(path.name, pattern) for pattern in _NAMES)


def secret_in(content: bytes) -> str | None:
    """Name the kind of secret that a text contains; None if none is found."""
    text = content.decode("latin-1")
    return find_secret(text) or find_secret("\n".join(_strings_of_one_line_json(text)))


def _strings_of_one_line_json(text: str) -> Iterator[str]:
    """Give the strings of JSON that stands on one line of a file or patch, where lines within strings are not seen."""
    for line in text.splitlines():
        bare = line.lstrip("+- ").rstrip()
        if bare.startswith("{") and bare.endswith("}"):
            try:
                yield from _strings_of(json.loads(bare))
            except (ValueError, RecursionError):
                continue


def _strings_of(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _strings_of(item)


def left_out_as(kind: str) -> str:
    """Describe why a file is left out, with the kind of secret it seems to contain."""
    return f"looks like a secret: {kind}"


@dataclass(slots=True)
class Cleaned:
    """Files, or patches of files, that are kept after removing secrets."""

    kept: dict[str, bytes] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Path -> why."""
    altered: list[str] = field(default_factory=list)
    """Those of the kept that had credentials in them."""
    modes: dict[str, str] = field(default_factory=dict)
    """Git's mode of those that are no plain file: `100755`, or `120000` for a link."""
    reason: str | None = None
    """Why there is nothing."""

    def keep(self, name: str, content: bytes) -> None:
        """Keep a text, or a further part of one, with the credentials in its URIs removed."""
        clean = redact(text_of(content)).encode("utf-8", "surrogateescape")
        self.kept[name] = self.kept.get(name, b"") + clean
        if clean != content:
            self.altered.append(name)


def text_of(content: bytes) -> str:
    """Decode bytes of any encoding to text from which they can be restored unchanged."""
    return content.decode("utf-8", "surrogateescape")
