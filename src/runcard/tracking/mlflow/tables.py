"""MLflow's tables read with plain SQL: the same answers as its client's, much faster.

The client reads a thousand runs a second, and importing it takes longer than most comparisons do. In a database that
is at hand, SQLite or PostgreSQL, this reads the same from MLflow's own tables, and writes nothing.

Why: docs/adr/0015-mlflows-tables-are-read.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, cast

import sqlalchemy as sa

from runcard.names import begins_an_id
from runcard.tags import KIND_TAG, OUR_TAGS, PROTOCOL_TAG, REPLAY_OF_TAG
from runcard.tracking import addresses
from runcard.tracking.items import MOST_STRAYS, PARENT_TAG, RunRanking, RunRow, RunScope
from runcard.tracking.mlflow.filters import parse_filter
from runcard.tracking.moved import bring_up_to_date

if TYPE_CHECKING:
    import sqlalchemy as sa

CHUNK = 900
"""Ids in one question: as many values as the strictest SQLite takes, and some of the question's own."""
NAME_TAG = "mlflow.runName"
_ONLY_READ = {"sqlite": "PRAGMA query_only = ON", "postgresql": "SET TRANSACTION READ ONLY"}


def _of_runs(name: str, *columns: sa.ColumnClause[Any]) -> sa.TableClause:
    return sa.table(name, sa.column("run_uuid", sa.String), sa.column("key", sa.String), *columns)


EXPERIMENTS = sa.table(
    "experiments", sa.column("experiment_id"), sa.column("name", sa.String), sa.column("lifecycle_stage", sa.String)
)
RUNS = sa.table(
    "runs",
    *(sa.column(name, sa.String) for name in ("run_uuid", "name", "status", "lifecycle_stage")),
    *(sa.column(name, sa.String) for name in ("user_id", "artifact_uri")),
    *(sa.column(name, sa.BigInteger) for name in ("start_time", "end_time", "experiment_id")),
)
TAGS = _of_runs("tags", sa.column("value", sa.String))
PARAMS = _of_runs("params", sa.column("value", sa.String))
LATEST = _of_runs("latest_metrics", sa.column("value", sa.Float), sa.column("is_nan", sa.Boolean))
METRICS = _of_runs(
    "metrics",
    sa.column("value", sa.Float),
    sa.column("is_nan", sa.Boolean),
    *(sa.column(name, sa.BigInteger) for name in ("step", "timestamp")),
)


