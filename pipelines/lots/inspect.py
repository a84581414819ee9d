"""The steps of an inspection. Each may be killed and run again; none does finished work twice."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from sqlalchemy import select

from yuelu.annotate.tasks import open_rework
from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, InvalidRecord, NotAllowed, NotFound
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.lots import LotItemRow, LotRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, TaskRow
from yuelu.base.workspace import Workspace
from yuelu.pipelines.lots.offer import contents_of, keep_list, keys_of, offer, read_list, the_company, worked_on
from yuelu.pipelines.named import batch_named
from yuelu.pipelines.released_tasks import chunks
from yuelu.quality.lots import book
from yuelu.quality.lots.classes import DEFECTS, ClassPlan, ClassResult, Terms, class_plan, judged, plan_from_json, to_draw
from yuelu.quality.lots.curve import Counting
from yuelu.quality.lots.draw import draw as draw_sample
from yuelu.quality.lots.switching import Standing

_ROLE = "curator"


@dataclass(frozen=True, slots=True)
class Contract:
    """What was agreed about inspection: the inspection level, what is counted, and the terms of each class."""

    classes: tuple[Terms, ...]
    level: str = "II"
    counting: Counting = "items"

    def __post_init__(self) -> None:
        names = [terms.defect for terms in self.classes]
        if not names or len(set(names)) < len(names):
            raise InvalidRecord(f"terms for {', '.join(names) or 'no class'}", "give each class once, at least one")


@dataclass(frozen=True, slots=True)
class Record:
    """How one drawn item was found: nonconformities by class, none when it conforms, with the codes of their reasons."""

    item_key: str
    reviewer: str
    found: Mapping[str, int] = field(default_factory=dict)
    codes: tuple[str, ...] = ()
    comment: str = ""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.found) - set(DEFECTS)):
            raise InvalidRecord(f"{self.item_key}: no class {unknown[0]!r}", f"classes: {', '.join(DEFECTS)}")
        if any(count < 0 for count in self.found.values()) or not self.reviewer.strip():
            raise InvalidRecord(
                f"{self.item_key}: {dict(self.found)} by {self.reviewer!r}", "need counts of 0 or more, and a name"
            )


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about a lot, by class, and where the switching rules stood before and stand now."""

    lot: str
    accepted: bool
    resubmitted: bool
    results: tuple[ClassResult, ...]
    moved: Mapping[str, tuple[Standing, Standing]]

    def to_json(self) -> dict[str, Any]:
        """Return the decision as JSON."""
        classes = [{**asdict(each), "accepted": each.accepted} for each in self.results]
        moved = {name: {"before": asdict(before), "after": asdict(now)} for name, (before, now) in self.moved.items()}
        told = {"lot": self.lot, "accepted": self.accepted, "resubmitted": self.resubmitted}
        return {**told, "classes": classes, "switching": moved}


def draw(
    workspace: Workspace, batch: str, contract: Contract, *, seed: str, actor: str, company: str | None = None, again: str = ""
) -> LotRow:
    """Freeze what the company offers of the batch, and draw a sample of it; return the lot.

    The list is in the ledger before the seed is used. A lot that waits for its decision is returned as it was drawn; with
    `again`, the reason, it becomes void and another is drawn. Raises NotFound, Conflict, IllegalMove.
    """
    lot, fresh = _freeze(workspace, batch, contract, actor=actor, company=company, again=again)
    if not fresh:
        return lot
    ledger = workspace.ledger
    with ledger.transaction(actor, _ROLE) as t:
        row = book.lot_row(t.session, lot.id, locked=True)
        if row.state == "frozen":
            listed = read_list(workspace.store, row.list_digest)
            plans = [plan_from_json(data) for data in row.classes]
            contents = dict(entry.split(" ") for entry in listed)
            book.record_draw(t, row, draw_sample(listed, to_draw(plans), seed), contents, ledger.now())
        t.session.flush()
        t.session.expunge(row)
    return row


