"""The data store: each content kept once, by fingerprint, in a folder or at any address that fsspec supports.

    contents/<fingerprint>.json    how the content is read: which file, `na_values`, the target if the data says it
    files/<sha256>.csv             the bytes: of a file those it had, of what a function made a Parquet

The file comes first and the page after it, so what a kill leaves behind is not taken for a content. Both are checked
when they are read: the bytes by their hash, the table by its fingerprint.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.bounds import read_bounded
from runcard.data.file import suffix_of
from runcard.data.fingerprint import fingerprint
from runcard.data.locked import FileContent, copy_bytes, read_bytes
from runcard.data.source import SourceStamp, Table, check_unchanged, read_table, write_parquet
from runcard.durable import flush_folder, write_whole
from runcard.project import Project
from runcard.redact import redact

_PART = ".part"
_STALE_SECONDS = 86_400
_EXTRAS = {"s3": "s3", "s3a": "s3"}


@dataclass(frozen=True, slots=True)
class Kept:
    """A content as the store keeps it."""

    fingerprint: str
    file: str
    """Its name below `files/`."""
    n_bytes: int
    sha256: str
    na_values: tuple[str, ...] = ()
    target: str | None = None
    """The target's column when the data itself says it."""

    @property
    def suffix(self) -> str:
        """The format, as the end of the file's name."""
        return self.file.removeprefix(self.sha256)


class Store:
    """A data store; nothing is created or requested before it is used."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def where(self) -> str:
        """Its address as messages show it."""
        return redact(self._url)

    def find(self, digest: str) -> Kept | None:
        """Look up a content.

        Raises
        ------
        StoreUnusable, ContentDamaged, PackageMissing
        """
        with self._troubles() as (fs, root):
            try:
                page = fs.cat_file(f"{root}/contents/{digest}.json")
            except FileNotFoundError:
                return None
        try:
            found = json.loads(page)
            kept = Kept(**{**found, "na_values": tuple(found["na_values"])})
            if kept.fingerprint != digest or kept.file != kept.sha256 + kept.suffix or "/" in kept.file:
                raise ValueError("it is of another content")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._damaged(f"contents/{digest}.json", str(error)) from None
        return kept

    def has_bytes(self, kept: Kept) -> bool:
        """Whether the file of a content exists with the right size; only reading it verifies its bytes.

        Raises
        ------
        StoreUnusable, PackageMissing
        """
        with self._troubles() as (fs, root):
            try:
                return int(fs.size(f"{root}/files/{kept.file}")) == kept.n_bytes
            except FileNotFoundError:
                return False

    def find_file(self, locked: FileContent, path: Path) -> str | None:
        """Find a file by its bytes: the name that it is kept under.

        Raises
        ------
        StoreUnusable, PackageMissing
        """
        name = f"{locked.sha256}{full_suffix(path)}"
        with self._troubles() as (fs, root):
            return name if fs.exists(f"{root}/files/{name}") else None

    def keep_file(self, digest: str, stamp: SourceStamp, *, na_values: Sequence[str]) -> None:
        """Keep the bytes of a file that was read, under the fingerprint of its table.

        Raises
        ------
        DataChanged
            It was written again since.
        StoreUnusable, PackageMissing
        """
        with self._troubles() as (fs, root), _draft_place(fs, root) as draft:
            found = copy_bytes(stamp.path, draft)
            check_unchanged(stamp)
            name = f"{found.sha256}{full_suffix(stamp.path)}"
            _put(fs, root, draft, Kept(digest, name, found.n_bytes, found.sha256, tuple(na_values)))

    def keep_table(self, digest: str, table: Table) -> None:
        """Keep a table that comes from no file, as Parquet.

        Raises
        ------
        StoreUnusable, FileUnwritable, PackageMissing
        """
        with self._troubles() as (fs, root), _draft_place(fs, root) as draft:
            write_parquet(table, draft)
            found = read_bytes(draft)
            _put(
                fs, root, draft, Kept(digest, f"{found.sha256}.parquet", found.n_bytes, found.sha256, (), table.target)
            )

    @contextmanager
    def open_file(self, kept: Kept) -> Iterator[Path]:
        """Give a content as a local file, with its bytes verified.

        Raises
        ------
        ContentDamaged, StoreUnusable
        """
        with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
            with self._troubles() as (fs, root):
                path = Path(root, "files", kept.file)
                if not _is_local(fs):
                    path = Path(folder, kept.file)
                    with suppress(FileNotFoundError):
                        fs.get_file(f"{root}/files/{kept.file}", str(path))
                found = read_bytes(path) if path.is_file() else None
            if found is None or found.sha256 != kept.sha256:
                problem = "it is not there" if found is None else "its bytes are not those that were kept"
                raise self._damaged(f"files/{kept.file}", problem)
            yield path

    def copy_to(self, digest: str, folder: Path) -> None:
        """Copy a content, if it is kept here, to a new store in a folder. Raises as `find` and `open_file`."""
        kept = self.find(digest)
        if kept is None:
            return
        for name in ("contents", "files"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        with self.open_file(kept) as path:
            shutil.copyfile(path, folder / "files" / Path(kept.file).name)
        (folder / "contents" / f"{kept.fingerprint}.json").write_text(json.dumps(asdict(kept)), "utf-8")

    def read(self, kept: Kept, *, name: str, source: str) -> Table:
        """Read a content as the table it was.

        Raises
        ------
        ContentDamaged, StoreUnusable
        """
        with self.open_file(kept) as path:
            read = read_table(path, na_values=kept.na_values)
            if fingerprint(read.frame).digest != kept.fingerprint:
                raise self._damaged(f"files/{kept.file}", "the table in it has another fingerprint")
        return Table(name, source, read.frame, kept.target)

    @contextmanager
    def _troubles(self) -> Iterator[tuple[Any, str]]:
        """Open the file system, and translate the exceptions that it and its servers raise."""
        protocol, _, path = self._url.rpartition("://")
        try:
            if not protocol:
                yield _Folder(), path
                return
            from fsspec.core import url_to_fs

            yield url_to_fs(self._url)
        except errors.RuncardError:
            raise
        except ImportError as error:
            extra = _EXTRAS.get(protocol)
            raise errors.PackageMissing(
                f"the data store at `{protocol}://` needs a package that is not installed",
                where=self.where,
                why=redact(str(error)),
                hint=f"pip install 'runcard[{extra}]'"
                if extra
                else "install fsspec, and what it needs for such addresses",
            ) from None
        except Exception as error:  # each of fsspec's file systems has errors of its own
            raise errors.StoreUnusable(
                "the data store cannot be used",
                where=self.where,
                why=redact(f"{type(error).__name__}: {' '.join(str(error).split())}"),
                hint="check `data_store` under `[tool.runcard]`, or RUNCARD_DATA_STORE, and what the store asks for;\n"
                '`snapshot = "never"` keeps no contents',
            ) from error

    def _damaged(self, name: str, why: str) -> errors.ContentDamaged:
        return errors.ContentDamaged(
            "a kept content is damaged",
            where=f"{self.where}/{name}",
            why=why,
            hint="remove the file; while the data are still as they were locked, the next run keeps them again",
        )


class _Folder:
    """A local folder with the part of fsspec's interface that is used here, without fsspec."""

    protocol = "file"

    def cat_file(self, path: str) -> bytes:
        return read_bounded(Path(path))

    def size(self, path: str) -> int:
        return Path(path).stat().st_size

    def exists(self, path: str) -> bool:
        return Path(path).exists()


