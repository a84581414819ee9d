"""Many publishers at once: one winner for each version, with the ledger as arbiter where the store is none."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from yuelu.base.errors import Conflict
from yuelu.base.ledger.engine import Ledger
from yuelu.base.store.address import needs_arbiter, open_store, single_winner
from yuelu.base.store.arbitrated import ArbitratedStore
from yuelu.base.store.local import LocalStore
from yuelu.datasets.release import history
from yuelu.datasets.verify import verify_stored


class Careless(LocalStore):
    """A store that replaces what is there, as S3 look-alikes without If-None-Match do, and takes its time."""

    def create(self, key: str, data: Any) -> None:
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        time.sleep(0.002)
        path.unlink(missing_ok=True)
        if not isinstance(data, bytes):
            data.seek(0)
            data = data.read()
        path.write_bytes(data)


@pytest.fixture
def ledger(tmp_path: Path) -> Any:
    found = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite3'}")
    found.migrate()
    yield found
    found.close()


def insist(shop: Any, make: Any, publishers: int) -> list[int]:
    """Let that many publish at once, each until it is in, and return the numbers they got."""

    def one(number: int) -> int:
        while True:
            try:
                return int(shop.publish([make.item(number)], nonce=str(number)).release.manifest.number)
            except Conflict:
                continue

    with ThreadPoolExecutor(publishers) as pool:
        return sorted(pool.map(one, range(publishers)))


def test_the_ledger_decides_where_the_store_cannot(shop: Any, make: Any, ledger: Ledger, tmp_path: Path) -> None:
    careless = Careless(tmp_path / "careless")
    assert not single_winner(careless, 8)  # the probe finds it out
    shop.store = ArbitratedStore(careless, ledger.lock)
    assert single_winner(shop.store, 8)
    assert insist(shop, make, 6) == list(range(1, 7))
    assert verify_stored(shop.store, "boards", key=make.KEY.public).ok
    assert len(history(shop.store, "boards")) == 6


def test_an_address_tells_that_the_ledger_decides() -> None:
    address = "s3://bucket/prefix?endpoint=http://127.0.0.1:9&create=ledger"
    assert needs_arbiter(open_store(address))
    assert open_store(address).address == address
    assert not needs_arbiter(open_store("s3://bucket/prefix?endpoint=http://127.0.0.1:9"))
