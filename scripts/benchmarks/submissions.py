"""Submissions into the ledger on PostgreSQL: groups of what threads bring, one transaction each, the bare rows."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import psycopg
from measuring import OURS, PARTS, PEER, Row, Settings, cpu_s
from sqlalchemy import func, select

from yuelu.annotate.incoming import Incoming
from yuelu.annotate.packets import Terms, lease
from yuelu.annotate.people import Annotator, add_people
from yuelu.annotate.submissions import Recorder, record
from yuelu.annotate.tasks import batch_id
from yuelu.base.canonical import sha256
from yuelu.base.ledger import log
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.media import CollectionRow
from yuelu.base.ledger.packets import PacketTaskRow, SubmissionRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, SiteRow, TaskRow

_PROCESSES, _THREADS = 4, 48
_CONNECTIONS = 12  # of one process at a time; the recorder needs one
_BOX = {"x": 10.5, "y": 20.25, "width": 30.125, "height": 40.0625, "rotation": 0, "rectanglelabels": ["part"]}
_REGION = {"type": "rectanglelabels", "from_name": "box", "to_name": "image", "original_width": 640, "original_height": 480}
_RESULT = [{**_REGION, "id": f"region{number}", "value": _BOX} for number in range(5)]


def rows(settings: Settings) -> list[Row]:
    """Return one row for each way. The server's processor time is counted with ours."""
    per_thread = 8 if settings.quick else 40
    total, made = per_thread * _PROCESSES * _THREADS, list[Row]()
    with _postgres() as address:
        for way, kind, count in (
            ("Recorder", OURS, total),
            ("one transaction each", PEER, total // 8),
            ("bare rows, 50 in a transaction", PARTS, total),
        ):
            name = f"b{len(made)}"
            with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE {name}".encode())
            url = f"{address}/{name}"
            pairs = _filled(url, count)
            wall_s, spent_s = _load(url, way, pairs)
            events = _checked(url, len(pairs), logged=kind != PARTS)
            note = f"{len(pairs) / wall_s:.0f} a second on the wall, {_PROCESSES} processes of {_THREADS} threads; {events}"
            made.append(Row("submissions", way, kind, len(pairs), spent_s, wall_s, note=note))
    return made


def _filled(url: str, count: int) -> list[tuple[str, str]]:
    """Make a ledger with `count` tasks that are leased; return who has which."""
    ledger, at = Ledger(url), datetime.now(UTC)
    ledger.migrate()
    add_people(ledger, "bench", [Annotator(f"n{number}", f"company{number % 8}") for number in range(_PROCESSES * _THREADS)])
    names = ("medium", "template", "template_version", "template_digest", "description_version", "description_digest")
    terms = dict.fromkeys([*names, "policy", "policy_digest"], "x")
    with ledger.transaction("bench") as t:
        more = {"owner": "o", "legal_basis": "l", "grade": "g", "terms": "t", "created_at": at}
        t.add_new(CollectionRow, [{"name": "c", **more}])
        t.add_new(SiteRow, [{"name": "s", "url": "u", "version": "v"}])
        t.add_new(ProjectRow, [{"name": "p", "collection": "c", "overlap": 1, "created_at": at, **terms}])
        t.add_new(BatchRow, [{"id": batch_id("p"), "project": "p", "site": "s", "server_project": 1}])
        plan = {"batch": batch_id("p"), "items": [], "group": "g", "round": 1, "state": "dispatched", "server_task": None}
        keys = [sha256(b"%d" % number) for number in range(count)]
        t.add_new(TaskRow, [{"item_key": key, "subject": key, **plan} for key in keys])
    lease(ledger, "bench", "p", [f"n{number}" for number in range(_PROCESSES * _THREADS)], Terms(200))
    with ledger.reading() as session:
        query = select(PacketTaskRow.annotator, PacketTaskRow.item_key).order_by(PacketTaskRow.annotator)
        pairs = [(annotator, key) for annotator, key in session.execute(query)]
    ledger.close()
    return pairs


def _load(url: str, way: str, pairs: list[tuple[str, str]]) -> tuple[float, float]:
    """Return the wall and processor time that several processes take for their shares, all starting together."""
    command = [sys.executable, __file__, url, way]
    workers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/") for _ in range(_PROCESSES)
    ]
    people = sorted({name for name, _ in pairs})
    for number, worker in enumerate(workers):
        mine = set(people[number::_PROCESSES])
        assert worker.stdin is not None
        worker.stdin.write(json.dumps([pair for pair in pairs if pair[0] in mine]) + "\n")
        worker.stdin.flush()
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    before, began = cpu_s(), time.monotonic()
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "done\n"
    wall, spent = time.monotonic() - began, cpu_s() - before
    for worker in workers:
        worker.communicate()
    return wall, spent


