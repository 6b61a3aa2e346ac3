from dataclasses import replace
from pathlib import Path

import pytest

from runcard import errors
from runcard.project import Project, find_project
from runcard.provenance.capture.code import Code
from runcard.workflow.run.committed import uncommitted_remark

CLEAN = Code(commit="c0ffee", dirty=False)
DIRTY = replace(CLEAN, dirty=True, changed={"b.py": None}, untracked={"a\udce9.py": b""}, left_out={".env": "secret"})
NOWHERE = Code(reason="git is not installed")


def project(setting: str) -> Project:
    return Project(Path("/work/churn")).with_settings(dirty=setting)


def test_committed_code_is_never_remarked_on():
    assert [uncommitted_remark(CLEAN, project(setting)) for setting in ("capture", "warn", "forbid")] == ["", "", ""]


def test_by_default_it_is_kept_without_a_word():
    assert Project(Path("/x")).settings.dirty == "capture"
    assert uncommitted_remark(DIRTY, project("capture")) == uncommitted_remark(NOWHERE, project("capture")) == ""


def test_a_warning_names_the_files():
    assert uncommitted_remark(DIRTY, project("warn")) == "not committed, so kept with the run: .env, a\\udce9.py, b.py"
    assert uncommitted_remark(NOWHERE, project("warn")) == "no commit holds this code: git is not installed"
    many = replace(CLEAN, dirty=True, changed={f"{n:02}.py": None for n in range(23)})
    assert uncommitted_remark(many, project("warn")).endswith("18.py, 19.py and 3 more")


@pytest.mark.parametrize("code", [DIRTY, NOWHERE])
def test_what_is_not_committed_may_be_forbidden(code):
    with pytest.raises(errors.TreeDirty):
        uncommitted_remark(code, project("forbid"))


def test_the_setting_is_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("RUNCARD_DIRTY", "warn")
    assert find_project(tmp_path).settings.dirty == "warn"
    monkeypatch.setenv("RUNCARD_DIRTY", "no")
    with pytest.raises(errors.SettingInvalid, match="`dirty` cannot be `no`"):
        find_project(tmp_path)
