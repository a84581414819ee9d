"""A Label Studio server of our own on the loopback interface: started, found again, stopped. Never two on one folder.

The server holds a lock on its data folder for as long as it lives, so also a server whose parent was killed is known,
and it writes its own pid and start time, so a pid that the system gave to somebody else is never signalled.
"""

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from yuelu.annotate.label_studio import environment
from yuelu.base.errors import ServiceUnavailable
from yuelu.base.progress import Progress, silent

RECORD, LOCK, LOG = "server.json", "server.lock", "server.log"
SERVED = "served"  # Label Studio refuses a storage on the document root itself, so this link in it points back to it
_STOP_S = 15.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Service:
    """A running server. `started` is the kernel's start time of `pid`; `reused` tells that it ran before we asked."""

    url: str
    pid: int
    started: str
    data: Path
    media_root: Path
    reused: bool = False

    @property
    def storage_path(self) -> Path:
        """The folder that storage records of server projects name; its files are `served/<file>` in a task."""
        return self.media_root / SERVED


def start(
    env: Path,
    data_dir: Path,
    media_root: Path,
    *,
    port: int | None = None,
    cache: Path | None = None,
    threads: int = 8,
    timeout_s: float = 120.0,
    progress: Progress = silent,
) -> Service:
    """Return the server on `data_dir`, started now or already running; it answers when this returns.

    Files below `media_root`, and no others, are served to signed-in users. `port` None keeps the port of the last time
    if it is free, and takes any free one otherwise. `progress` counts seconds. Raises ServiceUnavailable.
    """
    data, media = data_dir.absolute(), media_root.resolve()  # the server compares real paths
    found = environment.fill(env, data, cache)
    _link_media(media)
    deadline = time.monotonic() + timeout_s
    while True:
        with _lock(data) as lock:
            if lock is not None:
                child = _spawn(found, data, media, _listening(data, port), lock, threads=threads)
                return _wait(data, deadline, timeout_s, progress, child)
        running = running_service(data)
        if running is not None and running.media_root == media:
            return _wait(data, deadline, timeout_s, progress, None)
        if running is not None:
            stop(running)  # it serves another folder: one data folder, one server
        if time.monotonic() > deadline:
            raise ServiceUnavailable(f"another process keeps {data / LOCK} locked", "end it, or wait until it is done")
        time.sleep(_POLL_S)


def running_service(data_dir: Path) -> Service | None:
    """Return the live server on that data folder, if there is one; it may not answer yet."""
    try:
        known = json.loads((data_dir / RECORD).read_text(encoding="utf-8"))
        service = Service(
            known["url"], int(known["pid"]), str(known["started"]), data_dir.absolute(), Path(known["media_root"]), reused=True
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return service if _alive(service) else None


def stop(service: Service, timeout_s: float = _STOP_S) -> None:
    """End the server and its workers: politely, and by force after `timeout_s`. A server that is gone is no error."""
    for attempt, wait_s in ((signal.SIGTERM, timeout_s), (signal.SIGKILL, timeout_s)):
        if not _alive(service):
            break
        with suppress(ProcessLookupError):
            os.killpg(service.pid, attempt)
        _until(lambda: not _alive(service), wait_s)
    if _alive(service):
        raise ServiceUnavailable(f"process {service.pid} does not end", "end it by hand")
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(service.pid, signal.SIGKILL)  # a worker that outlived its master
    if not _until(lambda: _is_free(service.data), timeout_s):
        raise ServiceUnavailable(f"something still uses {service.data}", f"see who holds {LOCK} there")
    (service.data / RECORD).unlink(missing_ok=True)


def _link_media(media: Path) -> None:
    media.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        (media / SERVED).symlink_to(".")


@contextmanager
def _lock(data: Path) -> Iterator[int | None]:
    """Yield the descriptor of the lock, or None when a server, or somebody who starts one, has it."""
    descriptor = os.open(data / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor  # the server inherits it: the lock lasts until both have closed it
    finally:
        os.close(descriptor)


def _is_free(data: Path) -> bool:
    with _lock(data) as lock:
        return lock is not None


def _listening(data: Path, port: int | None) -> socket.socket:
    """Return a bound socket. Binding here, not in the server, leaves no moment in which another could take the port."""
    if port is not None:
        return _bound(port)
    try:
        return _bound(int(json.loads((data / "port.json").read_text(encoding="utf-8"))))
    except (OSError, ValueError, TypeError, ServiceUnavailable):
        return _bound(0)


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise ServiceUnavailable(f"cannot listen on 127.0.0.1:{port}: {error.strerror}", "choose another port") from None
    listener.listen(128)
    return listener


def _spawn(found: environment.Environment, data: Path, media: Path, listener: socket.socket, lock: int, *, threads: int) -> int:
    port = listener.getsockname()[1]
    (data / "port.json").write_text(json.dumps(port), encoding="utf-8")
    (data / RECORD).unlink(missing_ok=True)  # we hold the lock: what it says is over
    known = {"url": f"http://127.0.0.1:{port}", "media_root": str(media), "version": environment.VERSION}
    (data / RECORD).with_suffix(".starting").write_text(json.dumps(known), encoding="utf-8")
    log = os.open(data / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    program = str(environment.PROGRAMS / "serve.py")
    command = [str(found.python), "-W", "ignore", program, str(data / RECORD), str(listener.fileno()), str(lock), str(threads)]
    try:
        for descriptor in (listener.fileno(), lock):
            os.set_inheritable(descriptor, True)
        into = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2)]
        return os.posix_spawn(command[0], command, environment.variables(data, media, os.environ), file_actions=into)
    finally:
        os.close(log)
        os.close(null)
        listener.close()


def _wait(data: Path, deadline: float, timeout_s: float, progress: Progress, child: int | None) -> Service:
    """Return the server once it answers; `child` is its pid if it is ours. Raises ServiceUnavailable: it ended, or is late."""
    with httpx.Client(trust_env=False, timeout=2.0) as http:
        while time.monotonic() < deadline:
            progress(round(timeout_s - max(0.0, deadline - time.monotonic())), round(timeout_s))
            service = running_service(data)
            if service is None and child is not None and _ended(child):
                raise ServiceUnavailable(f"Label Studio ended while starting: {_tail(data)}", f"see {data / LOG}")
            if service is not None and _healthy(http, service.url):
                return Service(service.url, service.pid, service.started, data, service.media_root, reused=child is None)
            time.sleep(_POLL_S)
    raise ServiceUnavailable(f"Label Studio did not answer in {timeout_s:.0f} s: {_tail(data)}", f"see {data / LOG}")


def _healthy(http: httpx.Client, url: str) -> bool:
    try:
        return http.get(f"{url}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _tail(data: Path) -> str:
    try:
        return (data / LOG).read_text(encoding="utf-8", errors="replace")[-500:].strip()
    except OSError:
        return "nothing logged"


def _alive(service: Service) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(service.pid, os.WNOHANG)  # a child of ours that ended would stay a zombie
    try:
        stat = Path(f"/proc/{service.pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    fields = stat.rpartition(")")[2].split()
    return fields[0] != "Z" and fields[19] == service.started


def _ended(child: int) -> bool:
    try:
        return os.waitpid(child, os.WNOHANG) != (0, 0)
    except ChildProcessError:
        return True


def _until(done: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
