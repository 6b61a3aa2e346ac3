"""The journal as an outbox: of two processes, one delivers to an address at a time."""

from __future__ import annotations

import threading
from pathlib import Path

from runcard.workflow.run.outbox import JournalOutbox

HERE, THERE = "sqlite:///here.db", "http://there"


def enters(outbox: JournalOutbox, uri: str) -> threading.Event:
    """Tell by an event when the right to deliver was had."""
    had = threading.Event()

    def enter() -> None:
        with outbox.delivering(uri):
            had.set()

    threading.Thread(target=enter, daemon=True).start()
    return had


def test_one_delivers_to_an_address_at_a_time(tmp_path: Path) -> None:
    home = tmp_path / ".runcard"
    with JournalOutbox(home) as one, JournalOutbox(home) as other:
        with one.delivering(HERE):
            had = enters(other, HERE)
            assert not had.wait(0.3)
            assert enters(other, THERE).wait(10)
        assert had.wait(10)
