"""Data that DVC tracks, with a real DVC repository and a local remote."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from projects import environment, run_cli

from runcard import errors
from runcard.card import load_card
from runcard.catalog.registered import Catalog
from runcard.data.dvc import find_tracked, pull
from runcard.data.lockfile import read_lock
from runcard.project import find_project
from runcard.workflow.datasets.obtain import obtain_table

pytestmark = pytest.mark.slow

AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
FIRST = "age,left\n" + "".join(f"{20 + n},{'yn'[n % 3 == 0]}\n" for n in range(60))
SECOND = FIRST.replace("\n21,", "\n22,", 1)


def call(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, env=environment(DVC_NO_ANALYTICS="true"), capture_output=True, check=True)
    return done.stdout.decode().strip()


def dvc(folder: Path, *words: str) -> str:
    return call(folder, sys.executable, "-W", "ignore", "-m", "dvc", *words)


def commit(folder: Path, words: str) -> str:
    call(folder, "git", "add", "-A")
    call(folder, "git", *AUTHOR, "commit", "-qm", words)
    return call(folder, "git", "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Make a project whose data DVC tracks: a file in two versions, both locked, and a folder; all of it pushed."""
    root = tmp_path_factory.mktemp("dvc") / "project"
    (root / "data" / "raw").mkdir(parents=True)
    (root / "configs").mkdir()
    (root / "pyproject.toml").write_text('[tool.runcard]\nsnapshot = "never"\n')
    card = {"data": {"raw_path": "data/a.csv"}, "features": {"target": "left"}, "models": [{"name": "dummy"}]}
    (root / "configs" / "card.yaml").write_text(json.dumps(card))
    call(root, "git", "init", "-q", "-b", "main")
    dvc(root, "init", "-q")
    dvc(root, "remote", "add", "-q", "-d", "store", "../remote")
    (root / ".gitignore").write_text(".runcard/\n")
    (root / "data" / "raw" / "b.csv").write_text(SECOND)
    revisions = []
    for number, text in enumerate((FIRST, SECOND)):
        (root / "data" / "a.csv").write_text(text)
        dvc(root, "add", "-q", *("data/a.csv", "data/raw")[: 2 - number])
        dvc(root, "push", "-q")
        revisions.append(commit(root, f"data {number}"))
        for name in ("data/a.csv", "data/raw/b.csv")[: 2 - number]:
            words = ("--update", "--reason", "a wrong age") if number else ()
            assert run_cli(root, "lock", name, *words).returncode == 0
        commit(root, f"lock {number}")
    return root, revisions


@pytest.fixture
def clone(history: tuple[Path, list[str]], tmp_path: Path) -> Path:
    """Clone the project: no data, no cache, and the remote within reach."""
    folder = tmp_path / "clone"
    call(tmp_path, "git", "clone", "-q", str(history[0]), str(folder))
    shutil.copytree(history[0].parent / "remote", tmp_path / "remote")
    return folder


def test_the_lock_has_dvcs_hash_and_the_commit(history: tuple[Path, list[str]]) -> None:
    root, revisions = history
    lock = read_lock(root)
    of_file, of_folder = lock["data/a.csv"].dvc, lock["data/raw/b.csv"].dvc
    assert of_file is not None
    assert of_folder is not None
    assert of_file.revision == revisions[1]
    assert of_file.md5 in (root / "data" / "a.csv.dvc").read_text()
    assert of_folder.revision == revisions[0]
    assert of_folder.md5.endswith(".dir")
    assert of_folder.md5 in (root / "data" / "raw.dvc").read_text()


def test_missing_data_come_through_dvc(clone: Path) -> None:
    answer = run_cli(clone, "check", "card")
    assert answer.returncode == 0, answer.stderr
    assert (clone / "data" / "a.csv").read_text() == SECOND
    assert "missing" in run_cli(clone, "data", "verify", "data/raw/b.csv").stdout
    assert run_cli(clone, "data", "restore", "data/raw/b.csv").returncode == 0
    assert (clone / "data" / "raw" / "b.csv").read_text() == SECOND
    assert run_cli(clone, "data", "verify").returncode == 0


def test_an_older_version_comes_from_the_commit_that_had_it(clone: Path) -> None:
    project, card = find_project(clone), load_card(clone / "configs" / "card.yaml")
    call(clone, "git", "checkout", "-q", "main~2", "--", "runcard.lock")  # older than what is tracked
    old = read_lock(clone)["data/a.csv"]
    table = obtain_table(card, project, Catalog(), old.content.digest)
    assert list(table.frame["age"][:3]) == [20, 21, 22]
    assert not (clone / "data" / "a.csv").exists()
    (clone / "data" / "a.csv").write_text(SECOND + "99,y\n")
    assert run_cli(clone, "data", "restore", "data/a.csv", "--force").returncode == 0
    assert (clone / "data" / "a.csv").read_text() == FIRST


def test_the_commit_is_noted_once_there_is_one(clone: Path) -> None:
    (clone / "data" / "a.csv").write_text(SECOND)
    lock = clone / "runcard.lock"
    text = lock.read_text()
    line = next(line for line in text.splitlines(keepends=True) if line.startswith("git_revision"))  # of data/a.csv
    lock.write_text(text.replace(line, "", 1))
    assert run_cli(clone, "lock", "data/a.csv").returncode == 0
    assert lock.read_text() == text


def test_what_is_edited_after_dvc_add_is_not_called_dvcs(clone: Path) -> None:
    (clone / "data" / "a.csv").write_text(FIRST + "99,y\n")
    assert run_cli(clone, "lock", "data/a.csv", "--update", "--reason", "one more").returncode == 0
    assert read_lock(clone)["data/a.csv"].dvc is None


def test_what_dvc_cannot_give_is_said(clone: Path) -> None:
    shutil.rmtree(clone.parent / "remote")
    tracked = find_tracked(clone / "data" / "a.csv")
    assert tracked is not None
    with pytest.raises(errors.DvcFailed) as caught:
        pull(tracked)
    assert caught.value.where == str(clone / "data" / "a.csv.dvc")
    assert caught.value.hint == f"try `dvc pull data/a.csv` in {clone}"
    project, card = find_project(clone), load_card(clone / "configs" / "card.yaml")
    with pytest.raises(errors.DataGone) as gone:
        obtain_table(card, project, Catalog(), read_lock(clone)["data/a.csv"].content.digest)
    assert [line.partition(":")[0] for line in gone.value.why.splitlines()] == ["the tree", "the data store", "DVC"]


def test_what_is_no_dvc_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv.dvc").write_text("outs:\n- md5: abc\n  path: a.csv\n")
    assert find_tracked(tmp_path / "data" / "a.csv") is None  # outside of any DVC repository
    (tmp_path / ".dvc").mkdir()
    tracked = find_tracked(tmp_path / "data" / "a.csv")
    assert tracked is not None
    assert (tracked.md5, tracked.inside, tracked.is_legacy) == ("abc", "", True)
    assert find_tracked(tmp_path / "data" / "b.csv") is None
    (tmp_path / "data" / "a.csv.dvc").write_text("outs: [{path: a.csv, etag: x}]\n")
    assert find_tracked(tmp_path / "data" / "a.csv") is None
