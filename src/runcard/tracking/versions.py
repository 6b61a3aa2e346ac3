"""Versions of registered models: how a user names one, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from runcard import errors
from runcard.promotion import version_text


@dataclass(frozen=True, slots=True)
class ModelRef:
    """What a user may write for a model: `churn@production`, `churn/3`, or `churn` alone."""

    name: str
    alias: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        """Write it as it is read."""
        ending = f"@{self.alias}" if self.alias else f"/{self.version}" if self.version else ""
        return self.name + ending


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
        """What its files must hash to; None for one that runcard did not register."""
        return self.tags.get("runcard.model_digest")

    @property
    def text(self) -> str:
        """What is signed of it."""
        return version_text(self.name, self.version, self.digest or "")

    def __str__(self) -> str:
        """Name it as a user would."""
        return f"{self.name}/{self.version}"


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """What the runs that a version came from still tell of it."""

    digest: str | None = None
    """What its files must hash to."""
    card: str | None = None
    """The text of the card that was run."""
    altered: tuple[str, ...] = ()
    """What of them is not as it was recorded, in words."""


def parse_ref(text: str) -> ModelRef:
    """Read `NAME@ALIAS`, `NAME/VERSION` or `NAME`.

    Raises
    ------
    UsageError
        It is none of them.
    """
    name, at, alias = text.partition("@")
    if at and name and alias:
        return ModelRef(name, alias=alias)
    name, slash, version = text.partition("/")
    if slash and name and version.isdecimal() and int(version) > 0:
        return ModelRef(name, version=int(version))
    if text and not at and not slash:
        return ModelRef(text)
    raise errors.UsageError(
        f"`{text}` names no model",
        why="a model is named with an alias, with a version, or by its name alone",
        hint="write `NAME@production` or `NAME/3`",
    )
