"""A series of random troubles between us and a real Label Studio: dispatch, forward and sync through the fault proxy.

An oracle knows what people were told had worked. After every round the ledger and the server hold exactly that.
`YUELU_REAL_FAULTS=50 pytest …` runs longer; the seed of a failure is printed, and YUELU_SEED runs it again.
"""

import os
import random
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from crews import Crew, kill, result, start_again
from faults import KINDS, Fault, FaultProxy
from sqlalchemy import select

from yuelu.annotate.answers import answer_uid
from yuelu.annotate.incoming import Incoming
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.environment import DATABASE
from yuelu.annotate.submissions import record
from yuelu.base.errors import Interrupted, YueluError
from yuelu.base.ledger.log import EventRow, broken
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.work import AnnotationRow, RejectionRow
from yuelu.pipelines.dispatch import dispatch
from yuelu.pipelines.forward import forward
from yuelu.pipelines.sync import sync

pytestmark = pytest.mark.integration
ROUNDS = int(os.environ.get("YUELU_REAL_FAULTS", "3"))
TRIES = 60  # for a trouble that strikes one request of a kind that is not always made
PERSON, YEAR_S = "d", 365 * 86_400
STRANGE = ("clock", "shifted", "killed", "interrupted")  # what no single request shows
STAMPS = ("task", "task_completion")  # tables of Label Studio with a column `updated_at`


