"""Following, its wake-up calls, and the thread that reads ahead."""

import threading
import time
from collections.abc import Generator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from yuelu.annotate.label_studio.hooks import HEADER, PATH
from yuelu.base.errors import Interrupted, InvalidRecord, ServiceUnavailable
from yuelu.base.progress import silent
from yuelu.pipelines.follow import Pace, Signals, follow
from yuelu.pipelines.reading.ahead import ahead
from yuelu.pipelines.reading.wake import LARGEST_BYTES, Receiver
from yuelu.pipelines.sync import SiteReport, SyncReport


def send(receiver: Receiver, secret: str | None, *, path: str = PATH, length: str | None = "2") -> int:
    where = urlsplit(receiver.url)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=10)
    connection.putrequest("POST", path)
    if secret is not None:
        connection.putheader(HEADER, secret)
    if length is not None:
        connection.putheader("Content-Length", length)
    connection.endheaders(b"{}")
    status = connection.getresponse().status
    connection.close()
    return status


def test_only_the_secret_wakes_and_no_body_is_read() -> None:
    woken: list[int] = []
    with Receiver("127.0.0.1", 0, "right", lambda: woken.append(1)) as receiver:
        assert send(receiver, "right") == 204
        assert [send(receiver, wrong) for wrong in ("wrong", "", None, "Right")] == [403] * 4
        assert send(receiver, "right", length=str(50 << 20)) == 413
        assert send(receiver, "right", length=str(LARGEST_BYTES + 1)) == 413
        assert send(receiver, "right", length=None) == 411
        assert send(receiver, "right", path="/elsewhere") == 404
    assert len(woken) == 1
    assert (receiver.seen["forged"], receiver.seen["too large"]) == (4, 2)


def test_a_caller_that_says_nothing_holds_nobody_up() -> None:
    with Receiver("127.0.0.1", 0, "right", lambda: None) as receiver:
        where = urlsplit(receiver.url)
        idle = [HTTPConnection(where.hostname or "", where.port) for _ in range(20)]
        for each in idle:
            each.connect()
        assert send(receiver, "right") == 204
        for each in idle:
            each.close()


def report(new: int = 0) -> list[SiteReport]:
    return [SiteReport("s", SyncReport(new=new))]


def test_a_call_ends_the_wait_and_a_stop_the_following() -> None:
    signals, polls = Signals(), list[bool]()

    def once(full: bool) -> list[SiteReport]:
        polls.append(full)
        if len(polls) == 3:
            signals.stop()
        else:
            for _ in range(10):
                signals.wake()
        return report()

    assert follow(once, lambda _: None, lambda _: None, signals, Pace(600.0, 600.0), gap_s=0.0) == 3
    assert polls == [False, False, False]


def test_everything_is_compared_from_time_to_time_and_trouble_is_no_end() -> None:
    signals, polls, trouble = Signals(), list[bool](), list[Exception]()
    times = iter(range(0, 100_000, 10))

    def once(full: bool) -> list[SiteReport]:
        polls.append(full)
        signals.wake()
        if len(polls) == 2:
            raise ServiceUnavailable("the ledger fails", "")
        if len(polls) == 9:
            signals.stop()
        return report()

    follow(once, lambda _: None, trouble.append, signals, Pace(600.0, 30.0), clock=lambda: float(next(times)), gap_s=0.0)
    assert polls[0] is False
    assert 1 < sum(polls) < 8
    assert len(trouble) == 1


def test_a_stop_reaches_a_sync_that_is_at_work() -> None:
    signals = Signals()
    progress = signals.check(silent)
    progress(1, 2)
    signals.stop()
    with pytest.raises(Interrupted, match="was stopped"):
        progress(2, 2)


def numbers(closed: list[bool]) -> Generator[int, None, None]:
    try:
        yield from range(5)
        raise InvalidRecord("it ends badly", "")
    finally:
        closed.append(True)


def test_what_is_read_ahead_comes_in_order_and_so_does_an_error() -> None:
    closed: list[bool] = []
    found: list[int] = []
    with pytest.raises(InvalidRecord, match="it ends badly"):
        found.extend(ahead(numbers(closed), 2))
    assert (found, closed) == ([0, 1, 2, 3, 4], [True])


def test_who_leaves_early_leaves_no_thread() -> None:
    closed: list[bool] = []
    reads = ahead(numbers(closed), 2)
    assert next(reads) == 0
    reads.close()
    for _ in range(100):
        if closed and not any(thread.name == "reading ahead" for thread in threading.enumerate()):
            break
        time.sleep(0.05)
    assert closed == [True]
