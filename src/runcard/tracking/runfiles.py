"""Access to the files of runs: read directly if they are on this machine, else fetched by MLflow's client."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path, PurePosixPath

from runcard.bounds import MOST_RECORD_BYTES, read_bounded
from runcard.tracking import addresses
from runcard.tracking.items import RunReader
from runcard.tracking.moved import local_path


class RunFiles:
    """The files of one run.

    Parameters
    ----------
    uri
        The tracking address.
    reader
        Open at that address.
    """

    def __init__(self, uri: str, run_id: str, reader: RunReader) -> None:
        self._uri, self._run_id = uri, run_id
        self._folder = local_folder(reader.files_of(run_id))

    def read(self, name: str) -> bytes | None:
        """Read a file; None if none has that name."""
        return self._read(name).get(name)

    def read_below(self, folder: str) -> dict[str, bytes]:
        """Read all files of a folder: relative path -> content."""
        return {name.removeprefix(f"{folder}/"): content for name, content in self._read(folder).items()}

    def _read(self, name: str) -> dict[str, bytes]:
        if self._folder is not None:
            with addresses.translated(self._uri, f"the files of the run {self._run_id} could not be read"):
                return _below(self._folder, name)
        from runcard.tracking.mlflow import MlflowFiles

        with MlflowFiles(self._uri) as files, tempfile.TemporaryDirectory(prefix="runcard-") as place:
            return _below(Path(place), name) if files.fetch(self._run_id, name, Path(place)) else {}


def local_folder(address: str) -> Path | None:
    """Give the local folder that an address of files means; None if it does not exist here."""
    folder = local_path(address)
    return folder if folder and folder.is_absolute() and folder.is_dir() else None


def _below(root: Path, name: str) -> dict[str, bytes]:
    place = root.joinpath(*PurePosixPath(name).parts)
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    if sum(path.stat().st_size for path in files) > MOST_RECORD_BYTES:
        raise OSError(errno.EINVAL, f"its files are larger than {MOST_RECORD_BYTES:,} bytes together", str(place))
    return {path.relative_to(root).as_posix(): read_bounded(path, MOST_RECORD_BYTES) for path in files}
