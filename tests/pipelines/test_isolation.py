import errno
import os
import socket
import tempfile
import threading
import time
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from yuelu.base.errors import ServiceUnavailable
from yuelu.base.records import Medium
from yuelu.pipelines.isolation import sandbox
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Reading, Refused

# A reader that does what the bytes say: everything a decoder under attack may do.
HOSTILE = """
import ctypes, os, signal, socket, struct, sys, threading, time
from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.reading import Derived, Reading, Refused

def own_socket():
    for number in os.listdir("/proc/self/fd"):
        try:
            return socket.socket(fileno=os.dup(int(number)))
        except OSError:
            pass

def attempt(what, where=""):
    try:
        if what == "connect":
            socket.create_connection(("127.0.0.1", int(where)), 5).close()
        if what == "send":
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(where)))
        if what == "read":
            open(where).read()
        if what == "list":
            os.listdir(where)
        if what == "write":
            open(where, "w").close()
        if what == "remove":
            os.unlink(where)
        if what == "fork" and os.fork() == 0:
            os._exit(0)
        if what == "run":
            os.posix_spawn("/bin/true", ["true"], {})
        if what == "signal":
            os.kill(os.getppid(), 0)
        if what == "trace" and ctypes.CDLL(None, use_errno=True).ptrace(16, os.getppid(), 0, 0):
            raise OSError(ctypes.get_errno(), "")
        if what == "look":
            open(f"/proc/{os.getppid()}/environ").read()
    except OSError as error:
        return type(error).__name__
    return "done"

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
    if order == "recurse":
        def deeper(): return deeper()
        deeper()
    if order == "recurse in C":
        sys.setrecursionlimit(10**9)
        value = []
        for _ in range(10**5):
            value = [value]
        repr(value)
    if order == "facts":
        return Reading(Medium.IMAGE, "x/y", {"long": "x" * (2 << 20)}, ())
    if order == "trickle":
        channel = own_socket()
        socket.send_fds(channel, [struct.pack(">I", 1000)], [os.memfd_create("x")])
        while True:
            channel.send(b"\\0")
            time.sleep(0.1)
    if order in ("unsealed", "no file", "beyond", "nonsense", "deep"):
        channel, file = own_socket(), os.memfd_create("x")
        places = b"[[0, 9]]" if order == "beyond" else b"[[0, 0]]"
        body = b'{"told": {}, "places": ' + places + b"}"
        body = {"nonsense": b"{]", "deep": b"[" * 100000}.get(order, body)
        socket.send_fds(channel, [struct.pack(">I", len(body))], [] if order == "no file" else [file])
        channel.sendall(body)
        time.sleep(60)
    if order.startswith("try "):
        return Reading(Medium.IMAGE, "x/y", {"result": attempt(*order.split()[1:])}, ())
    if order == "threads":
        some = [threading.Thread(target=time.sleep, args=(0.1,)) for _ in range(4)]
        [one.start() for one in some], [one.join() for one in some]
    if order == "memory file":
        part = os.fdopen(os.memfd_create("x"), "w+b")
        part.write(b"ab" * 1000)
        parts = Derived(Role.PROXY, Medium.IMAGE, "x/y", b"", {}, part), Derived(Role.THUMBNAIL, Medium.IMAGE, "x/y", b"cd")
        return Reading(Medium.IMAGE, "x/y", {}, parts)
    if order == "many":
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1000)]
    return Reading(Medium.IMAGE, "x/y", {"environment": sorted(os.environ), "pid": os.getpid(), "cwd": os.getcwd()}, ())
"""


class Asker:
    def __init__(self, decoders: Decoders, folder: Path) -> None:
        self.decoders, self.folder = decoders, folder
        self.reader = folder / "hostile.py"
        self.reader.write_text(HOSTILE)
        self.parts: list[bytes] = []

    def __call__(self, order: str) -> Reading:
        path = self.folder / "order"
        path.write_text(order)
        descriptor = os.open(path, os.O_RDONLY)
        request = {"reader": f"{self.reader}:read", "media_type": "x/y", "demuxer": "", "sha256": "0" * 64, "key": "00"}
        try:
            with self.decoders.read(request, descriptor) as reading:
                self.parts = [cast(BinaryIO, part.file).read() for part in reading.derived]
                return reading
        finally:
            os.close(descriptor)


