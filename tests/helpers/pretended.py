"""A pretended Label Studio in memory: only what dispatch asks of it, for tests of many faults. Real servers are tested apart."""

import json
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx

from yuelu.annotate.label_studio.client import Client

JSON = dict[str, Any]


class Pretended(httpx.BaseTransport):
    """A server. `trouble` is called with each request that changes something; what it returns is done to it.

    None: nothing; "lost": the answer does not arrive; "unheard": the request does not; "late": its tasks are there only when
    `settle` is called, and the answer does not arrive; an int: that status instead of the answer, which is applied.
    """

    def __init__(self, trouble: Callable[[httpx.Request], str | int | None] = lambda _: None) -> None:
        self.trouble, self.projects, self.tasks = trouble, dict[int, JSON](), dict[int, JSON]()
        self.happened: list[str | int] = []
        self.imports: list[int] = []  # how many tasks each import had
        self.bodies: list[int] = []  # and how many bytes
        self._late: list[tuple[int, list[JSON]]] = []
        self._next, self._lock = 0, threading.Lock()

    def client(self) -> Client:
        return Client("http://pretended", "token", transport=self, sleep=lambda _: None)

    def settle(self) -> None:
        """Let what is late arrive."""
        for project, tasks in self._late:
            self._add(project, tasks)
        self._late = []

    def keys(self) -> list[str]:
        return sorted(task["data"]["item_key"] for task in self.tasks.values())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        with self._lock:
            what = self.trouble(request) if request.method != "GET" and "token" not in request.url.path else None
            if what is not None:
                self.happened.append(what)
            if what == "unheard":
                raise httpx.RemoteProtocolError("the request was lost")
            if what == "late" and request.url.path.endswith("/import"):
                self._late.append((int(request.url.path.split("/")[3]), json.loads(request.content)))
                raise httpx.ReadTimeout("the server takes long")
            answer = self._answer(request)
        if what in ("lost", "late"):
            raise httpx.RemoteProtocolError("the answer was lost")
        headers = {"date": format_datetime(datetime.now(UTC), usegmt=True)}
        return (
            httpx.Response(what, json={}) if isinstance(what, int) else httpx.Response(answer[0], json=answer[1], headers=headers)
        )

    def _answer(self, request: httpx.Request) -> tuple[int, Any]:  # noqa: PLR0911  a line for each route
        path = request.url.path.strip("/").split("/")
        match request.method, path:
            case "POST", ["api", "token", "refresh"]:
                return 200, {"access": "a"}
            case "GET", ["api", "projects"]:
                return 200, {"results": list(self.projects.values()), "count": len(self.projects)}
            case "POST", ["api", "projects"]:
                self._next += 1
                self.projects[self._next] = {**json.loads(request.content), "id": self._next}
                return 201, self.projects[self._next]
            case "GET", ["api", "projects", number]:
                found = self.projects.get(int(number))
                count = sum(task["project"] == int(number) for task in self.tasks.values())
                return (200, {**found, "task_number": count}) if found else (404, {})
            case "POST", ["api", "projects", number, "import"]:
                tasks = json.loads(request.content)
                self.imports.append(len(tasks))
                self.bodies.append(len(request.content))
                return 201, {"task_ids": self._add(int(number), tasks)}
            case "GET", ["api", "tasks"]:
                return 200, {"tasks": self._page(request)}
            case "GET", ["api", "tasks", number]:
                return (200, self.tasks[int(number)]) if int(number) in self.tasks else (404, {})
            case "DELETE", ["api", "tasks", number]:
                return (204, {}) if self.tasks.pop(int(number), None) else (404, {})
            case _, ["api", "storages", "localfiles"]:
                return 200, []
        raise AssertionError(f"{request.method} {request.url.path} is not pretended")

    def _add(self, project: int, tasks: list[JSON]) -> list[int]:
        ids = []
        for task in tasks:
            self._next += 1
            more = {"total_annotations": 0, "cancelled_annotations": 0}
            self.tasks[self._next] = {"id": self._next, "project": project, "data": task["data"], **more}
            ids.append(self._next)
        return ids

    def _page(self, request: httpx.Request) -> list[JSON]:
        asked = request.url.params
        items = json.loads(asked["query"])["filters"]["items"]
        found = [task for _, task in sorted(self.tasks.items()) if task["project"] == int(asked["project"])]
        for item in items:
            found = [task for task in found if task[item["filter"].removeprefix("filter:tasks:")] > item["value"]]
        return found[: int(asked["page_size"])]


def at_random(draw: random.Random, share: float) -> Callable[[httpx.Request], str | int | None]:
    """Return trouble for that share of the imports."""

    def trouble(request: httpx.Request) -> str | int | None:
        if not request.url.path.endswith("/import") or draw.random() >= share:
            return None
        kinds: list[str | int] = ["lost", "unheard", "late", 502, 500, 429]
        return draw.choice(kinds)

    return trouble
