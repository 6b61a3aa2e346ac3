"""What an earlier runcard wrote is read, gone on with, compared, chosen from: the same answers to the last letter."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from golden_store import KEPT, read_store, write_store
from goldens import GOLDEN, Mask, fixed_versions, require_golden, rows_of
from projects import call_cli, count_rows

pytestmark = pytest.mark.slow

FIRST, SECOND = "leavers/1", "leavers/2"
ASKED = {
    "check": ("check", "card"),
    "check_missing": ("check", "missing"),
    "run": ("run", "card"),
    "run_json": ("run", "card", "--json"),
    "compare": ("compare", "customers"),
    "compare_card": ("compare", "card", "--top", "2", "--metric", "log_loss"),
    "compare_json": ("compare", "card", "--format", "json"),
    "compare_csv": ("compare", "card", "--format", "csv"),
    "compare_markdown": ("compare", "card", "--format", "markdown"),
    "compare_unknown": ("compare", "nothing"),
    "select": ("select", "card", "--dry-run"),
    "select_json": ("select", "card", "--dry-run", "--json", "--rule", "one_standard_error"),
    "select_none": ("select", "card", "--dry-run", "--min", "accuracy=0.99"),
    "history": ("history", "leavers"),
    "history_json": ("history", "leavers", "--json", "--verify"),
    "history_unknown": ("history", "nobody"),
    "diff": ("diff", FIRST, SECOND),
    "diff_json": ("diff", FIRST, SECOND, "--json"),
    "audit": ("audit", "card"),
    "audit_json": ("audit", "card", "--json", "--require", "17"),
    "lock": ("lock", "table.csv"),
    "data_list": ("data", "list"),
    "data_verify": ("data", "verify"),
    "sync": ("sync",),
    "promote_unknown": ("promote", "leavers/9", "--to", "staging"),
    "reproduce_unknown": ("reproduce", "0123456789"),
    "predict_unknown": ("predict", "leavers@nobody", "table.csv", "-o", "out.csv"),
}
"""What only reads, and how it answers in words and as JSON, where it succeeds and where it does not."""


@pytest.fixture(scope="module")
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.config.getoption("--write-golden") and not KEPT.exists():
        write_store()
    return read_store(tmp_path_factory.mktemp("store") / "project")


@pytest.mark.parametrize("name", ASKED)
def test_a_question(name: str, store: Path, request: pytest.FixtureRequest) -> None:
    with fixed_versions():
        said = call_cli(store, *ASKED[name])
    text = f"$ runcard {' '.join(ASKED[name])}\n{said.stdout}--- stderr\n{said.stderr}--- exit {said.returncode}\n"
    require_golden(request, f"answers/{name}.txt", text.replace(str(store), "<root>"))


def test_there_is_no_answer_too_many() -> None:
    assert {path.stem for path in (GOLDEN / "answers").iterdir()} == set(ASKED)


def test_reading_it_changed_nothing(store: Path, tmp_path: Path) -> None:
    """A journal, a lock and the data kept are as they were, byte by byte or row by row."""
    kept = read_store(tmp_path / "kept")
    for table in ("executions", "records", "finals", "files", "parcels", "runs"):
        query = f"SELECT * FROM {table}"
        assert rows_of(store / ".runcard" / "journal.db", query) == rows_of(kept / ".runcard" / "journal.db", query)
    assert (store / "runcard.lock").read_bytes() == (kept / "runcard.lock").read_bytes()
    assert digests_below(store / ".runcard" / "data") == digests_below(kept / ".runcard" / "data")


def digests_below(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_it_is_gone_on_with(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """One trial more: three known ones are taken over with the scores they had, and told to MLflow as one card."""
    folder = read_store(tmp_path / "project")
    path = folder / "configs" / "card.yaml"
    card = json.loads(path.read_text())
    card["models"][0]["params"]["max_depth"].append(1)
    path.write_text(json.dumps(card, indent=2))
    with fixed_versions():
        known = call_cli(folder, "run", "other")
        said = call_cli(folder, "run", "card", "--workers", "1", "--json")
    assert known.stderr.startswith("Nothing to run")
    mask = Mask(folder, call_cli(folder, "check", "card", "--json").stdout + said.stdout)
    found = json.dumps(mask.value(json.loads(said.stdout)), indent=1)
    require_golden(request, "store_gone_on.txt", f"{found}\n--- stderr\n{mask(said.stderr)}\n")
    assert count_rows(folder, "parcels", "delivered = 0") == 0
