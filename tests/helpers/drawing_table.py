"""A stand-in for a Label Studio server, in memory, for what a real one cannot be made to do a thousand times a minute.

It knows the parts of the API that sync and replay use, as 1.23.2 answers them (the tests in tests/integration check the same
behaviour on the real one), has a clock that can be set, can be backed up and restored, and makes faults on purpose.
"""

import copy
import hashlib
import json
import random
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

START = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass
class State:
    """Everything that a backup holds."""

    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    views: dict[int, dict[str, Any]] = field(default_factory=dict)
    exports: dict[int, dict[str, Any]] = field(default_factory=dict)
    next_id: int = 1


class DrawingTable:
    """One server with one project, `project`. `hook` is called after every request that was answered."""

    project = 7

    def __init__(self) -> None:
        self.state, self.now = State(), START
        self.up = True
        self.happened: Counter[str] = Counter()
        self.requests: list[str] = []
        self.fault: Callable[[httpx.Request], str | None] = lambda request: None
        self.hook: Callable[[httpx.Request], None] = lambda request: None

    # What people and operators do.

    def tick(self, seconds: float = 1.0) -> datetime:
        """Let time pass; return the server's clock."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def add_task(self, key: str) -> int:
        """Add a task; return its id."""
        number = self._id()
        self.state.tasks[number] = {"id": number, "data": {"item_key": key}, "updated_at": self.tick(), "annotations": {}}
        return number

    def answer(self, task: int, user: int, result: list[Any], uid: str | None = None, *, cancelled: bool = False) -> str:
        """Add an answer; return its unique_id."""
        number, uid, now = self._id(), uid or str(uuid.uuid4()), self.tick()
        self.state.tasks[task]["annotations"][number] = {
            "id": number, "unique_id": uid, "completed_by": user, "updated_by": user, "result": result, "lead_time": 1.5,
            "was_cancelled": cancelled, "created_at": now, "updated_at": now,
        }  # fmt: skip
        self.state.tasks[task]["updated_at"] = self.tick(0.01)
        return uid

    def find(self, uid: str) -> tuple[int, int] | None:
        """Return the task and the number of an answer, if it is there."""
        for task in self.state.tasks.values():
            for number, each in task["annotations"].items():
                if each["unique_id"] == uid:
                    return task["id"], number
        return None

    def change(self, uid: str, result: list[Any], user: int | None = None) -> None:
        """Change an answer in place."""
        task, number = self.find(uid) or (0, 0)
        each = self.state.tasks[task]["annotations"][number]
        each.update(result=result, updated_at=self.tick(), updated_by=user or each["completed_by"])
        self.state.tasks[task]["updated_at"] = self.tick(0.01)

    def delete(self, uid: str) -> None:
        """Delete an answer."""
        task, number = self.find(uid) or (0, 0)
        del self.state.tasks[task]["annotations"][number]
        self.state.tasks[task]["updated_at"] = self.tick()

    def delete_task(self, task: int) -> None:
        """Delete a task with its answers. It leaves no trace."""
        del self.state.tasks[task]
        self.tick()

    def backup(self) -> State:
        """Return all that there is."""
        return copy.deepcopy(self.state)

    def restore(self, backup: State) -> None:
        """Be as the backup says; the clock goes on."""
        self.state = copy.deepcopy(backup)

    # The API.

    def transport(self) -> httpx.MockTransport:
        """Return what a client of this server sends its requests to."""
        return httpx.MockTransport(self._met)

    def _id(self) -> int:
        self.state.next_id += 1
        return self.state.next_id - 1

    def _met(self, request: httpx.Request) -> httpx.Response:
        if not self.up:
            raise httpx.ConnectError("refused")
        if request.url.path == "/api/token/refresh":
            return httpx.Response(200, json={"access": "a"})
        kind = self.fault(request)
        if kind:
            self.happened[kind] += 1
        self.requests.append(f"{request.method} {request.url.path}")
        if kind == "dropped":
            raise httpx.ReadError("cut before")
        if kind in ("502", "429", "401"):
            return httpx.Response(int(kind), json={"detail": "on purpose"})
        response = self._answered(request)
        if kind == "duplicated":
            response = self._answered(request)
        self.hook(request)
        if kind == "applied-then-dropped":
            raise httpx.ReadError("cut after")
        if kind == "applied-then-504":
            return httpx.Response(504)
        if kind == "broken":
            body = response.content
            return httpx.Response(response.status_code, headers={"date": self._date()}, content=body[: len(body) // 2])
        response.headers["date"] = self._date()
        return response

    def _date(self) -> str:
        return format_datetime(self.now.replace(microsecond=0), usegmt=True)

    def _answered(self, request: httpx.Request) -> httpx.Response:  # noqa: PLR0911  one for each part of the API
        path, method = request.url.path, request.method
        body = json.loads(request.content) if request.content else {}
        if path == "/api/version":
            return httpx.Response(200, json={"release": "1.23.2"})
        if path == "/api/dm/project":
            answers = sum(len(task["annotations"]) for task in self.state.tasks.values())
            return httpx.Response(200, json={"task_count": len(self.state.tasks), "annotation_count": answers})
        if path.startswith("/api/dm/views/"):
            return self._views(method, path, body)
        if path.startswith(f"/api/projects/{self.project}/exports"):
            return self._exports(method, path, body)
        if path == "/api/tasks/":
            return self._listed(request)
        if path.startswith("/api/tasks/") and method == "POST":
            return self._posted(int(path.split("/")[3]), body)
        if path.startswith("/api/annotations/"):
            return self._annotation(method, int(path.split("/")[3]), body)
        raise AssertionError(f"{method} {path} is not known here")

    def _views(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        if method == "GET":
            return httpx.Response(200, json=list(self.state.views.values()))
        if method == "POST":
            number = self._id()
            self.state.views[number] = {"id": number, "data": body["data"]}
            return httpx.Response(201, json=self.state.views[number])
        number = int(path.split("/")[4])
        if number not in self.state.views:
            return httpx.Response(404, json={"detail": "no view"})
        self.state.views[number]["data"] = body["data"]
        return httpx.Response(200, json=self.state.views[number])

    def _exports(self, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
        parts = path.strip("/").split("/")
        if method == "POST":
            number = self._id()
            view = self.state.views.get(body["task_filter_options"]["view"])
            tasks = self._selected(view["data"].get("filters")) if view else list(self.state.tasks.values())
            content = json.dumps([_shown(task) for task in tasks])
            made = {"id": number, "title": body["title"], "status": "completed"}
            made["md5"] = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()
            self.state.exports[number] = {**made, "content": content}
            return httpx.Response(201, json=made)
        if method == "GET" and len(parts) == 4:
            return httpx.Response(200, json=[{"id": each["id"], "title": each["title"]} for each in self.state.exports.values()])
        number = int(parts[4])
        if number not in self.state.exports:
            return httpx.Response(404, json={"detail": "no snapshot"})
        if method == "DELETE":
            del self.state.exports[number]
            return httpx.Response(204)
        return httpx.Response(200, content=self.state.exports[number]["content"].encode())

    def _listed(self, request: httpx.Request) -> httpx.Response:
        query = json.loads(request.url.params["query"])
        found = sorted(self._selected(query["filters"]), key=lambda task: task["id"], reverse=query["ordering"][0][0] == "-")
        page = found[: int(request.url.params["page_size"])]
        told = [{"id": task["id"], "data": task["data"], "updated_at": _stamp(task["updated_at"])} for task in page]
        return httpx.Response(200, json={"total": len(found), "tasks": told})

    def _selected(self, filters: dict[str, Any] | None) -> list[dict[str, Any]]:
        items = (filters or {}).get("items", [])
        rule = any if filters and filters["conjunction"] == "or" else all
        return [task for task in self.state.tasks.values() if not items or rule(_fits(task, each) for each in items)]

    def _posted(self, task: int, body: dict[str, Any]) -> httpx.Response:
        if task not in self.state.tasks:
            return httpx.Response(404, json={"detail": "no task"})
        if self.find(body["unique_id"]):
            return httpx.Response(409, json={"detail": "taken"})
        self.answer(task, body["completed_by"], body["result"], body["unique_id"], cancelled=body["was_cancelled"])
        return httpx.Response(201, json={"id": 0})

    def _annotation(self, method: str, number: int, body: dict[str, Any]) -> httpx.Response:
        found = [each for task in self.state.tasks.values() for key, each in task["annotations"].items() if key == number]
        if not found:
            return httpx.Response(404, json={"detail": "no annotation"})
        if method == "DELETE":
            self.delete(found[0]["unique_id"])
            return httpx.Response(204)
        self.change(found[0]["unique_id"], body["result"])
        return httpx.Response(200, json={})


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _shown(task: dict[str, Any]) -> dict[str, Any]:
    told = [
        {**each, "created_at": _stamp(each["created_at"]), "updated_at": _stamp(each["updated_at"])}
        for each in task["annotations"].values()
    ]
    return {"id": task["id"], "data": task["data"], "updated_at": _stamp(task["updated_at"]), "annotations": told}


def _fits(task: dict[str, Any], asked: dict[str, Any]) -> bool:
    name, operator, value = asked["filter"].removeprefix("filter:tasks:"), asked["operator"], asked["value"]
    if name == "updated_at":
        return bool(task["updated_at"] >= datetime.fromisoformat(value))
    if operator == "in":
        return bool(value["min"] <= task["id"] <= value["max"])
    return bool(task["id"] > value)


KINDS = ("dropped", "502", "429", "401", "applied-then-dropped", "applied-then-504", "broken", "duplicated")


def random_faults(random_: random.Random, share: float) -> Callable[[httpx.Request], str | None]:
    """Return a source of faults that meets that share of requests."""

    def fault(_: httpx.Request) -> str | None:
        return random_.choice(KINDS) if random_.random() < share else None

    return fault
