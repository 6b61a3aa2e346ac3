"""Versions of registered models, with what is known of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runcard.promotion import version_text
from runcard.tags import MODEL_DIGEST_TAG


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a registered model, as the registry has it."""

    name: str
    version: int
    run_id: str | None
    """The run that its model came from."""
    source: str
    """Where its files are, as MLflow writes it."""
    created_ms: int
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str | None:
        """The digest that its files must have; None for one that runcard did not register."""
        return self.tags.get(MODEL_DIGEST_TAG)

    @property
    def text(self) -> str:
        """The text of the version that is signed."""
        return version_text(self.name, self.version, self.digest or "")

    def __str__(self) -> str:
        """Name it as a user would."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """What can still be read from the runs that a version came from."""

    digest: str | None = None
    """What its files must hash to."""
    card: str | None = None
    """The text of the card that was run."""
    altered: tuple[str, ...] = ()
    """What of them is not as it was recorded, in words."""
