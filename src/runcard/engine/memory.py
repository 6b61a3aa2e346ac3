"""Memory that is let go of goes back to the system, where the system's allocator can be told so."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_MMAP_THRESHOLD = -3  # malloc.h
_ONE_MEGABYTE = 1 << 20


def give_back_large_arrays() -> None:
    """Have glibc map arrays of a megabyte and more each for itself, in this process, from now on.

    Otherwise it raises that size to that of the largest array let go of so far, and keeps what is below for later.
    """
    with suppress(OSError, AttributeError):  # another allocator
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, _ONE_MEGABYTE)
