"""Everything that is read has an end: each of these would hang, fill the memory, or end in an error that misleads."""

from __future__ import annotations

import functools
import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from projects import environment

from runcard import errors
from runcard.bounds import MOST_MODEL_BYTES, open_file, read_bounded, unzipped
from runcard.cli import main
from runcard.names import VersionRef
from runcard.tracking.mlflow import quiet_mlflow
from runcard.workflow.models.fetch import fetch

CARD = json.dumps(
    {"data": {"raw_path": "t.csv"}, "features": {"target": "y"}, "models": [{"name": "logistic_regression"}]}
)


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path.relative_to(Path.cwd())))  # the name of a socket may not be long


def no_file(path: Path, kind: str) -> None:
    make: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(path),
        "device": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
        "socket": lambda: bind(path),
        "circle": lambda: path.symlink_to(path.name),
    }
    make[kind]()


SAID = {
    "pipe": "it is a pipe (FIFO)",
    "device": "it is a device",
    "folder": "it is a folder",
    "socket": "No such device or address",
    "circle": "Too many levels of symbolic links",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "card.yaml").write_text(CARD)
    (tmp_path / "pyproject.toml").write_text("[tool.runcard]\n")
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{n},{n % 2}\n" for n in range(40)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said_by(*words: str) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code != 0
    assert not isinstance(done.exception, Exception) or isinstance(done.exception, SystemExit)
    assert "RC000" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize(
    ("name", "command", "code"),
    [
        ("runcard.lock", ["data", "list"], "RC220"),
        ("pyproject.toml", ["check", "card"], "RC002"),
        ("sweep.yaml", ["import", "sweep.yaml"], "RC001"),
        ("odd.yaml", ["check", "odd.yaml"], "RC101"),
        ("t.csv", ["check", "card"], "RC213"),
    ],
)
def test_what_is_no_file_is_said_and_not_waited_for(
    folder: Path, name: str, command: list[str], code: str, kind: str
) -> None:
    (folder / name).unlink(missing_ok=True)
    no_file(folder / name, kind)
    said = said_by(*command)
    assert said.startswith(f"error[{code}]")
    word = {"circle": "circle", "socket": "socket", "pipe": "pipe", "device": "device", "folder": "folder"}[kind]
    assert SAID[kind] in said or f"is a {word}" in said or "leads in a circle" in said


