"""Ledgers filled with accepted work, for tests of what is published. A module, since tests cannot import each other."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from yuelu.base.canonical import keyed, sha256
from yuelu.base.ledger import judgement, media, packets, places, work
from yuelu.base.ledger.types import Table
from yuelu.base.records import asset_key
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.datasets.release import open_release
from yuelu.pipelines.publish import publish

SECRET, SEED = b"w" * 32, b"k" * 32
MORNING = datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)
RAW = [sha256(b"raw %d" % number) for number in range(4)]
COPY = sha256(b"deidentified")
PROXY = [b"proxy %d" % number for number in range(4)]
PEOPLE = ("ann", "bob", "cat")


def box(x: float, ids: random.Random, **extra: Any) -> dict[str, Any]:
    place = {"item": 0, "x_px": x, "y_px": 2.0, "width_px": 30.0, "height_px": 40.0, "rotation_deg": 0.0}
    return {"kind": "box", "id": f"{ids.random()}", "control": "defects", "label": "scratch", **place, **extra}


def choice(label: str, **extra: Any) -> dict[str, Any]:
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
            rows.append(work.BatchRow(id=f"{project}-1", project=project, number=1))
            where = {"batch": f"{project}-1", "site": "hall", "server_project": server}
            rows.append(places.PlaceRow(**where, config_digest="c", synced_at=None))
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
        rows += [self._packet(*each, person) for each in (("boards", 1), ("boards", 2), ("ct", 1)) for person in PEOPLE]
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
        answers: list[Table] = [
            packets.PacketTaskRow(packet=f"{project}-1 {round} {person}", item_key=item_key, annotator=person)
            for person in PEOPLE
        ]
        answers += [self._answer(item_key, person) for person in self.draw.sample(PEOPLE, 3)]
        judged = [choice("good", probability=1.0), box(5.0, self.draw, support=1.0), box(9.0, self.draw, support=0.5)]
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

    def _packet(self, project: str, round: int, person: str) -> packets.PacketRow:
        return packets.PacketRow(
            id=f"{project}-1 {round} {person}", project=project, batch=f"{project}-1", annotator=person, company="company",
            round=round, state="closed", opened_at=self.start, due_at=self.start + timedelta(days=7), closed_at=self.start,
        )  # fmt: skip

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
            vanished=False, content=f"{self.draw.random()}", regions=[choice("good"), box(5.0, self.draw)], raw=[],
        )  # fmt: skip

    def add(self, *rows: Table) -> None:
        with self.workspace.ledger.transaction("test") as transaction:
            transaction.session.add_all(rows)

    def correction(self, item_key: str, label: str, minutes: int = 0) -> judgement.CorrectionRow:
        return judgement.CorrectionRow(
            id=f"correction-{item_key}-{label}", item_key=item_key, regions=[choice(label)], owner="curator", reason="looked",
            created_at=self.start + timedelta(days=1, minutes=minutes),
        )  # fmt: skip

    def read(self, query: Any) -> list[Any]:
        with self.workspace.ledger.reading() as session:
            rows = list(session.scalars(query))
            session.expunge_all()
            return rows


def both(filled: Filled) -> Any:
    return publish(filled.workspace, "all", ["boards", "ct"], publisher="the base")


def item_id(number: int) -> str:
    return keyed(SECRET, "item:all", RAW[number])


def items(filled: Filled) -> dict[str, Any]:
    return {row["id"]: row for row in open_release(filled.workspace.store, "all").rows("items")}
