"""The publish flow over a small ledger: four images (one de-identified, one reworked), one corrected later."""

from pathlib import Path

import pytest
from published import COPY, PEOPLE, PROXY, RAW, SECRET, Filled, both, item_id, items
from sqlalchemy import select

from yuelu.base.canonical import keyed, sha256
from yuelu.base.errors import Conflict, GateNotPassed, InvalidRecord, NotFound
from yuelu.base.ledger import judgement, media, work
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.releases import ReleaseRow
from yuelu.datasets.pull import pull
from yuelu.datasets.release import history, open_release
from yuelu.datasets.verify import verify
from yuelu.pipelines import publish as flow
from yuelu.pipelines.publish import publish
from yuelu.pipelines.released_gate import Waiver
from yuelu.pipelines.released_items import pseudonym


def test_publishing_what_was_accepted(filled: Filled, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = publish(filled.workspace, "all", ["ct", "boards"], lambda *at: seen.append(at))
    assert (report.version, report.number, report.rows, report.added, report.new) == ("1.0.0", 1, 4, 4, True)
    assert seen[-1] == (4, 4)
    dest = tmp_path / "pulled"
    pull(filled.workspace.store, "all", None, dest, key=filled.workspace.signing_key.public)
    assert verify(dest, filled.workspace.signing_key.public).ok
    assert {path.read_bytes() for path in (dest / "media").iterdir()} == set(PROXY)
    (row,) = filled.read(select(ReleaseRow))
    assert (row.version, row.digest, row.rows, row.previous) == ("1.0.0", report.digest, 4, None)
    states = {task.item_key: task.state for task in filled.read(select(work.TaskRow))}
    assert states.pop("boards-2-1") == "rework"
    assert set(states.values()) == {"published"}
    actions = [event.action for event in filled.read(select(EventRow).order_by(EventRow.sequence))]
    assert actions == ["groups.fixed", "release.publish", "tasks.publish"]


def test_rework_publishes_the_later_round_and_every_answer(filled: Filled) -> None:
    both(filled)
    assert items(filled)[item_id(2)]["round"] == 2
    answers = [row for row in open_release(filled.workspace.store, "all").rows("annotations") if row["item"] == item_id(2)]
    assert sorted(row["round"] for row in answers) == [1, 1, 1, 2, 2, 2]
    assert {row["annotator_pid"] for row in answers} == {pseudonym(SECRET, "all", person) for person in PEOPLE}


def test_nothing_that_identifies_goes_out(filled: Filled) -> None:
    both(filled)
    release = open_release(filled.workspace.store, "all")
    everything = [str(row) for table in ("items", "annotations", "assets", "evidence") for row in release.rows(table)]
    told = "\n".join([*everything, release.signed.decode()])
    assert not [raw for raw in RAW if raw in told]  # who holds a raw file must not find its row
    assert keyed(SECRET, "source:all", COPY) in told
    assert sha256(b"proxy of raw") not in told
    for hidden in ("ann'", "bob", "cat'", "uid-", "curator", "group 1", "somebody", "127.0.0.1", f"{filled.start:%H:%M:%S}"):
        assert hidden not in told
    private = [row["media"][0] for row in release.rows("items") if row["media"][0]["deidentified"]]
    assert [medium["sha256"] for medium in private] == [sha256(PROXY[3])]


def test_two_runs_publish_the_same_digest(tmp_path: Path) -> None:
    digests = {both(Filled(tmp_path / f"{run}", run)).digest for run in range(3)}
    assert len(digests) == 1


def test_the_passport(filled: Filled) -> None:
    both(filled)
    document = open_release(filled.workspace.store, "all").manifest.document
    assert document["identity"]["publisher"]["name"] == "the base"
    assert document["governance"] == {
        "grade": "important", "terms": ["no resale", "research"], "legal_bases": ["consent", "contract"],
    }  # fmt: skip
    assert [source["assets"] for source in document["sources"]] == [3, 1]
    (score,) = document["quality"]["scores"]
    assert (score["value"], score["reason"], score["project"]) == (None, "only one label was used", "boards")
    (gate,) = document["quality"]["gates"]
    assert gate == {
        "policy": "boxes",
        "digest": "p" * 64,
        "tasks": {"accept": 4, "rework": 1},
        "batches": {"accept": 2},
        "waivers": [],
    }
    assert document["labelling"]["projects"][0]["tools"] == [{"name": "Label Studio", "version": "1.23.2"}]
    assert document["proof"]["log"]["tree_size"] == 0
    assert sum(part["items"] for part in document["splits"]["parts"].values()) == 4


def test_the_last_decision_about_a_batch_counts(filled: Filled) -> None:
    filled.add(filled.batch_decision("ct", "rework", 2, 4))
    with filled.workspace.ledger.transaction("test") as transaction:  # the same again at the same moment: the log knows
        transaction.session.add(filled.batch_decision("boards", "review", 3, 5))
        accepted = filled.batch_decision("boards", "accept", 3, 5)  # sorts before
        transaction.session.add(accepted)
        transaction.event("decide", "batch boards-1", after="boards review 3 5")
        transaction.event("decide", "batch boards-1", after=accepted.id)
    publish(filled.workspace, "all", ["boards", "ct"], waiver=Waiver("curator", "known"))
    (gate,) = open_release(filled.workspace.store, "all").manifest.document["quality"]["gates"]
    assert gate["batches"] == {"accept": 1, "rework": 1}


def test_a_batch_that_is_not_accepted_holds_the_release_back(filled: Filled) -> None:
    filled.add(filled.batch_decision("ct", "rework", 2, 4))
    with pytest.raises(GateNotPassed, match="project ct: the gate decided 'rework' about batch ct-1 by rule 'alpha'"):
        both(filled)
    assert not list(filled.workspace.store.list("datasets/"))
    assert publish(filled.workspace, "boards", ["boards"]).rows == 3


def test_a_batch_without_decision_holds_the_release_back(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        for row in transaction.session.scalars(select(judgement.DecisionRow).where(judgement.DecisionRow.subject == "ct-1")):
            transaction.session.delete(row)
    with pytest.raises(GateNotPassed, match="project ct: no gate has judged batch ct-1"):
        both(filled)


def test_a_waiver_stands_in_manifest_and_log(filled: Filled) -> None:
    filled.add(filled.batch_decision("ct", "rework", 2, 4))
    waiver = Waiver("head of base", "a pilot, agreed with the buyer")
    first = publish(filled.workspace, "all", ["boards", "ct"], waiver=waiver)
    (gate,) = open_release(filled.workspace.store, "all").manifest.document["quality"]["gates"]
    assert gate["waivers"] == [
        {"project": "ct", "batch": "ct-1", "outcome": "rework", "rule": "alpha", "owner": waiver.owner, "reason": waiver.reason}
    ]
    assert publish(filled.workspace, "all", ["boards", "ct"], waiver=waiver).digest == first.digest
    (event,) = filled.read(select(EventRow).where(EventRow.action == "gate.waive"))
    assert (event.actor, event.subject, event.before, event.reason) == (
        waiver.owner, "batch ct-1", "ct rework 2 4", waiver.reason,
    )  # fmt: skip


def test_a_waiver_of_nothing_leaves_no_trace(filled: Filled, tmp_path: Path) -> None:
    report = publish(filled.workspace, "all", ["boards", "ct"], publisher="the base", waiver=Waiver("curator", "in case"))
    assert report.digest == both(Filled(tmp_path / "plain")).digest
    assert not filled.read(select(EventRow).where(EventRow.action == "gate.waive"))
    with pytest.raises(InvalidRecord, match="give an owner and a reason"):
        Waiver("curator", " ")


def test_a_second_run_changes_nothing(filled: Filled) -> None:
    first = both(filled)
    keys, events = list(filled.workspace.store.list()), len(filled.read(select(EventRow)))
    second = both(filled)
    assert (second.digest, second.new, second.added) == (first.digest, False, 0)
    assert list(filled.workspace.store.list()) == keys
    assert len(filled.read(select(EventRow))) == events


def test_a_correction_is_a_patch_and_stands_above_the_consensus(filled: Filled) -> None:
    both(filled)
    filled.add(filled.correction("boards-0-1", "bad"), filled.correction("boards-0-1", "worse", minutes=1))
    report = both(filled)
    assert (report.version, report.added, report.changed, report.removed) == ("1.0.1", 0, 1, 0)
    row = items(filled)[item_id(0)]
    assert [choice["labels"] for choice in row["choices"]] == [["worse"]]
    assert (row["corrected"], row["boxes"], row["probability"], row["entropy"]) == (True, [], None, 0.0)


def test_a_settled_review_is_a_new_item(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(work.TaskRow, "boards-0-1").state = "review"
    assert (both(filled).version, len(items(filled))) == ("1.0.0", 3)
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(work.TaskRow, "boards-0-1").state = "accepted"
        transaction.session.add(filled.correction("boards-0-1", "bad"))
    report = both(filled)
    assert (report.version, report.added) == ("1.1.0", 1)
    log = history(filled.workspace.store, "all")
    assert [row.digest for row in filled.read(select(ReleaseRow).order_by(ReleaseRow.number))] == [
        release.manifest.digest for release in log
    ]


def test_a_new_label_configuration_is_another_major(filled: Filled) -> None:
    both(filled)
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(work.ProjectRow, "boards").template_digest = "u" * 64
    assert both(filled).version == "2.0.0"


class Killed(BaseException):
    pass


def _kill(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize("after_commit", [False, True])
def test_killed_around_the_commit_point(filled: Filled, monkeypatch: pytest.MonkeyPatch, after_commit: bool) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(flow, "_record" if after_commit else "commit", _kill)
        with pytest.raises(Killed):
            both(filled)
    assert not filled.read(select(ReleaseRow))
    report = both(filled)
    assert (report.version, report.new) == ("1.0.0", not after_commit)
    assert [row.digest for row in filled.read(select(ReleaseRow))] == [report.digest]
    assert {task.state for task in filled.read(select(work.TaskRow))} == {"published", "rework"}


def test_a_version_left_unrecorded_is_recorded_with_the_next(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(flow, "_record", _kill)
        with pytest.raises(Killed):
            both(filled)
    filled.add(filled.correction("boards-0-1", "bad"))
    assert both(filled).version == "1.0.1"
    rows = filled.read(select(ReleaseRow).order_by(ReleaseRow.number))
    assert [row.version for row in rows] == ["1.0.0", "1.0.1"]


def test_unknown_projects_and_empty_ones_are_named(filled: Filled) -> None:
    with pytest.raises(NotFound, match="no project chairs"):
        publish(filled.workspace, "all", ["chairs"])
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(work.TaskRow, "ct-3-1").state = "rejected"
    with pytest.raises(NotFound, match="nothing is accepted in ct"):
        publish(filled.workspace, "all", ["ct"])


def test_one_subject_in_two_projects_is_refused(filled: Filled) -> None:
    filled.add(*filled.task(0, "ct", 1, "accepted")[:1])
    with pytest.raises(Conflict, match="is labelled in boards and in ct"):
        both(filled)


def test_an_accepted_task_without_consensus_is_refused(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.delete(transaction.session.get_one(judgement.ConsensusRow, "ct-3-1"))
    with pytest.raises(Conflict, match="ct-3-1 is accepted and has no consensus"):
        both(filled)


def test_an_asset_without_proxy_is_refused(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.delete(transaction.session.get_one(media.AssetRow, sha256(PROXY[3])))
    with pytest.raises(Conflict, match=f"asset {RAW[3]} has no proxy"):  # the proxy of the raw file will not do
        both(filled)
