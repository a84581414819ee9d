"""A delivery sheet before an ingest: checked against everything that is listed, then written, then spoken for each object."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.canonical import keyed
from yuelu.base.errors import Conflict, Misconfigured
from yuelu.base.ledger.deliveries import DeliveryRow, SheetRow
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.media import CollectionRow, ListingRow
from yuelu.base.records import Outcome
from yuelu.base.workspace import Workspace
from yuelu.datasets.governance import grade_of
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.ingest.rows import register
from yuelu.pipelines.sources.port import Listed, Opened, Source
from yuelu.pipelines.sources.sheet import VALUES, Row, Sheet

_AT_ONCE = 500  # objects in one transaction
_SHOWN = 3  # of many that are wrong in the same way


class Link(NamedTuple):
    """An object, and the row of the sheet that speaks for it."""

    source: str
    path: str
    line: int


@dataclass(frozen=True)
class Described:
    """A source whose objects belong to the groups that a sheet gives. To workers it travels without the sheet."""

    source: Source
    sheet: Sheet
    groups: Mapping[int, str]  # keyed hashes, by line
    objects: int  # that were there when the sheet was checked

    def __reduce__(self) -> tuple[object, ...]:
        return _itself, (self.source,)

    @property
    def address(self) -> str:
        """The address of the source itself."""
        return self.source.address

    def count(self) -> int:
        """Return how many objects to expect."""
        return self.objects

    def listed(self) -> Iterator[Listed]:
        """Yield the objects with their groups."""
        for one in self.source.listed():
            row = self.sheet.row_of(one.path)
            if row is None:  # it came after the sheet was checked
                yield replace(one, problem=one.problem or "no row of the delivery sheet speaks for it")
            else:
                yield replace(one, group=self.groups.get(row.line))

    def opened(self, listed: Listed) -> AbstractContextManager[Opened]:
        """Return the object, open."""
        return self.source.opened(listed)

    def uri(self, listed: Listed) -> str:
        """Return the address of the object."""
        return self.source.uri(listed)


def _itself(source: Source) -> Source:
    return source


def collection_of(sheet: Sheet, name: str, said: Mapping[str, str | None]) -> Collection:
    """Return the collection: what was `said` for all, else what all rows agree on; its grade is the highest of all.

    Raises Misconfigured: several owners, bases or terms, and none said for the collection as a whole.
    """
    rows = list(sheet.rows.values())
    whole = {field: said.get(field) or _agreed(rows, field) for field in ("owner", "legal_basis", "terms")}
    for field, value in whole.items():
        if value is None:
            raise Misconfigured(
                f"{sheet.name}: the rows do not agree on one {field}",
                f"give --{field.replace('_', '-')} for the whole collection",
            )
    grades = {row.grade: row for row in rows if row.grade is not None}
    if said.get("grade"):
        grades.setdefault(str(said["grade"]), rows[0])
    for grade, row in grades.items():
        try:
            grade_of({grade, "general"} if len(grades) > 1 else {grade})  # one of an owner's own may stand alone
        except Misconfigured as error:
            raise Misconfigured(f"{sheet.place(row)}: grade {grade!r}: {error.problem}", error.hint) from None
    category = said.get("category") or _agreed(rows, "category")
    return Collection(
        name,
        str(whole["owner"]),
        str(whole["legal_basis"]),
        grade_of(grades) if grades else "general",
        str(whole["terms"]),
        category,
    )


def _agreed(rows: Iterable[Row], field: str) -> str | None:
    values = {getattr(row, field) for row in rows}
    return values.pop() if len(values) == 1 else None


def deliver(
    workspace: Workspace, sources: Sequence[Source], collection: Collection, sheet: Sheet, actor: str = "ingest"
) -> tuple[list[Source], Collection]:
    """Write what the sheet says of every object; return what to ingest: the sources with their groups, and the collection.

    Everything is listed once before anything is written. Raises Misconfigured: an object that no row speaks for, a row that
    speaks for none. Raises Conflict: another group for what was accepted already.
    """
    groups = {row.line: keyed(workspace.secret, "group", row.group) for row in sheet.rows.values() if row.group is not None}
    with tempfile.TemporaryFile("w+", encoding="utf-8") as noted:  # however many there are, memory holds few
        objects = Counter[str]()
        for one in check(sheet, (one for source in sources for one in source.listed())):
            noted.write(json.dumps(one) + "\n")
            objects[one.source] += 1
        noted.seek(0)
        collection = _graded(workspace, collection, actor)
        register(workspace.ledger, collection, actor)
        with workspace.ledger.transaction(actor) as t:
            t.add_new(SheetRow, [_sheet_row(sheet, row, groups) for row in sheet.rows.values()])
        while some := [Link(*json.loads(line)) for line in islice(noted, _AT_ONCE)]:
            with workspace.ledger.transaction(actor) as t:
                _write_links(t, collection.name, sheet, some)
    return [Described(source, sheet, groups, objects[source.address]) for source in sources], collection


def check(sheet: Sheet, listing: Iterable[Listed]) -> Iterator[Link]:
    """Yield which row speaks for each object. Raises Misconfigured at the end: rows and objects do not match."""
    idle, uncovered, more = dict(sheet.rows), list[str](), 0
    for one in listing:
        row = sheet.row_of(one.path)
        if row is not None:
            idle.pop(row.path, None)
            yield Link(one.source, one.path, row.line)
        elif len(uncovered) < _SHOWN:
            uncovered.append(one.path)
        else:
            more += 1
    if uncovered:
        raise Misconfigured(
            f"{sheet.name}: no row speaks for {_some(uncovered, more)}", "add rows for them, or for their folder; '.' is all"
        )
    if idle:
        rows = [f"{sheet.word} {row.line} ({row.path or '.'!r})" for row in islice(idle.values(), _SHOWN)]
        raise Misconfigured(
            f"{sheet.name}: {_some(rows, len(idle) - len(rows))} matches no file", "correct the path, or leave the row out"
        )


def _some(names: Sequence[str], more: int) -> str:
    return ", ".join(names) + (f" and {more} more" if more else "")


def _graded(workspace: Workspace, collection: Collection, actor: str) -> Collection:
    """Return the collection with the highest grade that it ever had; a higher one than before is written."""
    with workspace.ledger.transaction(actor) as t:
        row = t.session.get(CollectionRow, collection.name)
        if row is None:
            return collection
        grade = grade_of([row.grade, collection.grade])
        if grade != row.grade:
            t.event("raise grade", collection.name, reason=f"{row.grade} to {grade}: the highest of its parts")
            row.grade = grade
        return replace(collection, grade=grade)


def _sheet_row(sheet: Sheet, row: Row, groups: Mapping[int, str]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in VALUES}
    return {"sheet": sheet.sha256, "line": row.line, "path": row.path, **values, "group": groups.get(row.line)}


def _write_links(t: Transaction, collection: str, sheet: Sheet, links: Sequence[Link]) -> None:
    lines = {(link.source, link.path): link.line for link in links}
    among = DeliveryRow.source.in_({link.source for link in links}) & DeliveryRow.path.in_([link.path for link in links])
    asked = select(DeliveryRow).where(DeliveryRow.collection == collection, among)
    old = {(row.source, row.path): row for row in t.session.scalars(asked) if (row.source, row.path) in lines}
    _check_groups(t.session, collection, sheet, links, old)
    told = {"collection": collection, "sheet": sheet.sha256}
    new = [{**told, **link._asdict()} for link in links if (link.source, link.path) not in old]
    changed = [row for place, row in old.items() if (row.sheet, row.line) != (sheet.sha256, lines[place])]
    for row in changed:
        row.sheet, row.line = sheet.sha256, lines[row.source, row.path]
    if t.add_new(DeliveryRow, new) or changed:
        t.event("deliver", collection, after=sheet.sha256)


def _check_groups(
    session: Session, collection: str, sheet: Sheet, links: Sequence[Link], old: Mapping[tuple[str, str], DeliveryRow]
) -> None:
    """Raise Conflict: an accepted object would change its group, on which published splits may rest."""
    asked = select(ListingRow.source, ListingRow.path).where(
        ListingRow.collection == collection,
        ListingRow.outcome == Outcome.ACCEPTED,
        ListingRow.path.in_([link.path for link in links]),
    )
    accepted = {(source, path) for source, path in session.execute(asked)}
    for link in links:
        if (link.source, link.path) not in accepted:
            continue
        before = old.get((link.source, link.path))
        was = None if before is None else session.get_one(SheetRow, (before.sheet, before.line)).group
        if was != session.get_one(SheetRow, (sheet.sha256, link.line)).group:
            raise Conflict(
                f"{sheet.name}, {sheet.word} {link.line}: {link.path!r} was accepted with another group, or none",
                "groups stay as they are; ingest it into another collection",
            )


def delivered(session: Session, collection: str, path: str) -> dict[str, Any] | None:
    """Return what holds for the object at `path` of the collection: the sheet's values, else the collection's.

    Also which sheet says so, and where (`sheet`, `line`); None: it came without a sheet.
    """
    asked = (
        select(SheetRow, CollectionRow)
        .join(DeliveryRow, (DeliveryRow.sheet == SheetRow.sheet) & (DeliveryRow.line == SheetRow.line))
        .join(CollectionRow, CollectionRow.name == DeliveryRow.collection)
        .where(DeliveryRow.collection == collection, DeliveryRow.path == path)
    )
    found = session.execute(asked).first()
    if found is None:
        return None
    row, whole = found
    values = {name: getattr(row, name) or getattr(whole, name) for name in VALUES if name != "group"}
    return {**values, "group": row.group, "sheet": row.sheet, "line": row.line}
