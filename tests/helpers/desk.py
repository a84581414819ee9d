"""A lab whose tasks lie on a drawing table, and somebody who syncs: for tests of sync without a real server."""

from collections import Counter
from typing import Any

from drawing_table import DrawingTable
from sqlalchemy import select, update

from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.results import Item, to_result
from yuelu.annotate.tasks import batch_id
from yuelu.annotate.templates import load_template
from yuelu.base.ledger.log import EventRow, broken
from yuelu.base.ledger.places import OutboxRow, PlaceRow
from yuelu.base.ledger.work import AccountRow, AnnotationRow, SiteRow, TaskRow
from yuelu.base.records import Box, Choice, Region
from yuelu.pipelines.sync import SyncReport, sync

PEOPLE = {"ann": 11, "bob": 12, "cat": 13}
TEMPLATE = load_template("image-boxes")
YEAR_S = 365 * 86_400.0


def regions(x: int) -> tuple[Region, ...]:
    return (Choice("scene", ("medical",)), Box("b", "object", "part", 0, float(x), 2.0, 30.0, 40.0))


def result(x: int = 1) -> list[Any]:
    return to_result(regions(x), TEMPLATE, [Item(width_px=640, height_px=480)])


class Desk:
    """A lab whose three tasks lie on a drawing table, and somebody who syncs."""

    def __init__(self, lab: Any, site: str = "site", names: tuple[str, ...] = ("cat", "coins", "chair")) -> None:
        self.lab, self.site, self.table = lab, site, DrawingTable()
        self.keys = [lab.key(name) for name in names]
        with lab.ledger.transaction("test") as t:
            t.add_new(SiteRow, [{"name": site, "url": f"http://{site}", "version": "v", "problems": []}])
            for name, user in PEOPLE.items():
                t.add_new(AccountRow, [{"annotator": name, "site": site, "user_id": user, "email": name}])
            place = {"batch": batch_id("p"), "site": site, "server_project": self.table.project}
            t.add_new(PlaceRow, [{**place, "config_digest": "d", "synced_at": None}])
            self.tasks = [self.table.add_task(key) for key in self.keys]
            for key, there in zip(self.keys, self.tasks, strict=True):
                sent = {"item_key": key, "batch": batch_id("p"), "site": site, "state": "sent"}
                t.add_new(OutboxRow, [{**sent, "server_task": there, "data_digest": None}])
                placed = update(TaskRow).where(TaskRow.item_key == key)
                t.session.execute(placed.values(state="dispatched", site=site, server_task=there))

    def client(self) -> Client:
        return Client("http://ls", "refresh", transport=self.table.transport(), sleep=lambda _: None)

    def sync(self, **how: Any) -> SyncReport:
        self.table.tick()
        with self.client() as client:
            return sync(self.lab.workspace, "p", client, self.site, **how)

    def answers(self) -> dict[str, tuple[int, bool, Any]]:
        """Return version, whether it is a tombstone, and the result of the last version of every answer."""
        return {row["uid"]: (row["version"], row["vanished"], row["raw"]) for row in self.lab.all(AnnotationRow)}

    def check_ledger(self) -> None:
        """Each version has exactly one event, and the log is whole."""
        rows = {f"{row['uid']}/{row['version']}" for row in self.lab.all(AnnotationRow)}
        with self.lab.ledger.reading() as session:
            told = select(EventRow.subject).where(EventRow.action.in_(("annotation.synced", "annotation.vanished")))
            events = Counter(session.scalars(told))
            assert list(broken(session)) == []
        assert events == Counter(rows)
