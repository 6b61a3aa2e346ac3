"""One process at a time carries out a card."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runcard import errors
from runcard.journal import hold_card

HOLD = """
import pathlib, sys, time
from runcard.journal import hold_card
with hold_card(pathlib.Path(sys.argv[1]), "a" * 64):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_holder_is_told_of_the_first(tmp_path: Path) -> None:
    with hold_card(tmp_path, "a" * 64):
        with pytest.raises(errors.CardBusy) as raised, hold_card(tmp_path, "a" * 64, patience=0.05):
            pass
        who = re.fullmatch(r"process (\d+) on (\S+), since (\S+ \S+) UTC", raised.value.where)
        assert (int(who[1]), who[2]) == (os.getpid(), socket.gethostname())
        with hold_card(tmp_path, "b" * 64):  # another card
            pass
    with hold_card(tmp_path, "a" * 64):
        pass


def test_the_system_lets_go_when_a_holder_is_killed(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        with pytest.raises(errors.CardBusy, match="being run already"), hold_card(tmp_path, "a" * 64, patience=0.05):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        with hold_card(tmp_path, "a" * 64):
            pass


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("in the way")
    with pytest.raises(errors.JournalUnusable), hold_card(tmp_path, "a" * 64):
        pass


def test_a_card_is_held_where_nothing_is_yet(tmp_path: Path) -> None:
    with hold_card(tmp_path / "project" / ".runcard", "h" * 64):
        assert (tmp_path / "project" / ".runcard" / "locks").is_dir()
