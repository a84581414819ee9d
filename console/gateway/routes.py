"""Who may ask the gateway for what. One table, and pure functions over it; whatever is not in the table does not exist."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus
from types import MappingProxyType

from yuelu.annotate.incoming import LARGEST_BYTES

HEADERS = 16 << 10  # bytes of all headers
FORM = 4 << 10  # bytes of a form
ANSWER = LARGEST_BYTES + 4096  # bytes of an answer with what is around it
_FORM_TYPE, _JSON_TYPE = "application/x-www-form-urlencoded", "application/json"
_PIECES: Mapping[str, str] = MappingProxyType(
    {
        "packet": r"[0-9A-Za-z-]{1,64}",
        "number": r"[1-9][0-9]{0,3}",  # of a task in its packet, from 1
        "item_key": r"[0-9a-f]{64}",
        "index": r"0|[1-9][0-9]{0,3}",  # of a picture in its task, from 0
        "name": r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)+",  # of a file: no slash, no two dots together
    }
)


class Need(StrEnum):
    """What somebody must have to be let in: nothing, a session, or the packet that the path names."""

    NOTHING = "nothing"
    SESSION = "session"
    PACKET = "packet"


@dataclass(frozen=True, slots=True)
class Route:
    """One thing that can be asked for. `body` is the largest body in bytes; 0 takes none."""

    name: str
    method: str
    path: str
    need: Need
    body: int = 0
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        pattern = re.sub(r"\{(\w+)\}", lambda piece: f"(?P<{piece[1]}>{_PIECES[piece[1]]})", self.path)
        object.__setattr__(self, "pattern", re.compile(pattern))


_TASK = "/api/packets/{packet}/tasks/{number}"
ROUTES: tuple[Route, ...] = (
    Route("up", "GET", "/up", Need.NOTHING),
    Route("sign-in page", "GET", "/sign-in", Need.NOTHING),
    Route("sign in", "POST", "/sign-in", Need.NOTHING, FORM),
    Route("page file", "GET", "/page/{name}", Need.NOTHING),
    Route("sign out", "POST", "/sign-out", Need.SESSION, FORM),
    Route("packets page", "GET", "/", Need.SESSION),
    Route("take a packet", "POST", "/packets", Need.SESSION, FORM),
    Route("return a packet", "POST", "/packets/{packet}/return", Need.PACKET, FORM),
    Route("next task", "GET", "/packets/{packet}/next", Need.PACKET),
    Route("task page", "GET", "/packets/{packet}/tasks/{number}", Need.PACKET),
    Route("task", "GET", _TASK, Need.PACKET),
    Route("submit", "POST", f"{_TASK}/submit", Need.PACKET, ANSWER),
    Route("update", "POST", f"{_TASK}/update", Need.PACKET, ANSWER),
    Route("skip", "POST", f"{_TASK}/skip", Need.PACKET, ANSWER),
    Route("draft", "POST", f"{_TASK}/draft", Need.PACKET, ANSWER),
    Route("media", "GET", "/media/{packet}/{item_key}/{index}", Need.PACKET),
    Route("editor file", "GET", "/editor/{name}", Need.SESSION),
    Route("font", "GET", "/static/fonts/{name}", Need.SESSION),  # where the editor's style sheet looks for them
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, as far as it decides who may pass. `path` is as it was sent, before any decoding."""

    method: str
    path: str
    host: str
    origin: str | None = None
    fetch_site: str | None = None
    length: int | None = None  # None: not told beforehand
    chunked: bool = False
    content_type: str = ""
    headers: int = 0  # bytes of all of them
    token: str | None = None  # against forged requests; a form's own is compared once it is read


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, and the token that their pages carry."""

    annotator: str
    company: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Lease:
    """A packet as its door sees it."""

    packet: str
    annotator: str
    state: str
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gateway is: the origins that its own pages have in a browser, such as https://label.example."""

    origins: frozenset[str]

    @property
    def hosts(self) -> frozenset[str]:
        """The values of Host that mean us; any other is somebody else's name for our address."""
        return frozenset(origin.partition("://")[2] for origin in self.origins)


