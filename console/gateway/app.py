"""The gateway as an ASGI application: it asks `routes` what may pass, and executes the answer."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from yuelu.base.errors import Conflict, InvalidRecord, NotAllowed, NotFound, ServiceUnavailable, YueluError
from yuelu.base.settings import LANGUAGES
from yuelu.console.gateway import pages, routes, work
from yuelu.console.gateway.handlers import HANDLERS, Call, Gateway, refusal, token_is_right
from yuelu.console.gateway.routes import Asked, Refused, Route

_BODY_S = 60.0  # for a body to arrive
_LOG = logging.getLogger("yuelu.gateway")
_REFUSALS: Mapping[type[YueluError], Refused] = MappingProxyType(
    {
        NotAllowed: routes.LEASE_ENDED,
        NotFound: routes.NOTHING_HERE,
        Conflict: Refused(HTTPStatus.CONFLICT, "Your answer was changed elsewhere, or is settled. Open the task again."),
        InvalidRecord: Refused(HTTPStatus.BAD_REQUEST, "This is not what our page sends. Open the page again."),
        ServiceUnavailable: Refused(HTTPStatus.SERVICE_UNAVAILABLE, "This does not work at the moment. Try again soon."),
    }
)
_BROKEN = Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "This does not work at the moment. Try again soon.")
_ASKS_JSON = ("/api/", "/media/", "/editor/", "/static/", "/page/", "/up")


class Application:
    """One gateway. `record` gets one line for every request: who asked for what, when, from where, and what came of it."""

    def __init__(self, gateway: Gateway, record: Callable[[Mapping[str, Any]], None]) -> None:
        self.gateway, self.record = gateway, record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Nothing but HTTP is spoken here."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        request = Request(scope, receive)
        told: dict[str, Any] = {
            "at": self.gateway.workspace.ledger.now().isoformat(timespec="milliseconds"),
            "address": self._address(request),
            "method": request.method,
            "path": _path(request)[:300],
        }
        response = await self._answer(request, told)
        self.record({**told, "status": int(response.status_code)})
        await response(scope, receive, send)

    async def _answer(self, request: Request, told: dict[str, Any]) -> Response:
        try:
            outcome = await self._outcome(request, told)
        except YueluError as error:
            outcome = next((refused for kind, refused in _REFUSALS.items() if isinstance(error, kind)), _BROKEN)
            told["why"] = error.problem[:300]
        except Exception:
            _LOG.exception("%s %s", told["method"], told["path"])
            outcome = _BROKEN
        if isinstance(outcome, Response):
            return outcome
        told.setdefault("why", outcome.reason)
        path, language = _path(request), self._language(request)
        if outcome is routes.SIGN_IN and not path.startswith(_ASKS_JSON) and request.method == "GET":
            return pages.see_other("/sign-in")
        return refusal(language, outcome, as_page=not path.startswith(_ASKS_JSON))

    async def _outcome(self, request: Request, told: dict[str, Any]) -> Response | Refused:
        found = routes.find(request.method, _path(request))
        if isinstance(found, Refused):
            return found
        route, pieces = found
        asked, now = _asked(request), self.gateway.workspace.ledger.now()
        secret = request.cookies.get(self.gateway.cookie)
        session, lease = await run_in_threadpool(self._look, secret, pieces.get("packet"), now)
        told["who"] = session.annotator if session else None
        refused = routes.decide(route, asked, self.gateway.place, session, lease, now)
        if refused is not None:
            return refused
        body = await _body(request, route) if route.body else b""
        if isinstance(body, Refused):
            return body
        call = Call(
            gateway=self.gateway,
            route=route,
            pieces=pieces,
            session=session,
            lease=lease,
            secret=secret,
            body=body,
            headers=request.headers,
            language=self._language(request),
            address=told["address"],
            now=now,
            told=told,
        )
        if route.body == routes.FORM and not token_is_right(call):
            return routes.FORGED
        response = await run_in_threadpool(HANDLERS[route.name], call)
        return self._remembered(request, response)

    def _look(self, secret: str | None, packet: str | None, now: datetime) -> tuple[routes.Session | None, routes.Lease | None]:
        if not secret:
            return None, None
        with self.gateway.workspace.ledger.reading() as session:
            return work.signed_in(session, secret, now), work.lease_of(session, packet) if packet else None

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client else "unknown"
        return routes.client_address(peer, request.headers.get("x-forwarded-for"), self.gateway.trusted)

    def _language(self, request: Request) -> str:
        accepted = request.headers.get("accept-language", "")
        chosen = request.query_params.get("language")
        return pages.language_of(chosen, request.cookies.get("language"), accepted, self.gateway.language)

    def _remembered(self, request: Request, response: Response) -> Response:
        """Keep the language that a reader chose by a link."""
        chosen = request.query_params.get("language")
        if chosen in LANGUAGES:
            response.set_cookie("language", str(chosen), max_age=365 * 86_400, secure=self.gateway.secure, samesite="lax")
        return response


def _path(request: Request) -> str:
    """Return the path as it was sent: what is not plain text in it is none of our routes."""
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.partition(b"?")[0].decode("ascii", "backslashreplace")


def _asked(request: Request) -> Asked:
    headers, length = request.headers, request.headers.get("content-length", "")
    return Asked(
        method=request.method,
        path=_path(request),
        host=headers.get("host", "").lower(),
        origin=headers.get("origin"),
        fetch_site=headers.get("sec-fetch-site"),
        length=int(length) if length.isascii() and length.isdigit() else None,
        chunked="transfer-encoding" in headers,
        content_type=headers.get("content-type", "").partition(";")[0].strip().lower(),
        headers=sum(len(name) + len(value) for name, value in headers.raw),
        token=headers.get("x-yuelu-token"),
    )


async def _body(request: Request, route: Route) -> bytes | Refused:
    """Return the body, as long as it is no larger than the route takes; what is said of its length is not believed."""
    pieces, size = [], 0
    try:
        async with asyncio.timeout(_BODY_S):
            async for piece in request.stream():
                size += len(piece)
                if size > route.body:
                    return routes.TOO_LARGE
                pieces.append(piece)
    except TimeoutError:
        return routes.TOO_SLOW
    return b"".join(pieces)