@pytest.fixture
def ask(small_decoders: Decoders, tmp_path: Path) -> Asker:
    small_decoders.readable = (str(tmp_path),)
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
        ("flood", "decoding gave more than the limit of 1048576 bytes"),
        ("facts", "the decoder's answer has 2097\\d+ bytes of facts"),
        ("recurse", "cannot be decoded: RecursionError"),
        ("recurse in C", "RecursionError|died of SIGSEGV|more than 1 s of processor time"),
        ("nonsense", "the decoder's answer is malformed"),
        ("deep", "the decoder's answer is malformed"),
        ("no file", "the decoder's answer is malformed"),
        ("unsealed", "the decoder's answer is malformed: it may still change"),
        ("beyond", "the decoder's answer is malformed: parts beyond its end"),
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
    decoders = Decoders(Limits(wall_s=2.0, memory_bytes=1 << 30), (str(tmp_path),))
    for order in ("hang", "trickle"):
        with pytest.raises(Refused, match="longer than 2 s"):
            Asker(decoders, tmp_path)(order)
    decoders.close()


def test_it_inherits_nothing(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    facts = ask("well").facts
    threads = {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"}
    memory = {"MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "JE_ARROW_MALLOC_CONF"}
    assert set(facts["environment"]) <= {"LANG", "LC_CTYPE", *memory, *threads}
    assert facts["cwd"] == tempfile.gettempdir()


def test_parts_come_through_a_file(ask: Asker) -> None:
    ask("memory file")
    assert ask.parts == [b"ab" * 1000, b"cd"]


@pytest.fixture(scope="module")
def missing() -> dict[str, str]:
    """The layers that this machine does not have."""
    return sandbox.examine()


@pytest.mark.parametrize(
    ("layers", "order"),
    [
        (("network", "calls"), "connect {port}"),
        (("network", "calls"), "send {port}"),
        (("files",), "read /etc/passwd"),
        (("files",), "read {secret}"),
        (("files",), "list /"),
        (("files",), "list {home}"),
        (("files",), "write {folder}/new"),
        (("files",), "write {tmp}/yuelu-new"),
        (("files",), "remove {secret}"),
        (("calls",), "fork"),
        (("calls",), "run"),
        (("calls",), "signal"),
        (("calls", "files"), "trace"),
        (("files", "privileges"), "look"),
    ],
)
def test_it_cannot_get_out(
    ask: Asker, missing: dict[str, str], tmp_path_factory: pytest.TempPathFactory, layers: tuple[str, ...], order: str
) -> None:
    if all(layer in missing for layer in layers):
        pytest.skip(f"this machine confines no {' and no '.join(layers)}: {missing}")
    secret = tmp_path_factory.mktemp("elsewhere") / "secret"
    secret.write_text("secret")
    places = {"secret": secret, "home": Path.home(), "folder": ask.folder, "tmp": tempfile.gettempdir()}
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = ask("try " + order.format(**places, port=server.getsockname()[1])).facts["result"]
    assert told in ("PermissionError", "ConnectionRefusedError", "OSError")
    assert secret.read_text() == "secret"
    assert not (ask.folder / "new").exists()
    assert not Path(tempfile.gettempdir(), "yuelu-new").exists()


def test_its_libraries_may_use_threads(ask: Asker) -> None:
    assert ask("threads").medium is Medium.IMAGE


def test_decoding_works_without_any_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: tuple[str, ...]) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(sandbox, "LAYERS", dict.fromkeys(sandbox.LAYERS, fails))
    assert sandbox.enter((str(tmp_path),)) == dict.fromkeys(sandbox.LAYERS, "Function not implemented")


def test_closing_ends_those_at_work(ask: Asker) -> None:
    ended: list[BaseException] = []

    def wait() -> None:
        try:
            ask("hang")
        except ServiceUnavailable as error:
            ended.append(error)

    ask("well")
    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.5)
    ask.decoders.close()
    thread.join(10)
    assert [str(error) for error in ended] == ["the decoders were closed\n  try: start the run again"]


def test_one_process_serves_many_objects_and_leaves_with_its_pool(ask: Asker) -> None:
    pids = {ask("well").facts["pid"] for _ in range(5)}
    assert len(pids) == 1
    ask.decoders.close()
    assert not Path(f"/proc/{pids.pop()}").exists()
