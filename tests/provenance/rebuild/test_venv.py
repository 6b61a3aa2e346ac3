import base64
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import zipfile
from dataclasses import replace

import pytest

from runcard import errors
from runcard.provenance.capture.environment import build_source, capture_environment, digest_own_source, sources_of
from runcard.provenance.rebuild.requirements import want
from runcard.provenance.rebuild.venv import make_venv

pytestmark = pytest.mark.slow

BACKEND = """
import os, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "own_part-0.3-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as wheel:
        wheel.writestr("own_part.pth", os.getcwd())
        wheel.writestr("own_part-0.3.dist-info/METADATA", "Metadata-Version: 2.1\\nName: own-part\\nVersion: 0.3\\n")
        wheel.writestr("own_part-0.3.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("own_part-0.3.dist-info/RECORD", "")
    return name
"""
PYPROJECT = """
[project]
name = "own-part"
version = "0.3"
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""


def write_wheel(folder, name, version):
    about = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": f"version = {version!r}\n",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {path: hashlib.sha256(text.encode()).digest() for path, text in files.items()}
    lines = [
        f"{p},sha256={base64.urlsafe_b64encode(d).decode().rstrip('=')},{len(files[p])}" for p, d in digests.items()
    ]
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for path, text in {**files, f"{about}/RECORD": "\n".join([*lines, f"{about}/RECORD,,"])}.items():
            wheel.writestr(path, text)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A place with two versions of one package, and no other place."""
    write_wheel(tmp_path / "wheels", "tiny", "1.0")
    write_wheel(tmp_path / "wheels", "tiny", "1.1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_CONSTRAINT", "/nowhere.txt")  # a user's settings for other work
    return tmp_path / "wheels"


def environment(**changed):
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "packages": {"tiny": "1.0"},
        "sources": {},
        "runcard_source": "0" * 64,
        **changed,
    }


def make(tmp_path, **changed):
    places = {"shelf": tmp_path / "shelf", "own": tmp_path / "own", "top": tmp_path / "top", "root": tmp_path}
    return make_venv(want(environment(**changed)), **places)


def say(python, code):
    return subprocess.run([python, "-I", "-c", code], capture_output=True, check=True, text=True).stdout.strip()


def test_an_environment_is_made_once_and_never_taken_on_trust(tmp_path, index):
    python = make(tmp_path)
    assert say(python, "import platform, tiny; print(platform.python_version(), tiny.version)") == (
        f"{platform.python_version()} 1.0"
    )
    module = next(python.parents[1].glob("lib/*/site-packages/tiny/__init__.py"))
    made = module.stat().st_ino, (python.parents[1] / "runcard-venv.json").stat().st_mtime_ns
    assert make(tmp_path) == python
    assert (module.stat().st_ino, (python.parents[1] / "runcard-venv.json").stat().st_mtime_ns) == made
    module.unlink()
    module.write_text("version = 'tampered'\n")
    assert say(make(tmp_path), "import tiny; print(tiny.version)") == "1.0"
    other = make(tmp_path, packages={"tiny": "1.1"})
    assert other != python
    assert say(other, "import tiny; print(tiny.version)") == "1.1"


def test_what_a_kill_left_is_not_taken_for_whole(tmp_path, index):
    code = (
        "import os, runcard.provenance.rebuild.venv as v\n"
        "v._state = lambda folder: os.kill(os.getpid(), 9)\n"
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r})\n"
        "from pathlib import Path\n"
        "from test_venv import make\n"
        f"make(Path({str(tmp_path)!r}))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert [path.name for path in (tmp_path / "shelf").iterdir() if path.suffix == ".making"]
    assert say(make(tmp_path), "import tiny; print(tiny.version)") == "1.0"
    assert not list((tmp_path / "shelf").glob("*.making"))


