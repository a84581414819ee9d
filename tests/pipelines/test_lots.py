"""Lots of a workspace: frozen, drawn, inspected, decided. Plans and switching are those of GB/T 2828.1-2012, tables 1, 2, 9.3."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, IllegalMove, InvalidRecord, Misconfigured, NotAllowed, NotFound
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.lots import LotItemRow, LotResultRow, LotRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.records import Choice
from yuelu.pipelines.lots.inspect import Contract, Record, decide, draw, inspect, resume, send_back
from yuelu.pipelines.lots.offer import read_list
from yuelu.quality.lots import classes
from yuelu.quality.lots.book import History, replayed, standing_of
from yuelu.quality.lots.classes import Terms
from yuelu.quality.lots.plans import lot_plan

BY: dict[str, Any] = {"actor": "buyer"}
MAJOR = Contract((Terms("major", aql=6.5),))  # 12 items, level II: letter B, arrow up to A: n=2, Ac=0
GOOD = (Choice("scene", ("medical",)),)
NAMES = tuple(f"picture {number}" for number in range(12))


@pytest.fixture
def offered(make_lab: Callable[..., Any]) -> Any:
    lab = make_lab(*NAMES)
    for name in NAMES:
        lab.answer(name, *[GOOD] * 3)
    return lab


def drawn(lab: Any, contract: Contract = MAJOR, **more: Any) -> LotRow:
    return draw(lab.workspace, "p", contract, **{"seed": "42", **BY, **more})


def sample(lab: Any, lot: LotRow) -> list[dict[str, Any]]:
    return sorted((row for row in lab.all(LotItemRow) if row["lot"] == lot.id), key=lambda row: row["rank"])


def look(lab: Any, lot: LotRow, *bad: int, name: str = "major") -> None:
    """Inspect all that was drawn; the items of the ranks in `bad` have one nonconformity."""
    records = [Record(row["item_key"], "rev", {name: 1} if row["rank"] in bad else {}) for row in sample(lab, lot)]
    inspect(lab.workspace, lot.id, records, actor="rev")


def test_the_draw_can_be_made_again_by_anybody(offered: Any) -> None:
    lot = drawn(offered)
    listed = read_list(offered.workspace.store, lot.list_digest)
    assert (lot.size, lot.state, lot.seed, lot.work, lot.company) == (12, "drawn", "42", "image/image-boxes", "ash")
    assert [entry.split(" ")[0] for entry in listed] == sorted(offered.key(name) for name in NAMES)
    assert digest(listed) == lot.list_digest
    # the documented rule, in words of its own: by the SHA-256 of seed, digest of the list and entry
    ranked = sorted(listed, key=lambda entry: hashlib.sha256(f"42\0{lot.list_digest}\0{entry}".encode()).hexdigest())
    assert [row["item_key"] for row in sample(offered, lot)] == [entry.split(" ")[0] for entry in ranked[:2]]
    told = [event["action"] for event in offered.all(EventRow)[-2:]]
    assert told == ["lot.frozen", "lot.drawn"]  # the list first


def test_a_draw_is_made_once(offered: Any) -> None:
    first = drawn(offered)
    before = offered.all(EventRow)
    again = drawn(offered, seed="another")
    assert (again.id, again.seed) == (first.id, "42")
    assert offered.all(EventRow) == before


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_draw_that_was_killed_after_freezing_goes_on(offered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("yuelu.pipelines.lots.inspect.read_list", killed)
        with pytest.raises(KeyboardInterrupt):
            drawn(offered)
    (row,) = offered.all(LotRow)
    assert (row["state"], row["seed"]) == ("frozen", None)
    assert drawn(offered).id == row["id"]
    assert len(offered.all(LotItemRow)) == 2


def test_a_lot_is_accepted_and_its_items_are_not_offered_again(offered: Any) -> None:
    lot = drawn(offered)
    with pytest.raises(Conflict, match="2 of 2 drawn items are not inspected"):
        decide(offered.workspace, lot.id, **BY)
    look(offered, lot)
    told = decide(offered.workspace, lot.id, **BY)
    assert (told.accepted, told.resubmitted) == (True, False)
    (result,) = told.results
    assert (result.found, result.plan.n, result.plan.ac) == (0, 2, 0)
    assert result.upper == pytest.approx(1 - 0.05 ** (1 / 2))  # Clopper-Pearson for 0 of n
    assert told.moved["major"][1].score == 2  # Ac is 0: 2 points (9.3.3.2)
    events = offered.all(EventRow)
    again = decide(offered.workspace, lot.id, **BY)
    assert (again.accepted, again.results, offered.all(EventRow)) == (True, told.results, events)
    with pytest.raises(NotFound, match="ash offers nothing of batch"):
        drawn(offered)
    with pytest.raises(Conflict, match="is decided\n  try: records are taken between"):
        look(offered, lot)
    with pytest.raises(Conflict, match="only what was not accepted goes back"):
        send_back(offered.workspace, lot.id, "why", **BY)


def test_a_refused_lot_goes_back_and_does_not_count_twice(offered: Any) -> None:
    lot = drawn(offered)
    look(offered, lot, 1)
    assert not decide(offered.workspace, lot.id, **BY).accepted
    assert send_back(offered.workspace, lot.id, "boxes are missing", **BY) == 12
    assert send_back(offered.workspace, lot.id, "boxes are missing", **BY) == 0
    assert set(map(tuple, offered.states().values())) == {("rework", "new")}
    with pytest.raises(NotFound, match="offers nothing"):
        drawn(offered)
    for name in NAMES:
        offered.answer(name, *[GOOD] * 3, round_=2)
    second = drawn(offered)
    assert (second.number, second.resubmitted) == (2, True)
    look(offered, second, 0)
    told = decide(offered.workspace, second.id, **BY)
    assert (told.accepted, told.resubmitted) == (False, True)
    assert told.moved["major"][0] == told.moved["major"][1]  # 9.3: original inspections only
    with offered.ledger.reading() as session:
        history = History("ash", "image/image-boxes", "major")
        assert replayed(session, history) == standing_of(session, history)
        assert standing_of(session, history).recent == (False,)


def series(lab: Any, outcomes: str, contract: Contract = MAJOR, **how: Any) -> list[str]:
    """Draw and decide lots of one new answer each, A accepted or R not; return the severity due after each."""
    seen: list[str] = []
    for number, outcome in enumerate(outcomes):
        name = NAMES[number]
        lab.answer(name, *[GOOD] * 3)
        lot = drawn(lab, contract)
        look(lab, lot, *(range(1) if outcome == "R" else ()))
        told = decide(lab.workspace, lot.id, **BY, **how)
        seen.append(told.moved["major"][1].severity)
        if outcome == "R":
            with lab.ledger.transaction("test") as t:  # what was refused is out of the way, so that the next lot is new
                t.session.get_one(TaskRow, lab.key(name)).state = "rejected"
    return seen


@pytest.fixture
def two_by_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let lots of one item be sampled as if they had two: the standard's table begins there."""
    real = lot_plan
    monkeypatch.setattr(classes, "lot_plan", lambda size, *rest: real(max(size, 2), *rest))
    monkeypatch.setattr(classes, "to_draw", lambda plans: 1)
    monkeypatch.setattr("yuelu.pipelines.lots.inspect.to_draw", lambda plans: 1)
    whole = classes.judged
    monkeypatch.setattr("yuelu.pipelines.lots.inspect.judged", lambda plan, counts, *rest: whole(plan, [*counts, 0], *rest))


