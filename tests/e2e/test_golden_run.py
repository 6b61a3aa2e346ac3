"""One small card run for real: what MLflow and the journal hold of it, and what the commands answer on it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from golden_store import write_story
from goldens import Mask, fixed_versions, require_golden, rows_of
from projects import call_cli

pytestmark = pytest.mark.slow

COMMANDS = (
    ("run", "card", "--workers", "1"),
    ("compare", "card", "--top", "1"),
    ("select", "card"),
    ("register", "card"),
    ("register", "card"),
    ("promote", "leavers", "--to", "staging"),
    ("promote", "leavers@staging", "--to", "production", "--reason", "the first"),
    ("history", "leavers"),
    ("reproduce", "leavers/1", "--here", "--workers", "1"),
    ("reproduce", "leavers/1", "--here", "--workers", "1", "--json"),
    ("predict", "leavers@production", "table.csv", "-o", "out.csv"),
    ("rollback", "leavers"),
    ("promote", "leavers/1", "--to", "production"),
    ("lock", "table.csv", "--update", "--reason", "why not"),
    ("run", "card", "--fresh", "--workers", "1", "--json"),
)
TABLES = ("executions", "records", "finals", "files", "parcels", "runs")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_db: Path) -> Path:
    folder = tmp_path_factory.mktemp("golden") / "project"
    write_story(folder)
    shutil.copy(empty_mlflow_db, folder / "mlflow.db")
    return folder


@pytest.fixture(scope="module")
def said(folder: Path) -> str:
    """Do all commands in turn, and keep what is known of the card as the first of them left it."""
    with fixed_versions():
        known = call_cli(folder, "check", "card", "--json").stdout
        texts = []
        for words in COMMANDS:
            answer = call_cli(folder, *words)
            if words is COMMANDS[0]:
                (folder / "known.txt").write_text(known)
                shutil.copy(folder / "mlflow.db", folder / "first.db")
                shutil.copytree(folder / "mlartifacts", folder / "first")
                shutil.copytree(folder / ".runcard", folder / "begun")
            texts.append(shown(words, answer, Mask(folder, known)))
    return "\n".join(texts)


def shown(words: tuple[str, ...], answer: Any, mask: Mask) -> str:
    is_json = "--json" in words
    out = json.dumps(mask.value(json.loads(answer.stdout)), indent=1) if is_json else mask(answer.stdout)
    return f"$ runcard {' '.join(words)}\n{out}\n--- stderr\n{mask(answer.stderr)}\n--- exit {answer.returncode}\n"


def mask_of(folder: Path) -> Mask:
    return Mask(folder, (folder / "known.txt").read_text())


def test_what_commands_answer(said: str, request: pytest.FixtureRequest) -> None:
    require_golden(request, "commands.txt", said)


def test_what_mlflow_holds_of_a_run(said: str, folder: Path, request: pytest.FixtureRequest) -> None:
    """Every run with its tags, parameters, metrics and files; models and inputs too."""
    assert said
    mask = mask_of(folder)
    runs = sorted(
        (described(folder, row, mask) for row in rows_of(folder / "first.db", "SELECT * FROM runs")), key=repr
    )
    require_golden(request, "mlflow.json", json.dumps(runs, indent=1) + "\n")


def described(folder: Path, run: dict[str, Any], mask: Mask) -> dict[str, Any]:
    db, run_id = folder / "first.db", run["run_uuid"]
    of = f"WHERE run_uuid = '{run_id}' ORDER BY key"
    points = rows_of(db, f"SELECT key, step, value FROM metrics {of}, step")
    models = rows_of(db, f"SELECT * FROM logged_models WHERE source_run_id = '{run_id}'")
    tables = {"tags": "logged_model_tags", "params": "logged_model_params"}
    return {
        "name": mask(run["name"]),
        "status": run["status"],
        "tags": {
            row["key"]: masked(row["value"], mask, row["key"])
            for row in rows_of(db, f"SELECT key, value FROM tags {of}")
        },
        "params": {row["key"]: row["value"] for row in rows_of(db, f"SELECT key, value FROM params {of}")},
        "metrics": [[row["key"], row["step"], mask.value(row["value"], row["key"])] for row in points],
        "artifacts": files_below(folder / "first" / run_id / "artifacts"),
        "inputs": [
            [
                masked(row[part], mask)
                for part in ("name", "digest", "dataset_source", "dataset_schema", "dataset_profile")
            ]
            for row in rows_of(
                db,
                "SELECT d.* FROM datasets d JOIN inputs i ON i.source_id = d.dataset_uuid"
                f" WHERE i.destination_id = '{run_id}'",
            )
        ],
        "models": [
            {
                "name": model["name"],
                "files": files_below(folder / "first" / "models" / model["model_id"] / "artifacts"),
                **{
                    what: {
                        row[f"{what[:-1]}_key"]: masked(row[f"{what[:-1]}_value"], mask)
                        for row in rows_of(db, f"SELECT * FROM {table} WHERE model_id = '{model['model_id']}'")
                    }
                    for what, table in tables.items()
                },
            }
            for model in models
        ],
    }


def masked(text: str, mask: Mask, name: str = "") -> Any:
    """Mask a value; JSON by its names, that behind a seal's digest too."""
    if re.match(r"[0-9a-f]{64}\{", text):
        return ["<seal>", masked(text[64:], mask)]
    try:
        return mask.value(json.loads(text), name)
    except ValueError:
        return mask.value(text, name)


def files_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_what_the_journal_holds_of_a_run(said: str, folder: Path, request: pytest.FixtureRequest) -> None:
    """Tables as they are made, and every row, records in full."""
    assert said
    mask, journal = mask_of(folder), folder / "begun" / "journal.db"
    made = [row["sql"] for row in rows_of(journal, "SELECT sql FROM sqlite_master WHERE sql > '' ORDER BY name")]
    rows = {table: [plain(row, mask) for row in rows_of(journal, f"SELECT * FROM {table}")] for table in TABLES}
    version = rows_of(journal, "PRAGMA user_version")
    for table in rows.values():
        table.sort(key=repr)
    require_golden(
        request, "journal.json", json.dumps({"version": version, "made": made, "rows": rows}, indent=1) + "\n"
    )


def plain(row: dict[str, Any], mask: Mask) -> dict[str, Any]:
    return {
        name: masked(value, mask) if isinstance(value, str) else mask.value(value, name) for name, value in row.items()
    }


def test_the_lock_of_a_run(said: str, folder: Path, request: pytest.FixtureRequest) -> None:
    assert said
    require_golden(request, "runcard.lock", mask_of(folder)((folder / "runcard.lock").read_text()) + "\n")