class TableReader:
    """Reads MLflow's tables in a database: see `RunReader`."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._engine = sa.create_engine(_url(uri), poolclass=sa.StaticPool)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._engine.dispose()

    def probe(self) -> None:
        """Check within five seconds whether the database answers."""
        addresses.probe_store(self.uri)

    def is_as_expected(self) -> bool:
        """Tell whether every table and column that is read here exists."""
        tables = (EXPERIMENTS, RUNS, TAGS, PARAMS, LATEST, METRICS)
        with addresses.translated(self.uri, "MLflow's tables could not be read"):
            inspector = sa.inspect(self._engine)
            there = set(inspector.get_table_names())
            return all(
                table.name in there
                and {column["name"] for column in inspector.get_columns(table.name)} >= set(table.columns.keys())
                for table in tables
            )

    def revision(self) -> str | None:
        """Return the revision of the tables, as MLflow's migrations name it."""
        with self._reading() as read:
            found: str | None = read.scalar(sa.text("SELECT version_num FROM alembic_version"))
            return found

    def has_experiment(self, name: str) -> bool:
        """Tell whether an experiment of that name exists."""
        wanted = sa.select(EXPERIMENTS.c.experiment_id, EXPERIMENTS.c.lifecycle_stage)
        with self._reading() as read:
            found = read.execute(wanted.where(EXPERIMENTS.c.name == name)).first()
        if found is not None and found.lifecycle_stage != "active":
            raise addresses.deleted_experiment(self.uri, name, found.experiment_id)
        return found is not None

    def experiment_names(self) -> list[str]:
        """List the experiments, a thousand at most."""
        names = sa.select(EXPERIMENTS.c.name).where(EXPERIMENTS.c.lifecycle_stage == "active")
        with self._reading() as read:
            return list(read.scalars(names.order_by(EXPERIMENTS.c.experiment_id).limit(1000)))

    def read_cards(self, experiment: str) -> list[RunRow]:
        """List the runs of cards in an experiment, newest first, a thousand at most."""
        is_card = _has_tag(KIND_TAG, "card")
        newest = _newest_first(_ids().where(EXPERIMENTS.c.name == experiment, is_card))
        with self._reading() as read:
            return _rows(read, read.scalars(newest.limit(1000)).all())

    def find_runs(self, name: str) -> list[RunRow]:
        """Find runs by their id, the beginning of it, or their name; newest first, ten at most."""
        begins = RUNS.c.run_uuid.startswith(name, autoescape=True) if begins_an_id(name) else RUNS.c.run_uuid == name
        # Of runs that an old MLflow made, only a tag has the name.
        named = sa.or_(RUNS.c.name == name, sa.and_(RUNS.c.name.is_(None), _has_tag(NAME_TAG, name)))
        with self._reading() as read:
            return _rows(read, read.scalars(_newest_first(_ids().where(sa.or_(begins, named))).limit(10)).all())

    def read_replays(self, run_id: str) -> list[RunRow]:
        """List the replays of a run, newest first, a hundred at most."""
        wanted = _newest_first(_ids().where(_has_tag(KIND_TAG, "replay"), _has_tag(REPLAY_OF_TAG, run_id)))
        with self._reading() as read:
            return _rows(read, read.scalars(wanted.limit(100)).all())

    def is_deleted(self, run_id: str) -> bool:
        """Tell whether a run existed and was deleted."""
        wanted = sa.select(RUNS.c.lifecycle_stage).where(RUNS.c.run_uuid == run_id)
        with self._reading() as read:
            return read.scalar(wanted) == "deleted"

    def files_of(self, run_id: str) -> str:
        """Say where the files of a run are: an address."""
        with self._reading() as read:
            return read.scalar(sa.select(RUNS.c.artifact_uri).where(RUNS.c.run_uuid == run_id)) or ""

    def metric_names(self, scope: RunScope) -> list[str]:
        """Name the metrics of the runs."""
        chosen = self._chosen(scope, metric="").subquery()
        wanted = sa.select(LATEST.c.key).distinct().where(LATEST.c.run_uuid.in_(sa.select(chosen.c.run_uuid)))
        with self._reading() as read:
            return sorted(read.scalars(wanted))

    def rank_runs(self, scope: RunScope, metric: str, *, greater_is_better: bool, limit: int | None) -> RunRanking:
        """Rank the runs by a metric's last value and read the first `limit` of them."""
        chosen = self._chosen(scope, metric).cte()
        value = chosen.c.value
        directed = value.desc() if greater_is_better else value
        order = (chosen.c.lack, directed, chosen.c.start_time, chosen.c.run_uuid)
        counts = (sa.func.count(chosen.c.run_uuid).over(), sa.func.count(value).over())  # of all, before the limit
        with self._reading() as read:
            first = read.execute(sa.select(chosen.c.run_uuid, *counts).order_by(*order).limit(limit)).all()
            rows = _rows(read, [run_id for run_id, *_ in first])
        _, n_runs, n_ranked = first[0] if first else ("", 0, 0)
        return RunRanking(tuple(rows), n_runs, n_ranked)

    def read_strays(self, scope: RunScope) -> list[RunRow]:
        """List sealed runs that lack a tag by which trials are found, or have another kind or protocol."""
        lost, of, card = _having(PROTOCOL_TAG), TAGS.alias("parent"), TAGS.alias("card")
        moved = (
            sa.select(TAGS.c.run_uuid)
            .join(of, sa.and_(of.c.run_uuid == TAGS.c.run_uuid, of.c.key == PARENT_TAG))
            .join(card, sa.and_(card.c.run_uuid == of.c.value, card.c.key == PROTOCOL_TAG))
            .where(TAGS.c.key == PROTOCOL_TAG, TAGS.c.value != scope.protocol, card.c.value == scope.protocol)
        )
        of_other_kind = _having(KIND_TAG).where(TAGS.c.value.not_in(("trial", "card")))
        renamed = of_other_kind.intersect(_having(PROTOCOL_TAG).where(TAGS.c.value == scope.protocol))
        sealed = _having("runcard.seal")
        asked = (sealed.except_(_having(KIND_TAG)), sa.except_(sealed, lost, _having(REPLAY_OF_TAG)), moved, renamed)
        with self._reading() as read:
            ids = dict.fromkeys(run_id for each in asked for run_id in read.scalars(each))
            wanted = _ids().where(EXPERIMENTS.c.name.in_(scope.experiments))
            there = [run_id for (run_id,) in _of(read, wanted, RUNS.c.run_uuid, list(ids))]
            return _rows(read, there[:MOST_STRAYS])

    def read_folds(self, run_ids: Sequence[str], metric: str) -> dict[str, tuple[float, ...]]:
        """Read the scores of `cv_<metric>` in step order, (n_folds,) a run; runs without them are left out."""
        wanted = sa.select(METRICS.c.run_uuid, METRICS.c.step, METRICS.c.value, METRICS.c.is_nan)
        wanted = wanted.where(METRICS.c.key == f"cv_{metric}").order_by(METRICS.c.timestamp)
        folds: dict[str, dict[int, float]] = defaultdict(dict)
        with self._reading() as read:
            for run_id, step, value, is_nan in _of(read, wanted, METRICS.c.run_uuid, run_ids):
                folds[run_id][step] = float("nan") if is_nan else value  # what was logged last counts
        return {run_id: tuple(steps[step] for step in sorted(steps)) for run_id, steps in folds.items()}

    def _chosen(self, scope: RunScope, metric: str) -> sa.Select[Any]:
        """Select the runs of a scope: their ids, starts and values; NaN counts as no value."""
        value = sa.case((LATEST.c.is_nan, sa.null()), else_=LATEST.c.value).label("value")
        lack = sa.case((LATEST.c.is_nan, 1), (LATEST.c.value.is_(None), 2), else_=0).label("lack")  # as MLflow sorts
        of_run = sa.and_(LATEST.c.run_uuid == RUNS.c.run_uuid, LATEST.c.key == metric)
        source = _runs().outerjoin(LATEST, of_run)
        wanted = _active(sa.select(RUNS.c.run_uuid, RUNS.c.start_time, value, lack))
        wanted = wanted.where(EXPERIMENTS.c.name.in_(scope.experiments), *self._conditions(scope.where))
        if scope.run_ids:
            wanted = wanted.where(RUNS.c.run_uuid.in_(scope.run_ids))
        else:
            wanted = wanted.where(~_has_tag(KIND_TAG, "replay"))
        if scope.protocol is None:
            return wanted.select_from(source)
        key = TAGS.alias("trial_key")
        source = source.outerjoin(key, sa.and_(key.c.run_uuid == RUNS.c.run_uuid, key.c.key == f"{OUR_TAGS}trial_key"))
        wanted = wanted.select_from(source).where(_has_tag(f"{OUR_TAGS}protocol", scope.protocol))
        return _latest_of_each(
            wanted.where(_has_tag(KIND_TAG, "trial")), sa.func.coalesce(key.c.value, RUNS.c.run_uuid)
        )

    def _conditions(self, where: str) -> list[sa.ColumnElement[bool]]:
        if not where:
            return []
        from runcard.tracking.mlflow.tables import sql_conditions

        return sql_conditions(where, self._engine.dialect.name)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with addresses.translated(self.uri, "MLflow's tables could not be read"), self._engine.connect() as connection:
            connection.execute(sa.text(_ONLY_READ[connection.dialect.name]))
            yield connection


