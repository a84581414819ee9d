"""A real Label Studio with a project of any size for the benchmarks of `annotate`, and a workspace that knows it.

Tasks and answers are written straight into the server's database: the API takes 300 answers a second, and what is measured is
the way back. Each answer has five boxes.
"""

import json
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import select

from yuelu.annotate.label_studio.accounts import Accounts, provision, record_accounts
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.environment import DATABASE
from yuelu.annotate.label_studio.service import Service, start, stop
from yuelu.annotate.people import Annotator
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import batch_id, create_tasks
from yuelu.annotate.templates import load_template
from yuelu.base.canonical import sha256
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.places import OutboxRow, PlaceRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init

SITE, PROJECT = "bench", "bench"
PEOPLE = tuple(Annotator(name, "ash", scripted=True) for name in ("ann", "bob"))
MADE = datetime(2026, 1, 2, tzinfo=UTC)
TEMPLATE = load_template("image-boxes")
_CHUNK = 5000


@dataclass(frozen=True)
class Bench:
    """The server, its project, and what it costs."""

    service: Service
    accounts: Accounts
    server_project: int

    @property
    def database(self) -> str:
        """The address of the server's database."""
        return f"sqlite:///{self.service.data / DATABASE}"

    def admin(self) -> Client:
        """Return a client that works as the administrator."""
        return Client(self.service.url, self.accounts.admin.token, timeout_s=7200)

    def memory_mb(self) -> float:
        """Return the resident memory of the server's processes."""
        master = psutil.Process(self.service.pid)
        return float(sum(each.memory_info().rss for each in (master, *master.children(recursive=True))) / 1e6)


@contextmanager
def server(folder: Path, tasks: int, answers: int) -> Iterator[Bench]:
    """Yield a server with so many tasks, each with so many answers (at most one for each of `PEOPLE`)."""
    env = Settings.from_env(os.environ).label_studio
    accounts = provision(env, folder / "server", PEOPLE)
    service = start(env, folder / "server", folder / "media", timeout_s=600)
    try:
        with Client(service.url, accounts.admin.token) as client:
            made = client.create_project("bench", "bench", TEMPLATE.config, len(PEOPLE), "as you like").id
        users = [accounts.of(each.id).user_id for each in PEOPLE[:answers]]
        _fill(service.data / DATABASE, made, tasks, users)
        yield Bench(service, accounts, made)
    finally:
        stop(service)


def keys(tasks: int) -> list[str]:
    """Return the item keys in the order of the server's tasks."""
    return [sha256(f"task {number}".encode()) for number in range(tasks)]


def result(seed: int) -> list[dict[str, Any]]:
    """Return an answer with five boxes."""
    frame = {"to_name": "image", "origin": "manual", "original_width": 640, "original_height": 480, "image_rotation": 0}
    scene = {"id": "scene", "from_name": "scene", "to_name": "image", "type": "choices", "origin": "manual"}
    shape = {"y": 10.25, "width": 12.5, "height": 20.0, "rotation": 0, "rectanglelabels": ["part"]}
    boxes = [
        {
            **frame, "id": f"r{number}", "from_name": "object", "type": "rectanglelabels", "item_index": 0,
            "value": {**shape, "x": 1.5 * number + seed % 7},
        }
        for number in range(5)
    ]  # fmt: skip
    return [{**scene, "value": {"choices": ["medical"]}}, *boxes]


def _fill(database: Path, project: int, tasks: int, users: list[int]) -> None:
    moment = datetime.now(UTC) - timedelta(hours=1)
    stamp = moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    task = (
        "INSERT INTO task (id, data, meta, created_at, updated_at, is_labeled, project_id, overlap, inner_id,"
        " total_annotations, cancelled_annotations, total_predictions, comment_count, unresolved_comment_count)"
        " VALUES (?,?,'{}',?,?,1,?,2,?,?,0,0,0,0)"
    )
    answer = (
        "INSERT INTO task_completion (result, was_cancelled, created_at, updated_at, task_id, lead_time, result_count,"
        " completed_by_id, ground_truth, project_id, updated_by_id, unique_id, bulk_created) VALUES (?,0,?,?,?,1.5,6,?,0,?,?,?,0)"
    )
    connection = sqlite3.connect(database, timeout=600)
    with connection:
        all_keys = keys(tasks)
        data = ((n, json.dumps({"item_key": key, "images": ["/x.png"]})) for n, key in enumerate(all_keys, 1))
        connection.executemany(task, ((n, told, stamp, stamp, project, n, len(users)) for n, told in data))
        results = [json.dumps(result(seed)) for seed in range(7)]
        connection.executemany(
            answer,
            (
                (results[n % 7], stamp, stamp, n, user, project, user, uuid.uuid5(uuid.NAMESPACE_OID, f"{n} {user}").hex)
                for n in range(1, tasks + 1)
                for user in users
            ),
        )
    connection.close()


