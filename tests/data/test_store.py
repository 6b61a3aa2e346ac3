"""The data store: contents come back as they were, from a folder and from S3, and damage is noticed."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from servers import run_s3

from runcard import errors
from runcard.data.fingerprint import fingerprint
from runcard.data.source import Table, read_table, stat_source, to_table
from runcard.data.store import Store
from runcard.project import find_project

BYTES = 'age,city\n31,Ulm\n?,"Köln"\r\n44,?\n'.encode()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give a folder in a bucket of a real S3 API on loopback."""
    with run_s3(tmp_path_factory.mktemp("s3"), "contents") as settings, pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield "s3://contents/of/a project"
        import s3fs

        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.slow)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return Store(request.getfixturevalue("bucket") if request.param == "s3" else str(tmp_path / "store"))


def keep_file(store: Store, path: Path, content: bytes = BYTES, na_values: tuple[str, ...] = ("?",)) -> str:
    path.write_bytes(content)
    stamp = stat_source(path)
    digest = fingerprint(read_table(path, na_values=na_values).frame).digest
    store.keep_file(digest, stamp, na_values=na_values)
    return digest


def test_the_bytes_of_a_file_come_back(store: Store, tmp_path: Path) -> None:
    digest = keep_file(store, tmp_path / "table.csv.gz", gzip.compress(BYTES, mtime=3))
    kept = store.find(digest)
    assert kept is not None
    assert (kept.suffix, kept.na_values, store.has_bytes(kept)) == (".csv.gz", ("?",), True)
    with store.open_file(kept) as path:
        assert gzip.decompress(path.read_bytes()) == BYTES
    table = store.read(kept, name="n", source="s")
    assert fingerprint(table.frame).digest == digest
    assert (table.name, table.source, table.target) == ("n", "s", None)
    assert store.find("0" * 64) is None


def test_a_table_of_every_type_comes_back(store: Store) -> None:
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "number": [1.5, None, -0.0],
            "truth": [True, None, False],
            "text": ["a", None, ""],
            "category": pd.Categorical(["x", "y", "x"]),
            "date": pd.to_datetime(["2024-01-31", None, "2024-02-01"]),
            "zoned": pd.to_datetime(["2024-01-31", None, "2024-02-01"]).tz_localize("Europe/Berlin"),
            "nano": pd.to_datetime([1, 2, 3]),
            "empty": [None, None, None],
        }
    )
    table = to_table((frame, np.array([0, 1, 0])), name="all")
    digest = fingerprint(table.frame).digest
    store.keep_table(digest, table)
    kept = store.find(digest)
    assert kept is not None
    again = store.read(kept, name="all", source="dataset:all")
    assert fingerprint(again.frame).digest == digest
    assert again.target == "target"


def damage(kept_in: Path) -> Path:
    (file,) = (kept_in / "files").iterdir()
    file.chmod(0o644)
    file.write_bytes(file.read_bytes().replace(b"31", b"32"))
    return file


def test_damage_is_noticed_and_mended(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    digest = keep_file(store, tmp_path / "table.csv")
    kept = store.find(digest)
    assert kept is not None
    file = damage(tmp_path / "store")
    with pytest.raises(errors.ContentDamaged) as caught:
        store.read(kept, name="n", source="s")
    assert caught.value.where == str(file)
    file.unlink()
    assert not store.has_bytes(kept)
    keep_file(store, tmp_path / "table.csv")
    assert len(store.read(kept, name="n", source="s").frame) == 3

    page = tmp_path / "store" / "contents" / f"{digest}.json"
    page.write_text(page.read_text().replace('"?"', ""))  # its bytes are whole, and now another table
    found = store.find(digest)
    assert found is not None
    with pytest.raises(errors.ContentDamaged, match="damaged") as caught:
        store.read(found, name="n", source="s")
    assert caught.value.why == "the table in it has another fingerprint"
    page.write_text("{")
    with pytest.raises(errors.ContentDamaged):
        store.find(digest)


def test_a_content_is_kept_once(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    for name in ("one.csv", "two.csv"):
        keep_file(store, tmp_path / name)
    assert len(list((tmp_path / "store" / "files").iterdir())) == 1
    assert os.stat(next((tmp_path / "store" / "files").iterdir())).st_mode & 0o777 == 0o444


def test_a_file_that_is_written_meanwhile_is_not_kept(tmp_path: Path) -> None:
    store, path = Store(str(tmp_path / "store")), tmp_path / "table.csv"
    path.write_bytes(BYTES)
    stamp = stat_source(path)
    path.write_bytes(BYTES + b"1,2\n")
    with pytest.raises(errors.DataChanged):
        store.keep_file("0" * 64, stamp, na_values=())
    assert store.find("0" * 64) is None
    assert list((tmp_path / "store" / "files").iterdir()) == []


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    keep_file(store, tmp_path / "table.csv")
    old, young = (tmp_path / "store" / "files" / f"{name}.part" for name in ("old", "young"))
    for path in (old, young):
        path.write_text("half")
    os.utime(old, (time.time() - 100_000,) * 2)
    keep_file(store, tmp_path / "other.csv", b"a\n1\n")
    assert (old.exists(), young.exists()) == (False, True)


def test_a_store_that_is_away_says_so_without_credentials(tmp_path: Path) -> None:
    store = Store("ftp://ada:s3cret@127.0.0.1:1/contents")
    with pytest.raises(errors.StoreUnusable) as caught:
        store.find("0" * 64)
    assert caught.value.where == "ftp://***@127.0.0.1:1/contents"
    assert "s3cret" not in str(caught.value)
    with pytest.raises(errors.StoreUnusable, match="cannot be used"):
        Store("nonsense://x").find("0" * 64)
    (tmp_path / "file").write_text("")
    with pytest.raises(errors.StoreUnusable):
        Store(str(tmp_path / "file")).keep_table("0" * 64, Table("n", "s", pd.DataFrame({"a": [1]})))


def test_where_the_store_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.runcard]\n")
    assert find_project(tmp_path).data_store == str(tmp_path / ".runcard" / "data")
    (tmp_path / "pyproject.toml").write_text('[tool.runcard]\ndata_store = "../shared"\nsnapshot = "never"\n')
    assert find_project(tmp_path).data_store == str(tmp_path / "../shared")
    assert find_project(tmp_path).settings.snapshot == "never"
    monkeypatch.setenv("RUNCARD_DATA_STORE", "s3://bucket/folder")
    monkeypatch.setenv("RUNCARD_SNAPSHOT", "often")
    with pytest.raises(errors.SettingInvalid) as caught:
        find_project(tmp_path)
    assert caught.value.where == "environment variable RUNCARD_SNAPSHOT"
    monkeypatch.setenv("RUNCARD_SNAPSHOT", "always")
    assert find_project(tmp_path).data_store == "s3://bucket/folder"