def test_a_link_to_a_file_is_a_file(folder: Path) -> None:
    for name in ("t.csv", "configs/card.yaml", "pyproject.toml"):
        (folder / name).rename(folder / "elsewhere")
        (folder / name).symlink_to(folder / "elsewhere")
        assert CliRunner().invoke(main, ["check", "card"]).exit_code == 0
        (folder / name).unlink()
        (folder / "elsewhere").rename(folder / name)


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("runcard.lock", f"version = {'[' * 50_000}", ["data", "list"]),
        ("pyproject.toml", f"a = {'[' * 50_000}", ["check", "card"]),
        ("pyproject.toml", f"a = {'1' * 10_000}", ["check", "card"]),
        ("sweep.yaml", f"a: {'[' * 50_000}", ["import", "sweep.yaml"]),
        ("configs/card.yaml", '{"a":' * 50_000, ["check", "card"]),
        ("configs/card.yaml", f"a: &a [1]\nb: [{'*a,' * 1000}]", ["check", "card"]),
        (
            "sweep.yaml",
            "a: &a [1,1,1,1,1,1,1,1]\n" + "".join(f"{b}: &{b} [{f'*{a},' * 9}]\n" for a, b in pairwise("abcdefg")),
            ["import", "sweep.yaml"],
        ),
        ("configs/card.yaml", "#" * 2_000_000, ["check", "card"]),
    ],
)
def test_deep_and_multiplying_texts_are_refused(folder: Path, name: str, text: str, command: list[str]) -> None:
    (folder / name).write_text(text)
    begun = time.monotonic()
    assert said_by(*command).startswith("error[RC")
    assert time.monotonic() - begun < 20


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert read_bounded(path, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_bounded(path, 4)
    no_file(tmp_path / "pipe", "pipe")
    with pytest.raises(OSError, match=r"a pipe \(FIFO\)"), open_file(tmp_path / "pipe"):
        raise AssertionError("it was opened")


def test_a_patch_unpacks_to_its_bound_and_no_further() -> None:
    assert unzipped(gzip.compress(b"text")) == b"text"
    with pytest.raises(OSError, match="unpacks to more than 1,000,000 bytes"):
        unzipped(gzip.compress(bytes(50_000_000)), 1_000_000)
    with pytest.raises(EOFError):
        unzipped(gzip.compress(b"text" * 100)[:-4])
    with pytest.raises(zlib.error):
        unzipped(b"no gzip")


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_a_table_that_unpacks_beyond_the_memory_is_not_read(
    folder: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pyarrow import feather, parquet

    table = pa.table({"a": [0] * 10_000, "y": [0, 1] * 5_000})
    write = {"parquet": parquet.write_table, "feather": feather.write_feather}[suffix]
    write(table, folder / f"t.{suffix}", compression="zstd")
    (folder / "configs" / "card.yaml").write_text(CARD.replace("t.csv", f"t.{suffix}"))
    assert CliRunner().invoke(main, ["check", "card"]).exit_code == 0
    monkeypatch.setattr("runcard.data.unpacked.memory_bytes", lambda: 10_000)
    assert said_by("check", "card").startswith(f"error[RC213]: `t.{suffix}` unpacks to")


@pytest.mark.parametrize("limit", [12, 16, 24, 32, 48])
@pytest.mark.slow
def test_too_few_files_are_said_before_anything_is_begun(folder: Path, limit: int) -> None:
    shell = f"ulimit -n {limit}; {sys.executable} -m runcard run card --workers 1"
    done = subprocess.run(["bash", "-c", shell], env=environment(), capture_output=True, text=True, check=False)
    assert done.stderr.startswith("error[RC602]: too many files are open")
    assert f"`ulimit -n` allows {limit} at a time" in done.stderr
    assert not (folder / ".runcard").exists()


# What answers in the place of a tracking server


def answered(kind: str) -> Iterator[bytes]:
    if kind == "endless":
        yield from iter(lambda: bytes(1 << 20), None)
    while kind == "slow":
        yield b" "
        time.sleep(0.1)
    yield {
        "nothing": b"{}",
        "another": b'{"experiment": {"experiment_id": "1"}, "experiments": [{}], "runs": [{}], "registered_model": 7}',
        "list": b"[]",
        "deep": b'{"experiment":' * 50_000,
        "page": b"<html>hello</html>",
        "bytes": b"\xff\xfe\x00",
        "pages": b'{"experiments": [], "runs": [], "next_page_token": "again"}',
        "bomb": bomb() if kind == "bomb" else b"",
    }[kind]


@functools.cache
def bomb() -> bytes:
    """Pack much into little; it takes a second."""
    return gzip.compress(bytes(300_000_000), 9)


class Pretender(BaseHTTPRequestHandler):
    """Says what MLflow 3 says when it is asked whether it is one, and then something else."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        if "logged-models" in self.path or ("get-by-name" in self.path and kind == "pages"):
            return self.say(404, [b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "x"}'])
        return self.say(200, answered(kind), packed=kind == "bomb")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def say(self, status: int, parts: object, *, packed: bool = False) -> None:
        self.send_response(status)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        try:
            for part in parts:  # type: ignore[attr-defined]
                self.wfile.write(part)
        except OSError:
            pass

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture(scope="module")
def pretender() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pretender) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("nothing", "asked for `experiment`, it says HTTP 200, `{}`"),
        ("another", "asked for `experiment`, it says HTTP 200"),
        ("list", "asked for `experiment`, it says HTTP 200, `[]`"),
        ("deep", "asked for `experiment`, it says HTTP 200"),
        ("page", "asked for `experiment`, it says HTTP 200, a web page"),
        ("bytes", "asked for `experiment`, it says HTTP 200"),
        ("endless", "its answer is larger than 256 MB"),
        ("bomb", "its answer is larger than 256 MB"),
        ("slow", "its answer comes slower than 10 kB a second"),
    ],
)
def test_what_answers_in_the_place_of_mlflow_is_no_deleted_experiment(
    folder: Path, pretender: str, kind: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runcard.tracking.mlflow.answers.SILENT_SECONDS", 1.0)
    address = f"{pretender}/{kind}"
    for command in (["compare", "card"], ["history", "churn"]):
        said = said_by(*command, "--tracking-uri", address)
        assert f"  where: {address}" in said
        assert why in said
        assert "deleted" not in said
        assert said.startswith("error[RC501]" if kind == "slow" else "error[RC500]")


@pytest.mark.slow
def test_a_list_without_end_has_one(folder: Path, pretender: str) -> None:
    assert "its list has no end" in said_by("diff", "abcdef12", "abcdef13", "--tracking-uri", f"{pretender}/pages")


def of_sizes(folder: Path, *sizes: int) -> None:
    for number, size in enumerate(sizes):
        with (folder / f"{number}.bin").open("wb") as file:
            file.truncate(size)


MODELS: dict[str, tuple[Callable[[Path], None], str]] = {
    "large files": (lambda at: of_sizes(at, MOST_MODEL_BYTES - 1, 2), "its files have more than 50,000 MB"),
    "many files": (lambda at: of_sizes(at, *[0] * 50), "there are more than 50 files"),
    "a device": (lambda at: no_file(at / "model.skops", "device"), "`model/model.skops` is a device"),
    "a pipe": (lambda at: no_file(at / "model.skops", "pipe"), "`model/model.skops` is a pipe (FIFO)"),
    "folders in circles": (lambda at: (at / "a").symlink_to("."), "there are more than 50"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_a_model_is_counted_and_summed_before_it_is_fetched(
    kind: str, sqlite_uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runcard.tracking.mlflow.downloads.MOST_FILES", 50)
    make, why = MODELS[kind]
    model = tmp_path / "store" / "model"
    model.mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {}\n")
    make(model)
    with quiet_mlflow():
        client = MlflowClient(sqlite_uri, sqlite_uri)
        client.create_registered_model("churn")
        client.create_model_version("churn", model.as_uri())
    (place := tmp_path / "place").mkdir()
    with pytest.raises(errors.TrackingError) as caught:
        fetch(VersionRef("churn", version=1), sqlite_uri, place)
    assert caught.value.what == "the files of `churn/1` could not be fetched"
    assert caught.value.why.startswith(why)
    assert not list(place.rglob("*.*"))
