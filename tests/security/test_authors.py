"""Code of a recorded run is run only when somebody is known to answer for it; each of these would run an attacker's."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from projects import COMMAND, call_cli, environment, write_project

import runcard
from runcard import errors
from runcard.project import Project, find_project
from runcard.provenance.bundle import read_code
from runcard.workflow.replay import find_recorded, reproduce
from runcard.workflow.replay.author import AGREED, ALLOWED, OF_JOURNAL, why_trusted
from runcard.workflow.replay.isolated import ignored_variables, replay_variables
from runcard.workflow.replay.options import Options
from runcard.workflow.replay.recorded import Recorded

pytestmark = pytest.mark.slow

CARD = {
    "experiment": {"name": "authors"},
    "data": {"raw_path": "table.csv"},
    "features": {"numerical": ["x"], "target": "y"},
    "models": [{"name": "decision_tree", "params": {"max_depth": 1}}],
    "evaluation": {"metrics": ["accuracy"], "cv_folds": 2},
}


@dataclass(frozen=True)
class Places:
    """A project that made two runs, and a clone of its remote that somebody else has."""

    made: Path
    clone: Path
    clean: str
    """Made of committed code."""
    dirty: str
    """Made with a file that is not committed."""


def git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=Mallory", "-c", "user.email=mallory@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *author, *words], cwd=folder, env=environment(), check=True, capture_output=True)


def run(path: Path) -> str:
    result = runcard.run(path, workers=1, fresh=True)
    return next(iter(result.runs.values()))


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Places:
    top = tmp_path_factory.mktemp("authors")
    table = pd.DataFrame({"x": range(30), "y": [0, 1] * 15})
    path = write_project(top / "made", CARD, table=table, db=empty_mlflow_db)
    (top / "made" / ".gitignore").write_text("mlflow.db*\nmlartifacts/\n")
    git(top, "init", "-q", "--bare", "shared.git")
    for words in (
        ("init", "-q", "-b", "main"),
        ("add", "."),
        ("commit", "-qm", "one"),
        ("remote", "add", "origin", str(top / "shared.git")),
        ("push", "-q", "origin", "main"),
    ):
        git(top / "made", *words)
    git(top, "clone", "-q", "-b", "main", "shared.git", "clone")
    clean = run(path)
    (top / "made" / "evil.py").write_text("raise SystemExit('it ran')\n")
    return Places(top / "made", top / "clone", clean, run(path))


def project_at(folder: Path, made: Path) -> Project:
    return find_project(folder).with_settings(tracking_uri=f"sqlite:///{made / 'mlflow.db'}")


def why(recorded: Recorded, project: Project, **how: Any) -> str:
    code = read_code(recorded.account.code, recorded.provenance)
    return why_trusted(recorded, code, recorded.account.environment, project, Options(**how))


def forged(recorded: Recorded, file: str, change: Callable[[dict[str, Any]], object]) -> Recorded:
    """Change a part of a record as its store could: the seal can be made anew."""
    about = json.loads(recorded.provenance[f"{file}.json"])
    change(about)
    account = replace(recorded.account, **{file: about})
    return replace(
        recorded, account=account, provenance={**recorded.provenance, f"{file}.json": json.dumps(about).encode()}
    )


def test_ones_own_runs_are_run_without_a_question(places: Places) -> None:
    project = find_project(places.made)
    for name in (places.clean, places.dirty):
        assert why(find_recorded(name, project), project) == OF_JOURNAL


def test_a_colleagues_committed_and_pushed_run_is_run_without_a_question(places: Places) -> None:
    """The lock that the first run wrote is in no commit yet; it is data."""
    project = project_at(places.clone, places.made)
    assert why(find_recorded(places.clean, project), project) == (
        "its commit is on origin/main of this clone and nothing was uncommitted"
    )


def test_code_that_nobody_answers_for_is_not_run(places: Places, tmp_path: Path) -> None:
    """No terminal: one error that says what it is, and nothing was made; from Python as from the command line."""
    clone = shutil.copytree(places.clone, tmp_path / "clone")
    with pytest.raises(errors.CodeForeign) as caught:
        reproduce(places.dirty, project=project_at(clone, places.made))
    assert caught.value.why.splitlines() == [
        "this project's journal has no run with this code and these packages",
        "not all of it is committed",
    ]
    assert "by Mallory <mallory@example.org>" in caught.value.where
    assert "2 files not committed, " in caught.value.where
    uri = f"sqlite:///{places.made / 'mlflow.db'}"
    said = call_cli(clone, "reproduce", places.dirty, MLFLOW_TRACKING_URI=uri)
    assert (said.returncode, said.stdout) == (3, "")
    assert "error[RC811]" in said.stderr
    assert not (clone / ".runcard").exists()


def test_asked_and_allowed(places: Places) -> None:
    project = project_at(places.clone, places.made)
    recorded = find_recorded(places.dirty, project)
    questions: list[str] = []

    def answer(word: bool) -> Callable[[str], bool]:
        return lambda question: (questions.append(question), word)[1]

    assert why(recorded, project, ask=answer(True)) == AGREED
    assert "2 files not committed" in questions[0]
    with pytest.raises(errors.CodeForeign, match="nobody here"):
        why(recorded, project, ask=answer(False))
    assert why(recorded, project, allow_code=True) == ALLOWED


def test_a_terminal_is_asked(places: Places, tmp_path: Path) -> None:
    clone = shutil.copytree(places.clone, tmp_path / "clone")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "reproduce", places.dirty],
        cwd=clone,
        env=environment(MLFLOW_TRACKING_URI=f"sqlite:///{places.made / 'mlflow.db'}"),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        said = b""
        while not said.endswith(b"[y/N]: "):
            said += os.read(ours, 4096)
        os.write(ours, b"\n")
        assert process.wait(60) == 3
    os.close(ours)
    assert b"nobody here is known to answer for" in said
    assert b"2 files not committed" in said


@pytest.mark.parametrize(
    ("file", "change", "doubt"),
    [
        (
            "environment",
            lambda about: about["packages"].update({"evil-package": "1.0"}),
            "neither installed here",
        ),
        (
            "environment",
            lambda about: about["sources"].update({"numpy": {"url": "https://host.example/numpy.whl"}}),
            "neither installed here",
        ),
        ("code", lambda about: about["left_out"].update({"a.py": "looks like a secret"}), "not all of it is committed"),
        ("code", lambda about: about.update(folder="configs"), "not all of it is committed"),
    ],
)
def test_a_pushed_commit_vouches_for_nothing_else(
    places: Places, file: str, change: Callable[[dict[str, Any]], object], doubt: str
) -> None:
    project = project_at(places.clone, places.made)
    recorded = find_recorded(places.clean, project)
    with pytest.raises(errors.CodeForeign) as caught:
        why(forged(recorded, file, change), project)
    assert doubt in caught.value.why


def test_a_pushed_commit_vouches_for_the_packages_that_it_declares(places: Places, tmp_path: Path) -> None:
    clone = shutil.copytree(places.clone, tmp_path / "clone")
    (clone / "uv.lock").write_text('[[package]]\nname = "new-one"\nversion = "2.0"\n')
    (clone / "requirements.txt").write_text("# word\nnew.two[extra] >= 1\nnew_three \\\n    --hash=sha256:0\n")
    project = project_at(clone, places.made)
    git(clone, "add", ".")
    git(clone, "commit", "-qm", "locks")
    git(clone, "update-ref", "refs/remotes/origin/main", "HEAD")
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=clone, capture_output=True, text=True, check=True)
    found = find_recorded(places.clean, project)
    recorded = forged(found, "code", lambda about: about.update(commit=head.stdout.strip()))

    def naming(*packages: str) -> Recorded:
        return forged(recorded, "environment", lambda about: about["packages"].update(dict.fromkeys(packages, "1.0")))

    assert why(naming("new-one", "new-two", "new-three"), project).startswith("its commit is on origin/main")
    for word in ("word", "hash", "extra", "package"):
        with pytest.raises(errors.CodeForeign, match="nobody here"):
            why(naming(word), project)


def test_a_commit_on_no_branch_of_a_remote_vouches_for_nothing(places: Places, tmp_path: Path) -> None:
    """It is in the clone; one that is not is asked for at no address that a record names before somebody answers."""
    clone = shutil.copytree(places.clone, tmp_path / "clone")
    git(clone, "update-ref", "-d", "refs/remotes/origin/main")
    git(clone, "update-ref", "--no-deref", "-d", "refs/remotes/origin/HEAD")
    project = project_at(clone, places.made)
    recorded = find_recorded(places.clean, project)
    with pytest.raises(errors.CodeForeign) as caught:
        why(recorded, project)
    assert "on no branch of a remote" in caught.value.why
    with pytest.raises(errors.CommitMissing, match="is not in this clone") as missing:
        why(forged(recorded, "code", lambda about: about.update(commit="0" * 40)), project)
    assert "only once somebody answers for it" in missing.value.why


@pytest.mark.parametrize(
    "patch",
    [
        b"--- a/%s\n+++ b/%s\n@@ -1 +1 @@\n-a\n+b\n",  # its header names another file
        b"rename from %s\nrename to runcard.lock\n",
        b"deleted file mode 100644\n--- a/%s\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n",
        b"old mode 100644\nnew mode 120000\n--- a/runcard.lock\n+++ b/runcard.lock\n@@ -1 +1 @@\n-a\n+b\n",
        b"this is no patch",
    ],
)
def test_no_diff_passes_for_a_change_of_the_lock(places: Places, patch: bytes) -> None:
    project = project_at(places.clone, places.made)
    recorded = find_recorded(places.clean, project)
    code = read_code(recorded.account.code, recorded.provenance)
    head = (
        b"diff --git a/runcard.lock b/runcard.lock\n"
        if b"rename" not in patch
        else b"diff --git a/x.py b/runcard.lock\n"
    )
    diff = head + patch.replace(b"%s", b"x.py")
    with pytest.raises(errors.CodeForeign, match="nobody here"):
        why_trusted(recorded, replace(code, diff=diff), recorded.account.environment, project, Options())


def test_a_record_that_was_made_like_ones_own_is_not(places: Places) -> None:
    """The store names the run of one's own journal, and its code is another one."""
    project = find_project(places.made)
    recorded = forged(find_recorded(places.dirty, project), "code", lambda about: about.update(branch="other"))
    with pytest.raises(errors.CodeForeign, match="nobody here"):
        why(recorded, project)


