"""What of a person's files may be kept with a run: without secrets, and saying so."""

from __future__ import annotations

from dataclasses import dataclass, field

from runcard.redact import redact


@dataclass(slots=True)
class Cleaned:
    """Files, or their patches, as they are kept."""

    kept: dict[str, bytes] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Path -> why."""
    altered: list[str] = field(default_factory=list)
    """Those of the kept that had credentials in them."""
    modes: dict[str, str] = field(default_factory=dict)
    """Git's mode of those that are no plain file: `100755`, or `120000` for a link."""
    reason: str | None = None
    """Why there is nothing."""

    def keep(self, name: str, content: bytes) -> None:
        """Keep a text, or a further part of it, without the credentials in its URIs."""
        clean = redact(text_of(content)).encode("utf-8", "surrogateescape")
        self.kept[name] = self.kept.get(name, b"") + clean
        if clean != content:
            self.altered.append(name)


def text_of(content: bytes) -> str:
    """Read bytes of any encoding as text from which they come back unchanged."""
    return content.decode("utf-8", "surrogateescape")
