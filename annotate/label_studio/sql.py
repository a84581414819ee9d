"""Reading answers straight from a Label Studio database, read-only: fast, and bound to the one version whose tables we know."""

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, bindparam, create_engine, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError

from yuelu.annotate.label_studio.environment import VERSION
from yuelu.annotate.label_studio.reading import TITLE, Counts, Read, Stamp, Wanted
from yuelu.base.errors import Misconfigured, ServiceUnavailable

_ROWS = 2000
_LOOKS, _PAUSE_S = 20, 0.5
_decoder = json.JSONDecoder(parse_constant=str)
# The last migrations of 1.23.2 that touch what we read, and the columns that we read.
_MIGRATIONS = {"tasks": "0060_add_allow_skip_to_task", "data_manager": "0018_remove_allow_skip"}
_ANSWER = (
    "id", "task_id", "unique_id", "completed_by_id", "updated_by_id", "was_cancelled", "ground_truth", "created_at",
    "updated_at", "lead_time", "result", "import_id", "parent_prediction_id", "parent_annotation_id", "last_action",
)  # fmt: skip
_COLUMNS: Mapping[str, frozenset[str]] = {
    "task": frozenset({"id", "project_id", "data", "updated_at"}),
    "task_completion": frozenset({*_ANSWER, "project_id"}),
    "data_manager_view": frozenset({"project_id", "data"}),
}


