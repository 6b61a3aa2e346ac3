"""The project's registry and ledger, opened for events of registered models."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runcard.project import Project, find_project
from runcard.provenance.git import GitSilent, ask_git
from runcard.provenance.signing import SigningFailed, check_signature, has_key, sign
from runcard.tracking.backends import open_reader
from runcard.tracking.items import RunReader

if TYPE_CHECKING:
    from runcard.tracking.mlflow import MlflowLedger, MlflowRegistry

Note = Callable[[str], None]
"""Told, in a line, what is being done."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The project's registry, ledger and runs, open."""

    project: Project
    registry: MlflowRegistry
    ledger: MlflowLedger
    reader: RunReader
    note: Note
    sign: Callable[[str], str]
    """Signs a text with the key of the user's git; empty where it has none."""
    allow_code: bool = False
    """Whether code that comes with a model may run, see `open_model`."""

    def signed(self) -> dict[str, Any]:
        """Add to an event who does it, where and when."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return {"who": _who(self.project.root), "host": socket.gethostname(), "at": now}


@contextmanager
def open_desk(
    project: Project | None = None,
    *,
    tracking_uri: str | None = None,
    note: Note = lambda line: None,
    allow_code: bool = False,
) -> Iterator[Desk]:
    """Connect to the project's registry and ledger.

    Raises
    ------
    TrackingAway
        They do not answer.
    """
    from runcard.tracking.mlflow import MlflowLedger, MlflowRegistry

    project = (project or find_project()).with_settings(tracking_uri=tracking_uri)
    uri = project.tracking_uri
    with MlflowRegistry(uri) as registry, MlflowLedger(uri, artifact_root=project.root / "mlartifacts") as ledger:
        registry.probe()
        with open_reader(project) as reader:
            yield Desk(project, registry, ledger, reader, note, Signer(project.root, note), allow_code)


def _who(root: Path) -> str:
    """Name the user: by git's name, which the team knows, else the system's."""
    with suppress(GitSilent):
        if name := ask_git(root, "config", "user.name").decode("utf-8", "replace").strip():
            return name
    with suppress(ImportError, KeyError, OSError):  # a container may run under a number without a name
        return getpass.getuser()
    return "unknown"


class Signer:
    """Signs texts with the key that git signs with; if a configured key fails, it says why once."""

    def __init__(self, root: Path, note: Callable[[str], None]) -> None:
        self._root, self._note = root, note
        self._is_off = not has_key(root)

    def __call__(self, text: str) -> str:
        """Give a signature that users with the same allowed signers accept; empty if there is no key."""
        if self._is_off:
            return ""
        try:
            signature = sign(self._root, text)
        except SigningFailed as error:
            return self._give_up(str(error))
        found = check_signature(self._root, text, signature)
        return self._give_up(found.said) if found.verdict == "bad" else signature

    def _give_up(self, why: str) -> str:
        self._is_off = True
        self._note(f"not signed, although git's `user.signingkey` names a key: {why}")
        return ""
