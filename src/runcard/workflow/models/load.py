"""Loading a registered model: fetched, checked against its digest, and refused if it would run unknown code."""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runcard import errors
from runcard.names import VersionRef, read_as
from runcard.project import Project, import_modules
from runcard.provenance.signing import Signed, check_signature
from runcard.redact import redact
from runcard.tabular import last_line
from runcard.tags import SIGNATURE_TAG
from runcard.tracking.models.description import ModelDescription, describe_model
from runcard.tracking.models.digest import check_model
from runcard.tracking.models.owncode import OwnCode
from runcard.tracking.models.trust import load_trusted
from runcard.tracking.versions import ModelVersion
from runcard.workflow.models.fetch import Fetched, fetch
from runcard.workflow.refs import explain_unknown
from runcard.yaml import parse


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A registered model in memory."""

    version: ModelVersion
    description: ModelDescription
    pipeline: Any
    na_values: tuple[str, ...]
    """What meant missing in the data of its card."""
    id: str | None
    """The column that named the rows there."""
    warnings: tuple[str, ...] = ()
    """What its packages said when it was loaded."""
    signed: str = ""
    """Who signed it, in words; empty where nobody did."""


@contextmanager
def open_model(
    name: str,
    project: Project,
    *,
    allow_code: bool = False,
    fetch: Callable[[VersionRef, str, Path], Fetched] = fetch,
) -> Iterator[LoadedModel]:
    """Fetch a model to a private folder, which exists inside the context, and load it.

    Parameters
    ----------
    name
        A registered model: `NAME@ALIAS`, `NAME/VERSION`, or `NAME` for its latest version.
    allow_code
        Whether code that comes with the model may run: of a format that runs code, of packages that are not
        known, of a model that has no digest. A digest is checked all the same.

    Raises
    ------
    UsageError, ModelVersionUnknown, TrackingAway, TrackingError
        There is no such model, or it cannot be fetched or loaded.
    RecordAltered
        The runs that it came from are not as they were recorded.
    ModelDamaged
        Its files are not those that were saved, or nothing says what they must be.
    SignatureInvalid
        Its signature is of something else, or of a key that does not count here; or it has none, and the project's
        gates ask for one.
    TypesUntrusted
        Loading it would run unknown code.
    """
    ref, paths = read_as(VersionRef, name), list(sys.path)
    with tempfile.TemporaryDirectory(prefix="runcard-model-") as place:
        with explain_unknown(name, project):
            found = fetch(ref, project.tracking_uri, Path(place))
        _refuse_altered(found, project)
        _check(found, allow_code=allow_code)
        signed = _check_signature(found.version, project)
        try:
            yield replace(_loaded(found, project, allow_code=allow_code), signed=signed)
        finally:
            sys.path[:] = paths


def _refuse_altered(found: Fetched, project: Project) -> None:
    if found.origin.altered:
        raise errors.RecordAltered(
            f"the run that `{found.version}` came from is not as it was recorded",
            where=redact(project.tracking_uri),
            why="\n".join(found.origin.altered),
            hint="put back what was changed, or run its card again and register what it gives",
        )


def _check(found: Fetched, *, allow_code: bool) -> None:
    if found.origin.digest is not None:
        check_model(found.folder, found.origin.digest, str(found.version))
    elif not allow_code:
        raise errors.ModelDamaged(
            f"nothing says what the files of `{found.version}` must be",
            where=str(found.version),
            why="neither the version nor the run that it came from has the tag `runcard.model_digest`:\n"
            "runcard did not make it, or the run was deleted",
            hint="if you trust who made it, use `--allow-code`",
        )


def signer_of(version: ModelVersion, root: Path, signature: str = "") -> Signed | None:
    """Tell who signed a version, by git's allowed signers; None if nobody did.

    Parameters
    ----------
    signature
        To be looked at in place of the one that the version has.
    """
    signature = signature or version.tags.get(SIGNATURE_TAG, "")
    return check_signature(root, version.text, signature) if signature else None


def _check_signature(version: ModelVersion, project: Project) -> str:
    """Tell who signed a version whose files were verified by its digest."""
    found = signer_of(version, project.root)
    is_asked = project.settings.gates.get("signed") is True
    if found is not None and found.verdict == "good":
        return f"{version} is signed by {found.said}"
    if found is not None and found.verdict == "unknown" and not is_asked:
        return f"{version} is signed, and by whom cannot be told: {found.said}"
    if found is None and not is_asked:
        return ""
    raise errors.SignatureInvalid(
        f"the signature of `{version}` does not hold" if found else f"`{version}` is not signed",
        where=str(version),
        why=found.said if found else "`[tool.runcard.gates]` asks for it: `signed = true`",
        hint="let somebody promote it whose key is in git's `gpg.ssh.allowedSignersFile`",
    )


def _loaded(found: Fetched, project: Project, *, allow_code: bool) -> LoadedModel:
    version = found.version
    description = describe_model(found.folder, str(version))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        pipeline = load_pipeline(description, str(version), project, allow_code=allow_code)
    said = [f"{w.category.__name__}: {str(w.message).strip().partition(chr(10))[0]}" for w in caught]
    data = _data_section(found.origin.card)
    return LoadedModel(
        version=version,
        description=description,
        pipeline=pipeline,
        na_values=tuple(data.get("na_values") or ()),
        id=data.get("id"),
        warnings=tuple(dict.fromkeys(said)),
    )


def load_pipeline(
    model: ModelDescription, name: str, project: Project, *, allow_code: bool = False, any_version: bool = False
) -> Any:
    """Load the pipeline of a described model; nothing else here does so.

    Parameters
    ----------
    any_version
        Whether the project's own code may have changed since.

    Raises
    ------
    TypesUntrusted
        Loading it would run unknown code.
    ModelDamaged
        Its file cannot be read.
    TrackingError
        It cannot be loaded with what is installed.
    """
    from runcard.tracking.mlflow import load_with_code

    try:
        try:
            own = OwnCode(project.settings.modules, project.root, lambda: import_modules(project))
            return load_trusted(model, own, name, any_version=any_version)
        except errors.TypesUntrusted:
            if not allow_code:
                raise
        return load_with_code(model.folder)
    except errors.RuncardError:
        raise
    except Exception as error:  # whatever the packages that it was made with raise
        raise errors.TrackingError(
            f"`{name}` cannot be loaded",
            where=name,
            why=last_line(error),
            hint=_packages(model.folder),
        ) from error


def _packages(folder: Path) -> str:
    """Name the packages whose installed version is not the one that the model was saved with."""
    from runcard.provenance.capture.environment import versions_of

    file = folder / "requirements.txt"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    wanted = {name: number for name, is_pin, number in (line.partition("==") for line in lines) if is_pin}
    here = versions_of(wanted)
    others = [f"{name}=={number}" for name, number in wanted.items() if here.get(name, "").split("+")[0] != number]
    return f"it was saved with {errors.listing(others)}: install that" if others else "its packages are as they were"


def _data_section(card: str | None) -> Mapping[str, Any]:
    """Read the `data` section of a card; empty if there is no card."""
    if card is None:
        return {}
    value = parse(card, "card.yaml").value
    data = value.get("data") if isinstance(value, Mapping) else None
    return data if isinstance(data, Mapping) else {}
