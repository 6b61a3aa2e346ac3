"""Fixtures shared by all tests."""

import gc
import os

# As in every worker: on a busy machine, threads that wait for each other take a hundred times longer.
os.environ["OMP_NUM_THREADS"] = "1"

import sys
from collections.abc import Iterator

import pytest
from flushes import flushed  # noqa: F401
from projects import customers_run  # noqa: F401
from servers import (  # noqa: F401
    dask_cluster,
    empty_mlflow_db,
    mlflow_server,
    mlflow_server_on_postgres,
    own_postgres,
    postgres,
    shared_mlflow_server,
    shared_mlflow_server_on_postgres,
    sqlite_uri,
)

if not hasattr(sys.modules["__main__"], "__file__"):
    # A worker of pytest-xdist would be taken for a notebook, whose cells are a module of the project.
    sys.modules["__main__"].__file__ = pytest.__file__


@pytest.fixture(scope="module", autouse=True)
def unchanged_environment() -> Iterator[None]:
    """Require of every file of tests that it leaves no settings behind, which the next one would run under."""
    before = _settings()
    yield
    assert _settings() == before
    gc.collect()
    gc.freeze()  # what a file leaves is imported modules: trials of later files need not look through them


def _settings() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(("MLFLOW_TRACKING", "RUNCARD_"))}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count what looks at a whole run among the slow tests, making it takes ten seconds; put long files first."""
    for item in items:
        if "customers_run" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """What collecting made stays to the end: the garbage collector need not look at it after every test."""
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-golden", action="store_true", help="Write the golden files anew, to be read.")
