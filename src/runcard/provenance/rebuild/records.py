"""Validation of what a store says of a run, before it is used: others may have written to the store.

A word of a record that becomes an argument of git or uv, a path or an environment variable must have the form that
runcard gives it, or the record is refused. See docs/adr/0033-records-are-data.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from runcard import errors
from runcard.provenance.capture.environment import VARIABLES

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HOST = r"(?:[A-Za-z0-9._~%+-]+(?::[^@/\s]*)?@)?(?!-)[A-Za-z0-9._\[\]:-]+"
_ADDRESS = re.compile(
    rf"(?:https?|ssh|git)://{_HOST}/[^\s\x00-\x1f\x7f]*"  # a URL
    r"|file:///[^\s\x00-\x1f\x7f]+|/[^\x00-\x1f\x7f]*"  # a folder
    r"|(?!-)(?:[A-Za-z0-9._-]+@)?(?!-)[A-Za-z0-9._-]+:(?!:|-|//)[^\s\x00-\x1f\x7f]+"  # scp's form
)
_BRANCH = re.compile(r"(?![-/.])(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)|[/.]$))[^\x00-\x20\x7f~^:?*\[\\]+")
_MODE = re.compile(r"100644|100755|120000|160000")
_LINE_ENDINGS = {"core.autocrlf": re.compile(r"true|false|input"), "core.eol": re.compile(r"lf|crlf|native")}
_PYTHON = re.compile(r"[a-z]+@[0-9]+(?:\.[0-9]+){1,2}(?:(?:a|b|rc)[0-9]+)?\+?")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VALUE = re.compile(r"[A-Za-z0-9 _.,:;+/=*-]{0,200}")
_SOURCE = re.compile(rf"(?:https?|ssh|git)://{_HOST}/[^\s\x00-\x20\x7f#@]*|file:///[^\s\x00-\x20\x7f#@]+")


def is_commit(text: object) -> bool:
    """Tell whether a text is a full git commit hash in hexadecimal."""
    return isinstance(text, str) and _COMMIT.fullmatch(text) is not None


def is_address(text: object) -> bool:
    """Tell whether git may fetch from an address: a URL, folder or scp form, but no remote helper or option."""
    return isinstance(text, str) and _ADDRESS.fullmatch(text) is not None and "::" not in text.partition("/")[0]


def is_below(text: object) -> bool:
    """Tell whether a relative path stays below its starting folder, and outside `.git`."""
    if not isinstance(text, str) or "\0" in text or not text or text.startswith(("/", "-", "~")):
        return False
    return not {"..", ".git"} & {part.lower() for part in PurePosixPath(text).parts}


def check_code(described: Mapping[str, Any]) -> None:
    """Check the description of a run's code, as `Code.as_dict` makes it.

    Raises
    ------
    RecordUnsafe
    """
    paths = [path for name in ("changed", "untracked", "left_out") for path in _table(described, name)]
    endings = _table(described, "line_endings")
    untracked = [_table(_table(described, "untracked"), name) for name in _table(described, "untracked")]
    modes = [about["mode"] for about in untracked if "mode" in about]
    digests = [_table(described, "diff").get("sha256"), *(about.get("sha256", "") for about in untracked)]
    _require(is_commit, "commit", [described.get("commit")])
    _require(_BRANCH.fullmatch, "branch", [described.get("branch")])
    _require(is_below, "folder", [described.get("folder") if described.get("folder") != "." else None])
    _require(is_below, "path", [path for path in paths if path != "..."])
    _require(_MODE.fullmatch, "file mode", modes)
    _require(_SHA256.fullmatch, "digest", digests)
    _require(lambda name: name in _LINE_ENDINGS and _LINE_ENDINGS[name].fullmatch(endings[name]), "setting", endings)


def check_environment(described: Mapping[str, Any]) -> None:
    """Check the description of a run's environment: its Python, and the name, version and source of every package.

    Raises
    ------
    RecordUnsafe
    """
    packages, sources, variables = (_table(described, part) for part in ("packages", "sources", "variables"))
    _require(_PYTHON.fullmatch, "Python", [f"{described.get('implementation', '')}@{described.get('python')}".lower()])
    _require(_NAME.fullmatch, "package", packages)
    _require(_VERSION.fullmatch, "version", packages.values())
    _require(_VALUE.fullmatch, "environment variable", [variables[name] for name in VARIABLES if name in variables])
    for name in sources:
        _require(_NAME.fullmatch, "package", [name])
        _check_source(_table(sources, name))


def _check_source(source: Mapping[str, Any]) -> None:
    vcs = _table(source, "vcs_info")
    digest = _table(_table(source, "archive_info"), "hashes")
    folder = source.get("folder")
    _require(is_below, "folder", [None if folder == "." else folder, source.get("subdirectory")])
    _require(_SOURCE.fullmatch, "source of a package", [source.get("url")])
    if vcs:
        _require(lambda word: word == "git", "version control", [vcs.get("vcs", "")])
        _require(is_commit, "commit", [vcs.get("commit_id", "")])
    _require(_SHA256.fullmatch, "digest", [digest.get("sha256")])


def _table(described: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Give a part of a description that is a table; an empty one if it is missing."""
    found = described.get(name) or {}
    if not isinstance(found, Mapping):
        raise _unsafe(f"table `{name}`", found)
    return found


def _require(is_sound: Any, what: str, values: Any) -> None:
    """Refuse a value that is present and not valid; None counts as absent."""
    for value in values:
        if value is not None and not (isinstance(value, str) and is_sound(value)):
            raise _unsafe(what, value)


def _unsafe(what: str, value: object) -> errors.RecordUnsafe:
    return errors.RecordUnsafe(
        f"the record of this run holds a {what} that is none: {str(value)[:80]!r}",
        where="the run's artifacts, provenance/",
        why="runcard does not write such a thing, and git, uv or the disk could take it for something else",
        hint="find out who changed the record; nothing was done with it",
    )
