"""Signatures by the SSH key that git signs commits with, made and verified by ssh-keygen as git does.

Which key, which program and whose keys are allowed stands in the user's git settings: `gpg.format`, `user.signingkey`,
`gpg.ssh.program`, `gpg.ssh.allowedSignersFile`, `gpg.ssh.revocationFile`. No key is read here, and none is written.

Why: docs/adr/0035-signed-versions-and-a-chained-ledger.md
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from runcard.provenance.git import GitSilent, ask_git

NAMESPACE = "runcard"
"""What a signature is for, so that none of a commit is one of a model."""
TIMEOUT_SECONDS = 60.0
"""For a passphrase or a touch of a key."""
_LONGEST = 8000
_SIGNATURE = re.compile(r"-----BEGIN SSH SIGNATURE-----\n[A-Za-z0-9+/=\n]+-----END SSH SIGNATURE-----\n?")
_LITERAL = re.compile(r"(?:key::)?((?:ssh-|ecdsa-|sk-)[^\n]+)")


class SigningFailed(Exception):
    """Raised when no signature could be made; the message says why."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The result of verifying a signature."""

    verdict: Literal["good", "unknown", "bad"]
    """`unknown`: nobody here says whose keys count, or what reads signatures is not installed."""
    said: str
    """Who signed; or what is wrong with it, or what is missing."""


def has_key(root: Path) -> bool:
    """Tell whether the user's git signs with an SSH key."""
    return _setting(root, "gpg.format") == "ssh" and bool(_setting(root, "user.signingkey"))


def sign(root: Path, text: str) -> str:
    """Sign a text with the key that the user's git signs with.

    Raises
    ------
    SigningFailed
    """
    key = _setting(root, "user.signingkey", is_path=True)
    with _folder() as folder:
        (folder / "text").write_text(text, encoding="utf-8")
        words = ["-f", str((root / key).absolute())]
        if literal := _LITERAL.fullmatch(key):  # a public key whose other half an agent has
            (folder / "key.pub").write_text(f"{literal[1]}\n", encoding="utf-8")
            words = ["-f", str(folder / "key.pub"), "-U"]
        _keygen(root, "sign", "-n", NAMESPACE, *words, str(folder / "text"))
        try:
            return (folder / "text.sig").read_text(encoding="ascii")
        except (OSError, ValueError):
            raise SigningFailed("no signature was written") from None


def check_signature(root: Path, text: str, signature: str) -> Signed:
    """Verify who signed a text, by the allowed signers of the user's git."""
    if len(signature) > _LONGEST or not _SIGNATURE.fullmatch(signature):
        return Signed("bad", "it is no signature")
    with _folder() as folder:
        (folder / "sig").write_text(signature, encoding="ascii")
        about = ("-n", NAMESPACE, "-s", str(folder / "sig"))
        try:
            _keygen(root, "check-novalidate", *about, feed=text)
        except FileNotFoundError:
            return Signed("unknown", "ssh-keygen is not installed")
        except SigningFailed:
            return Signed("bad", "it is of something else")
        return _who_signed(root, text, about, folder / "sig")


def _who_signed(root: Path, text: str, about: tuple[str, ...], signature: Path) -> Signed:
    allowed = _setting(root, "gpg.ssh.allowedSignersFile", is_path=True)
    if not allowed:
        return Signed("unknown", "git's setting `gpg.ssh.allowedSignersFile` does not say whose keys count")
    who = (root / allowed).absolute()
    if not who.is_file():
        return Signed("unknown", f"{allowed}, which says whose keys count, is not there")
    revoked = _setting(root, "gpg.ssh.revocationFile", is_path=True)
    more = ["-r", str((root / revoked).absolute())] if revoked else []
    for name in _principals(root, str(who), signature):
        with suppress(SigningFailed):
            _keygen(root, "verify", "-f", str(who), "-I", name, *about, *more, feed=text)
            return Signed("good", name)
    return Signed("bad", f"its key is not one that {allowed} allows for `{NAMESPACE}`")


def _principals(root: Path, allowed: str, signature: Path) -> list[str]:
    try:
        lines = _keygen(root, "find-principals", "-f", allowed, "-s", str(signature)).splitlines()
    except SigningFailed:  # nobody has that key
        return []
    return [line for line in lines if line and not line.startswith("-")]


def _keygen(root: Path, action: str, *words: str, feed: str = "") -> str:
    program = _setting(root, "gpg.ssh.program", is_path=True) if action == "sign" else ""
    try:
        done = subprocess.run(
            [program or "ssh-keygen", "-Y", action, *words],
            input=feed.encode(),
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            env=os.environ | {"LC_ALL": "C"},
            check=False,
        )
    except FileNotFoundError:
        if action == "check-novalidate":
            raise
        raise SigningFailed(f"{program or 'ssh-keygen'} is not installed") from None
    except OSError as error:
        raise SigningFailed(f"{program or 'ssh-keygen'} cannot be started: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise SigningFailed(f"ssh-keygen took longer than {TIMEOUT_SECONDS:g} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise SigningFailed(said[-1][:200] if said else f"ssh-keygen ended with {done.returncode}")
    return done.stdout.decode("utf-8", "replace")


def _setting(root: Path, name: str, *, is_path: bool = False) -> str:
    try:
        found = ask_git(root, "config", *(["--type=path"] if is_path else []), "--get", name)
    except GitSilent:  # it is not set
        return ""
    return os.fsdecode(found).strip()


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="runcard-sign-") as folder:
        yield Path(folder)
