"""Answers into the ledger alone, as sync writes them, its invariants checked after: SQLite, and PostgreSQL if there is one.

`YUELU_BENCH_POSTGRES` is the address of an empty database.
"""

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

from drawing_table_site import MADE, PROJECT, SITE, TEMPLATE, keys, result, workspace
from measuring import OURS, PARTS, Row, Settings, memory_mb, timed
from sqlalchemy import func, insert, select, text

from yuelu.annotate.label_studio.reading import Read
from yuelu.annotate.label_studio.sites import places
from yuelu.base.ledger.log import EventRow, broken
from yuelu.base.ledger.reading import ReadPlaceRow
from yuelu.base.ledger.work import AnnotationRow
from yuelu.base.workspace import Workspace
from yuelu.pipelines.reading.place import Reading
from yuelu.pipelines.reading.write import CHUNK, Moment, write


def rows(settings: Settings) -> list[Row]:
    """Return sync's own way of writing, and bare rows without events, on each database."""
    tasks = 2_000 if settings.quick else 20_000
    addresses = {"SQLite": None}
    if "YUELU_BENCH_POSTGRES" in os.environ:
        addresses["PostgreSQL"] = os.environ["YUELU_BENCH_POSTGRES"]
    return [row for name, address in addresses.items() for row in _rows(settings, name, address, tasks)]


def _rows(settings: Settings, name: str, address: str | None, tasks: int) -> Iterator[Row]:
    space = workspace(settings.folder / name, None, tasks, address)
    with space.ledger.transaction("bench") as t:
        t.session.add(ReadPlaceRow(site=SITE, server_project=1, number=1, confirmed=1, read_at=None))
    with space.ledger.reading() as session:
        reading = Reading(places(session, PROJECT)[0], 1, None)
    reads = list(_reads(tasks))
    job = f"{2 * tasks} answers of five boxes into the ledger, {name}"

    def all_written() -> None:
        for start in range(0, tasks, CHUNK):
            report = write(space.ledger, reading, TEMPLATE, reads[start : start + CHUNK], Moment(MADE))
            assert report.rejected == 0, report.reasons

    cpu, wall = timed(all_written)
    _check(space, 2 * tasks)
    note = f"{2 * tasks / wall:.0f} answers/s by the clock; log whole, each version once"
    yield Row(job, "sync's way: parsed, checked, with events", OURS, 2 * tasks, cpu, wall, memory_mb=memory_mb(), note=note)
    cpu, wall = timed(lambda: _bare(space))
    yield Row(
        job, "the same rows copied bare", PARTS, 2 * tasks, cpu, wall, note=f"{2 * tasks / wall:.0f} answers/s by the clock"
    )
    space.ledger.close()


def _reads(tasks: int) -> Iterator[Read]:
    results, stamp = [result(seed) for seed in range(7)], MADE.isoformat()
    for number, key in enumerate(keys(tasks), 1):
        answers = tuple(_answer(number, user, results[number % 7], stamp) for user in (2, 3))
        yield Read(number, key, MADE, answers)


def _answer(task: int, user: int, told: list[dict[str, Any]], stamp: str) -> dict[str, Any]:
    uid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{task} {user}"))
    sender = {"id": task * 10 + user, "unique_id": uid, "completed_by": user, "updated_by": user}
    return {**sender, "result": told, "was_cancelled": False, "created_at": stamp, "updated_at": stamp, "lead_time": 1.5}


def _bare(space: Workspace) -> None:
    """Write the rows once more into a table without keys: what no way of writing them can leave out."""
    columns = list(AnnotationRow.__table__.columns)
    with space.ledger.engine.begin() as connection:
        connection.execute(text("CREATE TABLE bare AS SELECT * FROM annotations WHERE 1 = 0"))
        table = AnnotationRow.__table__.to_metadata(type(AnnotationRow.metadata)(), name="bare")  # type: ignore[attr-defined]
        for start in range(0, 10**9, 2 * CHUNK):
            asked = select(*columns).order_by(AnnotationRow.uid).offset(start).limit(2 * CHUNK)
            some = [dict(row._mapping) for row in connection.execute(asked)]
            if not some:
                break
            connection.execute(insert(table), some)


def _check(space: Workspace, number: int) -> None:
    """I2: each version has one event and the log is whole; I1: nothing is missing."""
    with space.ledger.reading() as session:
        assert session.scalar(select(func.count()).select_from(AnnotationRow)) == number
        events = Counter(session.scalars(select(EventRow.subject).where(EventRow.action == "annotation.synced")))
        assert events == Counter(f"{uid}/1" for uid in session.scalars(select(AnnotationRow.uid)))
        assert list(broken(session)) == []
