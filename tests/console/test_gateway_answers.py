"""What the gateway reads of a request and says in a response: ranges, answers, forms, languages, descriptions."""

import asyncio
import io
import json
import re
import socket
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from yuelu.base.errors import InvalidRecord
from yuelu.console.gateway import app, handlers, pages, routes
from yuelu.console.gateway.answers import Sent, read_answer, read_form
from yuelu.console.gateway.ranges import Part, Unsatisfiable, part, same
from yuelu.console.gateway.serve import listening
from yuelu.console.words import chinese

REGION = {"id": "b", "type": "rectanglelabels", "value": {"x": 1.5, "rectanglelabels": ["猫"]}}


# The examples of RFC 9110, section 14.1.2, for a representation of 10000 bytes; then what servers get wrong.
@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-499", Part(0, 500)),
        ("bytes=500-999", Part(500, 1000)),
        ("bytes=-500", Part(9500, 10000)),
        ("bytes=9500-", Part(9500, 10000)),
        ("bytes=0-0", Part(0, 1)),
        ("bytes=0-99999", Part(0, 10000)),
        ("bytes=-99999", Part(0, 10000)),
        (None, None),
        ("", None),
        ("bytes=0-0,-1", None),
        ("bytes=9-3", None),
        ("bytes=-", None),
        ("bytes=a-b", None),
        ("lines=0-3", None),
        ("bytes=" + "9" * 400 + "-", None),
    ],
)
def test_the_part_that_a_range_asks_for(header: str | None, wanted: Part | None) -> None:
    assert part(header, 10000) == wanted


@pytest.mark.parametrize("header", ["bytes=10000-", "bytes=20000-30000", "bytes=-0"])
def test_a_range_with_no_byte_in_it(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        part(header, 10000)


@pytest.mark.parametrize(
    ("header", "known"), [(None, False), ('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"ab"', False)]
)
def test_whether_a_browser_has_it_already(header: str | None, known: bool) -> None:
    assert same(header, '"a"') is known


def body(**fields: object) -> bytes:
    return json.dumps({"result": [REGION], "lead_time": 2, "based_on": 0, **fields}).encode()


def test_an_answer_is_read_as_it_was_sent() -> None:
    assert read_answer(body()) == Sent([REGION], 2.0, 0)


@pytest.mark.parametrize(
    "sent",
    [
        b"", b"{", b"null", b"[]", b"\xff", body(result=None), body(result={}), body(result=[1]), body(more=1),
        body(lead_time=-1), body(lead_time="1"), body(lead_time=True), body(lead_time=1e12),
        body(based_on=-1), body(based_on=None),
        body().replace(b"1.5", b"NaN"), body().replace(b"1.5", b"-Infinity"), body().replace(b"1.5", b"1e999"),
        body().replace(b"1.5", b"9" * 5000), body().replace(b'"b"', b'"\\ud800"'), body().replace(b'"b"', b'"\\u0000"'),
        body().replace(b"1.5", b"[" * 100 + b"]" * 100), b"[" * 1_000_000, b'{"a":' * 100_000,
    ],
)  # fmt: skip
def test_what_our_page_cannot_have_sent_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidRecord):
        read_answer(sent)


def test_a_form_is_read() -> None:
    assert read_form(b"name=li-na&password=%E7%8C%AB+") == {"name": "li-na", "password": "猫 "}
    assert read_form(b"token=&token=b") == {"token": "b"}


@pytest.mark.parametrize("sent", [b"&&", b"name", b"\xff=1", b"&".join(b"a%d=1" % number for number in range(99))])
def test_what_is_no_form_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidRecord, match="no form"):
        read_form(sent)


@pytest.mark.parametrize(
    ("asked", "cookie", "accepted", "language"),
    [
        ("zh", "en", "en", "zh"), (None, "zh", "en", "zh"), (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "en-GB, zh;q=0.9", "en"), (None, None, "fr, zh;q=0.2", "zh"), (None, None, "fr", "en"),
        ("xx", "yy", "", "en"), (None, None, "zh;q=x, de", "en"), (None, None, "en;q=0.1, zh;q=0.7", "zh"),
    ],
)  # fmt: skip
def test_the_readers_language(asked: str | None, cookie: str | None, accepted: str, language: str) -> None:
    assert pages.language_of(asked, cookie, accepted, "en") == language


def test_a_description_is_rendered_and_nothing_in_it_runs() -> None:
    assert pages.rendered("# Boxes\n\n- tight") == "<h1>Boxes</h1>\n<ul>\n<li>tight</li>\n</ul>\n"
    hostile = "<script>alert(1)</script>\n\n[a](javascript:alert(1)) ![b](https://evil.example/p.png) <https://evil.example>"
    told = pages.rendered(hostile)
    assert "<script" not in told
    assert "<a " not in told
    assert "<img" not in told


def test_what_stands_in_a_page_cannot_leave_its_element() -> None:
    hostile = {"a": "</script><script>alert(1)</script><!--", "b": "猫"}
    told = pages.embedded(hostile)
    assert "<" not in told
    assert json.loads(told) == hostile


def test_every_response_keeps_itself_to_itself() -> None:
    told = pages.answer({}).headers
    assert told["x-content-type-options"] == "nosniff"
    assert told["x-frame-options"] == "DENY"
    assert told["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in told["content-security-policy"]
    assert "unsafe" not in pages.PLAIN
    assert "'unsafe-eval'" not in pages.EDITOR
    assert "script-src 'self' 'wasm-unsafe-eval'" in pages.EDITOR


def test_everything_that_people_read_has_its_chinese() -> None:
    texts = {text for page in pages.PAGE.glob("*.html") for text in re.findall(r't\("([^"]+)"', page.read_text())}
    refusals = [each for module in (routes, app) for each in vars(module).values() if isinstance(each, routes.Refused)]
    refusals += app._REFUSALS.values()
    said = {each.reason for each in refusals} | set(handlers._SAID.values()) | {"todo", "draft", "answered", "skipped"}
    assert len(texts) > 15
    assert {text for text in texts | said if text not in chinese()} == set()


def test_an_answer_does_not_wait_for_the_browser_to_acknowledge_its_head() -> None:
    """Nagle's algorithm holds the second packet of a response back until the first is acknowledged: 40 ms on Linux."""

    async def sends_at_once() -> int:
        met: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def meet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            met.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listening("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(meet, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                writer.close()
                return await asyncio.wait_for(met, 10)

    assert asyncio.run(sends_at_once()) == 1


@pytest.mark.parametrize("sent", [0, 1])
def test_a_medium_is_closed_when_the_browser_goes_away(sent: int) -> None:
    file, told = io.BytesIO(bytes(1 << 20)), list[str]()

    async def send(message: Any) -> None:
        told.append(message["type"])
        if len(told) > sent:
            raise OSError("the browser is gone")

    async def receive() -> Any:
        return {"type": "http.request"}

    response = pages.media(file, 1 << 20, "video/mp4", '"t"', None)
    with pytest.raises((OSError, ClientDisconnect)):
        asyncio.run(response({"type": "http", "asgi": {"spec_version": "2.4"}}, receive, send))
    assert (file.closed, len(told)) == (True, sent + 1)