def test_a_journal_that_came_with_the_repository_is_not_ones_own(places: Places, tmp_path: Path) -> None:
    clone = shutil.copytree(places.clone, tmp_path / "clone")
    shutil.copytree(places.made / ".runcard", clone / ".runcard")
    project = project_at(clone, places.made)
    recorded = find_recorded(places.dirty, project)
    assert why(recorded, project) == OF_JOURNAL
    git(clone, "add", "-f", ".runcard/journal.db")
    with pytest.raises(errors.CodeForeign, match="nobody here"):
        why(recorded, project)


def test_recorded_variables_that_change_no_number_are_not_set(places: Places) -> None:
    project = find_project(places.made)
    variables = {"LD_PRELOAD": "/tmp/evil.so", "PYTHONSTARTUP": "x", "PYTHONHASHSEED": "7", "PATH": "/tmp/evil"}
    recorded = forged(
        find_recorded(places.clean, project), "environment", lambda about: about.update(variables=variables)
    )
    given = replay_variables(recorded, project)
    assert given["PYTHONHASHSEED"] == "7"
    assert not {"LD_PRELOAD", "PYTHONSTARTUP"} & given.keys()
    assert given["PATH"] != "/tmp/evil"
    (said,) = ignored_variables(recorded.account.environment)
    assert said.endswith("`LD_PRELOAD`, `PYTHONSTARTUP`, `PATH`")