def change(bench: Bench, tasks: int, number: int, x: int = 40) -> None:
    """Move a box of one answer to each of `number` tasks, as an annotator does: the stamps of answer and task move on."""
    stamp = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    connection = sqlite3.connect(bench.service.data / DATABASE, timeout=600)
    step = max(1, tasks // number)
    moved = (
        "UPDATE task_completion SET result = json_set(?, '$[1].value.x', ?), updated_at = ?"
        " WHERE id = (SELECT min(id) FROM task_completion WHERE task_id = ?)"
    )
    chosen = [(json.dumps(result(number)), x, stamp, task) for task in range(1, step * number, step)]
    with connection:
        connection.executemany(moved, chosen)
        connection.executemany("UPDATE task SET updated_at = ? WHERE id = ?", [(stamp, task) for *_, task in chosen])
    connection.close()


def workspace(folder: Path, bench: Bench | None, tasks: int, ledger: str | None = None, *, dispatched: bool = True) -> Workspace:
    """Return a workspace whose ledger has those tasks, `dispatched` to the server (to nowhere without one) or not yet."""
    made = init(Settings(folder, ledger=ledger))
    facts = {"width_px": 640, "height_px": 480}
    all_keys = keys(tasks)
    with made.ledger.transaction("bench") as t:
        terms = {"owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": MADE}
        t.add_new(CollectionRow, [{"name": "c", **terms}])
        proxy = {"medium": "image", "media_type": "image/png", "bytes": 1, "group": "g", "store_key": None}
        t.add_new(AssetRow, [{**proxy, "sha256": "f" * 64, "role": "proxy", "derived_from": None, "facts": facts}])
        t.add_new(
            AssetRow,
            [{**proxy, "sha256": "e" * 64, "role": "source", "derived_from": None, "facts": {**facts, "proxy": "f" * 64}}],
        )
        listing = {"collection": "c", "source": "s", "path": "x", "bytes": 1, "modified_ns": 1, "reason": None}
        t.add_new(ListingRow, [{**listing, "outcome": "accepted", "sha256": "e" * 64, "listed_at": MADE}])
    create_project(
        made.ledger, "bench", name=PROJECT, collection="c", template=TEMPLATE, overlap=2, policy="p", policy_digest="d" * 64
    )
    create_tasks(made.ledger, "bench", PROJECT)
    batch = batch_id(PROJECT)
    url, accounts, project = (
        ("http://nowhere", None, 1) if bench is None else (bench.service.url, bench.accounts, bench.server_project)
    )
    record_accounts(made.ledger, SITE, url, PEOPLE, accounts or _nobody())
    with made.ledger.transaction("bench") as t:
        place = {"batch": batch, "site": SITE, "server_project": project, "config_digest": "d", "synced_at": None}
        t.add_new(PlaceRow, [place] if dispatched else [])
        for start_ in range(0, tasks, _CHUNK):
            some = list(enumerate(all_keys[start_ : start_ + _CHUNK], start_ + 1))
            state = {"state": "dispatched", "site": SITE} if dispatched else {"state": "new", "site": None, "server_task": None}
            row = {"batch": batch, "items": ["e" * 64], "group": "g", "round": 1}
            t.add_new(TaskRow, [{**row, "item_key": key, "subject": key, "server_task": number, **state} for number, key in some])
            if not dispatched:
                continue
            sent = {"batch": batch, "site": SITE, "state": "sent", "data_digest": None}
            t.add_new(OutboxRow, [{**sent, "item_key": key, "server_task": number} for number, key in some])
    with made.ledger.reading() as session:
        assert session.scalars(select(TaskRow.item_key).limit(1)).first()
    return made


def _nobody() -> Accounts:
    from yuelu.annotate.label_studio.accounts import Account

    people = {each.id: Account(number, each.id, "") for number, each in enumerate(PEOPLE, 2)}
    return Accounts(Account(1, "admin", ""), people)