@pytest.mark.usefixtures("two_by_two")
def test_two_refused_of_five_make_it_tightened_and_five_good_ones_normal_again(make_lab: Callable[..., Any]) -> None:
    lab = make_lab(*NAMES)
    # quality-methods: R A A A R is tightened at lot 5; then five consecutive accepted: normal (9.3.2)
    assert series(lab, "RAAARAAAAA") == ["normal"] * 4 + ["tightened"] * 5 + ["normal"]
    severities = [row["plan"]["severity"] for row in lab.all(LotResultRow)]
    assert severities == ["normal"] * 5 + ["tightened"] * 5
    switched = [event["reason"] for event in lab.all(EventRow) if event["action"] == "lot.switch"]
    assert switched == [
        "2 of 5 consecutive lots were not accepted",
        "5 consecutive lots were accepted under tightened inspection",
    ]


@pytest.mark.usefixtures("two_by_two")
def test_five_refused_when_tightened_end_it_until_something_is_done(make_lab: Callable[..., Any]) -> None:
    lab = make_lab(*NAMES)
    assert series(lab, "RRRRRRR")[1:] == ["tightened"] * 5 + ["discontinued"]
    lab.answer(NAMES[7], *[GOOD] * 3)
    with pytest.raises(IllegalMove, match="inspection for major is discontinued"):
        drawn(lab)
    history = History("ash", "image/image-boxes", "major")
    with pytest.raises(IllegalMove, match="name the corrective action"):
        resume(lab.workspace, history, "  ", **BY)
    assert resume(lab.workspace, history, "annotators were trained", **BY).severity == "tightened"
    assert drawn(lab).classes[0]["severity"] == "tightened"
    with lab.ledger.reading() as session:
        assert replayed(session, history) == standing_of(session, history)


