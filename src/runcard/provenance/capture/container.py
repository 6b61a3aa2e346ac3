"""Whether a run was made in a container, and of which image."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runcard.redact import redact

IMAGE_VARIABLE = "RUNCARD_IMAGE"
"""By which whoever starts a container tells the image; nothing in a container of Docker's does."""

# GitLab tells its jobs their image; Apptainer and Singularity tell the path of theirs.
_IMAGE_VARIABLES = (IMAGE_VARIABLE, "CI_JOB_IMAGE", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
_PODMAN_FILE = "run/.containerenv"
_FIELD = re.compile(r'^(\w+)="(.*)"$', re.MULTILINE)
_CGROUPS = re.compile(r"docker|kubepods|containerd|libpod|lxc|garden")
_BY_VARIABLE = {
    "APPTAINER_CONTAINER": "apptainer",
    "SINGULARITY_CONTAINER": "singularity",
    "KUBERNETES_SERVICE_HOST": "kubernetes",
}


@dataclass(frozen=True, slots=True)
class Container:
    """A container; what it is made from is None where nothing inside tells."""

    kind: str
    """`docker`, `podman`, `kubernetes`, `apptainer` and such."""
    image: str | None
    """As whoever started it names it, best with its digest: `python:3.12@sha256:...`."""
    image_id: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Describe the container as JSON."""
        return asdict(self)


def capture_container(root: Path = Path("/"), variables: Mapping[str, str] | None = None) -> Container | None:
    """Look for the signs that container engines leave; None outside of a container."""
    given = os.environ if variables is None else variables
    podman = dict(_FIELD.findall(_read(root / _PODMAN_FILE)))
    kind = _kind(root, given)
    if kind is None:
        return None
    image = next((given[name] for name in _IMAGE_VARIABLES if given.get(name)), None) or podman.get("image")
    return Container(kind, redact(image) if image else None, podman.get("imageid") or None)


def _kind(root: Path, given: Mapping[str, str]) -> str | None:
    if found := next((kind for name, kind in _BY_VARIABLE.items() if given.get(name)), None):
        return found
    if (root / _PODMAN_FILE).exists():
        return "podman"
    if (root / ".dockerenv").exists():
        return "docker"
    if named := _CGROUPS.search(_read(root / "proc/1/cgroup")):
        return named[0]
    if given.get("container"):  # what systemd asks of whoever starts a container
        return given["container"]
    return "unknown" if given.get(IMAGE_VARIABLE) else None


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