def _checked(url: str, count: int, *, logged: bool) -> str:
    """Return what the check of the ledger says; stop the benchmark where an invariant is broken."""
    ledger = Ledger(url)
    with ledger.reading() as session:
        found = session.scalar(select(func.count()).select_from(SubmissionRow))
        sent = session.scalar(select(func.count()).where(log.EventRow.action == "submission.submit"))
        wrong = list(log.broken(session))
    ledger.close()
    if found != count or wrong or sent != (count if logged else 0):
        sys.exit(f"{count} sent, {found} recorded, {sent} in the log, log: {wrong or 'unbroken'}")
    return f"{sent} events, log unbroken" if logged else "no events"


@contextmanager
def _postgres() -> Iterator[str]:
    """Yield the address of a PostgreSQL server of our own that really syncs what it commits."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not programs:
        sys.exit("PostgreSQL is not installed; ./scripts/test installs it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = Path(tempfile.mkdtemp(prefix="yuelu-bench-postgres-"))
    who = pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())  # it refuses to run as root
    os.chown(folder, who.pw_uid, who.pw_gid)
    data, log_file = folder / "data", folder / "log"
    own = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if os.getuid() == 0 else {}
    command = [programs[-1] / "initdb", "-D", data, "-U", "yuelu", "-A", "trust"]
    subprocess.run(command, check=True, capture_output=True, cwd="/", **own)  # type: ignore[call-overload]
    options = [f"-cport={port}", "-clisten_addresses=127.0.0.1", f"-cunix_socket_directories={folder}", "-cmax_connections=250"]
    with log_file.open("wb") as output:
        server = subprocess.Popen([programs[-1] / "postgres", "-D", data, *options], stderr=output, cwd="/", **own)  # type: ignore[call-overload]
    address = f"postgresql://yuelu@127.0.0.1:{port}"
    try:
        for _ in range(100):
            try:
                psycopg.connect(f"{address}/postgres").close()
                break
            except psycopg.OperationalError:
                time.sleep(0.1)
        yield address
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _work() -> None:
    """Record the share that stands on stdin, as one of the processes."""
    url, way, pairs = sys.argv[1], sys.argv[2], json.loads(sys.stdin.readline())
    ledger = Ledger(url)
    recorder = Recorder(ledger)
    shares: dict[str, list[Incoming]] = {}
    for name, key in pairs:
        shares.setdefault(name, []).append(Incoming(name, key, _RESULT, lead_time_s=3.5, address="127.0.0.1", agent="bench"))

    def send(mine: list[Incoming]) -> None:
        if way.startswith("bare"):
            _bare(ledger, mine)
            return
        for each in mine:
            recorder.record(each) if way == "Recorder" else record(ledger, each)

    with ledger.reading():
        print("ready", flush=True)
    sys.stdin.readline()
    with ThreadPoolExecutor(len(shares) if way == "Recorder" else _CONNECTIONS) as pool:
        list(pool.map(send, shares.values()))
    print("done", flush=True)
    sys.stdin.readline()
    ledger.close()


def _bare(ledger: Ledger, mine: list[Incoming]) -> None:
    """Insert what a submission is and nothing else: what no way can save."""
    with ledger.reading() as session:
        packet = session.scalars(select(PacketTaskRow.packet).where(PacketTaskRow.item_key == mine[0].item_key)).one()
    source = iter(mine)
    columns = [column.name for column in SubmissionRow.__table__.columns]
    statement = f"INSERT INTO submissions ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"  # noqa: S608
    with psycopg.connect(ledger.url) as connection:
        while some := list(islice(source, 50)):
            values = [
                (f"{each.item_key}", 1, packet, each.item_key, each.annotator, "submit", datetime.now(UTC), each.address,
                 each.agent, each.lead_time_s, sha256(json.dumps(each.result).encode()), json.dumps(each.result), "pending",
                 None, None, None)
                for each in some
            ]  # fmt: skip
            connection.cursor().executemany(statement.encode(), values)
            connection.commit()


if __name__ == "__main__":
    _work()