def test_a_reviewer_never_worked_on_the_item(offered: Any) -> None:
    lot = drawn(offered)
    key = sample(offered, lot)[0]["item_key"]
    with pytest.raises(NotAllowed, match="bob worked on"):
        inspect(offered.workspace, lot.id, [Record(key, "bob")], actor="bob")
    assert inspect(offered.workspace, lot.id[:10], [Record(key[:10], "rev", {"major": 0})], actor="rev") == 1
    assert inspect(offered.workspace, lot.id, [Record(key, "rev")], actor="rev") == 0
    other = next(offered.key(name) for name in NAMES if offered.key(name) not in {r["item_key"] for r in sample(offered, lot)})
    before = offered.all(LotItemRow)
    with pytest.raises(NotFound, match="is no drawn item"):
        inspect(offered.workspace, lot.id, [Record(key, "rev", {"minor": 2}), Record(other, "rev")], actor="rev")
    assert offered.all(LotItemRow) == before  # all records or none


def test_answers_that_change_after_the_draw_stop_it(offered: Any) -> None:
    lot = drawn(offered)
    look(offered, lot)
    name = next(name for name in NAMES if offered.key(name) == sample(offered, lot)[1]["item_key"])
    offered.change(name, "ann", (Choice("scene", ("material",)),))
    with pytest.raises(Conflict, match="1 drawn items were answered anew since the draw"):
        decide(offered.workspace, lot.id, **BY)
    with pytest.raises(Conflict, match="was drawn from another list"):
        drawn(offered)
    second = drawn(offered, again="an answer was corrected")
    assert (second.number, [row["state"] for row in sorted(offered.all(LotRow), key=lambda row: row["number"])]) == (
        2,
        ["void", "drawn"],
    )
    assert "an answer was corrected" in [event["reason"] for event in offered.all(EventRow)]


def test_each_class_has_its_own_plan_and_looks_only_at_its_own_items(offered: Any) -> None:
    contract = Contract((Terms("critical", whole=True), Terms("major", limit=20.0), Terms("minor", aql=6.5)))
    lot = drawn(offered, contract)
    # 12 items, 20 % limiting quality: 3 bad; smallest n with C(9,n)/C(12,n) <= 0.10 is 6 (84/924 = 0.0909)
    assert [(plan["defect"], plan["n"], plan["ac"]) for plan in lot.classes] == [
        ("critical", 12, 0),
        ("major", 6, 0),
        ("minor", 2, 0),
    ]
    items = sample(offered, lot)
    assert len(items) == 12
    records = [Record(row["item_key"], "rev", {"minor": 1, "major": row["rank"] >= 6}) for row in items if row["rank"] >= 2]
    records += [Record(row["item_key"], "rev") for row in items if row["rank"] < 2]
    inspect(offered.workspace, lot.id, records, actor="rev")
    told = decide(offered.workspace, lot.id, **BY)
    assert [(each.plan.defect, each.found, each.accepted) for each in told.results] == [
        ("critical", 0, True),
        ("major", 0, True),
        ("minor", 0, True),
    ]
    assert told.results[0].upper == 0  # everything was seen
    assert [row["defect"] for row in offered.all(LotResultRow)] == ["critical", "major", "minor"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Terms("grave", aql=1.0), Misconfigured, "no class of nonconformity 'grave'"),
        (lambda: Terms("major"), Misconfigured, "major has no single basis"),
        (lambda: Terms("major", aql=1.0, whole=True), Misconfigured, "major has no single basis"),
        (lambda: Contract(()), InvalidRecord, "terms for no class"),
        (lambda: Contract((Terms("major", aql=1.0), Terms("major", aql=4.0))), InvalidRecord, "terms for major, major"),
        (lambda: Record("k", "rev", {"grave": 1}), InvalidRecord, "k: no class 'grave'"),
        (lambda: Record("k", "rev", {"major": -1}), InvalidRecord, "need counts of 0 or more"),
    ],
)
def test_what_is_no_contract_or_record(call: Callable[[], object], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_what_cannot_be_drawn(offered: Any) -> None:
    with pytest.raises(NotFound, match="no batch 'nothing'"):
        draw(offered.workspace, "nothing", MAJOR, seed="1", **BY)
    with pytest.raises(Conflict, match="oak has no part in the batch\n  try: name one with --company: ash"):
        drawn(offered, company="oak")
    with pytest.raises(
        Misconfigured, match="no sample of 12 items with acceptance number 1 shows 1 %\n  try: inspect every item: major=all"
    ):
        drawn(offered, Contract((Terms("major", limit=1.0, ac=1),)))
    assert offered.all(LotRow) == []
