"""Requirements of a recorded run's environment, and the source that each package is installed from."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from runcard import errors
from runcard.provenance.capture.environment import digest_own_source
from runcard.provenance.rebuild.records import check_environment
from runcard.redact import redact

RUNCARD = "runcard"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The packages that an environment must have, grouped by how each is obtained."""

    python: str
    """Implementation and exact version: `cpython@3.11.7`."""
    requirements: tuple[str, ...]
    """Lines for uv: exact versions, and addresses with a commit or digest."""
    own: Mapping[str, Mapping[str, Any]]
    """Distributions from the repository itself: name -> source."""
    versions: Mapping[str, str]
    """Of all distributions."""
    copied: bool
    """Whether the running runcard is copied in."""

    @property
    def digest(self) -> str:
        """A digest that is equal for all runs with these packages."""
        shared = [self.python, self.requirements, self.copied, digest_own_source() if self.copied else "", sys.platform]
        return hashlib.sha256(json.dumps(shared).encode()).hexdigest()[:16]


def want(environment: Mapping[str, Any]) -> Wanted:
    """Decide how each package of a recorded environment is to be obtained.

    Raises
    ------
    RecordUnsafe
        A word of the record has not the form that it must have.
    RuncardDiffers
        The run was made by a build of runcard that is neither this one nor at an address.
    PackageGone
        A package came from a folder of the machine that made the run.
    """
    check_environment(environment)
    sources = environment.get("sources", {})
    versions = {name: version for name, version in environment["packages"].items() if version}
    copied = _is_copied(environment)
    own = {name: about for name, about in sources.items() if "folder" in about and not (copied and name == RUNCARD)}
    if not copied and RUNCARD not in own and _is_local(sources.get(RUNCARD)):
        raise _other_runcard(environment)
    listed = [name for name in sorted(versions) if name not in own and not (copied and name == RUNCARD)]
    return Wanted(
        python=f"{environment['implementation'].lower()}@{environment['python']}",
        requirements=tuple(_requirement(name, versions[name], sources.get(name)) for name in listed),
        own=own,
        versions=versions,
        copied=copied,
    )


def own_distribution() -> Distribution | None:
    """Give the distribution of the running runcard; None where it was not installed."""
    try:
        return distribution(RUNCARD)
    except PackageNotFoundError:
        return None


def _requirement(name: str, version: str, source: Mapping[str, Any] | None) -> str:
    if source is None:
        return f"{name}=={version}"
    url, part = str(source.get("url", "")), source.get("subdirectory")
    fragment = f"#subdirectory={part}" if part else ""
    if vcs := source.get("vcs_info"):
        return f"{name} @ {vcs['vcs']}+{url}@{vcs['commit_id']}{fragment}"
    if "archive_info" in source and not url.startswith("file:"):
        digest = source["archive_info"].get("hashes", {}).get("sha256")
        return f"{name} @ {url}{fragment}" + (f" --hash=sha256:{digest}" if digest else "")
    raise errors.PackageGone(
        f"`{name}` {version} was installed from {redact(url)}",
        where="the run's artifacts, provenance/environment.json",
        why="that is a place of the machine that made the run; what lay there then is not known",
        hint="publish the package, or keep it in the repository; this run: `runcard reproduce RUN --here`",
    )


def _is_local(source: Mapping[str, Any] | None) -> bool:
    return source is not None and "vcs_info" not in source and str(source.get("url", "")).startswith("file:")


def _is_copied(environment: Mapping[str, Any]) -> bool:
    """Tell whether runcard is copied: the run was made by this same runcard, and no index has it."""
    if environment.get("runcard_source") != digest_own_source():
        return False
    return RUNCARD in environment.get("sources", {}) or RUNCARD not in environment["packages"]


def _other_runcard(environment: Mapping[str, Any]) -> errors.RuncardDiffers:
    recorded = f"{environment['packages'].get(RUNCARD, '')}, source {str(environment.get('runcard_source', ''))[:12]}"
    about = own_distribution()
    return errors.RuncardDiffers(
        f"the run was made by another build of runcard ({recorded})",
        where="the run's artifacts, provenance/environment.json",
        why=f"it came from no index, and this is {about.version if about else ''}, source {digest_own_source()[:12]}",
        hint="use the runcard that made the run; or `runcard reproduce RUN --here`",
    )
