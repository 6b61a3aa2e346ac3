"""Limits on what a compressed table may decompress to: a megabyte can become a gigabyte of zeros."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from pathlib import Path

from runcard import errors
from runcard.bounds import memory_bytes

MOST_BYTES = 1 << 28
MOST_TIMES = 200
_MOST_THAT_GZIP_CAN = 1033
_BLOCK_BYTES = 1 << 20


def refuse_bomb(path: Path, where: str) -> None:
    """Raise FileUnreadable if a gzip file decompresses to more than a table's text may have; not if it is damaged.

    It is unpacked once for that, block by block, unless it is too small to matter. Not while it is read: an exception
    raised in a stream that Arrow's threads read can leave them waiting for each other.
    """
    n_packed = path.stat().st_size
    limit = max(MOST_BYTES, MOST_TIMES * n_packed)
    if not path.name.lower().endswith(".gz") or n_packed * _MOST_THAT_GZIP_CAN <= limit:
        return
    with suppress(OSError, EOFError, zlib.error), gzip.open(path) as file:
        n_bytes = 0
        while block := file.read(_BLOCK_BYTES):
            n_bytes += len(block)
            if n_bytes > limit:
                raise errors.FileUnreadable(
                    f"`{path.name}` unpacks to more than {limit / 1e6:,.0f} MB",
                    where=where,
                    why=f"text of a table unpacks to some ten times its size; this is beyond {MOST_TIMES} times",
                    hint="if it is the right file, unpack it: `gzip -d`",
                )


def refuse_beyond_memory(n_bytes: int, path: Path, where: str) -> None:
    """Raise FileUnreadable if the decompressed size of a file, stated or at the least, exceeds the machine's memory.

    The columns of Parquet and Feather may be all of one value, which takes next to nothing: no proportion tells.
    """
    memory = memory_bytes()
    if memory is not None and n_bytes > memory:
        raise errors.FileUnreadable(
            f"`{path.name}` unpacks to {n_bytes / 1e9:,.0f} GB or more",
            where=where,
            why=f"this machine has {memory / 1e9:,.0f} GB of memory, and a table is held in it",
            hint="take the rows and columns that are needed into another file",
        )
