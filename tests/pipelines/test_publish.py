"""The publish flow over a small ledger: four images (one de-identified, one reworked), one corrected later."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from yuelu.base.canonical import keyed, sha256
from yuelu.base.errors import Conflict, GateNotPassed, InvalidRecord, Misconfigured, NotFound
from yuelu.base.ledger import judgement, media, work
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.releases import ReleaseRow
from yuelu.base.ledger.types import Table
from yuelu.base.records import asset_key
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.datasets.pull import pull
from yuelu.datasets.release import history, open_release
from yuelu.datasets.schemas import ITEMS
from yuelu.datasets.verify import verify
from yuelu.pipelines import publish as flow
from yuelu.pipelines.publish import publish
from yuelu.pipelines.released_gate import Waiver
from yuelu.pipelines.released_items import pseudonym, supported

SECRET, SEED = b"w" * 32, b"k" * 32
MORNING = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
RAW = [sha256(b"raw %d" % number) for number in range(4)]
COPY = sha256(b"deidentified")
PROXY = [b"proxy %d" % number for number in range(4)]
PEOPLE = ("ann", "bob", "cat")


def _box(x: float, ids: random.Random, **extra: Any) -> dict[str, Any]:
    place = {"item": 0, "x_px": x, "y_px": 2.0, "width_px": 30.0, "height_px": 40.0, "rotation_deg": 0.0}
    return {"kind": "box", "id": f"{ids.random()}", "control": "defects", "label": "scratch", **place, **extra}


def _choice(label: str, **extra: Any) -> dict[str, Any]:
    return {"kind": "choice", "control": "quality", "labels": [label], "region_id": None, **extra}


class Filled:
    """A workspace whose ledger has been filled; `run` stands for everything that differs between two runs."""

    def __init__(self, root: Path, run: int = 0) -> None:
        self.draw = random.Random(run)
        self.start = MORNING + timedelta(minutes=self.draw.randrange(600))
        self.workspace: Workspace = init(Settings(root), secret=SECRET, signing_seed=SEED)
        rows = [*self._people(), *self._media(), *self._work()]
        with self.workspace.ledger.transaction("test") as transaction:
            for row in rows:
                transaction.session.add(row)
                transaction.session.flush()

    def _people(self) -> list[Table]:
        return [
            work.SiteRow(name="hall", url=f"http://127.0.0.1:{self.draw.randrange(9999)}", version="1.23.2"),
            work.CompanyRow(name="company"),
            *(work.AnnotatorRow(id=person, company="company", scripted=True) for person in PEOPLE),
            media.CollectionRow(
                name="boards", owner="plant", legal_basis="contract", grade="general", terms="research", created_at=self.start
            ),
            media.CollectionRow(
                name="ct", owner="clinic", legal_basis="consent", grade="important", terms="no resale", created_at=self.start
            ),
        ]

    def _media(self) -> list[Table]:
        rows: list[Table] = []
        for number, raw in enumerate(RAW):
            parent, name, raw_proxy = raw, sha256(PROXY[number]), sha256(b"proxy of raw")
            if number == 3:
                parent = COPY
                rows.append(self._asset(raw, b"raw", "source", None, None, deidentified=COPY, proxy=raw_proxy))
                rows.append(self._asset(COPY, b"deidentified", "deidentified", raw, asset_key(parent), proxy=name))
                rows.append(self._asset(raw_proxy, b"proxy of raw", "proxy", raw, asset_key(raw_proxy)))
            else:
                rows.append(self._asset(raw, b"raw", "source", None, None, proxy=name))
            rows.append(self._asset(name, PROXY[number], "proxy", parent, asset_key(name)))
            self.workspace.store.create(asset_key(name), PROXY[number])
        return rows

    def _asset(self, name: str, data: bytes, role: str, parent: str | None, key: str | None, **links: str) -> media.AssetRow:
        facts = {"width_px": 640, "height_px": 480, "path": "/home/somebody/secret.png", **links}
        return media.AssetRow(
            sha256=name, medium="image", media_type="image/png", bytes=len(data), role=role, group=f"group {name[0]}",
            derived_from=parent, store_key=key, facts=facts,
        )  # fmt: skip

    def _work(self) -> list[Table]:
        rows: list[Table] = []
        for project, collection in (("boards", "boards"), ("ct", "ct")):
            rows.append(
                work.ProjectRow(
                    name=project,
                    collection=collection,
                    medium="image",
                    template="boxes",
                    template_version="1",
                    template_digest="t" * 64,
                    description_version="1",
                    description_digest="d" * 64,
                    overlap=3,
                    policy="boxes",
                    policy_digest="p" * 64,
                    created_at=self.start,
                )
            )
            server = self.draw.randrange(1000)
            rows.append(work.BatchRow(id=f"{project}-1", project=project, site="hall", server_project=server, synced_at=None))
            rows.append(self.batch_decision(project, "rework", 1, 3))
            rows.append(self.batch_decision(project, "accept", 2, 2))
        rows.append(
            judgement.ScoreRow(
                batch="boards-1",
                round=1,
                control="quality",
                metric="krippendorff_alpha",
                level="nominal",
                value=None,
                low=None,
                high=None,
                tasks=3,
                annotators=3,
                annotations=9,
                reason="only one label was used",
            )
        )
        for number in range(3):
            rows += self.task(number, "boards", 1, "rework" if number == 2 else "accepted")
        rows += self.task(2, "boards", 2, "accepted")
        return rows + self.task(3, "ct", 1, "accepted")

    def task(self, number: int, project: str, round: int, state: str) -> list[Table]:
        item_key = f"{project}-{number}-{round}"
        row = work.TaskRow(
            item_key=item_key, batch=f"{project}-1", subject=RAW[number], items=[RAW[number]], group=f"group {number}",
            round=round, state=state, server_task=self.draw.randrange(10_000),
        )  # fmt: skip
        answers: list[Table] = [work.PacketRow(item_key=item_key, annotator=person) for person in PEOPLE]
        answers += [self._answer(item_key, person) for person in self.draw.sample(PEOPLE, 3)]
        judged = [_choice("good", probability=0.9), _box(5.0, self.draw, support=1.0), _box(9.0, self.draw, support=0.5)]
        self.draw.shuffle(judged)
        consensus = judgement.ConsensusRow(
            item_key=item_key, method="majority", regions=judged, probability=0.9, entropy=0.0, answers=3,
            votes={"good": 1.0}, answers_digest="a" * 64, judged=sorted([f"uid-{item_key}-{person}", 1] for person in PEOPLE),
        )  # fmt: skip
        outcome = "rework" if state == "rework" else "accept"
        decision = judgement.DecisionRow(
            id=f"decision-{item_key}", subject_kind="task", subject=item_key, round=round, outcome=outcome, rule="agreement",
            policy="boxes", policy_digest="p" * 64, evidence={"metric": "alpha", "low": 0.8},
            decided_at=self.start + timedelta(hours=1),
        )  # fmt: skip
        return [row, *answers, consensus, decision]

    def batch_decision(self, project: str, outcome: str, round: int, hours: int) -> judgement.DecisionRow:
        return judgement.DecisionRow(
            id=f"{project} {outcome} {round} {hours}", subject_kind="batch", subject=f"{project}-1", round=round, outcome=outcome,
            rule="alpha", policy="boxes", policy_digest="p" * 64, evidence={},
            decided_at=self.start + timedelta(hours=hours),
        )  # fmt: skip

    def _answer(self, item_key: str, person: str) -> work.AnnotationRow:
        at = self.start + timedelta(seconds=self.draw.randrange(3600))
        return work.AnnotationRow(
            uid=f"uid-{item_key}-{person}", version=1, item_key=item_key, annotator=person, site="hall",
            server_annotation=self.draw.randrange(10_000), created_at=at, updated_at=at, lead_time_s=4.5, cancelled=False,
            vanished=False, content=f"{self.draw.random()}", regions=[_choice("good"), _box(5.0, self.draw)], raw=[],
        )  # fmt: skip

    def add(self, *rows: Table) -> None:
        with self.workspace.ledger.transaction("test") as transaction:
            transaction.session.add_all(rows)

    def correction(self, item_key: str, label: str, minutes: int = 0) -> judgement.CorrectionRow:
        return judgement.CorrectionRow(
            id=f"correction-{item_key}-{label}", item_key=item_key, regions=[_choice(label)], owner="curator", reason="looked",
            created_at=self.start + timedelta(days=1, minutes=minutes),
        )  # fmt: skip

    def read(self, query: Any) -> list[Any]:
        with self.workspace.ledger.reading() as session:
            rows = list(session.scalars(query))
            session.expunge_all()
            return rows


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    return Filled(tmp_path / "workspace")


def _both(filled: Filled) -> Any:
    return publish(filled.workspace, "all", ["boards", "ct"], publisher="the base")


def _id(number: int) -> str:
    return keyed(SECRET, "item:all", RAW[number])


def _items(filled: Filled) -> dict[str, Any]:
    return {row["id"]: row for row in open_release(filled.workspace.store, "all").rows("items")}


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
    assert actions == ["release.publish", "tasks.publish"]


def test_rework_publishes_the_later_round_and_every_answer(filled: Filled) -> None:
    _both(filled)
    assert _items(filled)[_id(2)]["round"] == 2
    answers = [row for row in open_release(filled.workspace.store, "all").rows("annotations") if row["item"] == _id(2)]
    assert sorted(row["round"] for row in answers) == [1, 1, 1, 2, 2, 2]
    assert {row["annotator_pid"] for row in answers} == {pseudonym(SECRET, "all", person) for person in PEOPLE}


def test_nothing_that_identifies_goes_out(filled: Filled) -> None:
    _both(filled)
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
    digests = {_both(Filled(tmp_path / f"{run}", run)).digest for run in range(3)}
    assert len(digests) == 1


def test_the_passport(filled: Filled) -> None:
    _both(filled)
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
        _both(filled)
    assert not list(filled.workspace.store.list("datasets/"))
    assert publish(filled.workspace, "boards", ["boards"]).rows == 3


def test_a_batch_without_decision_holds_the_release_back(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        for row in transaction.session.scalars(select(judgement.DecisionRow).where(judgement.DecisionRow.subject == "ct-1")):
            transaction.session.delete(row)
    with pytest.raises(GateNotPassed, match="project ct: no gate has judged batch ct-1"):
        _both(filled)


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
    assert report.digest == _both(Filled(tmp_path / "plain")).digest
    assert not filled.read(select(EventRow).where(EventRow.action == "gate.waive"))
    with pytest.raises(InvalidRecord, match="give an owner and a reason"):
        Waiver("curator", " ")


def test_a_second_run_changes_nothing(filled: Filled) -> None:
    first = _both(filled)
    keys, events = list(filled.workspace.store.list()), len(filled.read(select(EventRow)))
    second = _both(filled)
    assert (second.digest, second.new, second.added) == (first.digest, False, 0)
    assert list(filled.workspace.store.list()) == keys
    assert len(filled.read(select(EventRow))) == events


def test_a_correction_is_a_patch_and_stands_above_the_consensus(filled: Filled) -> None:
    _both(filled)
    filled.add(filled.correction("boards-0-1", "bad"), filled.correction("boards-0-1", "worse", minutes=1))
    report = _both(filled)
    assert (report.version, report.added, report.changed, report.removed) == ("1.0.1", 0, 1, 0)
    row = _items(filled)[_id(0)]
    assert [choice["labels"] for choice in row["choices"]] == [["worse"]]
    assert (row["corrected"], row["boxes"], row["probability"], row["entropy"]) == (True, [], None, 0.0)


def test_a_settled_review_is_a_new_item(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(work.TaskRow, "boards-0-1").state = "review"
    assert (_both(filled).version, len(_items(filled))) == ("1.0.0", 3)
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(work.TaskRow, "boards-0-1").state = "accepted"
        transaction.session.add(filled.correction("boards-0-1", "bad"))
    report = _both(filled)
    assert (report.version, report.added) == ("1.1.0", 1)
    log = history(filled.workspace.store, "all")
    assert [row.digest for row in filled.read(select(ReleaseRow).order_by(ReleaseRow.number))] == [
        release.manifest.digest for release in log
    ]


def test_a_new_label_configuration_is_another_major(filled: Filled) -> None:
    _both(filled)
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(work.ProjectRow, "boards").template_digest = "u" * 64
    assert _both(filled).version == "2.0.0"


class Killed(BaseException):
    pass


def _kill(*_: object, **__: object) -> None:
    raise Killed


@pytest.mark.parametrize("after_commit", [False, True])
def test_killed_around_the_commit_point(filled: Filled, monkeypatch: pytest.MonkeyPatch, after_commit: bool) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(flow, "_record" if after_commit else "commit", _kill)
        with pytest.raises(Killed):
            _both(filled)
    assert not filled.read(select(ReleaseRow))
    report = _both(filled)
    assert (report.version, report.new) == ("1.0.0", not after_commit)
    assert [row.digest for row in filled.read(select(ReleaseRow))] == [report.digest]
    assert {task.state for task in filled.read(select(work.TaskRow))} == {"published", "rework"}


def test_a_version_left_unrecorded_is_recorded_with_the_next(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(flow, "_record", _kill)
        with pytest.raises(Killed):
            _both(filled)
    filled.add(filled.correction("boards-0-1", "bad"))
    assert _both(filled).version == "1.0.1"
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
        _both(filled)


def test_an_accepted_task_without_consensus_is_refused(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.delete(transaction.session.get_one(judgement.ConsensusRow, "ct-3-1"))
    with pytest.raises(Conflict, match="ct-3-1 is accepted and has no consensus"):
        _both(filled)


def test_an_asset_without_proxy_is_refused(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.delete(transaction.session.get_one(media.AssetRow, sha256(PROXY[3])))
    with pytest.raises(Conflict, match=f"asset {RAW[3]} has no proxy"):  # the proxy of the raw file will not do
        _both(filled)


def test_an_unknown_grade_is_refused(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(media.CollectionRow, "ct").grade = "?"
    with pytest.raises(Misconfigured, match="cannot be compared"):
        _both(filled)


def test_a_release_holds_the_answers_that_were_judged(filled: Filled, tmp_path: Path) -> None:
    later = {"server_annotation": 1, "site": "hall", "lead_time_s": 1.0, "raw": [], "cancelled": False, "content": "later"}
    at = filled.start + timedelta(days=2)
    later |= {"version": 2, "item_key": "boards-0-1", "created_at": at, "updated_at": at, "regions": [_choice("bad")]}
    first = _both(Filled(tmp_path / "untouched"))
    filled.add(
        work.AnnotationRow(uid="uid-boards-0-1-ann", annotator="ann", vanished=False, **later),
        work.AnnotationRow(uid="uid-boards-0-1-bob", annotator="bob", vanished=True, **later),
    )
    report = _both(filled)
    assert report.digest == first.digest
    answers = [row for row in open_release(filled.workspace.store, "all").rows("annotations") if row["item"] == _id(0)]
    assert len(answers) == 3
    assert {choice["labels"][0] for row in answers for choice in row["choices"]} == {"good"}
    pull(filled.workspace.store, "all", None, tmp_path / "pulled")
    assert verify(tmp_path / "pulled", filled.workspace.signing_key.public).ok


def test_the_digest_of_the_judged_answers_is_in_the_evidence(filled: Filled) -> None:
    def chained() -> dict[str, str]:
        return {row["id"]: row["consensus"] for row in open_release(filled.workspace.store, "all").rows("evidence")}

    _both(filled)
    before = chained()
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(judgement.ConsensusRow, "boards-0-1").answers_digest = "b" * 64
    _both(filled)
    after = chained()
    assert {name for name in before if before[name] != after[name]} == {_id(0)}


def test_a_judged_answer_that_is_gone_is_refused(filled: Filled) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.delete(transaction.session.get_one(work.AnnotationRow, ("uid-boards-0-1-ann", 1)))
    with pytest.raises(Conflict, match="uid-boards-0-1-ann version 1, judged in task boards-0-1, is not in the ledger"):
        _both(filled)


def test_where_nothing_was_judged_the_answers_that_count_go_out(filled: Filled) -> None:
    filled.add(filled.correction("boards-0-1", "bad"))
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.delete(transaction.session.get_one(judgement.ConsensusRow, "boards-0-1"))
        transaction.session.get_one(work.AnnotationRow, ("uid-boards-0-1-ann", 1)).cancelled = True
        transaction.session.delete(transaction.session.get_one(work.PacketRow, ("boards-0-1", "bob")))  # never asked
    _both(filled)
    answers = [row for row in open_release(filled.workspace.store, "all").rows("annotations") if row["item"] == _id(0)]
    assert [row["annotator_pid"] for row in answers] == [pseudonym(SECRET, "all", "cat")]


def test_boxes_fit_the_released_picture(filled: Filled) -> None:
    drawn = _box(32.0, filled.draw, y_px=24.0, width_px=16.0, height_px=12.0)
    with filled.workspace.ledger.transaction("test") as transaction:
        for name, facts in (
            (RAW[0], {"width_px": 64, "height_px": 48}),
            (sha256(PROXY[0]), {"width_px": 384, "height_px": 288, "scale": 6}),
        ):
            row = transaction.session.get_one(media.AssetRow, name)
            row.facts = {**row.facts, **facts}
        transaction.session.get_one(judgement.ConsensusRow, "boards-0-1").regions = [_choice("good"), drawn]
        transaction.session.get_one(work.AnnotationRow, ("uid-boards-0-1-ann", 1)).regions = [drawn]

    def places(rows: Any) -> set[tuple[float, ...]]:
        return {
            tuple(box[f"{side}_px"] for side in ("x", "y", "width", "height"))
            for row in rows
            if (row.get("item") or row["id"]) == _id(0)
            for box in row["boxes"]
        }

    _both(filled)
    release = open_release(filled.workspace.store, "all")
    assert places(release.rows("items")) == {(192, 144, 96, 72)}
    assert (192, 144, 96, 72) in places(release.rows("annotations"))
    correction = filled.correction("boards-0-1", "bad")
    correction.regions = [drawn]
    filled.add(correction)
    _both(filled)
    assert places(open_release(filled.workspace.store, "all").rows("items")) == {(192, 144, 96, 72)}
    box = ITEMS.field("boxes").type.value_type
    assert box.field("x_px").metadata[b"unit"] == b"px of the released file"


def test_votes_tell_support_where_regions_do_not() -> None:
    regions = [_choice("good"), _box(1.0, random.Random(1), id="defects-0"), _box(2.0, random.Random(1), id="b", support=0.25)]
    votes = {"quality": {"good": 0.75, "bad": 0.25}, "defects-0": 3, "b": 4}
    row = judgement.ConsensusRow(item_key="t", method="majority", regions=regions, answers=4, votes=votes)
    choice, first, second = supported(row)
    assert (choice["probability"], first["support"], second["support"]) == (0.75, 0.75, 0.25)
    row.method = "dawid-skene"  # shares of the votes are not its probabilities
    assert supported(row)[0]["probability"] is None


def test_two_sources_that_look_the_same_share_a_file(filled: Filled, tmp_path: Path) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        twin = transaction.session.get_one(media.AssetRow, RAW[1])
        twin.facts = {**twin.facts, "proxy": sha256(PROXY[0])}
    _both(filled)
    dest = tmp_path / "pulled"
    pull(filled.workspace.store, "all", None, dest)
    assert verify(dest).ok
    assert len(list((dest / "media").iterdir())) == 3
    assert _items(filled)[_id(1)]["media"][0]["sha256"] == sha256(PROXY[0])