class Series:
    """People who do what they like, troubles that are dealt like cards, and what everybody was told."""

    def __init__(self, bench: Any, env: Path, seed: int) -> None:
        self.bench, self.env, self.random = bench, env, random.Random(seed)
        self.crew = Crew(bench, bench.site.name, assets=3, overlap=4)
        self.proxy = FaultProxy(bench.site.service.url)
        self.live: dict[str, Any] = {}
        self.trouble: Counter[str] = Counter()
        self.cards: list[str] = []
        self.strangers: list[int] = []

    # What goes through the proxy, and may fail.

    def client(self, name: str | None = None) -> Client:
        accounts = self.bench.site.accounts
        token = (accounts.admin if name is None else accounts.of(name)).token
        return Client(self.proxy.url, token, sleep=lambda _: None, timeout_s=30.0)

    def dispatch(self) -> None:
        with self.client() as client:
            dispatch(self.bench.workspace, self.crew.project, client, self.crew.site, sleep=lambda _: None)

    def forward(self) -> None:
        forward(self.bench.workspace, self.crew.site, lambda name: (self.client(name), None))

    def sync(self, **how: Any) -> None:
        with self.client() as client:
            sync(self.bench.workspace, self.crew.project, client, self.crew.site, **how)

    # What people do, and are told has worked.

    def content(self) -> list[Any]:
        return result(self.random.randrange(200, 400) / 100)

    def act(self) -> None:
        choice = self.random.random()
        read = {uid for uid, row in self.last().items() if not row.vanished}
        theirs = sorted(uid for uid in read & self.live.keys() if uid not in self.of_person())
        if choice < 0.5:
            self.submit()
        elif choice < 0.8 or not theirs:
            task, name = self.random.choice(self.crew.tasks), self.random.choice("abc")
            self.on_server(task, name)
        else:
            uid = self.random.choice(theirs)
            number = self.last()[uid].server_annotation
            with self.bench.admin() as admin:
                admin.delete_annotation(number)
            del self.live[uid]

    def of_person(self) -> set[str]:
        return {answer_uid(task.item_key, PERSON) for task in self.crew.tasks}

    def submit(self) -> None:
        """The person's answer goes through us: acknowledged once it is in the ledger."""
        task, content = self.random.choice(self.crew.tasks), self.content()
        self.live[record(self.bench.workspace.ledger, Incoming(PERSON, task.item_key, content)).uid] = content

    def on_server(self, task: Any, name: str) -> None:
        """A program answers on the server itself, without faults: what it is told is so."""
        content = self.content()
        server_task = next(row.server_task for row in self.sent() if row.item_key == task.item_key)
        uid = answer_uid(task.item_key, name)
        with self.bench.annotator(name) as client:
            made = client.submit(server_task, content, lead_time_s=1.0, uid=uid)
            if not made.added:
                client.change(made.annotation, content, lead_time_s=1.0)
        self.live[uid] = content

    # The troubles.

    def deal(self) -> list[str]:
        """Return some troubles; all have had their turn before one comes again."""
        if not self.cards:
            self.cards = self.random.sample([*KINDS, *STRANGE], len(KINDS) + len(STRANGE))
        share = -(-(len(KINDS) + len(STRANGE)) // ROUNDS)
        dealt, self.cards = self.cards[:share], self.cards[share:]
        return dealt

    def round(self) -> None:
        for _ in range(self.random.randrange(2, 4)):
            self.act()
        self.submit()
        for trouble in self.deal():
            steps: list[Callable[[], None]] = [self.dispatch, self.forward, self.sync]
            if trouble in STRANGE:
                getattr(self, trouble)()
                continue
            for _ in range(TRIES):
                if self.proxy.happened[trouble]:
                    break
                step = self.random.choice(steps)
                fault = Fault(trouble, status=self.random.choice((401, 429, 500, 502, 503)), seconds=0.1)
                fault.skip = self.random.randrange(4)
                self.proxy.inject(fault)
                self.tried(step)
                self.proxy.clear()
            assert self.proxy.happened[trouble], trouble
            self.proxy.happened[trouble] = 0
            self.trouble[trouble] += 1
            self.submit()
        self.check()

    def tried(self, step: Callable[[], None]) -> None:
        try:
            step()
        except YueluError as error:
            self.trouble[type(error).__name__] += 1

    def clock(self) -> None:
        """The server's clock jumps by a year; what is stamped meanwhile says so. Then it is set right."""
        with closing(sqlite3.connect(self.bench.site.service.data / DATABASE, timeout=30)) as database:
            began = database.execute("SELECT max(updated_at) FROM task").fetchone()[0]
            self.sync()
            self.proxy.clock_s = self.random.choice((-YEAR_S, YEAR_S))
            self.act()
            days = f"{round(self.proxy.clock_s / 86_400):+d} days"
            shifted = 0
            for table in STAMPS:
                moved = f"UPDATE {table} SET updated_at = strftime('%Y-%m-%d %H:%M:%f', updated_at, ?) WHERE updated_at > ?"  # noqa: S608
                shifted += database.execute(moved, (days, began)).rowcount
            database.commit()
        self.forward()
        self.tried(self.sync)
        self.proxy.clock_s = 0.0
        self.tried(self.sync)
        self.trouble["clock"] += 1

    def shifted(self) -> None:
        """Between two pages of a listing a task goes and another comes."""
        before = len(self.strangers)

        def shift(method: str, path: str) -> None:
            if path.startswith("/api/tasks/?") and len(self.strangers) < before + 2:
                self.stranger()

        with self.bench.admin() as admin, pytest.MonkeyPatch.context() as patch:
            patch.setattr("yuelu.annotate.label_studio.reading._PAGE", 2)  # three tasks are two pages
            self.stranger()
            self.proxy.hook = shift
            self.sync(full=True)
            self.proxy.hook = lambda method, path: None
            for task in self.strangers:
                admin.delete_task(task)
        assert len(self.strangers) > before + 1
        self.trouble["shifted"] += 1

    def stranger(self) -> None:
        with self.bench.admin() as admin:
            if self.strangers:
                admin.delete_task(self.strangers[-1])
            project = self.bench.server_project(self.crew.project)
            self.strangers += admin.import_tasks(project, [{"audio": "/x", "item_key": f"stranger {len(self.strangers)}"}])

    def killed(self) -> None:
        """The server dies in the middle of a request, and comes back."""
        site = self.bench.site

        def die(method: str, path: str) -> None:
            # An answer to a task that the person has answered before is a PATCH.
            if method in ("POST", "PATCH") and not path.startswith("/api/token") and not self.trouble["killed"]:
                self.trouble["killed"] += 1
                kill(site)

        self.trouble["killed"] = 0
        self.proxy.hook = die
        for _ in range(TRIES):
            self.submit()
            self.tried(self.forward)
            if self.trouble["killed"]:
                break
        assert self.trouble["killed"]
        self.tried(self.sync)
        self.proxy.hook = lambda method, path: None
        start_again(self.env, site)

    def interrupted(self) -> None:
        """We are killed between two transactions."""

        def progress(done: int, total: int) -> None:
            self.trouble["interrupted"] += 1
            raise Interrupted("killed")

        self.on_server(self.crew.tasks[0], "a")
        with pytest.raises(Interrupted):
            self.sync(full=True, progress=progress)

    # The oracle.

    def check(self) -> None:
        """I1, I2: what was acknowledged is in the ledger and on the server as it is now, once, and nothing else is."""
        self.proxy.clear()
        for step in (self.dispatch, self.forward, self.sync):
            step()
        assert {uid: row.raw for uid, row in self.last().items() if not row.vanished} == self.live
        with self.bench.admin() as admin:
            project = self.bench.server_project(self.crew.project)
            tasks, _ = admin.tasks(project)
            there = [raw for task in admin.export(project, [each.id for each in tasks]) for raw in task["annotations"]]
        assert sorted(str(task.item_key) for task in tasks) == sorted(task.item_key for task in self.crew.tasks)
        assert {task.id for task in tasks} == {row.server_task for row in self.sent()}
        assert sorted((raw["unique_id"], str(raw["result"])) for raw in there) == sorted(
            (uid, str(content)) for uid, content in self.live.items()
        )
        assert self.bench.rows(RejectionRow) == []
        with self.bench.workspace.ledger.reading() as session:
            told = select(EventRow.subject).where(EventRow.action.in_(("annotation.synced", "annotation.vanished")))
            assert Counter(session.scalars(told)) == Counter(f"{row.uid}/{row.version}" for row in self.rows())
            assert list(broken(session)) == []

    def rows(self) -> list[AnnotationRow]:
        return list(self.bench.rows(AnnotationRow, AnnotationRow.uid, AnnotationRow.version))

    def last(self) -> dict[str, AnnotationRow]:
        return {row.uid: row for row in self.rows()}

    def sent(self) -> list[OutboxRow]:
        return [row for row in self.bench.rows(OutboxRow) if row.state == "sent"]


@pytest.fixture
def series(bench: Any, label_studio_env: Path) -> Iterator[Series]:
    seed = int(os.environ.get("YUELU_SEED", random.SystemRandom().randrange(10**9)))
    print(f"YUELU_SEED={seed}")  # shown when it fails
    made = Series(bench, label_studio_env, seed)
    with made.proxy:
        yield made


def test_a_series_of_random_troubles_between_us_and_a_real_server(series: Series) -> None:
    for _ in range(ROUNDS):
        series.round()
    print(f"{ROUNDS} rounds: {dict(series.trouble)}, {len(series.rows())} versions of answers")
    missed = {each for each in [*KINDS, *STRANGE] if not series.trouble[each]}
    assert missed == set()