def open_data_store(project: Project) -> Store:
    """Open a project's data store."""
    return Store(project.data_store)


def _is_local(fs: Any) -> bool:
    protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
    return "file" in protocols


def full_suffix(path: Path) -> str:
    """Give the end of a file name that names the format, `.gz` included."""
    packed = ".gz" if path.name.lower().endswith(".gz") else ""
    suffix = suffix_of(path)
    return suffix if suffix == packed else suffix + packed


@contextmanager
def _draft_place(fs: Any, root: str) -> Iterator[Path]:
    """Give a path for a draft: in the store itself where that is a folder, so that it only has to be moved."""
    if not _is_local(fs):
        with tempfile.TemporaryDirectory(prefix="runcard-") as folder:
            yield Path(folder, "draft")
        return
    for name in ("files", "contents"):
        Path(root, name).mkdir(parents=True, exist_ok=True)
        _remove_stale(Path(root, name))
    draft = Path(root, "files", f"{uuid.uuid4().hex}{_PART}")
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _put(fs: Any, root: str, draft: Path, kept: Kept) -> None:
    """Move a draft into the store; the description of its content is written after it."""
    page = json.dumps(asdict(kept), indent=2).encode()
    if not _is_local(fs):
        fs.put_file(str(draft), f"{root}/files/{kept.file}")
        fs.pipe_file(f"{root}/contents/{kept.fingerprint}.json", page)
        return
    draft.chmod(0o444)  # it is kept by its hash: nobody edits it by mistake
    draft.replace(Path(root, "files", kept.file))
    flush_folder(Path(root, "files"))
    contents = Path(root, "contents")
    write_whole(contents / f"{kept.fingerprint}.json", page, draft=contents / f"{uuid.uuid4().hex}{_PART}")


def _remove_stale(folder: Path) -> None:
    """Remove drafts that killed processes left behind."""
    for path in folder.glob(f"*{_PART}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_SECONDS:
                path.unlink()
