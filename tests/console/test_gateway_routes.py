"""What may pass the gateway's door: pure decisions, each rule by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import pytest

from yuelu.annotate.incoming import LARGEST_BYTES
from yuelu.console.gateway import routes
from yuelu.console.gateway.handlers import HANDLERS
from yuelu.console.gateway.routes import ROUTES, Asked, Lease, Need, Place, Refused, Route, Session, decide, find

NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
OURS = "https://label.example"
HERE = Place(frozenset({OURS}))
KEY = "a" * 64
LI = Session("li-na", "Orange Isle", routes.page_token("secret"))
OPEN = Lease("p1", "li-na", "open", NOON + timedelta(hours=1))
GOOD = {
    "GET": Asked("GET", "", "label.example"),
    "POST": Asked("POST", "", "label.example", OURS, "same-origin", 2, content_type="application/json", token=LI.token),
}
PATHS = {
    "/", "/sign-in", "/up", "/packets/p1/next", "/packets/p1/tasks/7", "/api/packets/p1/tasks/7", "/page/page.css",
    f"/media/p1/{KEY}/0", "/editor/main.js", "/static/fonts/Figtree-Regular.ttf",
}  # fmt: skip


def asked(route: Route) -> Asked:
    """A request of our own page for the route."""
    form = "application/x-www-form-urlencoded"
    good = GOOD[route.method]
    return replace(good, content_type=form) if route.body == routes.FORM else good


def outcome(route: Route, request: Asked, session: Session | None = LI, lease: Lease | None = OPEN) -> Refused | None:
    return decide(route, request, HERE, session, lease, NOON)


def route(name: str) -> Route:
    return next(each for each in ROUTES if each.name == name)


@pytest.mark.parametrize("each", ROUTES, ids=lambda each: each.name)
def test_who_has_what_it_needs_passes_and_every_route_has_a_handler(each: Route) -> None:
    assert outcome(each, asked(each)) is None
    assert each.name in HANDLERS


def test_there_is_no_handler_without_a_route() -> None:
    assert set(HANDLERS) == {each.name for each in ROUTES}
    assert len({(each.method, each.path) for each in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("path", sorted(PATHS))
def test_what_we_serve_is_found(path: str) -> None:
    assert not isinstance(find("GET", path), Refused)


@pytest.mark.parametrize(
    "path",
    [
        "", "//", "/index.html", "/projects", "/api/projects/", "/api/tasks/1", "/api/packets/p1/tasks/0",
        "/api/packets/p1/tasks/-1",
        "/api/packets/../tasks/1", "/api/packets/%2e%2e/tasks/1", "/packets/p1/tasks/7/", "/packets/p 1/next",
        "/editor/../secret",
        "/editor/..%2fsecret", "/editor/main.js%00", "/editor/.env", "/editor/a..js", "/editor/main", "/page/\u0070age.css/",
        f"/media/p1/{KEY}/00", f"/media/p1/{KEY[:-1]}/0", f"/media/p1/{KEY.upper()}/0", "/media/p1/../0",
        "/static/../main.py",
        "http://label.example/", "/\n", "/packets/p1/tasks/7\n", "/packets/p1/tasks/٧",
    ],
)  # fmt: skip
def test_what_we_do_not_serve_is_not_there(path: str) -> None:
    assert find("GET", path) == routes.NOTHING_HERE


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get"])
@pytest.mark.parametrize("path", sorted(PATHS))
def test_other_methods_are_not_allowed(method: str, path: str) -> None:
    found = find(method, path)
    assert isinstance(found, Refused)
    assert found.status == HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("each", [each for each in ROUTES if each.need is not Need.NOTHING], ids=lambda each: each.name)
def test_nobody_passes_without_a_session(each: Route) -> None:
    assert outcome(each, asked(each), session=None) == routes.SIGN_IN


HELD = [each for each in ROUTES if each.need is Need.PACKET]


@pytest.mark.parametrize("each", HELD, ids=lambda each: each.name)
def test_a_packet_of_somebody_else_is_as_if_it_were_not_there(each: Route) -> None:
    assert outcome(each, asked(each), lease=None) == routes.NOTHING_HERE
    assert outcome(each, asked(each), lease=replace(OPEN, annotator="wang-wei")) == routes.NOTHING_HERE


@pytest.mark.parametrize("each", HELD, ids=lambda each: each.name)
@pytest.mark.parametrize("state", ["closed", "returned", "expired"])
def test_a_lease_that_ended_closes_the_door(each: Route, state: str) -> None:
    assert outcome(each, asked(each), lease=replace(OPEN, state=state)) == routes.LEASE_ENDED


@pytest.mark.parametrize(("left_s", "passes"), [(1, True), (0, False), (-1, False)])
def test_the_door_closes_when_the_time_is_over_and_not_when_somebody_notices(left_s: int, passes: bool) -> None:
    lease = replace(OPEN, due_at=NOON + timedelta(seconds=left_s))
    assert outcome(route("media"), GOOD["GET"], lease=lease) == (None if passes else routes.LEASE_ENDED)


@pytest.mark.parametrize("each", [each for each in ROUTES if each.method == "POST"], ids=lambda each: each.name)
@pytest.mark.parametrize(
    "change",
    [
        {"origin": None}, {"origin": "null"}, {"origin": "https://evil.example"}, {"origin": "http://label.example"},
        {"origin": "https://label.example.evil"}, {"origin": "https://label.example:444"}, {"fetch_site": "cross-site"},
        {"fetch_site": "same-site"}, {"fetch_site": "none"}, {"content_type": "text/plain"}, {"content_type": ""},
    ],
    ids=str,
)  # fmt: skip
def test_another_sites_page_cannot_send_anything(each: Route, change: dict[str, str | None]) -> None:
    assert outcome(each, replace(asked(each), **change)) == routes.FORGED  # type: ignore[arg-type]


@pytest.mark.parametrize("token", [None, "", "0" * 64, "\u00e9", routes.page_token("another secret")])
def test_an_answer_carries_the_token_of_its_session(token: str | None) -> None:
    assert outcome(route("submit"), replace(GOOD["POST"], token=token)) == routes.FORGED
    assert not routes.right_token(LI, token)


def test_the_token_of_the_pages_does_not_tell_the_secret() -> None:
    assert routes.page_token("secret") != "secret"
    assert len(routes.page_token("secret")) == 64


@pytest.mark.parametrize("host", ["", "evil.example", "label.example:443", "127.0.0.1", "label.example."])
def test_a_name_that_is_not_ours_gets_nothing(host: str) -> None:
    assert outcome(route("up"), replace(GOOD["GET"], host=host)) == routes.ELSEWHERE


def test_bodies_have_bounds() -> None:
    submit, page = route("submit"), route("packets page")
    assert submit.body > LARGEST_BYTES
    assert outcome(submit, replace(GOOD["POST"], length=submit.body)) is None
    assert outcome(submit, replace(GOOD["POST"], length=submit.body + 1)) == routes.TOO_LARGE
    assert outcome(submit, replace(GOOD["POST"], length=None, chunked=True)) is None  # counted while it comes
    assert outcome(page, replace(GOOD["GET"], length=1)) == routes.TOO_LARGE
    assert outcome(page, replace(GOOD["GET"], headers=routes.HEADERS)) is None
    assert outcome(page, replace(GOOD["GET"], headers=routes.HEADERS + 1)) == routes.LONG_HEADERS
    assert outcome(page, replace(GOOD["GET"], chunked=True)) == routes.TOO_LARGE


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("10.0.0.1", None, {"10.0.0.1"}, "10.0.0.1"),
        ("10.0.0.1", "203.0.113.5", {"10.0.0.1"}, "203.0.113.5"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.5", {"10.0.0.1"}, "203.0.113.5"),  # what the person wrote comes first
        ("203.0.113.9", "1.2.3.4", {"10.0.0.1"}, "203.0.113.9"),
        ("127.0.0.1", "1.2.3.4", set(), "127.0.0.1"),
        ("10.0.0.1", " , ", {"10.0.0.1"}, "10.0.0.1"),
    ],
)
def test_only_a_proxy_we_know_says_where_somebody_is(peer: str, forwarded: str | None, trusted: set[str], address: str) -> None:
    assert routes.client_address(peer, forwarded, frozenset(trusted)) == address


def test_where_the_gateway_is() -> None:
    assert routes.place("127.0.0.1", 8300, None).hosts == {"127.0.0.1:8300", "localhost:8300"}
    assert routes.place("127.0.0.1", 8300, "https://label.example/") == HERE
    assert HERE.hosts == {"label.example"}
