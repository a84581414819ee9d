"""The client against a server that misbehaves on purpose."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from yuelu.annotate.label_studio.client import Client
from yuelu.base.errors import Conflict, InvalidRecord, NotFound, OutcomeUnknown, ServiceUnavailable


class Server:
    """Answers from a list, and remembers what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.refreshed = list(answers), 0
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/token/refresh":
            self.refreshed += 1
            return httpx.Response(200, json={"access": f"token{self.refreshed}"})
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(server: Callable[[httpx.Request], httpx.Response], now: list[float] | None = None) -> Client:
    clock = now or [0.0]
    return Client("http://ls", "refresh", transport=httpx.MockTransport(server), sleep=lambda _: None, clock=lambda: clock[0])


def ok(body: Any) -> httpx.Response:
    return httpx.Response(200, json=body)


def test_reads_are_repeated() -> None:
    server = Server(httpx.ReadError("cut"), httpx.Response(503), ok({"id": 7}))
    with client(server) as c:
        assert c.whoami() == 7
    assert len(server.asked) == 3


def test_reads_give_up_and_say_so() -> None:
    with (
        client(Server(*[httpx.Response(502)] * 5)) as c,
        pytest.raises(ServiceUnavailable, match=r"no answer in 5 tries \(HTTP 502\)"),
    ):
        c.whoami()


@pytest.mark.parametrize("answer", [httpx.ReadError("cut"), httpx.ReadTimeout("late"), httpx.Response(500), httpx.Response(504)])
def test_unclear_writes_are_sent_once(answer: httpx.Response | Exception) -> None:
    server = Server(answer)
    with client(server) as c, pytest.raises(OutcomeUnknown, match="POST /api/projects/1/import"):
        c.import_tasks(1, [{"item_key": "k"}])
    assert len(server.asked) == 1


def test_what_never_arrived_is_not_unclear() -> None:
    with client(Server(httpx.ConnectError("refused"))) as c, pytest.raises(ServiceUnavailable, match="cannot reach"):
        c.import_tasks(1, [])


@pytest.mark.parametrize(("status", "kind"), [(400, InvalidRecord), (404, NotFound), (409, Conflict), (403, ServiceUnavailable)])
def test_refusals_say_why(status: int, kind: type[Exception]) -> None:
    with client(Server(httpx.Response(status, json={"detail": "because"}))) as c, pytest.raises(kind, match="because"):
        c.import_tasks(1, [])


def test_the_access_token_is_renewed_before_it_ends_and_when_it_is_refused() -> None:
    now = [0.0]
    server = Server(ok({"id": 1}), ok({"id": 1}), ok({"id": 1}), httpx.Response(401), ok({"task_ids": [3]}))
    with client(server, now) as c:
        c.whoami()
        now[0] = 239.0
        c.whoami()
        assert server.refreshed == 1
        now[0] = 241.0
        c.whoami()
        assert server.refreshed == 2
        assert c.import_tasks(1, [{}]) == (3,)  # a refused request was not read: sending it again repeats nothing
        assert server.refreshed == 3
    assert server.asked[-1].headers["authorization"] == "Bearer token3"


def test_a_token_that_is_no_longer_good() -> None:
    with client(lambda _: httpx.Response(401)) as c, pytest.raises(ServiceUnavailable, match="does not accept our token"):
        c.whoami()


def test_the_environments_proxies_have_no_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with Client("http://127.0.0.1:1", "t") as c:
        assert all(mount is None or isinstance(mount, httpx.HTTPTransport) for mount in c._http._mounts.values())
        assert not c._http._mounts


def page(ids: range) -> httpx.Response:
    tasks = [{"id": i, "data": {"item_key": f"k{i}"}, "updated_at": "2026-01-02T00:00:00Z", "total_annotations": 0} for i in ids]
    return httpx.Response(200, json={"tasks": tasks}, headers={"date": "Fri, 02 Jan 2026 03:04:05 GMT"})


def test_tasks_are_listed_by_id_and_not_by_page() -> None:
    server = Server(page(range(1, 1001)), page(range(1001, 1004)))
    with client(server) as c:
        tasks, began = c.tasks(5)
    assert [task.id for task in tasks] == list(range(1, 1004))
    assert began.isoformat() == "2026-01-02T03:04:05+00:00"
    after = [json.loads(asked.url.params["query"])["filters"]["items"][0]["value"] for asked in server.asked]
    assert after == [0, 1000]


def test_an_answer_id_of_somebody_else_is_a_conflict() -> None:
    others = [{"id": 1, "annotations": [{"id": 4, "unique_id": "u", "completed_by": 9}]}]
    server = Server(httpx.Response(409, json={"detail": "exists"}), ok({"id": 8}), ok({"project": 2}), ok(others))
    with client(server) as c, pytest.raises(Conflict, match="answer u is taken"):
        c.submit(1, [], lead_time_s=1.0, uid="u")