def open_tables(uri: str) -> TableReader | None:
    """Open the tables of a database; None if it is not accessible directly, or its tables are not as expected."""
    file = addresses.sqlite_file(uri)
    if not (addresses.is_postgres(uri) or (file and file.exists())):
        return None
    addresses.probe_store(uri)
    reader = TableReader(uri)
    if reader.is_as_expected():
        if file:
            bring_up_to_date(file)
        return reader
    reader.__exit__()
    return None


def _url(uri: str) -> sa.URL:
    """Parse an address as everywhere here: SQLAlchemy's versions differ about encoded characters in file paths."""
    file, url = addresses.sqlite_file(uri), sa.make_url(uri)
    return url.set(database=str(file)) if file else url


def _runs() -> sa.Join:
    return RUNS.join(EXPERIMENTS, RUNS.c.experiment_id == EXPERIMENTS.c.experiment_id)


def _active(wanted: sa.Select[Any]) -> sa.Select[Any]:
    return wanted.where(RUNS.c.lifecycle_stage == "active", EXPERIMENTS.c.lifecycle_stage == "active")


def _ids() -> sa.Select[Any]:
    return _active(sa.select(RUNS.c.run_uuid).select_from(_runs()))


def _newest_first(wanted: sa.Select[Any]) -> sa.Select[Any]:
    return wanted.order_by(RUNS.c.start_time.desc(), RUNS.c.run_uuid)


def _has_tag(name: str, value: str) -> sa.ColumnElement[bool]:
    named = sa.exists().where(TAGS.c.run_uuid == RUNS.c.run_uuid, TAGS.c.key == name, TAGS.c.value == value)
    return named.correlate(RUNS)


def _having(name: str) -> sa.Select[Any]:
    return sa.select(TAGS.c.run_uuid).where(TAGS.c.key == name)


