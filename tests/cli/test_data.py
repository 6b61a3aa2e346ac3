"""`runcard lock` and `runcard data`: what they print, and how they end."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from runcard import errors
from runcard.cli import main
from runcard.data.dvc import find_tracked, pull
from runcard.data.store import Store

TABLE = "age,left\n" + "".join(f"{20 + n},{'yn'[n % 3 == 0]}\n" for n in range(60))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "pyproject.toml").write_text("[tool.runcard]\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "table.csv").write_text(TABLE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_a_name_or_path_is_locked_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("lock", "data/table.csv").stderr.startswith("Locked data/table.csv: 60 rows, 2 columns, fingerprint ")
    monkeypatch.chdir(project / "data")  # as the shell completes it
    assert call("lock", "table.csv").stderr == "data/table.csv is locked already, and is what it was then\n"
    assert call("lock", "iris").stderr.startswith("Locked iris: 150 rows, 5 columns, fingerprint ")
    assert [row["name"] for row in json.loads(call("data", "list", "--json").stdout)] == ["data/table.csv", "iris"]


@pytest.mark.parametrize("words", [["--update"], ["--reason", "why not"]])
def test_an_update_and_its_reason_go_together(words: list[str], project: Path) -> None:
    said = call("lock", "iris", *words)
    assert said.exit_code == 2
    assert said.stderr.startswith("error[RC001]: ")
    assert not (project / "runcard.lock").exists()


def test_an_unknown_name_has_its_nearest_offered(project: Path) -> None:
    said = call("lock", "irs")
    assert said.exit_code == 2
    assert "hint:  did you mean `iris`?" in said.stderr
    assert call("data", "verify", "irs").exit_code == 2


def test_list_tells_what_is_locked_and_kept(project: Path) -> None:
    for words in (["list"], ["verify"]):
        said = call("data", *words)
        assert (said.exit_code, said.stdout, said.stderr[:22]) == (0, "", "nothing is locked yet;")
    call("lock", "data/table.csv")
    (project / "data" / "table.csv").write_text(TABLE + "99,y\n")
    call("lock", "data/table.csv", "--update", "--reason", "one [more] row")
    head, row = call("data", "list").stdout.splitlines()[1:]
    assert head.split() == ["name", "rows", "columns", "fingerprint", "locked", "kept", "why", "updated"]
    assert row.split()[:3] == ["data/table.csv", "61", "2"]
    assert row.rstrip().endswith("yes   one [more] row")
    (found,) = json.loads(call("data", "list", "--json").stdout)
    assert found["columns"] == {"age": "int64", "left": "string"}
    assert (found["n_rows"], found["n_bytes"], found["dvc"]) == (61, len(TABLE) + 5, None)
    assert found["kept"] == f"{found['sha256']}.csv"


def test_verify_ends_with_3_when_something_is_not_as_locked(project: Path) -> None:
    call("lock", "data/table.csv")
    call("lock", "wine")
    assert call("data", "verify").exit_code == 0
    (project / "data" / "table.csv").write_text(TABLE.replace("23,", "32,"))
    said = call("data", "verify")
    assert said.exit_code == errors.EXIT_GATE
    assert "1 value changed in `age`; row 4 had `23` and has `32`" in said.stdout
    assert call("data", "verify", "wine").exit_code == 0
    (project / "data" / "table.csv").unlink()
    (verdict,) = json.loads(call("data", "verify", "data/table.csv", "--json").stdout)
    assert (verdict["tree"], verdict["store"], verdict["good"]) == ("missing", "kept", False)
    assert call("data", "restore", "data/table.csv").stderr == "Restored data/table.csv\n"
    assert call("data", "verify").exit_code == 0

    (kept,) = (path for path in (project / ".runcard" / "data" / "files").iterdir() if path.suffix == ".csv")
    kept.unlink()
    kept.write_text(TABLE.replace("23,", "32,"))
    (verdict,) = json.loads(call("data", "verify", "data/table.csv", "--json").stdout)
    assert (verdict["tree"], verdict["store"], verdict["good"]) == ("as locked", "damaged", False)


def test_what_a_store_or_dvc_needs_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(errors.PackageMissing) as caught:
        Store("s3a://bucket/folder").find("0" * 64)
    assert caught.value.hint == "pip install 'runcard[s3]'"

    (project / ".dvc").mkdir()
    (project / "data" / "gone.csv.dvc").write_text("outs:\n- md5: c0ffee\n  hash: md5\n  path: gone.csv\n")
    tracked = find_tracked(project / "data" / "gone.csv")
    assert tracked is not None
    monkeypatch.setitem(sys.modules, "dvc", None)
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(errors.PackageMissing) as caught:
        pull(tracked)
    assert caught.value.hint == "pip install 'runcard[dvc]'"
