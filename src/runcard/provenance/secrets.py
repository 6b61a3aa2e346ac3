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
# What each pattern cannot do without, in lower case -> the pattern: a search for a word takes a hundredth of the time.
_CONTENT = {
    words: re.compile(pattern)
    for words, pattern in {
        (b"private key",): rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY",
        (b"akia", b"asia"): rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
        (b"aws_secret",): rb"""(?i:aws_secret_access_key)["']?\s*[=:]\s*["']?[A-Za-z0-9/+]{40}""",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"): rb"\bgh[pousr]_[A-Za-z0-9]{36}",
        (b"github_pat_",): rb"\bgithub_pat_[A-Za-z0-9_]{40}",
        (b"glpat-",): rb"\bglpat-[A-Za-z0-9_\-]{20}",
        (b"xox",): rb"\bxox[abprs]-[A-Za-z0-9\-]{10}",
        (b"aiza",): rb"\bAIza[A-Za-z0-9_\-]{35}",
        (b"hf_",): rb"\bhf_[A-Za-z0-9]{30}",
        (b"sk-",): rb"\bsk-(?:proj-|ant-)?[A-Za-z0-9]{32}",
    }.items()
}


def named_like_secret(name: str) -> bool:
    """Say whether a file's path (with `/`) is one under which keys and passwords are kept."""
    path = PurePosixPath(name.lower())
    return not _FOLDERS.isdisjoint(path.parts) or any(fnmatchcase(path.name, pattern) for pattern in _NAMES)


def holds_secret(content: bytes) -> bool:
    """Say whether a text holds a private key or a token of a known form."""
    lowered = content.lower()
    return any(
        pattern.search(content) is not None
        for words, pattern in _CONTENT.items()
        if any(word in lowered for word in words)
    )
