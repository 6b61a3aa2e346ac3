"""What an execution had begun when it was killed."""

from __future__ import annotations

from pathlib import Path

from runcard.journal import BegunTrials


def test_the_next_execution_knows_what_was_begun(tmp_path: Path) -> None:
    with BegunTrials(tmp_path, "plan") as begun:
        assert begun.earlier == frozenset()
        begun.note("k1")
        begun.note("k2")
        with BegunTrials(tmp_path, "plan") as after_a_kill:
            assert after_a_kill.earlier == {"k1", "k2"}
            after_a_kill.note("k3")
    with BegunTrials(tmp_path, "plan") as begun:
        assert begun.earlier == {"k1", "k2", "k3"}
    with BegunTrials(tmp_path, "another plan") as begun:
        assert begun.earlier == frozenset()


def test_a_plan_that_is_done_forgets(tmp_path: Path) -> None:
    with BegunTrials(tmp_path, "plan") as begun:
        begun.note("k1")
        begun.forget()
        begun.forget()
    with BegunTrials(tmp_path, "plan") as begun:
        assert begun.earlier == frozenset()
