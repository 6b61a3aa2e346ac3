"""What the operating system refuses, in words that help."""

from __future__ import annotations

import errno
from collections.abc import Iterator

from runcard import errors

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


def refusal_of(error: BaseException) -> errors.SystemRefused | None:
    """Say what the system refused, if that is what an error comes from."""
    if isinstance(error, MemoryError):
        return _refused(errno.ENOMEM, "", "")
    if isinstance(error, OSError) and error.errno is not None:
        return _refused(error.errno, error.strerror or "", error.filename)
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in _EVERYWHERE:
            return _refused(cause.errno, cause.strerror or "", cause.filename)
    return None


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
