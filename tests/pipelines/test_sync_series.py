"""Random troubles for many rounds, against an oracle that knows what the server acknowledged."""

import os
import random
from collections import Counter
from typing import Any

import pytest
from desk import PEOPLE, YEAR_S, Desk, result
from drawing_table import random_faults

from yuelu.annotate.packets import lease
from yuelu.base.errors import Interrupted, WentBack, YueluError

ROUNDS = int(os.environ.get("YUELU_FAULTS", "12"))


@pytest.fixture
def desk(lab: Any) -> Desk:
    lease(lab.ledger, "test", "p", list(PEOPLE))
    return Desk(lab)


class Series:
    """People who do what they like for many rounds, and an oracle that knows what they were told had worked."""

    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk, self.random = desk, random.Random(seed)
        self.live: dict[str, list[Any]] = {}
        self.gone: set[str] = set()
        self.trouble: Counter[str] = Counter()

    def act(self) -> None:
        """Do one thing, and note what the server acknowledged."""
        table, choice = self.desk.table, self.random.random()
        content = result(self.random.randrange(100))
        if choice < 0.5 or not self.live:
            tasks = [task for task in self.desk.tasks if task in table.state.tasks]
            self.live[table.answer(self.random.choice(tasks), self.random.choice(list(PEOPLE.values())), content)] = content
        elif choice < 0.75:
            uid = self.random.choice(sorted(self.live))
            table.change(uid, content)
            self.live[uid] = content
        else:
            uid = self.random.choice(sorted(self.live))
            table.delete(uid)
            del self.live[uid]
            self.gone.add(uid)

    def troubled(self) -> None:
        """Sync while things go wrong: faults, kills between transactions, answers that come while we read."""
        desk, random_ = self.desk, self.random
        desk.table.fault = random_faults(random_, random_.choice((0.05, 0.3, 0.8)))
        desk.table.hook = lambda _: self.act() if random_.random() < 0.05 else None
        kill = random_.random() < 0.2

        def progress(done: int, total: int) -> None:
            if kill:
                raise Interrupted("killed")

        try:
            desk.sync(full=random_.random() < 0.2, progress=progress)
        except YueluError as error:
            self.trouble[type(error).__name__] += 1
        desk.table.fault, desk.table.hook = lambda _: None, lambda _: None

    def restored(self) -> None:
        """Put yesterday's backup back: sync must refuse it, and change nothing."""
        desk = self.desk
        backup = desk.table.backup()
        desk.sync()
        self.act()
        desk.sync()
        now, before = desk.table.backup(), desk.answers()
        desk.table.restore(backup)
        with pytest.raises(WentBack):
            desk.sync(full=self.random.random() < 0.5)
        assert desk.answers() == before
        self.trouble["WentBack"] += 1
        desk.table.restore(now)

    def clock(self) -> None:
        """Set the server's clock to another year; the next sync sees that."""
        self.desk.sync()
        self.desk.table.tick(self.random.choice((-YEAR_S, YEAR_S)))
        self.desk.sync()
        self.trouble["clock"] += 1

    def round(self) -> None:
        for _ in range(self.random.randrange(1, 4)):
            self.act()
        for _ in range(self.random.randrange(3)):
            self.troubled()
        strange = self.random.random()
        if strange < 0.1:
            self.restored()
        elif strange < 0.2:
            self.clock()
        self.desk.sync()
        self.check()

    def check(self) -> None:
        """I1: what was acknowledged is in the ledger as it is now, or a tombstone. I2: each version was written once."""
        answers = self.desk.answers()
        assert {uid: raw for uid, (_, gone, raw) in answers.items() if not gone} == self.live
        assert {uid for uid, (_, gone, _) in answers.items() if gone} <= self.gone
        self.desk.check_ledger()


def test_a_series_of_random_troubles(desk: Desk) -> None:
    """`YUELU_FAULTS=1000 pytest …` runs longer; the seed of a failure is printed, and YUELU_SEED runs it again."""
    seed = int(os.environ.get("YUELU_SEED", random.SystemRandom().randrange(10**9)))
    print(f"YUELU_SEED={seed}")  # shown when it fails
    series = Series(desk, seed)
    for _ in range(ROUNDS):
        series.round()
    print(f"{ROUNDS} rounds: {dict(series.desk.table.happened)}, {dict(series.trouble)}, {len(series.desk.answers())} answers")
    assert sum(series.desk.table.happened.values()) > 0 or ROUNDS < 10
