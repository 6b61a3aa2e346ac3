"""What may be wrong with an address or a name in it, said the same way by everyone who reads there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from runcard import errors
from runcard.redact import redact
from runcard.tracking import addresses


@contextmanager
def translated(uri: str, what: str) -> Iterator[None]:
    """Turn whatever a client or a database raises into an error of ours, without credentials and without its trace."""
    try:
        yield
    except errors.RuncardError:
        raise
    except Exception as error:
        if addresses.is_away(error):
            raise addresses.away(uri, addresses.reason(error)) from None
        if why := addresses.unreadable(error):
            raise errors.TrackingError(
                "the answer of what should be MLflow's server cannot be read",
                where=redact(uri),
                why=why,
                hint="correct the address if it is another server's; look at what stands between, such as a proxy",
            ) from None
        hint = (
            ""
            if addresses.is_server(uri) or addresses.is_database(uri) or addresses.is_sqlite(uri)
            else addresses.remedy(uri)
        )
        if "mlflow db upgrade" in str(error):
            hint = f"back up the database, then run `mlflow db upgrade {redact(uri)}`"
        if "Can't locate revision" in str(error):
            hint = "a newer MLflow made the database: install that one here, or name another database"
        raise errors.TrackingError(what, where=redact(uri), why=addresses.reason(error), hint=hint) from None


def unknown_experiment(uri: str, name: str, names: Sequence[str]) -> errors.ExperimentUnknown:
    """Build the error for an experiment that is not there."""
    near = errors.nearest(name, names)
    return errors.ExperimentUnknown(
        f"MLflow has no experiment `{name}`",
        where=redact(uri),
        why=f"it has {errors.listing(names)}" if names else "nothing was recorded there yet",
        hint=f"did you mean `{near}`?" if near else "run a card first: `runcard run CARD`",
    )


def deleted_experiment(uri: str, name: str, experiment_id: object) -> errors.ExperimentDeleted:
    """Build the error for an experiment that was deleted."""
    return errors.ExperimentDeleted(
        f"the experiment `{name}` was deleted in MLflow",
        where=redact(uri),
        why="its name stays taken until it is restored or removed for good",
        hint=f"bring it back with `mlflow experiments restore -x {experiment_id}`, or give "
        "`experiment: name` in the card another value",
    )
