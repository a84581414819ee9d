"""The gateway as it is served: what people can do, and what a hostile annotator with a browser and curl cannot."""

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from gateways import PASSWORD, Person, Served, fill, served
from sqlalchemy import select
from starlette.testclient import TestClient

from yuelu.annotate.opening import close_to, open_to
from yuelu.annotate.packets import return_packet
from yuelu.base.canonical import sha256
from yuelu.base.ledger.packets import DraftRow, PacketRow, PacketTaskRow, SubmissionRow
from yuelu.base.settings import Settings
from yuelu.base.workspace import init
from yuelu.console.gateway.app import Application
from yuelu.console.gateway.editor import Editor
from yuelu.console.gateway.handlers import Gateway
from yuelu.console.gateway.routes import place

RESULT: list[dict[str, Any]] = [
    {"id": "s", "from_name": "scene", "to_name": "image", "type": "choices", "value": {"choices": ["medical"]}}
]
SECRET_RESULT: list[dict[str, Any]] = [{**RESULT[0], "id": "only-li-na-knows"}]


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Editor:
    """An editor of two files, beside one that is nobody's business."""
    folder = tmp_path_factory.mktemp("editor")
    (folder / "main.js").write_text("editor")
    (folder / "decode-audio.wasm").write_bytes(b"\0asm")
    (folder / "secret.js").write_text("secret")
    files = {name: folder / name for name in ("main.js", "decode-audio.wasm")}
    return Editor(MappingProxyType(files), MappingProxyType({}), (1, 2), 3, 4, MappingProxyType({"flag": True}))


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, editor: Editor) -> Iterator[Served]:
    workspace = init(Settings(workspace=tmp_path_factory.mktemp("gateway")))
    with served(workspace, editor) as gateway:
        gateway.people("li-na", "eve", "mallory")
        yield gateway
    workspace.ledger.close()


@dataclass(frozen=True)
class Door:
    """Two people, a packet each of one project (two tasks, wanted twice), and what the second may not touch."""

    gateway: Served
    project: str
    li: Person
    eve: Person
    of_li: str
    of_eve: str
    media: list[bytes]

    def keys(self, packet: str) -> list[str]:
        return sorted(row.item_key for row in self.rows(PacketTaskRow, packet))

    def rows(self, table: type[Any], *packets: str) -> list[Any]:
        """Return the rows of these packets; of this test's two if none is named."""
        with self.gateway.workspace.ledger.reading() as session:
            rows = list(session.scalars(select(table).where(table.packet.in_(packets or (self.of_li, self.of_eve)))))
            session.expunge_all()
        return rows


@pytest.fixture
def door(gateway: Served, request: pytest.FixtureRequest) -> Door:
    project = sha256(request.node.name.encode())[:12]
    media = fill(gateway.workspace, project, overlap=2)
    li, eve = gateway.signed_in("li-na"), gateway.signed_in("eve")
    return Door(gateway, project, li, eve, li.take(project), eve.take(project), media)


def test_a_task_is_answered_changed_skipped_and_written_down_before_it_is_acknowledged(door: Door) -> None:
    page = f"/packets/{door.of_li}/tasks/1"
    shown = door.li.http.get(page)
    assert shown.status_code == 200
    assert "<h1>Objects in images</h1>" in shown.text
    told = door.li.http.get(f"/api{page}").json()
    assert "<RectangleLabels" in told["config"]
    assert told["task"]["annotations"] == []
    assert told["draft"] is None
    assert told["token"] == door.li.token  # a page that outlived its session goes on after a new sign-in
    (address,) = told["task"]["data"]["images"]
    assert door.li.http.get(address).content in door.media
    assert door.li.send(f"/api{page}/draft", RESULT).json() == {"saved": True}
    assert door.li.http.get(f"/api{page}").json()["draft"]["result"] == RESULT
    assert door.li.send(f"/api{page}/submit", RESULT).json() == {"version": 1, "next": f"/packets/{door.of_li}/next"}
    assert door.li.http.get(f"/packets/{door.of_li}/next").headers["location"] == f"/packets/{door.of_li}/tasks/2"
    told = door.li.http.get(f"/api{page}").json()
    assert (told["task"]["annotations"][0]["result"], told["based_on"], told["draft"]) == (RESULT, 1, None)
    assert door.li.send(f"/api{page}/update", [], based_on=1).json()["version"] == 2
    assert door.li.send(f"/api/packets/{door.of_li}/tasks/2/skip", []).json()["version"] == 1
    assert door.li.http.get(f"/packets/{door.of_li}/next").headers["location"] == "/"
    assert re.search(rf"{door.project}.*?2 of 2 done", door.li.http.get("/").text, re.DOTALL)
    rows = sorted(door.rows(SubmissionRow), key=lambda row: (row.kind, row.version))
    assert [(row.kind, row.version, row.result) for row in rows] == [
        ("skip", 1, []), ("submit", 1, RESULT), ("update", 2, [])
    ]  # fmt: skip
    assert {(row.annotator, row.address, row.lead_time_s) for row in rows} == {("li-na", "127.0.0.1", 1.5)}
    assert all(row.agent.startswith("python-httpx") for row in rows)


