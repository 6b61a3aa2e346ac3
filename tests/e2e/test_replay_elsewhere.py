"""A replay far from where the run was made: another clone, umask, locale, time zone, hash seed; a server between."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from projects import (
    COMMAND,
    LONGEST_SECONDS,
    call_cli,
    commit,
    customers_card,
    environment,
    make_customers,
    run_cli,
    write_project,
)

pytestmark = pytest.mark.slow

OWN = """
import runcard

CITIES = {"Ulm", "Jena", "Köln", "Bonn", "Trier"}
SCALES = {"bill": lambda values: values / 40}


@runcard.features(rowwise=True)
def of_customers(frame):
    from far_helper import share

    found = frame[["bill"]].copy()
    found["known"] = frame["city"].isin(CITIES).astype(float)
    found["share"] = share(SCALES["bill"](frame["bill"]))
    return found
"""
HELPER = "def share(values):\n    return values.clip(0, 1)\n"


def test_from_another_clone_through_a_server_over_postgresql(tmp_path: Path, mlflow_server_on_postgres: str) -> None:
    """Identical, and the gate opens for it: first closed, and its hint is the command that opens it."""
    features = {"target": "left", "positive": "yes", "set": "of_customers"}
    models = [{"name": "random_forest", "params": {"n_estimators": [5, 10], "max_depth": 4}}]
    gates = {"model": "far", "gates": {"reproduced": True, "beats_holder": False}}
    card = customers_card(experiment={"name": "far"}, features=features, models=models, registry=gates)
    write_project(tmp_path / "made", card, modules={"far_own": OWN}, table=make_customers())
    (tmp_path / "made" / "far_helper.py").write_text(HELPER)
    commit(tmp_path / "made")
    at = {"MLFLOW_TRACKING_URI": mlflow_server_on_postgres}
    assert run_cli(tmp_path / "made", "run", "card", **at).returncode == 0
    assert call_cli(tmp_path / "made", "register", "card", **at).stdout.strip() == "far/1"
    closed = call_cli(tmp_path / "made", "promote", "far/1", "--to", "production", **at)
    assert closed.returncode == 3
    assert "unknown: reproduced: its run was not run again yet: `runcard reproduce far/1`" in closed.stderr

    subprocess.run(["git", "clone", "-q", tmp_path / "made", tmp_path / "else where"], check=True)
    there = environment(**at, PYTHONHASHSEED="7", TZ="Asia/Kolkata", LC_ALL="C", OPENBLAS_NUM_THREADS="1")
    done = subprocess.run(
        ["sh", "-c", 'umask 077; exec "$@"', "sh", *COMMAND, "reproduce", "far/1", "--here", "--json"],
        cwd=tmp_path / "else where",
        env=there,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    found = json.loads(done.stdout)
    assert (found["verdict"], done.returncode) == ("identical", 0), done.stderr
    assert {each["part"] for each in found["differences"]} <= {"setting", "threads"}
    assert found["chosen_as"] == "the run that far/1 came from"
    opened = call_cli(tmp_path / "made", "promote", "far/1", "--to", "production", **at)
    assert f"passed: reproduced: identical: replay {found['replay_run_id'][:8]}" in opened.stderr, opened.stderr

    (tmp_path / "else where" / "far_helper.py").write_text(HELPER.replace("1)", "2)"))
    refused = run_cli(tmp_path / "else where", "reproduce", "far/1", "--here", **at)
    assert refused.returncode == 3
    assert "code far_helper.py" in refused.stdout
    assert "+    return values.clip(0, 2)" in refused.stdout
