"""What decoders are forked from: imported once, one thread, nothing inherited, and gone with its owner."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from yuelu.pipelines.isolation import launcher as launching
from yuelu.pipelines.isolation.launcher import Launcher
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.readers import READERS
from yuelu.pipelines.media.reading import Refused

MODULES = sorted({one.reader.rpartition(":")[0] for one in READERS.values()})
READER = """
import os, time
from yuelu.base.records import Medium
from yuelu.pipelines.media.reading import Reading

def read(file, context):
    if b"hang" in file.read():
        time.sleep(60)
    links = [os.readlink(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")]
    here = {"pid": os.getpid(), "parent": os.getppid(), "session": os.getsid(0)}
    here |= {"links": sorted(links), "threads": len(os.listdir("/proc/self/task"))}
    return Reading(Medium.IMAGE, "x/y", here, ())
"""
OWNER = """
import os, sys, threading, time
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits

decoders = Decoders(Limits(), (sys.argv[1],))
request = {"reader": sys.argv[1] + "/reader.py:read", "media_type": "x/y", "demuxer": "", "sha256": "", "key": ""}
with decoders.read(request, os.open(sys.argv[1] + "/well", os.O_RDONLY)) as reading:
    print(reading.facts["parent"], reading.facts["pid"], flush=True)
with decoders.read(request, os.open(sys.argv[1] + "/hang", os.O_RDONLY)):
    pass
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "reader.py").write_text(READER)
    (tmp_path / "well").write_text("well")
    (tmp_path / "hang").write_text("hang")
    return tmp_path


@pytest.fixture
def decoders(place: Path) -> Iterator[Decoders]:
    made = Decoders(Limits(), (str(place),))
    yield made
    made.close()


def _asked(decoders: Decoders, place: Path, reader: str = "") -> dict[str, object]:
    request = {"reader": reader or f"{place}/reader.py:read", "media_type": "x/y", "demuxer": "", "sha256": "", "key": ""}
    descriptor = os.open(place / "well", os.O_RDONLY)
    try:
        with decoders.read(request, descriptor) as reading:
            return dict(reading.facts)
    finally:
        os.close(descriptor)


def test_every_reader_is_imported_before_the_fork_and_leaves_one_thread() -> None:
    launcher = Launcher()
    try:
        for module in MODULES:
            decoder = launcher.start(module, Limits(), ())
            assert module in decoder.imported
            decoder.end()
    finally:
        launcher.close()


def test_what_slices_do_not_need_is_imported_when_it_is_needed() -> None:
    code = """
import sys
from yuelu.pipelines.media.imports import lean_imports
with lean_imports():
    import yuelu.pipelines.media.dicom.reader
assert not {"av", "pyarrow", "pandas", "requests", "tqdm"} & set(sys.modules)
with lean_imports():
    import pyarrow
pyarrow.array((1, 2))
assert "pandas" not in sys.modules
import tqdm
"""
    assert subprocess.run([sys.executable, "-I", "-c", code], check=False).returncode == 0


def test_what_has_threads_is_not_forked(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = {name: value for name, value in launching._ENVIRONMENT.items() if "ARROW" not in name}
    monkeypatch.setattr(launching, "_ENVIRONMENT", bare)  # Arrow's allocator starts a thread then
    launcher = Launcher()
    try:
        decoder = launcher.start("yuelu.pipelines.media.timeseries.parquet", Limits(), ())
        assert decoder.imported == {""}
        assert decoder.end() == 0
    finally:
        launcher.close()


def test_a_decoder_inherits_its_socket_and_nothing_else(decoders: Decoders, place: Path) -> None:
    facts = _asked(decoders, place)
    links = [str(link) for link in facts["links"]]  # type: ignore[attr-defined]
    assert [link.partition(":")[0] for link in links if link not in ("/dev/null", str(place / "well"))] == ["socket"]
    assert links.count("/dev/null") == 3
    assert facts["threads"] == 1
    assert facts["session"] == facts["pid"]
    assert facts["parent"] != os.getpid()


def test_a_reader_that_cannot_be_imported_says_so(decoders: Decoders, place: Path) -> None:
    with pytest.raises(Refused, match=r"ModuleNotFoundError: No module named 'yuelu\.pipelines\.nothing'"):
        _asked(decoders, place, "yuelu.pipelines.nothing:read")
    assert _asked(decoders, place)["pid"]


def test_decoders_outlive_what_they_were_forked_from(decoders: Decoders, place: Path) -> None:
    facts = _asked(decoders, place)
    os.kill(int(str(facts["parent"])), signal.SIGKILL)
    assert _asked(decoders, place)["pid"] == facts["pid"]
    os.kill(int(str(facts["pid"])), signal.SIGKILL)
    assert _asked(decoders, place)["parent"] != facts["parent"]


def test_all_end_with_their_owner_also_those_at_work(place: Path) -> None:
    owner = subprocess.Popen([sys.executable, "-I", "-c", OWNER, str(place)], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    with owner.stdout as told:
        pids = [int(pid) for pid in told.readline().split()]
    owner.kill()
    owner.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
