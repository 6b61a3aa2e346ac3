"""The checklist items about the environment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runcard.audit.evidence import Evidence, Finding, failed, not_applicable, passed, several, unrecorded


def dependencies(evidence: Evidence) -> Finding:
    """Judge whether the exact version and source of every installed package is known."""
    environment = evidence.part("environment")
    packages: Mapping[str, str] = environment.get("packages") or {}
    if not packages:
        return unrecorded("list of installed packages", evidence)
    if unknown := [name for name, version in packages.items() if not version]:
        return failed(f"no version is known of {several(unknown)}", f"uv pip install {' '.join(unknown)}")
    if loose := _loose(environment):
        return failed(
            f"of {len(packages)} packages, {several(loose)} came from a folder: their versions do not pin them",
            f"uv pip install {' '.join(loose)} && {evidence.rerun}",
        )
    locks = environment.get("locks") or {}
    shown = [f"{name} (sha256 {digest[:12]})" for name, digest in locks.items()]
    also = f"; locked in {several(shown)}" if shown else "; the project has no lock file of its own"
    return passed(f"{len(packages)} packages with exact versions in provenance/requirements.txt{also}")


def python(evidence: Evidence) -> Finding:
    """Judge whether the interpreter is known."""
    environment = evidence.part("environment")
    if not environment.get("python"):
        return unrecorded("Python version", evidence)
    return passed(f"{environment.get('implementation', 'Python')} {environment['python']}")


def gpu(evidence: Evidence) -> Finding:
    """Judge whether each graphics card and its driver are known."""
    gpus = evidence.part("hardware").get("gpus")
    if gpus is None:
        return unrecorded("list of graphics cards", evidence)
    if not gpus:
        return not_applicable("no GPU: nvidia-smi was not there or named none")
    if nameless := [each["name"] for each in gpus if not each.get("driver")]:
        return failed(f"no driver version of {several(nameless)}", f"nvidia-smi && {evidence.rerun}")
    return passed(several([f"{each['name']}, driver {each['driver']}" for each in gpus]))


def container(evidence: Evidence) -> Finding:
    """Judge whether the container image is known, if the run was made in a container."""
    if "container" not in evidence.parts:
        return unrecorded("note of whether it was made in a container", evidence)
    found: Mapping[str, Any] | None = evidence.parts["container"]
    if found is None:
        return not_applicable("not made in a container: no sign of one was there")
    if not found.get("image"):
        return failed(
            f"made in a container ({found['kind']}), in which nothing tells the image",
            f"RUNCARD_IMAGE=NAME@sha256:DIGEST {evidence.rerun}",
        )
    number = f", id {found['image_id'][:19]}" if found.get("image_id") else ""
    return passed(f"{found['kind']}, image {found['image']}{number}")


def _loose(environment: Mapping[str, Any]) -> list[str]:
    """Name packages installed from folders outside the repository, except runcard, whose source is hashed."""
    sources: Mapping[str, Mapping[str, Any]] = environment.get("sources") or {}
    loose = [name for name, about in sources.items() if "dir_info" in about and "folder" not in about]
    return [name for name in loose if name != "runcard"]
