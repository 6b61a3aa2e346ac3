from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runcard import errors
from runcard.project import Project, Settings, find_project, import_modules

VARIABLES = ("MLFLOW_TRACKING_URI", "RUNCARD_WORKERS", "RUNCARD_ON", "RUNCARD_MODEL_FORMAT")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No settings from outside, and no modules left behind."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    loaded = dict(sys.modules)
    yield
    for name in set(sys.modules) - set(loaded):
        del sys.modules[name]
    sys.modules.update(loaded)


def write(folder: Path, text: str = "") -> Path:
    (folder / "pyproject.toml").write_text(f"[tool.runcard]\n{text}\n")
    return folder


# The root


def test_the_root_is_where_the_settings_are(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b" / "configs"
    inner.mkdir(parents=True)
    (inner.parent / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    write(tmp_path)
    assert find_project(inner).root == tmp_path


def test_else_the_nearest_repository_or_project(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "configs"
    inner.mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    assert find_project(inner / "card.yaml").root == tmp_path
    (tmp_path / "a" / "pyproject.toml").write_text("")
    assert find_project(inner).root == tmp_path / "a"


@pytest.mark.parametrize("card", ["configs/card.yaml", "configs/deeper/card.yaml", "card.yaml"])
def test_else_the_folder_that_holds_the_cards(tmp_path: Path, card: str) -> None:
    path = tmp_path / card
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    assert find_project(path).root == tmp_path


def test_the_current_folder_is_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(write(tmp_path))
    assert find_project().root == tmp_path
    assert find_project().home == tmp_path / ".runcard"


def test_paths_are_shown_from_the_root(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.shown(tmp_path / "data" / "a.csv") == "data/a.csv"
    assert project.shown(Path("/elsewhere/a.csv")) == "/elsewhere/a.csv"


# Settings


def test_defaults(tmp_path: Path) -> None:
    project = find_project(tmp_path)
    assert project.settings == Settings()
    assert project.tracking_uri == f"sqlite:///{tmp_path}/mlflow.db"


def test_flags_go_before_the_environment_and_that_before_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        tmp_path,
        'workers = 2\non = "tcp://one:8786"\ntracking_uri = "sqlite:///own/runs.db"\nmodules = ["a", "b.c"]',
    )
    project = find_project(tmp_path)
    assert project.settings == Settings(("a", "b.c"), "sqlite:///own/runs.db", 2, "tcp://one:8786", "skops")
    assert project.tracking_uri == f"sqlite:///{tmp_path}/own/runs.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    monkeypatch.setenv("RUNCARD_WORKERS", "3")
    monkeypatch.setenv("RUNCARD_ON", "tcp://two:8786")
    monkeypatch.setenv("RUNCARD_MODEL_FORMAT", "cloudpickle")
    project = find_project(tmp_path)
    assert project.settings == Settings(("a", "b.c"), "http://127.0.0.1:5000", 3, "tcp://two:8786", "cloudpickle")
    assert project.with_settings(on="").settings.on == ""
    assert project.with_settings(workers=4, tracking_uri=None).settings.workers == 4
    assert project.with_settings(tracking_uri=None).tracking_uri == "http://127.0.0.1:5000"


def test_absolute_paths_and_empty_variables_stay_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setenv("RUNCARD_WORKERS", "")
    write(tmp_path, 'tracking_uri = "sqlite:////data/runs.db"')
    assert find_project(tmp_path).tracking_uri == "sqlite:////data/runs.db"


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("worker = 2", "unknown setting `worker`", "use `workers`"),
        ("colour = 2", "unknown setting `colour`", "take it out"),
        ("workers = -1", "the setting `workers` cannot be `-1`", "correct it there"),
        ("workers = true", "the setting `workers` cannot be `True`", "correct it there"),
        ("workers = 2000", "the setting `workers` cannot be `2000`", "correct it there"),
        ('modules = "datasets"', "the setting `modules` cannot be `datasets`", "correct it there"),
        ("modules = [1]", "the setting `modules` cannot be `[1]`", "correct it there"),
        ("on = 3", "the setting `on` cannot be `3`", "correct it there"),
        ("tracking_uri = 3", "the setting `tracking_uri` cannot be `3`", "correct it there"),
        ('model_format = "pickle"', "the setting `model_format` cannot be `pickle`", "correct it there"),
        ("workers = ", "pyproject.toml cannot be read", "mend the file"),
    ],
)
def test_settings_that_cannot_be(tmp_path: Path, text: str, what: str, hint: str) -> None:
    with pytest.raises(errors.SettingInvalid) as caught:
        find_project(write(tmp_path, text))
    assert (caught.value.what, caught.value.hint) == (what, hint)
    assert str(tmp_path / "pyproject.toml") in caught.value.where
    assert caught.value.why


@pytest.mark.parametrize("content", [b"[tool]\nruncard = 3\n", b"\xff\xfe", b"[tool.runcard\n"])
def test_a_file_that_holds_no_settings(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pyproject.toml").write_bytes(content)
    with pytest.raises(errors.SettingInvalid):
        find_project(tmp_path)


@pytest.mark.parametrize(("variable", "value"), [("RUNCARD_WORKERS", "many"), ("RUNCARD_MODEL_FORMAT", "onnx")])
def test_a_variable_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(errors.SettingInvalid) as caught:
        find_project(tmp_path)
    assert caught.value.where == f"environment variable {variable}"


# Modules


def test_modules_are_imported_from_the_root_also_those_of_packages(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "__init__.py").touch()
    (tmp_path / "parts" / "sub.py").write_text("import helper_of_mine\nVALUE = helper_of_mine.VALUE\n")
    (tmp_path / "helper_of_mine.py").write_text("VALUE = 3\n")
    (module,) = import_modules(Project(tmp_path, Settings(modules=("parts.sub",))))
    assert module.VALUE == 3
    assert sys.path[0] == str(tmp_path)
    assert import_modules(Project(tmp_path, Settings(modules=("parts.sub",)))) == [module]


def test_a_namesake_of_another_project_is_not_taken_for_it(tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        (tmp_path / name / "pieces").mkdir(parents=True)
        (tmp_path / name / "tables_of.py").write_text(f"NAME = '{name}'\n")
        (tmp_path / name / "pieces" / "__init__.py").write_text("")
        (tmp_path / name / "pieces" / "sub.py").write_text(f"NAME = '{name}'\n")
        project = Project(tmp_path / name, Settings(modules=("tables_of", "pieces.sub")))
        found.append([module.NAME for module in import_modules(project)])
    assert found == [["one", "one"], ["two", "two"]]


def test_a_namesake_in_an_environment_below_the_root_is_none_of_the_project(tmp_path: Path) -> None:
    site = tmp_path / ".venv" / "site-packages"
    site.mkdir(parents=True)
    (site / "tables_of.py").write_text("NAME = 'package'\n")
    (tmp_path / "tables_of.py").write_text("NAME = 'project'\n")
    sys.path.insert(0, str(site))
    assert __import__("tables_of").NAME == "package"
    (module,) = import_modules(Project(tmp_path, Settings(modules=("tables_of",))))
    assert module.NAME == "project"


def test_installed_modules_can_be_named(tmp_path: Path) -> None:
    import json

    assert import_modules(Project(tmp_path, Settings(modules=("json",)))) == [json]


@pytest.mark.parametrize(
    ("source", "line", "why"),
    [
        ("import math\n\nmath.sqroot(2)\n", 3, "AttributeError: module 'math' has no attribute 'sqroot'"),
        ("x = 1\ndef f(:\n", 2, "SyntaxError: invalid syntax"),
        ("import sys\nsys.exit(3)\n", 2, "SystemExit: 3"),
        ("def f():\n    raise KeyError('a')\n\nf()\n", 2, "KeyError: 'a'"),
        (
            "import no_such_package_at_all\n",
            1,
            "ModuleNotFoundError: No module named 'no_such_package_at_all'",
        ),
    ],
)
def test_errors_in_modules_say_where(tmp_path: Path, source: str, line: int, why: str) -> None:
    (tmp_path / "broken_one.py").write_text(source)
    with pytest.raises(errors.ProjectModuleFailed) as caught:
        import_modules(Project(tmp_path, Settings(modules=("broken_one",))))
    assert caught.value.where == f"{tmp_path}/broken_one.py:{line}"
    assert caught.value.why.startswith(why)


@pytest.mark.parametrize("name", ["tabels_of", "parts.tabels_of"])
def test_a_module_that_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "tables_of.py").touch()
    with pytest.raises(errors.ProjectModuleFailed) as caught:
        import_modules(Project(tmp_path, Settings(modules=(name,))))
    assert caught.value.what == f"there is no module `{name}`"
    assert caught.value.hint == "did you mean `tables_of`?"
