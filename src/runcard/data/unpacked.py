"""What a gzip file unpacks to, as long as it is in proportion: a megabyte may unpack to a gigabyte of nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runcard import errors

MOST_BYTES = 1 << 28
MOST_TIMES = 200


class Unpacked:
    """Reads on until more has come out than a table's text may hold.

    Parameters
    ----------
    stream
        Gives the unpacked bytes.
    path
        Where the packed ones are.
    """

    def __init__(self, stream: Any, path: Path) -> None:
        self._stream, self._path = stream, path
        self._limit = max(MOST_BYTES, MOST_TIMES * path.stat().st_size)
        self._n_bytes = 0

    def read(self, n_bytes: int = -1) -> bytes:
        """Give the next bytes.

        Raises
        ------
        FileUnreadable
        """
        found: bytes = self._stream.read(n_bytes)
        self._n_bytes += len(found)
        if self._n_bytes > self._limit:
            raise errors.FileUnreadable(
                f"`{self._path.name}` unpacks to more than {self._limit / 1e6:,.0f} MB",
                where=str(self._path),
                why=f"text of a table unpacks to some ten times its size; this is beyond {MOST_TIMES} times",
                hint="if it is the right file, unpack it: `gzip -d`",
            )
        return found

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return bool(self._stream.closed)

    def close(self) -> None:
        """Let go of the file."""
        self._stream.close()

    def readable(self) -> bool:
        """Say yes."""
        return True

    def writable(self) -> bool:
        """Say no."""
        return False

    def seekable(self) -> bool:
        """Say no."""
        return False
