"""The uncommitted part of a run's code: written as files beside its description, and read back."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

from runcard import errors
from runcard.bounds import unzipped
from runcard.provenance.capture.code import Code
from runcard.provenance.rebuild.records import check_code

DIFF = "diff.patch"
SOURCES = "untracked"
_LARGEST_PLAIN_BYTES = 1024 * 1024
_MOST_PLAIN_FILES = 100
# A tracking server takes no other names, or changes them.
_PLAIN_NAME = re.compile(r"(?:[A-Za-z0-9_+-][A-Za-z0-9_.+-]*/)*[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")

_AS_THEY_ARE = (
    *("commit", "branch", "remote", "pushed", "folder", "dirty", "changed", "left_out", "line_endings", "reason"),
)


def files_of(code: Code) -> dict[str, bytes]:
    """Return the files to keep beside the description; small ones as text that MLflow's page can show.

    The diff is `diff.patch`, above 1 MB `diff.patch.gz`. The untracked sources are `untracked/<path>`; more than a
    hundred files or 1 MB, and names or kinds that not every server stores, are one archive, `untracked.tar.gz`.
    """
    return _diff_file(code.diff) | _source_files(code)


def read_code(described: Mapping[str, Any], files: Mapping[str, bytes]) -> Code:
    """Read a run's code from its description and the files kept beside it.

    Raises
    ------
    RecordUnsafe
        A word of the description has not the form that it must have.
    CodeNotRestored
        A file is missing or is not the one that was kept.
    """
    check_code(described)
    recorded = described.get("untracked") or {}
    found = _read_sources(files, recorded)
    diff = described.get("diff")
    return Code(
        **{name: described[name] for name in _AS_THEY_ARE if name in described},
        altered=tuple(described.get("altered", ())),
        diff=_checked(_read_diff(files), diff, DIFF) if diff else b"",
        untracked={name: _checked(found.get(name), about, name) for name, about in recorded.items()},
        modes={name: about["mode"] for name, about in recorded.items() if "mode" in about},
    )


def _diff_file(diff: bytes) -> dict[str, bytes]:
    if len(diff) > _LARGEST_PLAIN_BYTES:
        return {f"{DIFF}.gz": gzip.compress(diff, 6, mtime=0)}
    return {DIFF: diff} if diff else {}


def _source_files(code: Code) -> dict[str, bytes]:
    small = len(code.untracked) <= _MOST_PLAIN_FILES
    small &= sum(map(len, code.untracked.values())) <= _LARGEST_PLAIN_BYTES
    if small and not code.modes and all(map(_PLAIN_NAME.fullmatch, code.untracked)):
        return {f"{SOURCES}/{name}": content for name, content in code.untracked.items()}
    return {f"{SOURCES}.tar.gz": _archive(code)}


def _archive(code: Code) -> bytes:
    """Pack source files into an archive whose bytes are equal for equal files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as tar:
        for name, content in sorted(code.untracked.items()):
            entry = tarfile.TarInfo(name)
            mode = code.modes.get(name, "100644")
            entry.mode = int(mode[-3:], 8) or 0o777
            if mode == "120000":
                entry.type, entry.linkname = tarfile.SYMTYPE, content.decode("utf-8", "surrogateescape")
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return gzip.compress(packed.getvalue(), 6, mtime=0)


def _read_diff(files: Mapping[str, bytes]) -> bytes | None:
    return files[DIFF] if DIFF in files else _unzipped(files.get(f"{DIFF}.gz"))


def _read_sources(files: Mapping[str, bytes], names: Mapping[str, Any]) -> dict[str, bytes]:
    packed = _unzipped(files.get(f"{SOURCES}.tar.gz"))
    if packed is None:
        places = {name: f"{SOURCES}/{name}" for name in names}
        return {name: files[place] for name, place in places.items() if place in files}
    with tarfile.open(fileobj=io.BytesIO(packed), errors="surrogateescape") as tar:
        return {entry.name: _content(tar, entry) for entry in tar}


def _content(tar: tarfile.TarFile, entry: tarfile.TarInfo) -> bytes:
    if entry.issym():
        return entry.linkname.encode("utf-8", "surrogateescape")
    file = tar.extractfile(entry)
    return file.read() if file else b""


def _unzipped(packed: bytes | None) -> bytes | None:
    try:
        return None if packed is None else unzipped(packed)
    except (OSError, EOFError, zlib.error):  # cut off: its digest would not fit
        return None


def _checked(content: bytes | None, recorded: Mapping[str, Any], name: str) -> bytes:
    if content is not None and hashlib.sha256(content).hexdigest() == recorded["sha256"]:
        return content
    raise errors.CodeNotRestored(
        f"`{name}` is not the file that was recorded with the run"
        if content is not None
        else f"`{name}` is missing from the run",
        where="the run's artifacts, provenance/",
        why="without it the code of the run is not known",
        hint="restore the artifacts from a backup, or train anew",
    )
