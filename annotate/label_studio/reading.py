"""Reading the answers of a server project: one port, and the way over the API. The way over its database is in `sql`.

Over the API answers come from snapshots, the only listing with `unique_id` that the server makes quickly. A snapshot covers
what a view (a tab of the data manager) selects. Each server project has one view of ours. Its title holds the number of
the last reading, by which a server that was restored from a backup is known.
"""

import hashlib
import io
import json
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, BinaryIO, Protocol

from yuelu.annotate.label_studio.http import Conversation, server_time
from yuelu.annotate.label_studio.objects import objects
from yuelu.base.errors import NotFound, OutcomeUnknown, ServiceUnavailable, YueluError

WINDOW = timedelta(seconds=120)  # a change is stamped before it is committed, by the server's clock
_PAGE = 1000
_PART = 10_000  # tasks in one snapshot: half a minute of the server's, and tens of megabytes
_TRIES = 3
TITLE = "yuelu reading"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a server project holds, skipped answers included."""

    tasks: int
    annotations: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """A server task and when it, or any answer to it, last changed by the server's clock."""

    task: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks to read: those stamped since a moment, or those with ids in one of the ranges (ends included), or all."""

    since: datetime | None = None
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """A task with all its answers as the server gives them; `item_key` is whatever its data say."""

    task: int
    item_key: object
    updated_at: datetime
    annotations: tuple[Mapping[str, Any], ...]


class Reader(Protocol):
    """Answers of server projects. All of these may be repeated; none changes a task or an answer."""

    def verify(self, project: int, number: int) -> None:
        """See that this reads the server on which reading `number` was just noted. Raises Misconfigured: another one."""
        ...

    def counts(self, project: int) -> Counts:
        """Return how much there is."""
        ...

    def stamps(self, project: int, since: datetime | None = None) -> Iterator[tuple[Stamp, ...]]:
        """Yield the tasks stamped since then (without it: all), in order of id, some at a time."""
        ...

    def answers(self, project: int, wanted: Wanted) -> Generator[Read, None, None]:
        """Yield the wanted tasks with their answers."""
        ...


class ApiReader:
    """The server's own API. It works with every version, and is as slow as that."""

    def __init__(self, conversation: Conversation) -> None:
        self._server = conversation

    def verify(self, project: int, number: int) -> None:
        """Do nothing: it is that server."""

    def counts(self, project: int) -> Counts:
        """Return how much there is."""
        told = self._server.read_json("/api/dm/project", {"project": project})
        return Counts(int(told["task_count"]), int(told["annotation_count"]))

    def stamps(self, project: int, since: datetime | None = None) -> Iterator[tuple[Stamp, ...]]:
        """Yield the tasks in pages that go by id and not by number, so tasks that come or go meanwhile hide no others."""
        last = 0
        while True:
            page = self._page(project, [_after(last), *([_since(since)] if since else [])])
            found = tuple(Stamp(int(each["id"]), datetime.fromisoformat(each["updated_at"])) for each in page["tasks"])
            yield found
            if len(found) < _PAGE:
                return
            last = found[-1].task

    def answers(self, project: int, wanted: Wanted) -> Generator[Read, None, None]:
        """Yield the wanted tasks, in snapshots of a bounded size each; every one is deleted after it was read."""
        view = find_view(self._server, project)
        if view is None:
            raise NotFound(f"server project {project} has no view of ours", "sync again; it makes one")
        for filters in self._parts(project, wanted):
            view.select(self._server, project, filters)
            with self._snapshot(project, view) as file, io.TextIOWrapper(file, encoding="utf-8") as text:
                yield from map(_read, objects(text))

    def _page(self, project: int, filters: Sequence[Mapping[str, Any]], size: int | None = None, order: str = "tasks:id") -> Any:
        query = {"filters": {"conjunction": "and", "items": list(filters)}, "ordering": [order]}
        asked = {"project": project, "page_size": size or _PAGE, "fields": "task_only", "include": "id,updated_at"}
        return self._server.read_json("/api/tasks/", {**asked, "query": json.dumps(query)})

    def _parts(self, project: int, wanted: Wanted) -> Iterator[dict[str, Any]]:
        """Yield the filters of one view after another, each for about `_PART` tasks at most."""
        if wanted.ranges:
            for some in _bounded(wanted.ranges):
                yield {"conjunction": "or", "items": [_between(low, high) for low, high in some]}
            return
        since = [_since(wanted.since)] if wanted.since else []
        first = self._page(project, since, 1)
        if not first["total"]:
            return
        if first["total"] <= _PART and since:
            yield {"conjunction": "and", "items": since}
            return
        low, high = first["tasks"][0]["id"], self._page(project, since, 1, "-tasks:id")["tasks"][0]["id"]
        parts = -(-first["total"] // _PART)
        edges = [low + (high + 1 - low) * part // parts for part in range(parts)]
        for start, end in zip(edges, [*[edge - 1 for edge in edges[1:]], None], strict=True):
            bound = _after(start - 1) if end is None else _between(start, end)  # the last has no end: tasks may be added
            yield {"conjunction": "and", "items": [bound, *since]}

    @contextmanager
    def _snapshot(self, project: int, view: "View") -> Iterator[BinaryIO]:
        """Yield a file with what the view selects, whole by its checksum, and leave nothing behind on the server."""
        path = f"/api/projects/{project}/exports"
        for attempt in range(_TRIES):
            title = f"{TITLE} {view.number}"
            try:
                # Sent once; an answer that is lost leaves a snapshot that the next reading clears away.
                made = self._server.write_json("POST", f"{path}/", {"title": title, "task_filter_options": {"view": view.id}})
            except OutcomeUnknown:
                if attempt == _TRIES - 1:
                    raise
                self._clear(path)
                continue
            try:
                if made["status"] != "completed":
                    raise ServiceUnavailable(f"snapshot {made['id']} is {made['status']}", "see the server's log")
                with tempfile.TemporaryFile() as file:
                    self._server.download(f"{path}/{made['id']}/download", file)
                    if _md5(file) == made["md5"]:
                        yield file
                        return
            finally:
                self._clear(path)
        raise ServiceUnavailable(f"the snapshots of server project {project} arrive damaged", "see what stands between")

    def _clear(self, path: str) -> None:
        """Delete the snapshots that readings made, also those of readings that were killed. Trouble is left to the next one."""
        with suppress(YueluError):
            for each in self._server.read_json(f"{path}/"):
                if str(each["title"]).startswith(TITLE):
                    with suppress(NotFound):
                        self._server.write("DELETE", f"{path}/{each['id']}", None)


@dataclass(frozen=True, slots=True)
class View:
    """Our view of a server project, and the number of the reading that last wrote it."""

    id: int
    number: int

    def select(self, server: Conversation, project: int, filters: Mapping[str, Any]) -> None:
        """Let the view select those tasks. Sending it twice does no harm. Raises OutcomeUnknown."""
        _tried(server, "PATCH", f"/api/dm/views/{self.id}/", _view_data(project, self.number, filters))


def find_view(server: Conversation, project: int) -> View | None:
    """Return our view with the highest number, or None. Raises NotFound: no such project."""
    found = []
    for each in server.read_json("/api/dm/views/", {"project": project}):
        head, _, number = str((each.get("data") or {}).get("title", "")).rpartition(" ")
        if head == TITLE and number.isdecimal():
            found.append(View(int(each["id"]), int(number)))
    return max(found, key=lambda view: view.number, default=None)


def write_view(server: Conversation, project: int, number: int, view: View | None = None) -> None:
    """Write the number of a reading to the server, to `view` if it was just found. Raises OutcomeUnknown: it may stand there."""
    view = view or find_view(server, project)
    data = _view_data(project, number, {"conjunction": "and", "items": [_after(0)]})
    if view is None:
        server.write("POST", "/api/dm/views/", data)  # two views do no harm: the one with the higher number counts
    else:
        _tried(server, "PATCH", f"/api/dm/views/{view.id}/", data)


def clock(server: Conversation) -> datetime:
    """Return the server's clock."""
    return server_time(server.read("/api/version"))


def _view_data(project: int, number: int, filters: Mapping[str, Any]) -> dict[str, Any]:
    return {"project": project, "data": {"title": f"{TITLE} {number}", "filters": dict(filters)}}


def _tried(server: Conversation, method: str, path: str, body: Mapping[str, Any]) -> None:
    for attempt in range(_TRIES):
        try:
            server.write(method, path, body)
        except OutcomeUnknown:
            if attempt == _TRIES - 1:
                raise
        else:
            return


def _read(task: Mapping[str, Any]) -> Read:
    key = task["data"].get("item_key")
    return Read(int(task["id"]), key, datetime.fromisoformat(task["updated_at"]), tuple(task["annotations"]))


def _filter(name: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{name}", "operator": operator, "type": kind, "value": value}


def _after(task: int) -> dict[str, Any]:
    return _filter("id", "greater", "Number", task)


def _between(low: int, high: int) -> dict[str, Any]:
    return _filter("id", "in", "Number", {"min": low, "max": high})


def _since(moment: datetime) -> dict[str, Any]:
    return _filter("updated_at", "greater_or_equal", "Datetime", moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


def _bounded(ranges: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Yield the ranges in groups of at most `_PART` ids and 100 ranges; a longer range is divided."""
    group: list[tuple[int, int]] = []
    size = 0
    for low, high in ranges:
        for start in range(low, high + 1, _PART):
            end = min(start + _PART - 1, high)
            if group and (size + end - start + 1 > _PART or len(group) == 100):
                yield group
                group, size = [], 0
            group.append((start, end))
            size += end - start + 1
    if group:
        yield group


def _md5(file: BinaryIO) -> str:
    file.seek(0)
    told = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()  # type: ignore[arg-type]
    file.seek(0)
    return told
