import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from yuelu.base.errors import ServiceUnavailable
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources import spool


@pytest.mark.parametrize("expected", [0, 3 << 20, 9 << 20])
def test_what_is_spooled_has_no_name(expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = os.urandom(expected or 1000)
    with spool.spooled((data[at : at + 70_000] for at in range(0, len(data), 70_000)), expected) as opened:
        assert os.pread(opened.descriptor, len(data) + 1, 0) == data
        assert opened.bytes == len(data)
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened.descriptor)


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(1000)


@pytest.mark.parametrize(("expected", "largest", "problem"), [(5000, 10_000, "5000 bytes"), (0, 7000, "7000 bytes")])
def test_more_than_was_announced_is_refused(expected: int, largest: int, problem: str) -> None:
    with pytest.raises(Refused, match=f"more than the {problem}"), spool.spooled(endless(), expected, largest):
        pytest.fail("it was opened")
    with pytest.raises(Refused, match="more than the limit of 10"), spool.spooled([], 11, 10):
        pytest.fail("it was opened")


def test_no_room_stops_the_run_and_blames_no_object(monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.open("/dev/full", os.O_RDWR)
    monkeypatch.setattr(spool, "_nameless", lambda *, in_memory: full)
    with (
        pytest.raises(ServiceUnavailable, match=r"no room for 1000 bytes in .*: No space left on device"),
        spool.spooled([b"1"], 1000),
    ):
        pytest.fail("it was opened")
