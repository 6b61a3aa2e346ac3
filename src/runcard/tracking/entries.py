"""Entries of the ledger: events in the one order that the whole team agrees on."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runcard.promotion import Promotion, event_digest

LEDGER = "runcard-ledger"
"""The experiment that the ledger is kept in, one run an event."""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """An event with its position in the ledger."""

    event_id: str
    """Its run."""
    promotion: Promotion
    is_finished: bool = False
    """Whether what it says has been carried out; until then whoever comes next does so."""
    is_void: bool = False
    """Whether it could not be carried out, what it is about having been deleted: it never happened."""
    owner: str = ""
    """The process that carries it out, as `this_process` names it."""
    before: str = ""
    """The digest of the event before it; empty for the first, and for those made before events were chained."""
    is_chained: bool = True
    """Whether its own digest was written with it."""

    signature: str = ""
    """Of its digest, as ssh-keygen writes it; empty for one that is not signed."""

    @property
    def digest(self) -> str:
        """The digest of its text and of the event before it."""
        return event_digest(self.event_id, self.before, self.promotion)

    @property
    def link(self) -> str:
        """What the next event stores of this one: its digest, combined with its signature if it has one."""
        return linked(self.digest, self.signature)

    def __str__(self) -> str:
        """Name it as `runcard history` does."""
        return f"`{self.promotion}` of {self.promotion.who}, {self.promotion.at} (run {self.event_id[:8]})"


def linked(digest: str, signature: str) -> str:
    """Combine a digest and a signature into one digest."""
    return hashlib.sha256(f"{digest}\n{signature}".encode()).hexdigest() if signature else digest


def this_process() -> str:
    """Identify this process, so that another one can check whether it still runs."""
    return json.dumps({"machine": _machine(), "pid": os.getpid(), "since": int(time.time())})


def is_gone(owner: str) -> bool:
    """Tell whether a process has certainly ended; never so for processes of other machines."""
    with suppress(ValueError, KeyError, TypeError):
        found = json.loads(owner)
        if found["machine"] != _machine():
            return False
        try:
            os.kill(int(found["pid"]), 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
    return False


def _machine() -> str:
    """Identify this boot and PID namespace."""
    names = [socket.gethostname()]
    with suppress(OSError):
        names.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        names.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(names)
