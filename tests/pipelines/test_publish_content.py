"""What of the ledger goes out: the judged answers, boxes that fit, media by their looks."""

import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from published import PROXY, RAW, SECRET, Filled, both, box, choice, item_id, items

from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict, Misconfigured
from yuelu.base.ledger import judgement, media, work
from yuelu.base.ledger.packets import PacketTaskRow
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_release
from yuelu.datasets.schemas import ITEMS
from yuelu.datasets.verify import verify
from yuelu.pipelines.released_items import pseudonym, supported


def test_an_unknown_grade_is_refused(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(media.CollectionRow, "ct").grade = "?"
    with pytest.raises(Misconfigured, match="cannot be compared"):
        both(filled)


def test_a_release_holds_the_answers_that_were_judged(filled: Filled, tmp_path: Path) -> None:
    later = {"server_annotation": 1, "site": "hall", "lead_time_s": 1.0, "raw": [], "cancelled": False, "content": "later"}
    at = filled.start + timedelta(days=2)
    later |= {"version": 2, "item_key": "boards-0-1", "created_at": at, "updated_at": at, "regions": [choice("bad")]}
    first = both(Filled(tmp_path / "untouched"))
    filled.add(
        work.AnnotationRow(uid="uid-boards-0-1-ann", annotator="ann", vanished=False, **later),
        work.AnnotationRow(uid="uid-boards-0-1-bob", annotator="bob", vanished=True, **later),
    )
    report = both(filled)
    assert report.digest == first.digest
    answers = [row for row in open_release(filled.workspace.store, "all").rows("annotations") if row["item"] == item_id(0)]
    assert len(answers) == 3
    assert {choice["labels"][0] for row in answers for choice in row["choices"]} == {"good"}
    pull(filled.workspace.store, "all", None, tmp_path / "pulled")
    assert verify(tmp_path / "pulled", filled.workspace.signing_key.public).ok


def test_the_digest_of_the_judged_answers_is_in_the_evidence(filled: Filled) -> None:
    def chained() -> dict[str, str]:
        return {row["id"]: row["consensus"] for row in open_release(filled.workspace.store, "all").rows("evidence")}

    both(filled)
    before = chained()
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(judgement.ConsensusRow, "boards-0-1").answers_digest = "b" * 64
    both(filled)
    after = chained()
    assert {name for name in before if before[name] != after[name]} == {item_id(0)}


def test_a_judged_answer_that_is_gone_is_refused(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.delete(transaction.session.get_one(work.AnnotationRow, ("uid-boards-0-1-ann", 1)))
    with pytest.raises(Conflict, match="uid-boards-0-1-ann version 1, judged in task boards-0-1, is not in the ledger"):
        both(filled)


def test_where_nothing_was_judged_the_answers_that_count_go_out(filled: Filled) -> None:
    filled.add(filled.correction("boards-0-1", "bad"))
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.delete(transaction.session.get_one(judgement.ConsensusRow, "boards-0-1"))
        transaction.session.get_one(work.AnnotationRow, ("uid-boards-0-1-ann", 1)).cancelled = True
        transaction.session.delete(transaction.session.get_one(PacketTaskRow, ("boards-1 1 bob", "boards-0-1")))  # never asked
    both(filled)
    answers = [row for row in open_release(filled.workspace.store, "all").rows("annotations") if row["item"] == item_id(0)]
    assert [row["annotator_pid"] for row in answers] == [pseudonym(SECRET, "all", "cat")]


def test_boxes_fit_the_released_picture(filled: Filled) -> None:
    drawn = box(32.0, filled.draw, y_px=24.0, width_px=16.0, height_px=12.0)
    with filled.workspace.ledger.transaction("test") as transaction:
        for name, facts in (
            (RAW[0], {"width_px": 64, "height_px": 48}),
            (sha256(PROXY[0]), {"width_px": 384, "height_px": 288, "scale": 6}),
        ):
            row = transaction.session.get_one(media.AssetRow, name)
            row.facts = {**row.facts, **facts}
        transaction.session.get_one(judgement.ConsensusRow, "boards-0-1").regions = [choice("good"), drawn]
        transaction.session.get_one(work.AnnotationRow, ("uid-boards-0-1-ann", 1)).regions = [drawn]

    def places(rows: Any) -> set[tuple[float, ...]]:
        return {
            tuple(box[f"{side}_px"] for side in ("x", "y", "width", "height"))
            for row in rows
            if (row.get("item") or row["id"]) == item_id(0)
            for box in row["boxes"]
        }

    both(filled)
    release = open_release(filled.workspace.store, "all")
    assert places(release.rows("items")) == {(192, 144, 96, 72)}
    assert (192, 144, 96, 72) in places(release.rows("annotations"))
    correction = filled.correction("boards-0-1", "bad")
    correction.regions = [drawn]
    filled.add(correction)
    both(filled)
    assert places(open_release(filled.workspace.store, "all").rows("items")) == {(192, 144, 96, 72)}
    shape = ITEMS.field("boxes").type.value_type
    assert shape.field("x_px").metadata[b"unit"] == b"px of the released file"


def test_votes_tell_support_where_regions_do_not() -> None:
    regions = [choice("good"), box(1.0, random.Random(1), id="defects-0"), box(2.0, random.Random(1), id="b", support=0.25)]
    votes = {"quality": {"good": 0.75, "bad": 0.25}, "defects-0": 3, "b": 4}
    row = judgement.ConsensusRow(item_key="t", method="majority", regions=regions, answers=4, votes=votes)
    chosen, first, second = supported(row)
    assert (chosen["probability"], first["support"], second["support"]) == (0.75, 0.75, 0.25)
    row.method = "dawid-skene"  # shares of the votes are not its probabilities
    assert supported(row)[0]["probability"] is None


def test_two_sources_that_look_the_same_share_a_file(filled: Filled, tmp_path: Path) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        twin = transaction.session.get_one(media.AssetRow, RAW[1])
        twin.facts = {**twin.facts, "proxy": sha256(PROXY[0])}
    both(filled)
    dest = tmp_path / "pulled"
    pull(filled.workspace.store, "all", None, dest)
    assert verify(dest).ok
    assert len(list((dest / "media").iterdir())) == 3
    assert items(filled)[item_id(1)]["media"][0]["sha256"] == sha256(PROXY[0])