def _freeze(
    workspace: Workspace, batch: str, contract: Contract, *, actor: str, company: str | None, again: str
) -> tuple[LotRow, bool]:
    """Return the lot, and whether it waits to be drawn."""
    with workspace.ledger.transaction(actor, _ROLE) as t:
        found = batch_named(t.session, batch)
        firm = the_company(t.session, found.id, company)
        book.lock(t, firm)
        offered = offer(t.session, workspace.store, found.id, firm)
        if not offered.contents:
            raise NotFound(
                f"{firm} offers nothing of batch {found.id[:12]}", "its answers wait for 'yuelu gate', or were accepted"
            )
        lots = t.session.scalars(select(LotRow).where(LotRow.batch == found.id, LotRow.company == firm).order_by(LotRow.number))
        earlier = list(lots)
        waiting = next((row for row in earlier if row.state in ("frozen", "drawn")), None)
        work = _work(t, found)
        plans = _plans(t, contract, (firm, work), len(offered.contents))
        if waiting is not None and not _superseded(t, waiting, offered.list_digest, plans, again):
            t.session.flush()
            t.session.expunge(waiting)
            return waiting, waiting.state == "frozen"
        keep_list(workspace.store, offered)
        number = len(earlier) + 1
        row = LotRow(
            id=digest({"batch": found.id, "company": firm, "number": number}), batch=found.id, company=firm, number=number,
            work=work, state="frozen", list_digest=offered.list_digest, size=len(offered.contents), level=contract.level,
            counting=contract.counting, classes=[plan.to_json() for plan in plans], resubmitted=offered.resubmitted, seed=None,
            frozen_at=workspace.ledger.now(), drawn_at=None, decided_at=None, accepted=None,
        )  # fmt: skip
        t.session.add(row)
        t.event("lot.frozen", row.id, after=row.list_digest, reason=f"{row.size} items of {firm}, {work}")
        t.session.flush()
        t.session.expunge(row)
    return row, True


def _work(t: Transaction, batch: BatchRow) -> str:
    project = t.session.get_one(ProjectRow, batch.project)
    return f"{project.medium}/{project.template}"


def _plans(t: Transaction, contract: Contract, whose: tuple[str, str], size: int) -> list[ClassPlan]:
    standings = {terms.defect: book.standing_of(t.session, book.History(*whose, terms.defect)) for terms in contract.classes}
    return [
        class_plan(terms, size, contract.level, standings[terms.defect].severity, contract.counting) for terms in contract.classes
    ]


def _superseded(t: Transaction, row: LotRow, list_digest: str, plans: list[ClassPlan], again: str) -> bool:
    """Make the waiting lot void where that is asked for or due; return whether it is. Raises Conflict: it differs."""
    due = {plan.defect: plan.severity for plan in plans}
    was = {data["defect"]: data["severity"] for data in row.classes}
    if again or due != was:
        why = again or f"inspection is now {', '.join(f'{name} {severity}' for name, severity in due.items())}"
        book.move_lot(t, row, "void", reason=why)
        return True
    if row.list_digest != list_digest or row.classes != [plan.to_json() for plan in plans]:
        hint = "decide it first, or draw again with --again REASON, which stands in the log"
        raise Conflict(f"lot {row.id[:12]} was drawn from another list, or by other terms", hint)
    return False


def inspect(workspace: Workspace, lot: str, records: Sequence[Record], *, actor: str) -> int:
    """Write how drawn items were found; return how many records are new. The last one about an item stands until the decision.

    All are written, or none. Raises NotFound, NotAllowed: the reviewer worked on the item. Raises Conflict: it was decided,
    or the answers changed since the draw.
    """
    ledger = workspace.ledger
    with ledger.transaction(actor, "reviewer") as t:
        row = book.lot_row(t.session, lot, locked=True)
        if row.state != "drawn":
            raise Conflict(f"lot {row.id[:12]} is {row.state}", "records are taken between the draw and the decision")
        items = {item.item_key: item for item in book.items_of(t.session, row.id)}
        new = 0
        for record in records:
            item = _item(items, record.item_key)
            if record.reviewer in worked_on(t.session, item.item_key):
                raise NotAllowed(f"{record.reviewer} worked on {item.item_key[:12]}", "another person must inspect it")
            new += _write(t, row, item, record, ledger.now())
        _unchanged(t, row, [_item(items, record.item_key) for record in records])
    return new