@dataclass(frozen=True, slots=True)
class Refused:
    """No, and why. `reason` is a sentence that people read in their language."""

    status: HTTPStatus
    reason: str
    allow: str | None = None


NOTHING_HERE = Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")
SIGN_IN = Refused(HTTPStatus.UNAUTHORIZED, "Please sign in.")
FORGED = Refused(HTTPStatus.FORBIDDEN, "This request did not come from our own page. Open the page again.")
TOO_SLOW = Refused(HTTPStatus.REQUEST_TIMEOUT, "This took too long. Try again.")
LONG_HEADERS = Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "This is larger than we take.")
TOO_LARGE = Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "This is larger than we take.")
LEASE_ENDED = Refused(HTTPStatus.FORBIDDEN, "The time for this packet is over. What you sent before counts.")
ELSEWHERE = Refused(HTTPStatus.MISDIRECTED_REQUEST, "We are not known by this name.")


def find(method: str, path: str) -> tuple[Route, Mapping[str, str]] | Refused:
    """Return the route and the named pieces of the path. A path with an escape is none of ours."""
    allowed = []
    for route in ROUTES:
        if found := route.pattern.fullmatch(path):
            if route.method == method:
                return route, found.groupdict()
            allowed.append(route.method)
    if allowed:
        return Refused(HTTPStatus.METHOD_NOT_ALLOWED, "There is nothing here.", allow=", ".join(sorted(allowed)))
    return NOTHING_HERE


def decide(
    route: Route, asked: Asked, place: Place, session: Session | None, lease: Lease | None, now: datetime
) -> Refused | None:
    """Return why the request may not pass, or None: it may.

    A packet that is somebody else's is refused like one that does not exist.
    """
    mine = session is not None and lease is not None and lease.annotator == session.annotator
    ended = lease is None or lease.state != "open" or lease.due_at <= now
    # In this order: the first that is true is the answer.
    reasons = {
        ELSEWHERE: asked.host not in place.hosts,
        SIGN_IN: route.need is not Need.NOTHING and session is None,
        NOTHING_HERE: route.need is Need.PACKET and not mine,
        FORGED: route.method == "POST" and _forged(route, asked, place, session),
        LONG_HEADERS: asked.headers > HEADERS,
        TOO_LARGE: (asked.length or 0) > route.body or (asked.chunked and not route.body),
        LEASE_ENDED: route.need is Need.PACKET and ended,
    }
    return next((refused for refused, true in reasons.items() if true), None)


def _forged(route: Route, asked: Asked, place: Place, session: Session | None) -> bool:
    """Tell whether another site's page may have sent it. Browsers name the origin of every POST; who does not is refused."""
    if asked.origin not in place.origins or asked.fetch_site not in (None, "same-origin"):
        return True
    if asked.content_type != (_FORM_TYPE if route.body == FORM else _JSON_TYPE):
        return True
    if session is None or route.body == FORM:
        return False  # a form carries its token inside; see `right_token`
    return not right_token(session, asked.token)


def right_token(session: Session, token: str | None) -> bool:
    """Tell whether the token is the one that this session's pages carry."""
    return token is not None and hmac.compare_digest(session.token.encode(), token.encode("utf-8", "replace"))


def page_token(secret: str) -> str:
    """Return the token for the pages of a session, made of the session's own secret, which pages cannot read."""
    return hmac.new(secret.encode(), b"yuelu gateway page", "sha256").hexdigest()


def client_address(peer: str, forwarded: str | None, trusted: frozenset[str]) -> str:
    """Return where a request comes from. Only a proxy that we were told of is believed, and only its own last word."""
    if peer in trusted and forwarded:
        return forwarded.rpartition(",")[2].strip()[:64] or peer
    return peer


def place(host: str, port: int, public: str | None) -> Place:
    """Return where pages of this gateway are: at its public address, or on this very machine."""
    if public is not None:
        return Place(frozenset({public.rstrip("/")}))
    return Place(frozenset(f"http://{name}:{port}" for name in {host, "127.0.0.1", "localhost"}))
