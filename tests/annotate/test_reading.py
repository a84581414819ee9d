"""Reading from a server: streams that are cut, lists as large as they like, networks that stay closed."""

import io
import json
from ipaddress import ip_address, ip_network
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.annotate.label_studio import objects as objects_module
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.objects import objects
from yuelu.annotate.label_studio.subnets import RECEIVER, banned
from yuelu.base.errors import InvalidRecord, NotFound, OutcomeUnknown, ServiceUnavailable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(st.lists(VALUES, max_size=6), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_a_stream_of_objects_is_what_json_says(values: list[Any], part: int, indent: int | None, ascii_: bool) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=ascii_)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects_module, "_PART", part)
        assert list(objects(io.StringIO(text))) == json.loads(text)


@given(st.lists(VALUES, min_size=1, max_size=4), st.data())
def test_a_stream_that_is_cut_is_no_shorter_list(values: list[Any], data: st.DataObject) -> None:
    text = json.dumps(values)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects_module, "_PART", 3)
        with pytest.raises(InvalidRecord, match="list of tasks"):
            list(objects(io.StringIO(cut)))


def test_what_json_has_not_is_kept_as_text() -> None:
    assert list(objects(io.StringIO('[{"x": Infinity, "y": NaN}]'))) == [{"x": "Infinity", "y": "NaN"}]


class Cut(httpx.SyncByteStream):
    """A body that ends too early."""

    def __init__(self, part: bytes) -> None:
        self.part = part

    def __iter__(self) -> Any:
        yield self.part
        raise httpx.ReadError("cut")


def client(answer: Any) -> Client:
    def met(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/token/refresh":
            return httpx.Response(200, json={"access": "a"})
        response = answer(request)
        assert isinstance(response, httpx.Response)
        return response

    return Client("http://ls", "refresh", transport=httpx.MockTransport(met), sleep=slept.append)


slept: list[float] = []


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_goes_on_where_it_was_cut(ranges: bool) -> None:
    whole, asked = b"0123456789" * 100, list[str | None]()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("range"))
        at = int((asked[-1] or "bytes=0-")[6:-1]) if ranges else 0
        body = whole[at:]
        status = 206 if at else 200
        return (
            httpx.Response(status, stream=Cut(body[:400]))
            if len(body) > 400 and len(asked) < 4
            else httpx.Response(status, content=body)
        )

    with client(answer) as c, io.BytesIO() as file:
        c.download("/x", file)
        assert file.getvalue() == whole
    assert asked[:2] == [None, "bytes=400-"]


def test_a_download_that_never_ends_and_one_that_is_gone_say_so() -> None:
    with client(lambda _: httpx.Response(200, stream=Cut(b""))) as c, pytest.raises(ServiceUnavailable, match="in 5 tries"):
        c.download("/x", io.BytesIO())
    with client(lambda _: httpx.Response(404)) as c, pytest.raises(NotFound, match="HTTP 404"):
        c.download("/x", io.BytesIO())
    with client(lambda _: httpx.Response(503)) as c, pytest.raises(ServiceUnavailable, match="passing error"):
        c.download("/x", io.BytesIO())


def test_an_answer_that_is_no_json_is_read_again_and_never_sent_again() -> None:
    bodies = iter([b'{"a": [1', b"<html>", b'{"a": [1]}', b'{"id"'])
    with client(lambda _: httpx.Response(200, content=next(bodies))) as c:
        assert c.read_json("/x") == {"a": [1]}
        with pytest.raises(OutcomeUnknown, match="no JSON"):
            c.write_json("POST", "/x", {})


def test_a_server_that_asks_for_a_pause_gets_it_within_reason() -> None:
    later = "Wed, 21 Oct 2026 07:28:00 GMT"
    told = [(429, "7"), (503, "99999"), (429, later), (200, "0")]
    answers = iter([httpx.Response(status, headers={"retry-after": pause}, json=[]) for status, pause in told])
    slept.clear()
    with client(lambda _: next(answers)) as c:
        c.read("/x")
    assert slept == [7.0, 60.0, 0.8]


@pytest.mark.parametrize("address", ["127.0.0.1", "127.83.89.77", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "fd00::1"])
def test_a_server_of_ours_opens_no_other_private_address(address: str) -> None:
    networks = [ip_network(each) for each in banned().split(",")]
    assert any(ip_address(address) in network for network in networks)
    assert not any(ip_address(RECEIVER) in network for network in networks)
    assert not any(ip_address("9.9.9.9") in network for network in networks)
