"""The promoter's key, as far as git has one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from runcard.provenance.signing import SigningFailed, check_signature, has_key, sign


class Signer:
    """Signs texts with the key that git signs with; says once why it does not, where a key is named."""

    def __init__(self, root: Path, note: Callable[[str], None]) -> None:
        self._root, self._note = root, note
        self._is_off = not has_key(root)

    def __call__(self, text: str) -> str:
        """Give a signature that those who have the same allowed signers accept; empty where there is none."""
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
