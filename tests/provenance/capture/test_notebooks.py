import json
import subprocess

import pytest

from runcard.provenance.capture.notebooks import LARGEST_BYTES, Notebook, capture_notebooks

CLEAN = {"cells": [{"cell_type": "code", "outputs": []}, {"cell_type": "markdown"}]}
FULL = {"cells": [{"cell_type": "code", "outputs": [{"text": "1"}]}, {"cell_type": "code", "outputs": [{}, {}]}]}
FILTER = "tr -d '\\n' | sed 's/\"outputs\": \\[{[^]]*\\]/\"outputs\": []/g'"


def git(folder, *words):
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, check=True)


@pytest.fixture
def repository(tmp_path):
    git(tmp_path, "init")
    (tmp_path / "project").mkdir()
    (tmp_path / "other.ipynb").write_text(json.dumps(FULL))
    (tmp_path / ".gitignore").write_text("ignored.ipynb\n")
    return tmp_path / "project"


def write(path, content):
    path.write_text(json.dumps(content))


def test_committed_and_new_ones_below_the_root_and_none_else(repository):
    write(repository / "clean ü.ipynb", CLEAN)
    write(repository / "gone.ipynb", FULL)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "x")
    (repository / "gone.ipynb").unlink()
    write(repository / "new.ipynb", FULL)
    write(repository / "ignored.ipynb", FULL)
    assert capture_notebooks(repository).found == (Notebook("clean ü.ipynb", 0), Notebook("new.ipynb", 2))


def test_what_cannot_be_told_says_why(repository):
    (repository / "broken.ipynb").write_text("{")
    (repository / "list.ipynb").write_text("[1]")
    (repository / "huge.ipynb").write_bytes(b" " * (LARGEST_BYTES + 1))
    found = capture_notebooks(repository).as_dict()["found"]
    assert [(each["path"], each["n_outputs"], bool(each["reason"])) for each in found] == [
        ("broken.ipynb", None, True),
        ("huge.ipynb", None, True),
        ("list.ipynb", None, True),
    ]


def test_a_filter_that_keeps_output_out_of_git_counts(repository):
    """As nbstripout does it: the file has output, the commit has none."""
    git(repository, "config", "filter.strip.clean", FILTER)
    (repository / ".gitattributes").write_text("*.ipynb filter=strip\n")
    write(repository / "work.ipynb", FULL)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "x")
    assert json.loads((repository / "work.ipynb").read_text()) == FULL
    assert capture_notebooks(repository).found == (Notebook("work.ipynb", 0),)


def test_outside_of_a_repository_nothing_is_known(tmp_path):
    write(tmp_path / "work.ipynb", FULL)
    found = capture_notebooks(tmp_path)
    assert (found.found, "not a git repository" in found.reason) == ((), True)