def test_an_answer_sent_twice_is_one_and_one_changed_in_another_window_is_not_overwritten(door: Door) -> None:
    path = f"/api/packets/{door.of_li}/tasks/1/submit"
    assert [door.li.send(path, RESULT).json()["version"] for _ in range(2)] == [1, 1]
    assert len(door.rows(SubmissionRow)) == 1
    stale = door.li.send(path, [])
    assert stale.status_code == 409
    assert stale.json()["reason"].startswith("Your answer was changed elsewhere")


def test_the_pages_speak_the_readers_language(gateway: Served) -> None:
    person = gateway.person()
    assert "Sign in" in person.http.get("/sign-in").text
    assert "登录" in person.http.get("/sign-in", headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text
    assert "登录" in person.http.get("/sign-in?language=zh").text
    assert 'lang="zh-CN"' in person.http.get("/sign-in").text  # remembered
    wrong = person.http.post("/sign-in", data={"name": "li-na", "password": "wrong"})
    assert (wrong.status_code, "名字或密码不对" in wrong.text) == (403, True)


def test_media_come_whole_or_in_part_and_not_twice(door: Door) -> None:
    key = door.keys(door.of_li)[0]
    path = f"/media/{door.of_li}/{key}/0"
    whole = door.li.http.get(path)
    assert (whole.headers["content-type"], whole.headers["accept-ranges"]) == ("image/png", "bytes")
    part = door.li.http.get(path, headers={"Range": "bytes=3-9"})
    assert (part.status_code, part.content) == (206, whole.content[3:10])
    assert part.headers["content-range"] == f"bytes 3-9/{len(whole.content)}"
    assert door.li.http.get(path, headers={"Range": "bytes=99999-"}).status_code == 416
    tag = whole.headers["etag"]
    assert door.li.http.get(path, headers={"If-None-Match": tag}).status_code == 304
    stale = door.li.http.get(path, headers={"Range": "bytes=3-9", "If-Range": '"another"'})
    assert (stale.status_code, stale.content) == (200, whole.content)
    assert door.li.http.get(f"/media/{door.of_li}/{key}/1").status_code == 404
    for answer in (whole, part):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_only_named_files_of_the_editor_are_served_and_to_nobody_who_is_not_signed_in(gateway: Served) -> None:
    person, stranger = gateway.signed_in("eve"), gateway.person()
    assert person.http.get("/editor/main.js").text == "editor"
    assert person.http.get("/editor/decode-audio.wasm").headers["content-type"] == "application/wasm"
    for name in ("secret.js", "main.js.map", "%2e%2e%2fsecret.js", "..%5csecret.js", "index.html"):
        assert person.http.get(f"/editor/{name}").status_code == 404, name
    assert stranger.http.get("/editor/main.js").status_code == 401


def test_another_persons_packet_answer_draft_and_media_are_not_there(door: Door) -> None:
    for what in ("submit", "draft"):
        door.li.send(f"/api/packets/{door.of_li}/tasks/1/{what}", SECRET_RESULT)
    door.li.send(f"/api/packets/{door.of_li}/tasks/2/draft", SECRET_RESULT)
    key = door.keys(door.of_li)[0]
    for path in (
        f"/packets/{door.of_li}/tasks/1", f"/packets/{door.of_li}/next", f"/api/packets/{door.of_li}/tasks/1",
        f"/media/{door.of_li}/{key}/0", "/packets/nobody/tasks/1",
    ):  # fmt: skip
        assert door.eve.http.get(path).status_code == 404, path
    for number in (1, 2):  # the same tasks, in her own packet: without what the other drew
        told = door.eve.http.get(f"/api/packets/{door.of_eve}/tasks/{number}")
        assert told.status_code == 200
        assert "only-li-na-knows" not in told.text
        assert "only-li-na-knows" not in door.eve.http.get(f"/packets/{door.of_eve}/tasks/{number}").text
    assert "only-li-na-knows" not in door.eve.http.get("/").text


def test_nobody_answers_in_another_persons_packet_or_name(door: Door) -> None:
    for what in ("submit", "update", "skip", "draft"):
        assert door.eve.send(f"/api/packets/{door.of_li}/tasks/1/{what}", RESULT).status_code == 404
    assert door.eve.form(f"/packets/{door.of_li}/return").status_code == 404
    body = {"result": RESULT, "lead_time": 1, "based_on": 0, "annotator": "li-na", "completed_by": 1}
    headers = {"X-Yuelu-Token": door.eve.token}
    assert door.eve.http.post(f"/api/packets/{door.of_eve}/tasks/1/submit", json=body, headers=headers).status_code == 400
    assert door.rows(SubmissionRow) == []
    assert door.eve.send(f"/api/packets/{door.of_eve}/tasks/1/submit", RESULT).status_code == 200
    (row,) = door.rows(SubmissionRow)
    assert row.annotator == "eve"


def test_media_and_tasks_that_the_packet_does_not_hold_are_not_there(door: Door) -> None:
    fill(door.gateway.workspace, f"{door.project}-other")
    other = door.li.take(f"{door.project}-other")
    key = door.keys(other)[0]
    for packet in (door.of_eve, door.of_li):
        assert door.eve.http.get(f"/media/{packet}/{key}/0").status_code == 404
    assert door.li.http.get(f"/media/{other}/{key}/0").status_code == 200
    for number in ("3", "0", "-1", "1e0", "9999", "01"):
        assert door.eve.http.get(f"/api/packets/{door.of_eve}/tasks/{number}").status_code == 404
    assert door.eve.form("/packets", project="no such project").status_code == 404


def test_a_project_of_another_company_is_not_there(door: Door) -> None:
    """Neither its name, nor its tasks; and a company that is shut out is out at once, with all that its people had open."""
    ledger = door.gateway.workspace.ledger
    secret = f"{door.project}-secret"
    fill(door.gateway.workspace, secret, overlap=2)
    door.gateway.people("chen", company="River Bank")
    open_to(ledger, "test", secret, ["River Bank"])
    chen = door.gateway.signed_in("chen")
    assert secret not in door.eve.http.get("/").text
    assert door.eve.form("/packets", project=secret).status_code == 404
    assert door.eve.form("/packets", project=secret).text == door.eve.form("/packets", project="no such project").text
    assert secret in chen.http.get("/").text
    theirs = chen.take(secret)
    assert chen.send(f"/api/packets/{theirs}/tasks/1/submit", RESULT).status_code == 200
    close_to(ledger, "test", secret, ["River Bank"], "the contract is over")
    key = door.keys(theirs)[0]
    for path in (f"/packets/{theirs}/tasks/2", f"/api/packets/{theirs}/tasks/2", f"/media/{theirs}/{key}/0"):
        assert chen.http.get(path).status_code == 403, path
    assert chen.send(f"/api/packets/{theirs}/tasks/2/submit", RESULT).status_code == 403
    assert chen.form("/packets", project=secret).status_code == 404
    assert f'value="{secret}"' not in chen.http.get("/").text  # among the ended packets is what they worked on, and no way back
    assert len(door.rows(SubmissionRow, theirs)) == 1


def test_a_lease_that_ends_closes_every_door_at_once_and_what_was_sent_counts(door: Door) -> None:
    path, ledger = f"/api/packets/{door.of_eve}/tasks/1", door.gateway.workspace.ledger
    assert door.eve.send(f"{path}/submit", RESULT).status_code == 200
    with ledger.transaction("test") as t:
        t.session.get_one(PacketRow, door.of_eve).due_at = datetime.now(UTC) - timedelta(seconds=1)
    key = door.keys(door.of_eve)[0]
    reads = (path, f"/packets/{door.of_eve}/tasks/1", f"/packets/{door.of_eve}/next", f"/media/{door.of_eve}/{key}/0")
    assert [door.eve.http.get(each).status_code for each in reads] == [403] * 4
    for what in ("submit", "update", "skip", "draft"):
        assert door.eve.send(f"{path}/{what}", [], based_on=1).status_code == 403
    page = door.eve.http.get(f"/packets/{door.of_eve}/tasks/1", headers={"Accept-Language": "zh"})
    assert "这个任务包的时间已到" in page.text
    assert door.li.http.get(f"/packets/{door.of_li}/tasks/1").status_code == 200
    assert [row.version for row in door.rows(SubmissionRow)] == [1]
    returned = door.of_li
    return_packet(ledger, "test", returned, "over")
    assert door.li.http.get(f"/api/packets/{returned}/tasks/1").status_code == 403


def test_a_session_ends_when_its_person_says_so(door: Door) -> None:
    cookie = door.eve.http.cookies["yuelu"]
    token = door.eve.token
    assert door.eve.form("/sign-out").headers["location"] == "/sign-in"
    again = door.gateway.person()
    again.http.cookies.set("yuelu", cookie)
    assert again.http.get("/").headers["location"] == "/sign-in"
    assert again.http.get(f"/api/packets/{door.of_eve}/tasks/1").status_code == 401
    body = {"result": RESULT, "lead_time": 1, "based_on": 0}
    sent = again.http.post(f"/api/packets/{door.of_eve}/tasks/1/submit", json=body, headers={"X-Yuelu-Token": token})
    assert sent.status_code == 401
    for made_up in ("", "x", "0" * 43, "é".encode().hex(), cookie + "x"):
        again.http.cookies.set("yuelu", made_up)
        assert again.http.get("/").headers["location"] == "/sign-in"


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(gateway: Served) -> None:
    person = gateway.person()
    answer = person.http.post("/sign-in", data={"name": "eve", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    token = person.token
    assert person.http.cookies["yuelu"] not in person.http.get("/").text
    assert token != person.http.cookies["yuelu"]


def test_another_sites_page_cannot_sign_anybody_in_or_send_in_their_name(door: Door) -> None:
    path = f"/api/packets/{door.of_eve}/tasks/1/submit"
    body = json.dumps({"result": RESULT, "lead_time": 1, "based_on": 0})
    good = {"X-Yuelu-Token": door.eve.token, "Content-Type": "application/json"}
    changes: list[dict[str, str | None]] = [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": None}, {"Sec-Fetch-Site": "cross-site"},
        {"X-Yuelu-Token": door.li.token}, {"X-Yuelu-Token": None}, {"Content-Type": "text/plain"},
    ]  # fmt: skip
    for change in changes:
        asked = door.eve.http.build_request("POST", path, content=body, headers=good)
        for name, value in change.items():
            del asked.headers[name]
            asked.headers.update({} if value is None else {name: value})
        assert door.eve.http.send(asked).status_code == 403, change
    assert door.rows(SubmissionRow) == []
    assert door.eve.http.post("/sign-out", data={"token": door.li.token}).status_code == 403
    assert door.eve.http.post("/packets", data={"project": door.project}).status_code == 403
    fields, evil = {"name": "li-na", "password": PASSWORD}, {"Origin": "https://evil.example"}
    assert door.eve.http.post("/sign-in", data=fields, headers=evil).status_code == 403
    assert door.eve.http.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_bodies_that_are_too_large_too_deep_or_no_json_change_nothing(door: Door) -> None:
    path = f"/api/packets/{door.of_eve}/tasks/1/submit"
    headers = {"X-Yuelu-Token": door.eve.token, "Content-Type": "application/json"}
    told = door.eve.http.post(path, content=b"x" * (50 << 20), headers=headers)
    assert told.status_code == 413
    chunked = door.eve.http.post(path, content=iter([b"x" * (1 << 20)] * 50), headers=headers)
    assert chunked.status_code == 413
    start = b'{"lead_time": 1, "based_on": 0, "result": '
    for body in (b"NaN", b"[" * 200_000, b'[{"a": NaN}]', b'[{"a": 1e999}]', b'[{"a":' + b"[" * 90 + b"]" * 90 + b"}]", b'"x"'):
        assert door.eve.http.post(path, content=start + body + b"}", headers=headers).status_code == 400
    assert door.rows(SubmissionRow) == []
    assert door.rows(DraftRow) == []
    assert door.eve.http.get("/up").json() == {"gateway": "up"}


def test_headers_have_bounds_and_nothing_but_http_is_spoken(gateway: Served) -> None:
    host, port = gateway.url.removeprefix("http://").split(":")

    def raw(text: bytes) -> bytes:
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(text)
            return connection.recv(4096)

    asked = f"GET /up HTTP/1.1\r\nHost: {host}:{port}\r\n".encode()
    assert b" 200 " in raw(asked + b"Connection: close\r\n\r\n")
    assert b" 200 " not in raw(asked + b"X-Long: " + b"x" * 100_000 + b"\r\n\r\n")
    assert b" 101 " not in raw(asked + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n")
    assert b" 404 " in raw(f"GET /../../etc/passwd HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
    assert b" 404 " in raw(f"GET http://{host}:{port}/up HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())


def test_trying_passwords_is_slowed_down_and_tells_nothing(gateway: Served) -> None:
    person = gateway.person()

    def tried(name: str) -> str:
        return person.http.post("/sign-in", data={"name": name, "password": "wrong"}).text

    unknown, known = tried("nobody"), tried("mallory")
    assert unknown == known
    while "Too many tries" not in tried("mallory"):
        pass
    answer = person.http.post("/sign-in", data={"name": "mallory", "password": PASSWORD})
    assert (answer.status_code, "Too many tries" in answer.text) == (403, True)
    assert (gateway.log[-1]["tried"], gateway.log[-1]["why"]) == ("mallory", "too many tries")


def test_every_request_is_in_the_access_log_with_who_when_and_from_where(door: Door) -> None:
    door.eve.http.get(f"/packets/{door.of_li}/tasks/1")
    last = door.gateway.log[-1]
    assert {name: last[name] for name in ("who", "address", "method", "path", "status")} == {
        "who": "eve", "address": "127.0.0.1", "method": "GET", "path": f"/packets/{door.of_li}/tasks/1", "status": 404,
    }  # fmt: skip
    assert datetime.fromisoformat(last["at"]).tzinfo is not None
    assert PASSWORD not in json.dumps(door.gateway.log)


def test_who_signed_in_or_out_or_failed_to_is_in_the_access_log_without_passwords(gateway: Served) -> None:
    gateway.people("zhao")
    person = gateway.person()
    typed = [
        ("zhao", "not-his-password"),
        ("nobody", "guess"),
        (PASSWORD, ""),
        ("x" * 500, "x"),
    ]  # one wrote into the wrong field
    for name, password in typed:
        person.http.post("/sign-in", data={"name": name, "password": password})
    person.http.post("/sign-in", data={"name": "zhao", "password": PASSWORD})
    person.form("/sign-out")
    told, wrong = [each for each in gateway.log if each["method"] == "POST"][-6:], "name or password is wrong"
    assert [(each.get("tried"), each["who"], each["why"], each["status"]) for each in told] == [
        ("zhao", None, wrong, 403), ("nobody", None, wrong, 403), (None, None, wrong, 403), (None, None, wrong, 403),
        ("zhao", "zhao", "signed in", 303), (None, "zhao", "signed out", 303),
    ]  # fmt: skip
    assert {each["address"] for each in told} == {"127.0.0.1"}
    for secret in ("not-his-password", PASSWORD, "guess"):
        assert secret not in json.dumps(gateway.log)


def test_redirects_lead_to_our_own_pages_only(door: Door) -> None:
    for path in ("//evil.example/", "/sign-in?next=https://evil.example", "/?language=zh&next=//evil.example"):
        target = door.eve.http.get(path).headers.get("location", "/")
        assert target in ("/", "/sign-in"), path


def test_behind_a_proxy_with_tls_cookies_go_by_https_and_the_proxy_says_who_asks(gateway: Served, editor: Editor) -> None:
    public = "https://label.example"
    log: list[Any] = []
    behind = Gateway(
        workspace=gateway.workspace, editor=editor, place=place("10.0.0.5", 8300, public), language="en", secure=True,
        trusted=frozenset({"10.0.0.4"}),
    )  # fmt: skip
    told = {"Origin": public, "X-Forwarded-For": "1.2.3.4, 203.0.113.5"}
    fields = {"name": "li-na", "password": PASSWORD}
    for peer in ("10.0.0.4", "10.0.0.9"):
        http = TestClient(Application(behind, log.append), base_url=public, client=(peer, 1), follow_redirects=False)
        answer = http.post("/sign-in", data=fields, headers=told)
        assert answer.status_code == 303
        assert answer.headers["set-cookie"].startswith("__Host-yuelu=")
        assert "; Secure" in answer.headers["set-cookie"]
        assert http.get("/", headers={"Host": "10.0.0.5:8300"}).status_code == 421
        http.close()
    assert [each["address"] for each in log if each["method"] == "POST"] == ["203.0.113.5", "10.0.0.9"]
