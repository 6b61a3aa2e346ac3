"""A hash of a saved model's folder, by which whoever loads it can verify that it is unaltered."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from runcard import errors
from runcard.bounds import read_bounded

_GIVEN_BY_MLFLOW = ("run_id", "model_id", "model_uuid", "artifact_path")
"""What stands in the description from the moment that the model has a place in MLflow."""
_ADDED_BY_MLFLOW = "registered_model_meta"
"""A file that lies beside the others once a registered model was fetched."""


def model_digest(folder: Path) -> str:
    """Hash all files of a model's folder, 64 hex digits; equal before and after a round trip through MLflow."""
    hashed = hashlib.sha256()
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        if not path.is_file() or name == _ADDED_BY_MLFLOW or "__pycache__" in path.parts:
            continue
        content = _description(path) if name == "MLmodel" else path.read_bytes()
        hashed.update(f"{len(name.encode())} {name} {len(content)} ".encode() + content)
    return hashed.hexdigest()


def digest_or_none(folder: Path) -> str | None:
    """Hash a model's folder that may be damaged; None if it can no longer be read as one."""
    try:
        return model_digest(folder)
    except Exception:  # an altered description may make its reader raise anything
        return None


def check_model(folder: Path, expected: str, name: str) -> None:
    """Check that a fetched model is unaltered, and delete files that the digest does not cover.

    Raises
    ------
    ModelDamaged
    """
    for cache in list(folder.rglob("__pycache__")):  # Python would run what is in there
        shutil.rmtree(cache)
    found = digest_or_none(folder)
    if found == expected:
        return
    now = "cannot be read as a model now" if found is None else f"hash to {found[:16]} now"
    raise errors.ModelDamaged(
        f"the files of `{name}` are not those that were saved",
        where=name,
        why=f"they were saved as {expected[:16]} and {now}",
        hint="use another version, or run its card again and register what it gives;\nfind out who changed the files",
    )


def _description(path: Path) -> bytes:
    from ruamel.yaml import YAML

    found = YAML(typ="safe", pure=True).load(read_bounded(path).decode())
    kept = {key: value for key, value in found.items() if key not in _GIVEN_BY_MLFLOW}
    return json.dumps(kept, sort_keys=True, default=str).encode()