def _item(items: Mapping[str, LotItemRow], key: str) -> LotItemRow:
    found = [items[key]] if key in items else [item for name, item in items.items() if key and name.startswith(key)]
    if len(found) != 1:
        raise NotFound(f"{key!r} is no drawn item of the lot", "see 'yuelu lot show'")
    return found[0]


def _write(t: Transaction, lot: LotRow, item: LotItemRow, record: Record, now: Any) -> bool:
    said = {name: count for name, count in sorted(record.found.items()) if count}
    values = {"reviewer": record.reviewer, "found": said, "codes": list(record.codes), "comment": record.comment or None}
    if {name: getattr(item, name) for name in values} == values:
        return False
    before = None if item.reviewer is None else digest({name: getattr(item, name) for name in values})
    for name, value in values.items():
        setattr(item, name, value)
    item.inspected_at = now
    t.event("lot.inspected", f"{lot.id} {item.item_key}", before=before, after=digest(values), reason=record.comment or None)
    return True


def _unchanged(t: Transaction, lot: LotRow, items: Sequence[LotItemRow]) -> None:
    now = contents_of(t.session, lot.company, sorted(item.item_key for item in items))
    changed = [item.item_key for item in items if now.get(item.item_key) != item.content]
    if changed:
        hint = "draw again with --again REASON: what was inspected is not what would be accepted"
        raise Conflict(f"{len(changed)} drawn items were answered anew since the draw, first {changed[0][:12]}", hint)


def decide(workspace: Workspace, lot: str, *, actor: str, steady: bool = False, approved: bool = False) -> Decided:
    """Decide a lot by the records of its drawn items, and move the switching rules; a decided lot is returned as decided.

    `steady` and `approved` are what reduced inspection needs. Raises Conflict: items are not inspected yet, or changed.
    Raises IllegalMove: another severity is due by now; draw it again.
    """
    ledger = workspace.ledger
    with ledger.transaction(actor, _ROLE) as t:
        book.lock(t, book.lot_row(t.session, lot).company)
        row = book.lot_row(t.session, lot, locked=True)
        items = book.items_of(t.session, row.id)
        plans = [plan_from_json(data) for data in row.classes]
        counting = cast("Counting", row.counting)
        missing = [item.item_key for item in items if item.reviewer is None]
        if row.state == "drawn" and missing:
            raise Conflict(
                f"{len(missing)} of {len(items)} drawn items are not inspected, first {missing[0][:12]}", "see 'yuelu lot show'"
            )
        counts = {plan.defect: [int(item.found.get(plan.defect, 0)) for item in items] for plan in plans}
        results = tuple(judged(plan, counts[plan.defect], row.size, counting) for plan in plans)
        moved: dict[str, tuple[Standing, Standing]] = {}
        if row.state != "decided":
            _unchanged(t, row, items)
            moved = book.record_results(t, row, results, ledger.now(), steady=steady, approved=approved)
        return Decided(row.id, bool(row.accepted), row.resubmitted, results, moved)


def resume(workspace: Workspace, history: book.History, action: str, *, actor: str) -> Standing:
    """Let discontinued inspection go on as tightened, after a corrective action. Raises IllegalMove, NotFound."""
    with workspace.ledger.transaction(actor, _ROLE) as t:
        book.lock(t, history.company)
        return book.record_resumption(t, history, action, workspace.ledger.now())


def send_back(workspace: Workspace, lot: str, reason: str, *, actor: str) -> int:
    """Send the tasks of a lot that was not accepted to rework; return how many went. What went before stays: run it again.

    Raises Conflict: the lot was accepted, or is not decided.
    """
    with workspace.ledger.reading() as session:
        row = book.lot_row(session, lot)
        if row.accepted is not False:
            raise Conflict(
                f"lot {row.id[:12]} is {'accepted' if row.accepted else row.state}", "only what was not accepted goes back"
            )
        named, keys = row.id[:12], keys_of(read_list(workspace.store, row.list_digest))
    sent = 0
    for some in chunks(keys):
        with workspace.ledger.transaction(actor, _ROLE) as t:
            for key in some:
                if t.session.get_one(TaskRow, key, with_for_update=True).state in ("submitted", "accepted"):
                    open_rework(t, key, f"lot {named}: {reason}")
                    sent += 1
    return sent
