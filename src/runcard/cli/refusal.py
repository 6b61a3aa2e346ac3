"""What the operating system refuses, in words that help."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from runcard import errors
from runcard.bounds import LEAST_FILES

_RIGHTS = "give yourself the rights, or use another folder"
_ROOM = "make room, or use another disk"
_OF_NUMBER = {
    errno.EMFILE: (
        "too many files are open",
        "`ulimit -n 1024`, in the shell that starts runcard, allows more; fewer `--workers` need fewer",
    ),
    errno.ENFILE: ("too many files are open on this machine", "end other programs, or raise the system's limit"),
    errno.ENOSPC: ("no space is left", _ROOM),
    errno.EDQUOT: ("the quota is used up", _ROOM),
    errno.EFBIG: ("a file would become larger than is allowed", "`ulimit -f` says how large; `ulimit -f unlimited`"),
    errno.EROFS: ("the file system is for reading only", _RIGHTS),
    errno.EACCES: ("permission is denied", _RIGHTS),
    errno.EPERM: ("permission is denied", _RIGHTS),
    errno.ENOMEM: ("memory ran out", "end other programs; fewer `--workers` need less"),
    errno.EAGAIN: ("no more processes can be started", "`ulimit -u` says how many there may be; use fewer `--workers`"),
    errno.EIO: ("a disk fails", "look at the system's log"),
    errno.ELOOP: ("links lead in a circle", "remove the link"),
}
_EVERYWHERE = (errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.EROFS)
"""What may well be the cause of an error that says something else."""
_FEW = 8
_OF_FILES = ("Too many open files", "unable to open database file")


def refusal_of(error: BaseException) -> errors.SystemRefused | None:
    """Say what the system refused, if that is what an error comes from."""
    if isinstance(error, errors.RuncardError):
        return _behind(error)
    if isinstance(error, MemoryError):
        return _refused(errno.ENOMEM, "", "")
    if isinstance(error, OSError) and error.errno is not None:
        return _refused(error.errno, error.strerror or "", error.filename)
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _EVERYWHERE:
            return _refused(cause.errno, cause.strerror or "", cause.filename)
    return None


def allow_files() -> None:
    """Have the system allow as many open files as a command needs, if it lets us.

    Raises
    ------
    SystemRefused
        It does not: whatever would fail first would say something else.
    """
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    limit, highest = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY or limit >= LEAST_FILES:
        return
    if highest != resource.RLIM_INFINITY and highest < LEAST_FILES:
        raise _refused(
            errno.EMFILE, f"`ulimit -n` allows {highest} at a time, and a command may need {LEAST_FILES}", ""
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (LEAST_FILES, highest))


def _behind(error: errors.RuncardError) -> errors.SystemRefused | None:
    """Say that too few files may be open, where that is behind an error that names another reason."""
    if isinstance(error, errors.SystemRefused):
        return None
    for cause in _causes(error):
        is_short = isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE)
        if is_short or (any(words in str(cause) for words in _OF_FILES) and not _can_open()):
            return _refused(errno.EMFILE, error.what, error.where)
    return None


def _can_open() -> bool:
    """Try whether a few more files can be opened."""
    handles: list[int] = []
    try:
        handles += (os.open(os.devnull, os.O_RDONLY) for _ in range(_FEW))
    except OSError:
        return False
    finally:
        for handle in handles:
            os.close(handle)
    return True


def _refused(number: int, words: str, file: object) -> errors.SystemRefused:
    what, hint = _OF_NUMBER.get(number, ("the operating system says no", "`runcard --debug ...` shows where"))
    return errors.SystemRefused(what, where=str(file or ""), why=words, hint=hint)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__
