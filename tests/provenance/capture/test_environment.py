import importlib.metadata
import json
import platform
import re
import sys

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from runcard.provenance.capture.environment import capture_environment, modules_of, requirements_for, versions_of


def installed():
    return {
        re.sub(r"[-_.]+", "-", package.name).lower(): package.version for package in importlib.metadata.distributions()
    }


def test_all_packages_with_their_versions(tmp_path):
    environment = capture_environment(tmp_path)
    assert environment.packages == installed()
    assert list(environment.packages) == sorted(environment.packages)
    assert environment.python == platform.python_version()


def test_half_removed_packages_and_eggs(tmp_path, monkeypatch):
    (tmp_path / "broken-1.0.dist-info").mkdir()
    (tmp_path / "Old.Egg-2.0.egg-info").mkdir()
    (tmp_path / "Old.Egg-2.0.egg-info" / "PKG-INFO").write_text("Name: Old.Egg\nVersion: 2.0\n\nName: other\n")
    (tmp_path / "numpy-0.0.1.dist-info").mkdir()
    (tmp_path / "numpy-0.0.1.dist-info" / "METADATA").write_text("Name: numpy\nVersion: 0.0.1\n")
    monkeypatch.syspath_prepend(tmp_path)
    packages = capture_environment(tmp_path).packages
    assert packages["old-egg"] == "2.0"
    assert packages["numpy"] == "0.0.1"  # first on the path, so imported
    assert not {"broken", "other"} & packages.keys()


def test_locks_of_the_project(tmp_path):
    (tmp_path / "uv.lock").write_bytes(b"")
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").write_bytes(b"a==1\n")
    (tmp_path / "notes.txt").write_bytes(b"a")
    locks = capture_environment(tmp_path).locks
    assert list(locks) == ["requirements/dev.txt", "uv.lock"]
    assert locks["uv.lock"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_no_secret_of_the_surroundings(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "Geheim1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(sys, "argv", ["runcard", "--tracking-uri", "postgresql://me:Geheim2@host/db"])
    environment = capture_environment(tmp_path)
    text = json.dumps(environment.as_dict())
    assert "Geheim" not in text
    assert environment.argv == ("runcard", "--tracking-uri", "postgresql://***@host/db")
    assert environment.variables["OMP_NUM_THREADS"] == "1"
    assert json.loads(text)["argv"][0] == "runcard"


@pytest.mark.parametrize(("zone", "expected"), [("UTC", "UTC, UTC+00:00"), ("XYZ+3:30", "XYZ+3:30, UTC-03:30")])
def test_timezone(tmp_path, monkeypatch, zone, expected):
    import time

    with monkeypatch.context() as patched:
        patched.setenv("TZ", zone)
        time.tzset()
        assert capture_environment(tmp_path).timezone == expected
    time.tzset()


def test_versions_of_what_is_installed():
    assert versions_of(["numpy", "no-such-package"]) == {"numpy": np.__version__}


@pytest.mark.slow
def test_requirements_are_exact_pins():
    versions = installed()
    found = requirements_for({"sklearn", "numpy", "my_project"})
    wanted = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
    assert found == [f"{name}=={versions[name].partition('+')[0]}" for name in wanted]


def test_requirements_of_the_format_and_of_boosting():
    found = {line.partition("==")[0] for line in requirements_for({"xgboost"}, model_format="cloudpickle")}
    assert found - {"xgboost", "xgboost-cpu"} == {"cloudpickle", "numpy", "pandas", "scikit-learn", "scipy"}
    assert found & {"xgboost", "xgboost-cpu"}


def test_requirement_of_a_module_called_unlike_its_distribution():
    assert any(line.startswith("pillow==") for line in requirements_for({"PIL"}))


def test_a_local_version_is_no_requirement(tmp_path, monkeypatch):
    (tmp_path / "local_thing-2.3.dist-info").mkdir()
    (tmp_path / "local_thing-2.3.dist-info" / "METADATA").write_text("Name: local-thing\nVersion: 2.3+cpu\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "local-thing==2.3" in requirements_for({"local_thing"})


def test_a_package_that_is_installed_meanwhile_is_known(tmp_path, monkeypatch):
    """Reading what all packages hold is remembered, until one comes or goes."""
    monkeypatch.syspath_prepend(str(tmp_path))
    for number, name in enumerate(("one", "other")):
        assert not any(line.startswith(f"{name}-thing") for line in requirements_for({f"{name}_module"}))
        about = tmp_path / f"{name}_thing-{number}.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-thing\nVersion: {number}.0\n")
        (about / "top_level.txt").write_text(f"{name}_module\n")
        assert f"{name}-thing=={number}.0" in requirements_for({f"{name}_module"})


def clipped(table):
    return table


def test_modules_of_a_pipeline_and_all_within():
    from xgboost import XGBClassifier

    x, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=3)).fit(x, y)
    assert modules_of(forest) == {"sklearn", "numpy"}
    boosting = make_pipeline(FunctionTransformer(clipped), XGBClassifier(n_estimators=2)).fit(x, y)
    assert modules_of(boosting) == {"sklearn", "xgboost", clipped.__module__.partition(".")[0]}


def test_modules_of_things_that_hold_each_other():
    estimator = StandardScaler()
    estimator.self_ = [{"again": estimator}, np.array([FunctionTransformer(), None], dtype=object)]
    assert modules_of(estimator) == {"sklearn", "numpy"}
