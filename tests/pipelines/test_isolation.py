import os
import tempfile
from pathlib import Path

import pytest

from yuelu.base.records import Medium
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Reading, Refused

# A reader that does what the bytes say: everything a decoder under attack may do.
HOSTILE = """
import os, signal, socket, time
from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.reading import Derived, Reading, Refused

def read(file, context):
    order = file.read().decode()
    if order == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if order == "exit":
        os._exit(7)
    if order == "hang":
        time.sleep(60)
    if order == "spin":
        while True:
            pass
    if order == "allocate":
        bytearray(4 << 30)
    if order == "raise":
        raise RuntimeError("broken at <object at 0x7f0012>")
    if order == "refuse":
        raise Refused("it is not what it says")
    if order == "flood":
        return Reading(Medium.IMAGE, "x/y", {}, (Derived(Role.PROXY, Medium.IMAGE, "x/y", bytes(2 << 20)),))
    if order == "controls":
        return Reading(Medium.IMAGE, "x/y", {"a\\0b": ["M\\0R", "\\ud800", "two\\nlines"]}, (), "id\\0\\ud800")
    if order == "refuse with controls":
        raise Refused("not \\0 what \\x1b it is")
    if order == "nan":
        return Reading(Medium.IMAGE, "x/y", {"deep": [{"number": float("nan")}]}, ())
    if order == "write":
        with open(f"{os.environ.get('TMPDIR', '/tmp')}/yuelu-flood-{os.getpid()}", "wb") as out:
            os.unlink(out.name)
            out.write(bytes(64 << 20))
    if order == "many":
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1000)]
    return Reading(Medium.IMAGE, "x/y", {"environment": sorted(os.environ), "pid": os.getpid(), "cwd": os.getcwd()}, ())
"""


class Asker:
    def __init__(self, decoders: Decoders, folder: Path) -> None:
        self.decoders, self.folder = decoders, folder
        self.reader = folder / "hostile.py"
        self.reader.write_text(HOSTILE)

    def __call__(self, order: str) -> Reading:
        path = self.folder / "order"
        path.write_text(order)
        descriptor = os.open(path, os.O_RDONLY)
        request = {"reader": f"{self.reader}:read", "media_type": "x/y", "demuxer": "", "sha256": "0" * 64, "key": "00"}
        try:
            return self.decoders.read(request, descriptor)
        finally:
            os.close(descriptor)


@pytest.fixture
def ask(small_decoders: Decoders, tmp_path: Path) -> Asker:
    return Asker(small_decoders, tmp_path)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("crash", "the decoder died of SIGSEGV"),
        ("exit", "the decoder left with exit code 7"),
        ("allocate", "needs more than 1073741824 bytes of memory"),
        ("raise", "cannot be decoded: RuntimeError: broken at <object at 0x7f0012>"),
        ("refuse", "it is not what it says"),
        ("refuse with controls", "not \ufffd what \ufffd it is"),
        ("nan", "a fact is nan, not a finite number"),
        ("flood", "decoding gave 2097152 bytes, more than the limit of 1048576"),
        ("write", "File too large"),
        ("many", "Too many open files"),
    ],
)
def test_whatever_it_does_is_a_reason(ask: Asker, order: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        ask(order)
    assert ask("well").medium is Medium.IMAGE  # and the next object is read as if nothing had been


def test_its_texts_are_cleaned(ask: Asker) -> None:
    told = ask("controls")
    assert dict(told.facts) == {"a\ufffdb": ["M\ufffdR", "\ufffd", "two lines"]}
    assert told.subject == "id\0\ufffd"  # it is hashed, never stored


def test_it_cannot_compute_for_ever(ask: Asker) -> None:
    with pytest.raises(Refused, match="more than 1 s of processor time"):
        ask("spin")


def test_it_cannot_wait_for_ever(tmp_path: Path) -> None:
    decoders = Decoders(Limits(wall_s=3.0, memory_bytes=1 << 30))
    with pytest.raises(Refused, match="longer than 3 s"):
        Asker(decoders, tmp_path)("hang")
    decoders.close()


def test_it_inherits_nothing(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    facts = ask("well").facts
    threads = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"}
    assert set(facts["environment"]) <= {"LANG", "LC_CTYPE", "MALLOC_ARENA_MAX", *threads}
    assert facts["cwd"] == tempfile.gettempdir()


def test_one_process_serves_many_objects_and_leaves_with_its_pool(ask: Asker) -> None:
    pids = {ask("well").facts["pid"] for _ in range(5)}
    assert len(pids) == 1
    ask.decoders.close()
    assert not Path(f"/proc/{pids.pop()}").exists()
