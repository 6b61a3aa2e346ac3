"""What holds the house together: versions, locks, the wheel, the pages and what they name."""

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import runcard

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
BUILD = PYPROJECT["build-system"]["requires"]
PYTHONS = ["3.11", "3.12", "3.13"]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def committed_files() -> list[Path]:
    """What git holds or is about to hold."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def locked(name: str) -> list[Requirement]:
    """Read what a lock pins: `name==version ; marker`, hashes and comments left aside."""
    lines = re.findall(r"^([a-z0-9][^\\\n]*==[^\\\n]*)", read(f"requirements/{name}.txt"), re.MULTILINE)
    return [Requirement(line) for line in lines]


def pinned(name: str, python: str) -> dict[str, str]:
    """Package -> version on Linux with a Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.1", "sys_platform": "linux"}
    chosen = [pin for pin in locked(name) if pin.marker is None or pin.marker.evaluate(environment)]
    return {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in chosen}


def wanted(group: str) -> Iterator[Requirement]:
    """List what a dependency group asks for, the project's own extras spelled out."""
    for requirement in map(Requirement, PYPROJECT["dependency-groups"][group]):
        if requirement.name == "runcard":
            yield from (Requirement(line) for extra in requirement.extras for line in EXTRAS[extra])
        else:
            yield requirement


DEMO = [Requirement(line) for line in [*PROJECT["dependencies"], *EXTRAS["xgboost"], *BUILD]]
DEV = [*DEMO, *wanted("test"), *wanted("lint"), *wanted("docs")]


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("name", "requirements"), [("demo", DEMO), ("dev", DEV)])
def test_the_locks_satisfy_pyproject(name, requirements, python):
    pins = pinned(name, python)
    wrong = [
        str(requirement)
        for requirement in requirements
        if (version := pins.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(version, prereleases=True)
    ]
    assert not wrong, f"run `make lock`: requirements/{name}.txt lacks {wrong}"


@pytest.mark.parametrize("python", PYTHONS)
def test_the_demo_has_the_versions_of_development(python):
    assert pinned("demo", python).items() <= pinned("dev", python).items()


@pytest.mark.parametrize("name", ["demo", "dev"])
def test_no_lock_brings_gpu_libraries(name):
    names = {canonicalize_name(pin.name) for pin in locked(name)}
    assert "xgboost-cpu" in names
    assert not {word for word in names if word == "xgboost" or word.startswith("nvidia")}


@pytest.mark.parametrize("name", ["demo", "dev", "uv"])
def test_every_pin_has_hashes(name):
    pins = re.split(r"^(?=[a-z0-9])", read(f"requirements/{name}.txt"), flags=re.MULTILINE)[1:]
    assert len(pins) == len(locked(name)) > 0
    assert not [pin.split()[0] for pin in pins if "--hash=sha256:" not in pin]


def test_the_build_lock_is_of_what_pyproject_builds_with():
    asked = [line for line in read("requirements/build.in").splitlines() if not line.startswith("#")]
    assert set(BUILD) <= set(asked)


def test_no_committed_file_says_where_packages_come_from():
    # Spelled in pieces: this file is looked through too.
    registries = ["pypi" + r"\.org", "python" + r"hosted\.org", "npmjs" + r"\.", "deb" + r"\.debian\.org"]
    options = ["--" + option for option in ("index-url", "extra-index-url", "find-links")]
    pattern = re.compile("|".join([*registries, *(rf"^{option}" for option in options)]), re.MULTILINE)
    found = {
        str(path.relative_to(ROOT)): match[0]
        for path in committed_files()
        if (match := pattern.search(path.read_bytes().decode("utf-8", errors="replace")))
    }
    assert not found


def test_no_lock_records_download_addresses():
    assert not [path for path in committed_files() if path.name in ("uv.lock", "poetry.lock", "Pipfile.lock")]
    for name in ("demo", "dev", "uv"):
        assert "://" not in read(f"requirements/{name}.txt")


def test_one_version():
    assert runcard.__version__ == PROJECT["version"]


def test_the_changelog_has_a_place_for_what_comes_next():
    headings = re.findall(r"^## (.+)$", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_the_licence_is_there():
    assert PROJECT["license"] == "Apache-2.0"
    assert "Apache License" in read("LICENSE")


def test_the_churn_data_are_the_ones_attributed():
    digest = hashlib.sha256((ROOT / "examples/churn/data/raw/customers.csv").read_bytes()).hexdigest()
    assert digest in read("examples/churn/data/README.md")


def test_the_wheel_holds_the_package_whole(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    package = [path for path in committed_files() if path.is_relative_to(ROOT / "src")]
    assert {str(path.relative_to(ROOT / "src")) for path in package} <= held
    assert "runcard/py.typed" in held
    assert any(name.endswith("licenses/LICENSE") for name in held)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", ".ci/run"])
def test_make_targets_that_are_named_exist(page):
    named = set(re.findall(r"(?:`|^\$ |^)make ([a-z]+)", read(page), re.MULTILINE))
    assert named
    assert named <= make_targets()


def test_make_help_lists_every_target():
    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert set(re.findall(r"^make ([a-z]+)", listed, re.MULTILINE)) == make_targets()


def test_make_says_when_python_is_too_old(tmp_path):
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.10.4"\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["make", "-B", "dev", f"PYTHON={old}"], cwd=ROOT, check=False, capture_output=True, text=True,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
    )  # fmt: skip
    assert done.returncode == 2
    assert "runcard needs Python >= 3.11" in done.stderr
    assert "Python 3.10.4" in done.stderr


def test_ci_is_the_same_everywhere():
    assert "bash .ci/run" in read(".github/workflows/ci.yml")
    assert os.access(ROOT / ".ci/run", os.X_OK)
    bash = shutil.which("bash")
    assert bash
    assert subprocess.run([bash, "-n", str(ROOT / ".ci/run")], check=False).returncode == 0


def test_relative_links_lead_somewhere():
    pages = [path for path in committed_files() if path.suffix == ".md"]
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert not broken


def public_names(path: Path) -> set[str]:
    """Classes, functions and type aliases that a module defines; constants are its own affair."""
    names = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign) and not (
            isinstance(node.value, ast.Call) and "TypeVar" in ast.dump(node.value)
        ):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name) and not target.id.isupper()}
    return {name for name in names if not name.startswith("_")}