def _latest_of_each(wanted: sa.Select[Any], key: sa.ColumnElement[Any]) -> sa.Select[Any]:
    turn = sa.func.row_number().over(partition_by=key, order_by=(RUNS.c.start_time.desc(), RUNS.c.run_uuid))
    turns = wanted.add_columns(turn.label("turn")).subquery()
    return sa.select(turns.c.run_uuid, turns.c.start_time, turns.c.value, turns.c.lack).where(turns.c.turn == 1)


def _rows(read: sa.Connection, run_ids: Sequence[str]) -> list[RunRow]:
    """Read runs with all their values, in the order of their ids."""
    params, metrics, tags = (_values(read, table, run_ids) for table in (PARAMS, LATEST, TAGS))
    names = {run_id: values.pop(NAME_TAG, "") for run_id, values in tags.items()}
    columns = (RUNS.c.run_uuid, RUNS.c.name, RUNS.c.status, RUNS.c.start_time, RUNS.c.end_time)
    wanted = sa.select(*columns, EXPERIMENTS.c.name).select_from(_runs())
    found = {
        run_id: RunRow(
            run_id,
            name or names.get(run_id, ""),
            status,
            started,
            ended,
            params[run_id],
            metrics[run_id],
            tags[run_id],
            experiment,
        )
        for run_id, name, status, started, ended, experiment in _of(read, wanted, RUNS.c.run_uuid, run_ids)
    }
    return [found[run_id] for run_id in run_ids if run_id in found]  # but for what was removed for good meanwhile


def _values(read: sa.Connection, table: sa.TableClause, run_ids: Sequence[str]) -> Mapping[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    value = table.c.value
    if table is LATEST:
        wanted = sa.select(table.c.run_uuid, table.c.key, sa.case((table.c.is_nan, sa.null()), else_=value))
    else:
        wanted = sa.select(table.c.run_uuid, table.c.key, value)
    if table is TAGS:
        wanted = wanted.where(sa.or_(table.c.key.startswith(OUR_TAGS), table.c.key.in_((PARENT_TAG, NAME_TAG))))
    for run_id, key, held in _of(read, wanted, table.c.run_uuid, run_ids):
        found[run_id][key] = held
    if table is LATEST:
        for values in found.values():
            if None in values.values():
                values.update((key, float("nan")) for key, held in [*values.items()] if held is None)
    return found


def _of(
    read: sa.Connection, wanted: sa.Select[Any], column: sa.ColumnElement[str], run_ids: Sequence[str]
) -> Iterator[Any]:
    """Select the rows of some runs, a chunk of ids at a time."""
    for start in range(0, len(run_ids), CHUNK):
        yield from read.execute(wanted.where(column.in_(run_ids[start : start + CHUNK]))).all()


_TABLES = {"metric": LATEST, "parameter": PARAMS, "tag": TAGS}
_COLUMNS = {"run_id": "run_uuid"}


def sql_conditions(where: str, dialect: str) -> list[sa.ColumnElement[bool]]:
    """Translate a condition into SQL on the rows of `RUNS`, joined with its experiments.

    Raises
    ------
    UsageError
        It is not in the language.
    KeyError
        It asks for datasets, which lie in other tables.
    """
    return [_condition(comparison, dialect) for comparison in parse_filter(where)]


def _condition(comparison: Mapping[str, Any], dialect: str) -> sa.ColumnElement[bool]:
    from mlflow.utils.search_utils import SearchUtils

    kind, comparator, value = comparison["type"], comparison["comparator"].upper(), comparison["value"]
    key = SearchUtils.translate_key_alias(comparison["key"])  # type: ignore[no-untyped-call]
    holds = SearchUtils.get_sql_comparison_func(comparator, dialect)  # type: ignore[no-untyped-call]
    if kind == "attribute" and key != "run_name":
        return cast("sa.ColumnElement[bool]", holds(RUNS.c[_COLUMNS.get(key, key)], value))
    table, key = (TAGS, NAME_TAG) if kind == "attribute" else (_TABLES[kind], key)
    if comparator == "IS NULL":
        return ~_logged(table, key)
    if comparator == "IS NOT NULL":
        return _logged(table, key)
    if table is not LATEST:
        return _logged(table, key, holds(table.c.value, value))
    # What is not a number is kept as 0, marked; only "!=" is true of it.
    is_nan, said = table.c.is_nan, holds(table.c.value, float(value))
    return _logged(table, key, said | is_nan if comparator == "!=" else said & ~is_nan)


def _logged(table: sa.TableClause, key: str, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    import sqlalchemy as sa

    return sa.exists().where(table.c.run_uuid == RUNS.c.run_uuid, table.c.key == key, *conditions).correlate(RUNS)