def test_the_running_runcard_is_copied_and_the_repositorys_own_package_installed_from_the_tree(tmp_path, index):
    own = tmp_path / "top" / "lib"
    own.mkdir(parents=True)
    for name, text in {"pyproject.toml": PYPROJECT, "backend.py": BACKEND, "own_part.py": "x = 7\n"}.items():
        (own / name).write_text(text)
    version = importlib.metadata.version("runcard")
    python = make(
        tmp_path,
        packages={"tiny": "1.0", "own-part": "0.3", "runcard": version},
        sources={
            "own-part": {"folder": "lib", "dir_info": {"editable": True}},
            "runcard": {"url": "file:///home/ada/runcard", "dir_info": {"editable": True}},
        },
        runcard_source=digest_own_source(),
    )
    found = say(
        python, "import own_part, runcard, tiny; print(own_part.x, own_part.__file__, runcard.__file__)"
    ).split()
    assert found[:2] == ["7", str(own / "own_part.py")]
    assert found[2].startswith(str(tmp_path / "shelf"))
    ask = "import importlib.metadata as m; print(*sorted(f'{d.name}={d.version}' for d in m.distributions()))"
    assert say(python, ask).split() == ["own-part=0.3", f"runcard={version}", "tiny=1.0"]
    copied = say(python, "from runcard.provenance.capture.environment import digest_own_source as d; print(d())")
    assert copied == digest_own_source()


def test_the_restored_project_may_name_the_index(tmp_path, index, monkeypatch):
    monkeypatch.delenv("UV_FIND_LINKS")
    (tmp_path / "pyproject.toml").write_text(f"[tool.uv.pip]\nfind-links = [{str(index)!r}]\n")
    assert say(make(tmp_path), "import tiny; print(tiny.version)") == "1.0"


def test_a_version_that_is_not_to_be_had_is_named(tmp_path, index):
    with pytest.raises(errors.PackageGone, match=r"`tiny==2\.0` cannot be installed") as caught:
        make(tmp_path, packages={"tiny": "2.0"})
    assert "there is no version of tiny==2.0" in caught.value.why
    assert "--here" in caught.value.hint
    assert not list((tmp_path / "shelf").glob("*/"))


def test_a_wheel_that_says_another_version_is_refused(tmp_path, index):
    unlike = replace(want(environment()), versions={"tiny": "1.2"})
    for _ in range(2):  # nor is it kept for the next time
        with pytest.raises(errors.PackageGone, match=r"`tiny` is 1\.0 in the new environment, where 1\.2 was"):
            make_venv(unlike, shelf=tmp_path / "shelf", own=tmp_path / "own", top=tmp_path, root=tmp_path)


def test_addresses_of_packages_that_no_index_has():
    commit, digest = "ab" * 20, "cd" * 32
    sources = {
        "a": {"url": "https://host/a.git", "vcs_info": {"vcs": "git", "commit_id": commit}, "subdirectory": "x"},
        "b": {"url": "https://host/b-1.whl", "archive_info": {"hashes": {"sha256": digest}}},
    }
    wanted = want(environment(packages={"a": "1", "b": "1", "c": "2+cpu"}, sources=sources))
    assert wanted.requirements == (
        f"a @ git+https://host/a.git@{commit}#subdirectory=x",
        f"b @ https://host/b-1.whl --hash=sha256:{digest}",
        "c==2+cpu",
    )
    local = {"a": {"url": "file:///home/ada/a", "dir_info": {"editable": True}}}
    with pytest.raises(errors.PackageGone, match="`a` 1 was installed from file:///home/ada/a"):
        want(environment(packages={"a": "1"}, sources=local))


def test_where_packages_came_from_is_recorded(tmp_path, monkeypatch):
    top, site = tmp_path / "top", tmp_path / "site"
    for name, about in {
        "mine": {"url": (top / "lib").as_uri(), "dir_info": {"editable": True}},
        "other": {"url": "https://me:Geheim@host/o.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
    }.items():
        (site / f"{name}-1.dist-info").mkdir(parents=True)
        (site / f"{name}-1.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 1\n")
        (site / f"{name}-1.dist-info" / "direct_url.json").write_text(json.dumps(about))
    monkeypatch.syspath_prepend(site)
    found = capture_environment(top / "project", top=top).as_dict()
    assert {name: found["sources"][name] for name in ("mine", "other")} == {
        "mine": {"folder": "lib", "dir_info": {"editable": True}},
        "other": {"url": "https://host/o.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}},
    }
    assert found["runcard_source"] == digest_own_source()
    assert (
        build_source(json.dumps({"url": "file:///x/a.whl", "archive_info": {}}), tmp_path)["url"] == "file:///x/a.whl"
    )
    assert sources_of([], tmp_path) == {}