def test_no_public_name_is_defined_twice():
    """A name means one thing everywhere; `command` is what `cli.main` looks for in each of its modules."""
    package = ROOT / "src/runcard"
    homes: dict[str, list[str]] = {}
    for path in sorted(package.rglob("*.py")):
        for name in public_names(path):
            homes.setdefault(name, []).append(str(path.relative_to(package)))
    assert len(homes) > 500
    assert all(path.startswith("cli/") for path in homes.pop("command"))
    assert {name: paths for name, paths in homes.items() if len(paths) > 1} == {}


def test_every_tag_is_written_once() -> None:
    """Tags are named in `tags.py`; the seals' names are a `Literal`, and some texts that look alike are no tags."""
    source = ROOT / "src" / "runcard"
    other = {"runcard.seal", "runcard.seal_end", "runcard.seal_decision"}  # `SealName`
    other |= {"runcard.lock", "runcard.answer", "runcard.plain", "runcard.tabular"}  # files, streams, modules
    written = re.compile(r"\"(runcard\.[a-z_]+)\"")
    paths = [path for path in source.rglob("*.py") if path.name not in ("tags.py", "__init__.py")]
    found = {path.name: set(written.findall(path.read_text(encoding="utf-8"))) - other for path in paths}
    assert {name: tags for name, tags in found.items() if tags} == {}
    tags = written.findall((source / "tags.py").read_text(encoding="utf-8"))
    assert len(tags) == len(set(tags)) > 50
