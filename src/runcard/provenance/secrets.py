"""What looks like a secret and must not leave the machine with a run."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

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
_CONTENT = re.compile(
    rb"""-----BEGIN\ (?:[A-Z0-9]+\ )*PRIVATE\ KEY
    | \b(?:AKIA|ASIA)[0-9A-Z]{16}\b
    | (?i:aws_secret_access_key)["']?\s*[=:]\s*["']?[A-Za-z0-9/+]{40}
    | \bgh[pousr]_[A-Za-z0-9]{36} | \bgithub_pat_[A-Za-z0-9_]{40} | \bglpat-[A-Za-z0-9_\-]{20}
    | \bxox[abprs]-[A-Za-z0-9\-]{10} | \bAIza[A-Za-z0-9_\-]{35} | \bhf_[A-Za-z0-9]{30}
    | \bsk-(?:proj-|ant-)?[A-Za-z0-9]{32}
    """,
    re.VERBOSE,
)


def named_like_secret(name: str) -> bool:
    """Say whether a file's path (with `/`) is one under which keys and passwords are kept."""
    path = PurePosixPath(name.lower())
    return not _FOLDERS.isdisjoint(path.parts) or any(fnmatchcase(path.name, pattern) for pattern in _NAMES)


def holds_secret(content: bytes) -> bool:
    """Say whether a text holds a private key or a token of a known form."""
    return _CONTENT.search(content) is not None
