"""Answers that a real Label Studio took from the gateway and lost before they were read: its database was put back."""

from pathlib import Path
from typing import Any

import pytest
from crews import Crew, back_up, put_back, result
from sqlalchemy import select

from yuelu.annotate.answers import answer_uid
from yuelu.annotate.incoming import Incoming
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.sites import Sender
from yuelu.annotate.losses import losses
from yuelu.annotate.results import Item, to_result
from yuelu.annotate.submissions import record
from yuelu.annotate.tasks import batch_id
from yuelu.annotate.templates import load_template
from yuelu.base.errors import WentBack
from yuelu.base.ledger.packets import SubmissionRow
from yuelu.base.ledger.work import AnnotationRow
from yuelu.base.records import Choice
from yuelu.pipelines.forward import ForwardReport, forward
from yuelu.pipelines.replay import ReplayReport, replay
from yuelu.pipelines.sync import SyncReport

pytestmark = pytest.mark.integration
PERSON = "d"  # the others are programs, whose answers need not have come through the gateway


def scene(label: str) -> list[Any]:
    return to_result((Choice("scene", (label,)),), load_template("image-boxes"), [Item(width_px=200, height_px=100)])


class Desk:
    """Somebody who answers through the gateway, in two projects on one server."""

    def __init__(self, bench: Any) -> None:
        self.bench, self.sent = bench, dict[str, list[Any]]()
        self.quiet = Crew(bench, bench.site.name, assets=4, overlap=4)  # not read again after the backup
        self.held = Crew(bench, bench.site.name, assets=2, overlap=4, template="image-boxes")  # read again

    def send(self, crew: Crew, number: int, content: list[Any]) -> str:
        """Have an answer written down and acknowledged; return its id."""
        key = crew.tasks[number].item_key
        uid = record(self.bench.workspace.ledger, Incoming(PERSON, key, content)).uid
        self.sent[uid] = content
        return uid

    def forward(self) -> ForwardReport:
        def sender(name: str) -> tuple[Client, int | None]:
            return self.bench.annotator(name), None

        return forward(self.bench.workspace, self.bench.site.name, sender)

    def answer(self, crew: Crew, number: int, name: str, content: list[Any]) -> int:
        """Let a program answer on the server itself; return the server's id of that."""
        task = crew.tasks[number]
        uid = answer_uid(task.item_key, name)
        with self.bench.annotator(name) as client:
            made = client.submit(task.server_task, content, lead_time_s=1.0, uid=uid)
        self.sent[uid] = content
        return int(made.annotation)

    def there_as(self, uid: str) -> int:
        """Return the server's id of an answer, as it was told when it was delivered."""
        with self.bench.workspace.ledger.reading() as session:
            rows = select(SubmissionRow.server_annotation).where(SubmissionRow.uid == uid)
            return max(int(each) for each in session.scalars(rows) if each is not None)


def test_what_was_delivered_and_never_read_is_sent_again(bench: Any, label_studio_env: Path) -> None:
    desk = Desk(bench)
    quiet, held, ledger = desk.quiet, desk.held, bench.workspace.ledger
    first = desk.send(quiet, 0, result(2.0))
    desk.send(held, 0, scene("medical"))
    assert desk.forward() == ForwardReport(delivered=2)
    assert (quiet.sync().new, held.sync().new) == (1, 1)
    backup = back_up(bench.site)
    desk.answer(held, 1, "a", scene("everyday"))
    assert held.sync().new == 1  # so that this project shows a reading that the backup does not know
    desk.send(quiet, 0, result(2.5))
    lost = desk.send(quiet, 1, result(1.0))
    desk.send(held, 0, scene("industrial"))
    desk.send(held, 1, scene("material"))
    assert desk.forward() == ForwardReport(delivered=4)
    before = desk.there_as(lost)
    put_back(label_studio_env, bench.site, backup)

    # People go on, and ids are given out again: one is that of an answer which the site was once given.
    ids = (desk.answer(quiet, number, name, result(3.0)) for number in (2, 3) for name in "abc")
    assert before in ids
    assert quiet.sync().vanished == 0  # nothing tells it that anything is missing
    desk.send(quiet, 1, result(1.5))
    assert desk.forward() == ForwardReport(delivered=1)
    report = quiet.sync(full=True)
    assert (report.updated, report.vanished, report.rejected, report.lost) == (0, 0, 0, 1)
    with ledger.reading() as session:
        assert losses(session, batch_id(quiet.project), quiet.site, ledger.now()) == ()  # it waits to be sent
    assert desk.forward() == ForwardReport(delivered=1)
    assert quiet.sync().updated == 1
    mine = {uid: content for uid, content in desk.sent.items() if uid in quiet.live()}
    assert quiet.sync(full=True).lost == 0

    with pytest.raises(WentBack, match="went back in time"):
        held.sync()
    senders = {name: Sender(bench.annotator(name), None) for name in "abcd"}
    with bench.admin() as admin:
        done = replay(bench.workspace, held.project, admin, held.site, senders.__getitem__)
        assert (done.answers, done.changed, done.deleted, done.to_forward) == (1, 0, 0, 2)
        assert desk.forward() == ForwardReport(delivered=2)
        report = held.sync(full=True)
        assert (report.new, report.updated, report.vanished, report.rejected, report.lost) == (1, 1, 0, 0, 0)
        assert replay(bench.workspace, held.project, admin, held.site, senders.__getitem__) == ReplayReport()
    for sender in senders.values():
        sender.client.close()
    assert held.sync() == SyncReport(unchanged=3)
    assert held.live() == desk.sent
    assert {first, lost} < mine.keys()
    versions = {row.uid: row.version for row in bench.rows(AnnotationRow, AnnotationRow.uid, AnnotationRow.version)}
    assert (versions[first], versions[lost]) == (2, 1)
