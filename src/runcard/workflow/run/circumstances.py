"""Background capture of a run's circumstances: code, environment, hardware."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runcard.project import Project

MODULES = "modules"
"""The folder, below `provenance`, of the project's own modules."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """The circumstances of a run: a description as JSON, and files to keep with it."""

    described: Mapping[str, Any]
    files: Mapping[str, bytes]
    """Path below the run's artifacts -> content."""
    no_commit: str | None = None
    """Why git has no commit for the code."""


def capture_circumstances(project: Project, *, seed: int, card: Path | None = None) -> Circumstances:
    """Capture code, environment and hardware; takes some tenths of a second.

    Parameters
    ----------
    card
        The file that the card was read from.
    """
    from runcard.provenance.bundle import files_of
    from runcard.provenance.capture.code import capture_code, mlflow_tags
    from runcard.provenance.capture.environment import capture_environment
    from runcard.provenance.capture.hardware import capture_container, capture_hardware
    from runcard.provenance.capture.modules import capture_modules
    from runcard.provenance.capture.notebooks import capture_notebooks
    from runcard.version import __version__

    code = capture_code(project.root)
    modules = capture_modules(project.root, project.settings.modules)
    environment = capture_environment(project.root, top=code.top_above(project.root)).as_dict()
    container = capture_container()
    left_out = modules.left_out()
    parts = {
        "code": code.as_dict() | {"modules": modules.digests} | ({"modules_left_out": left_out} if left_out else {}),
        "environment": environment,
        "hardware": capture_hardware().as_dict(),
        "container": container.as_dict() if container else None,
        "notebooks": capture_notebooks(project.root).as_dict(),
        "seeds": {
            "random_state": seed,
            "set_in": ["random", "numpy", "torch when it is imported", "every estimator"],
        },
    }
    files = {f"provenance/{name}.json": _json(part) for name, part in parts.items()}
    files["provenance/requirements.txt"] = _requirements(environment["packages"])
    files |= {f"provenance/{name}": content for name, content in files_of(code).items()}
    files |= {f"provenance/{MODULES}/{name}": content for name, content in modules.kept().items()}
    entry = Path(sys.argv[0]).name if sys.argv and sys.argv[0] else "python"
    described = {"runcard": __version__, "mlflow_tags": mlflow_tags(code, entry)}
    if card is not None and card.absolute().is_relative_to(project.root):
        described["card_path"] = card.absolute().relative_to(project.root).as_posix()
    return Circumstances(described, files, code.reason if code.commit is None else None)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=2, default=str).encode()


def _requirements(packages: Mapping[str, str]) -> bytes:
    return "".join(f"{name}=={version}\n" for name, version in sorted(packages.items())).encode()
