"""Packets: which annotators answer which task. The same tasks and people give the same packets everywhere."""

import heapq
from collections.abc import Mapping, Sequence

from sqlalchemy import select

from yuelu.annotate.tasks import project_row
from yuelu.base.canonical import digest
from yuelu.base.errors import InvalidRecord
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.work import BatchRow, PacketRow, TaskRow


def assign(
    item_keys: Sequence[str], annotators: Sequence[str], overlap: int, loads: Mapping[str, int] | None = None
) -> tuple[tuple[str, str], ...]:
    """Return (item_key, annotator) pairs: `overlap` annotators for each task, their numbers of tasks at most 1 apart.

    `loads` are tasks that annotators have already; who has fewer comes first, and a hash decides between equals, so
    that the same people do not always meet. Raises InvalidRecord: fewer annotators than `overlap`.
    """
    people = sorted(set(annotators))
    if not 1 <= overlap <= len(people):
        raise InvalidRecord(f"{overlap} answers wanted from {len(people)} annotators", "add annotators, or lower the overlap")
    load = {person: (loads or {}).get(person, 0) for person in people}
    pairs: list[tuple[str, str]] = []
    for key in sorted(set(item_keys)):
        order = {person: (load[person], digest([key, person])) for person in people}
        for person in sorted(heapq.nsmallest(overlap, people, key=order.__getitem__)):
            load[person] += 1
            pairs.append((key, person))
    return tuple(pairs)


def lease(ledger: Ledger, actor: str, project: str, annotators: Sequence[str]) -> int:
    """Assign the project's new tasks that nobody has yet; return how many. Safe to repeat. Raises InvalidRecord, NotFound.

    Rounds are assigned each by itself, so what one round decides does not depend on how far the others are.
    """
    with ledger.transaction(actor) as t:
        overlap = project_row(t.session, project).overlap
        held = select(PacketRow.item_key)
        batches = select(BatchRow.id).where(BatchRow.project == project)
        free = select(TaskRow.item_key, TaskRow.round).where(
            TaskRow.batch.in_(batches), TaskRow.state == "new", TaskRow.item_key.not_in(held)
        )
        rounds: dict[int, list[str]] = {}
        for key, round_ in t.session.execute(free):
            rounds.setdefault(round_, []).append(key)
        for round_, keys in sorted(rounds.items()):
            pairs = assign(keys, annotators, overlap)
            t.add_new(PacketRow, [{"item_key": key, "annotator": annotator} for key, annotator in pairs])
            t.event("packets.leased", project, after=digest([list(pair) for pair in pairs]), reason=f"round {round_}")
        return sum(map(len, rounds.values()))
