"""The contract of a store, kept by a folder and by a real S3 server alike."""

import pickle
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from yuelu.base.errors import InvalidRecord, KeyTaken, Misconfigured, NotFound, OutcomeUnknown, ServiceUnavailable
from yuelu.base.store.address import open_store, single_winner
from yuelu.base.store.port import Entry, Store, create_once


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    address = str(tmp_path / "store") if request.param == "folder" else request.getfixturevalue("bucket")
    return open_store(address)


def test_a_key_is_written_once(store: Store) -> None:
    store.create("a/b", b"first")
    with pytest.raises(KeyTaken, match="a/b already exists"):
        store.create("a/b", b"second")
    assert store.read("a/b") == b"first"


def test_content_that_is_there_is_not_written_again(store: Store) -> None:
    assert create_once(store, "a/b", b"first")
    assert not create_once(store, "a/b", b"first")


def test_what_was_never_written_is_not_there(store: Store) -> None:
    assert not store.exists("a/b")
    with pytest.raises(NotFound, match="no a/b in"):
        store.read("a/b")
    with pytest.raises(NotFound, match="no a/b in"):
        store.open("a/b")
    store.create("a/b/c", b"")
    with pytest.raises(NotFound, match="no a/b in"):
        store.read("a/b")


def test_listing_is_by_prefix_and_in_order(store: Store) -> None:
    for key in ("b/2", "a/10", "a/9", "ab", "a/x/y"):
        store.create(key, key.encode())
    assert list(store.list("a/")) == [Entry("a/10", 4), Entry("a/9", 3), Entry("a/x/y", 5)]
    assert [entry.key for entry in store.list()] == ["a/10", "a/9", "a/x/y", "ab", "b/2"]
    assert [entry.key for entry in store.list("a")] == ["a/10", "a/9", "a/x/y", "ab"]
    assert list(store.list("nothing/here")) == []


def test_a_reader_seeks(store: Store) -> None:
    data = bytes(range(256)) * 9000  # more than two of the ranges that S3 is read by
    store.create("big", data)
    with store.open("big") as file:
        file.seek(-5, 2)
        assert file.read() == data[-5:]
        file.seek(1_000_000)
        assert file.read(300_000) == data[1_000_000:1_300_000]
        assert file.tell() == 1_300_000
        assert file.read() == data[1_300_000:]
        assert file.read() == b""
    assert store.read("big") == data


@pytest.mark.parametrize("size", [(1 << 18) - 1, 1 << 18, (1 << 20) + 1])
def test_what_is_written_in_pieces_is_whole(store: Store, size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    store.create("bytes", data)
    store.create("file", BytesIO(data))
    assert store.read("bytes") == store.read("file") == data


def test_a_file_is_written_from_its_beginning_and_never_held_whole(store: Store, tmp_path: Path) -> None:
    pattern, size = bytes(range(256)) * 4096, 32 << 20
    with (tmp_path / "large").open("w+b") as large:
        for _ in range(size // len(pattern)):
            large.write(pattern)  # and its position is its end
        tracemalloc.start()
        store.create("large", large)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        with pytest.raises(KeyTaken, match="large already exists"):
            store.create("large", large)
        assert not create_once(store, "large", large)
    assert most < size / 4
    with store.open("large") as stored:
        assert stored.seek(0, 2) == size
        stored.seek(size - len(pattern))
        assert stored.read() == pattern
    with (tmp_path / "empty").open("w+b") as empty:
        store.create("empty", empty)
        with pytest.raises(KeyTaken, match="empty already exists"):
            store.create("empty", empty)
    assert store.read("empty") == b""
    assert list(store.list()) == [Entry("empty", 0), Entry("large", size)]


@pytest.mark.parametrize("key", ["", "/a", "a//b", "a/../b", "./a", "a/", "a\\b", "a\0b"])
def test_keys_that_lead_elsewhere_are_refused(store: Store, key: str) -> None:
    with pytest.raises(InvalidRecord, match="is not a key"):
        store.create(key, b"")
    with pytest.raises(InvalidRecord, match="is not a key"):
        store.read(key)


def test_of_many_writers_of_one_key_one_wins(store: Store) -> None:
    won: list[int] = []

    def write(number: int) -> None:
        try:
            store.create("versions/000001.json", str(number).encode())
            won.append(number)
        except KeyTaken:
            pass

    writers = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(won) == 1
    assert store.read("versions/000001.json") == str(won[0]).encode()
    assert single_winner(store)
    assert list(store.list("probe/")) == []


def test_what_is_deleted_is_gone_and_may_be_written_again(store: Store) -> None:
    store.create("a/b", b"first")
    store.delete("a/b")
    store.delete("a/b")
    assert not store.exists("a/b")
    store.create("a/b", b"second")
    (entry,) = store.list()
    assert entry.written_at is not None
    assert abs((datetime.now(UTC) - entry.written_at).total_seconds()) < 3600


def test_a_store_travels_to_a_worker_and_is_found_by_its_address(store: Store) -> None:
    store.create("k", b"v")
    assert pickle.loads(pickle.dumps(store)).read("k") == b"v"  # noqa: S301  our own bytes
    assert open_store(store.address).read("k") == b"v"


def test_unfinished_writes_are_in_no_listing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    store.create("k", b"v")
    (tmp_path / ".parts" / "left-by-a-killed-process").write_bytes(b"half")
    assert [entry.key for entry in store.list()] == ["k"]


def test_addresses_of_no_store_are_refused() -> None:
    with pytest.raises(Misconfigured, match="no store at 'ftp://x'"):
        open_store("ftp://x")


@pytest.mark.integration
def test_a_bucket_that_is_not_there_is_named(s3_endpoint: str) -> None:
    store = open_store(f"s3://nowhere?endpoint={s3_endpoint}")
    with pytest.raises(NotFound, match="no bucket nowhere"):
        store.create("k", b"v")


def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "k")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("yuelu.base.store.s3._RETRIES", 1)
    store = open_store("s3://b?endpoint=http://127.0.0.1:9")
    with pytest.raises(ServiceUnavailable, match="Could not connect"):
        store.read("k")


@pytest.fixture
def half_answering(free_port: Callable[[], int]) -> Iterator[tuple[str, list[str]]]:
    """A server that takes every write and then fails to say so, and breaks off every read in the middle."""
    written: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            written.append(self.path)
            self.send_response(500)
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "100")
            self.end_headers()
            self.wfile.write(b"half")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", free_port()), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"s3://b?endpoint=http://127.0.0.1:{server.server_port}", written
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_unclear_answer_is_said_to_be_unclear(half_answering: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "k")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr("yuelu.base.store.s3._RETRIES", 1)
    address, written = half_answering
    store = open_store(address)
    with pytest.raises(OutcomeUnknown, match="writing k"):
        store.create("k", b"v")
    assert "/b/k" in written  # it was applied, and only the answer was lost
    with pytest.raises(ServiceUnavailable, match=r"(?i)incomplete|broken|read"):
        store.read("k")