class SqlReader:
    """The server's database at `address` (`postgresql://…` or `sqlite:///…`), opened for reading only.

    Raises Misconfigured: it is no database of the version whose tables are known here. Raises ServiceUnavailable.
    """

    def __init__(self, address: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._engine, self._sleep = _engine(address), sleep
        self._postgres = self._engine.dialect.name == "postgresql"
        with self._reading() as connection:
            _check(connection)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def verify(self, project: int, number: int) -> None:
        """See that this is the database of the server that shows reading `number`; a copy of it may lag a little.

        Raises Misconfigured: it is of another server, or too far behind.
        """
        for _ in range(_LOOKS):
            shown = self._number(project)
            if shown >= number:
                return
            self._sleep(_PAUSE_S)
        raise Misconfigured(
            f"the database shows reading {shown or 'none'} of server project {project}, the server shows {number}",
            "the address is of another server, or of a copy that lags; put it right or leave it out",
        )

    def _number(self, project: int) -> int:
        asked = text("SELECT data FROM data_manager_view WHERE project_id = :project")
        with self._reading() as connection:
            titles = [str((_json(data) or {}).get("title", "")) for (data,) in connection.execute(asked, {"project": project})]
        numbers = [each.rpartition(" ") for each in titles]
        return max((int(number) for head, _, number in numbers if head == TITLE and number.isdecimal()), default=0)

    def counts(self, project: int) -> Counts:
        """Return how much there is."""
        asked = text(
            "SELECT (SELECT count(*) FROM task WHERE project_id = :project),"
            " (SELECT count(*) FROM task_completion WHERE project_id = :project)"
        )
        with self._reading() as connection:
            return Counts(*connection.execute(asked, {"project": project}).one())

    def stamps(self, project: int, since: datetime | None = None) -> Iterator[tuple[Stamp, ...]]:
        """Yield the tasks in order of id."""
        where, told = self._where(project, Wanted(since))
        asked = text(f"SELECT t.id, t.updated_at FROM task t WHERE {where} ORDER BY t.id")  # noqa: S608  no outside text in it
        with self._reading() as connection:
            for part in connection.execution_options(yield_per=_ROWS).execute(asked, told).partitions(_ROWS):
                yield tuple(Stamp(task, _moment(stamp)) for task, stamp in part)

    def answers(self, project: int, wanted: Wanted) -> Generator[Read, None, None]:
        """Yield the wanted tasks with their answers, all as they stood at one moment."""
        for some in _groups(wanted):
            yield from self._answers(project, some)

    def _answers(self, project: int, wanted: Wanted) -> Iterator[Read]:
        where, told = self._where(project, wanted)
        key = "t.data->>'item_key'" if self._postgres else "json_extract(t.data, '$.item_key')"
        result = "a.result::text" if self._postgres else "a.result"
        columns = ", ".join(result if name == "result" else f"a.{name}" for name in _ANSWER)
        asked = text(
            f"SELECT t.id, {key}, t.updated_at, {columns} FROM task t"  # noqa: S608  no outside text in it
            f" LEFT JOIN task_completion a ON a.task_id = t.id WHERE {where} ORDER BY t.id, a.id"
        )
        with self._reading() as connection:
            current: Read | None = None
            found: list[Mapping[str, Any]] = []
            for task, item_key, stamp, *answer in connection.execution_options(yield_per=_ROWS).execute(asked, told):
                if current is None or current.task != task:
                    if current is not None:
                        yield Read(current.task, current.item_key, current.updated_at, tuple(found))
                    current, found = Read(task, item_key, _moment(stamp), ()), []
                if answer[0] is not None:
                    found.append(_raw(answer))
            if current is not None:
                yield Read(current.task, current.item_key, current.updated_at, tuple(found))

    def _where(self, project: int, wanted: Wanted) -> tuple[str, dict[str, Any]]:
        told: dict[str, Any] = {"project": project}
        where = "t.project_id = :project"
        if wanted.since is not None:
            where += " AND t.updated_at >= :since"
            told["since"] = wanted.since if self._postgres else wanted.since.strftime("%Y-%m-%d %H:%M:%S.%f")
        if wanted.ranges:
            where += " AND (" + " OR ".join(f"t.id BETWEEN {int(low)} AND {int(high)}" for low, high in wanted.ranges) + ")"
        return where, told

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            hint = "check the address and that its user may read; without an address sync reads over the API"
            raise ServiceUnavailable(f"cannot read Label Studio's database: {error.orig}", hint) from error


def _engine(address: str) -> Engine:
    try:
        url = make_url(address)
    except ArgumentError:
        raise Misconfigured(
            "the address of Label Studio's database cannot be read", "use postgresql://… or sqlite:///FILE"
        ) from None
    if url.get_backend_name() == "postgresql":
        options = "-c default_transaction_read_only=on"
        return create_engine(
            url.set(drivername="postgresql+psycopg"), connect_args={"options": options}, isolation_level="REPEATABLE READ"
        )
    if url.get_backend_name() == "sqlite" and url.database:
        read_only = URL.create("sqlite", database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
        return create_engine(read_only, connect_args={"timeout": 60})
    raise Misconfigured(f"Label Studio has no database on {url.get_backend_name()}", "use postgresql://… or sqlite:///FILE")


def _check(connection: Connection) -> None:
    known = inspect(connection)
    tables = set(known.get_table_names())
    missing = sorted(set(_COLUMNS) - tables) or [
        f"{table}.{column}"
        for table, columns in _COLUMNS.items()
        for column in sorted(columns - {each["name"] for each in known.get_columns(table)})
    ]
    if missing:
        raise Misconfigured(f"that is no database of Label Studio {VERSION}: it has no {missing[0]}", "leave the address out")
    asked = text("SELECT app, max(name) FROM django_migrations WHERE app IN :apps GROUP BY app")
    rows = connection.execute(asked.bindparams(bindparam("apps", expanding=True)), {"apps": list(_MIGRATIONS)})
    last = {str(app): str(name) for app, name in rows}
    for app, name in _MIGRATIONS.items():
        if last.get(app) != name:
            raise Misconfigured(
                f"that database is of another Label Studio than {VERSION}: its last migration of {app} is {last.get(app)}",
                "leave the address out: over the API other versions may work",
            )


def _groups(wanted: Wanted) -> Iterator[Wanted]:
    if not wanted.ranges:
        yield wanted
    for start in range(0, len(wanted.ranges), 200):
        yield Wanted(wanted.since, wanted.ranges[start : start + 200])


def _raw(answer: list[Any]) -> dict[str, Any]:
    """Return an answer as the API's listings show it."""
    found = dict(zip(_ANSWER, answer, strict=True))
    for name in ("completed_by", "updated_by", "parent_prediction", "parent_annotation"):
        found[name] = found.pop(f"{name}_id")
    found["task"] = found.pop("task_id")
    uid = found["unique_id"]
    return {
        **found,
        "unique_id": None if uid is None else str(UUID(str(uid))),
        "was_cancelled": bool(found["was_cancelled"]),
        "ground_truth": bool(found["ground_truth"]),
        "created_at": _stamp(found["created_at"]),
        "updated_at": _stamp(found["updated_at"]),
        "result": _json(found["result"]),
    }


def _json(value: Any) -> Any:
    return _decoder.decode(value) if isinstance(value, str) else value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _stamp(value: Any) -> str:
    return _moment(value).isoformat().replace("+00:00", "Z")
