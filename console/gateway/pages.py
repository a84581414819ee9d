"""Pages and answers of the gateway as HTTP responses, with the headers that keep them to themselves."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from yuelu.base.settings import LANGUAGES
from yuelu.console.gateway.ranges import Part
from yuelu.console.page.template import template
from yuelu.console.words import say

PAGE = Path(__file__).with_name("page")
FILES: Mapping[str, str] = MappingProxyType(
    {
        "page.css": "text/css; charset=utf-8",
        "task.css": "text/css; charset=utf-8",
        "before.js": "text/javascript; charset=utf-8",
        "editor.js": "text/javascript; charset=utf-8",
    }
)
MEDIA_TYPES = frozenset({"image/png", "image/jpeg", "audio/flac", "video/mp4", "application/json"})
_CHUNK = 1 << 18
_EVERYWHERE: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",  # with none at all a form's POST would name no origin
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        "Cache-Control": "no-store",
        "Server": "yuelu",
    }
)
_NOTHING = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
PLAIN = f"{_NOTHING}; style-src 'self'; img-src data:; form-action 'self'"
# The editor writes styles into the page, decodes audio with WebAssembly in a worker, and draws on pictures it made itself.
EDITOR = (
    f"{_NOTHING}; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self' data: blob:; "
    "form-action 'self'"
)


def headers(more: Mapping[str, str]) -> dict[str, str]:
    """Return what every response carries, and `more`."""
    return {**_EVERYWHERE, "Content-Security-Policy": _NOTHING, **more}


def html(name: str, language: str, *, status: int = HTTPStatus.OK, policy: str = PLAIN, **values: Any) -> Response:
    """Return a page in the reader's language. Everything from outside is escaped by the template."""
    known = {"person": None, "token": None, "language": language, "t": partial(say, language), **values}
    text = template(name, PAGE).render(known)
    return Response(text, status, headers({"Content-Security-Policy": policy}), "text/html; charset=utf-8")


def answer(content: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return a JSON response."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    return Response(text, status, headers({}), "application/json")


def see_other(path: str) -> Response:
    """Send the browser to another page of ours."""
    return Response(None, HTTPStatus.SEE_OTHER, headers({"Location": path}))


def embedded(content: Mapping[str, Any]) -> Markup:
    """Return JSON that can stand in a script element: nothing in it can end that element."""
    text = json.dumps(content, ensure_ascii=True, allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  escaped here


def rendered(markdown: str) -> Markup:
    """Return a task description as HTML. HTML in it is shown as text; links and pictures lead nowhere."""
    return Markup(_markdown().render(markdown))  # noqa: S704  the renderer escapes


@cache
def _markdown() -> MarkdownIt:
    rules = ("image", "link", "autolink", "html_block", "html_inline", "reference")
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable(list(rules))


def static(path: Path, media_type: str) -> Response:
    """Return a file of ours or of the editor."""
    return Response(path.read_bytes(), HTTPStatus.OK, headers({"Cache-Control": "private, max-age=3600"}), media_type)


def media(file: BinaryIO, size: int, media_type: str, tag: str, part: Part | None) -> Response:
    """Return a medium, or a part of it; `file` is closed when it is sent. A browser asks again each time whether it may."""
    start, end = (part.start, part.end) if part else (0, size)
    told = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Disposition": "inline",
        "Content-Length": str(end - start),
        "ETag": tag,
    }
    if part:
        told["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = HTTPStatus.PARTIAL_CONTENT if part else HTTPStatus.OK
    return _Sent(file, _pieces(file, start, end), status, headers(told), media_type)


class _Sent(StreamingResponse):
    """A response that closes its file whatever happens: a browser that seeks goes away before the first piece is asked for."""

    def __init__(self, file: BinaryIO, *told: Any) -> None:
        super().__init__(*told)
        self.file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.file.close()


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    while start < end and (data := file.read(min(_CHUNK, end - start))):
        start += len(data)
        yield data


def language_of(asked: str | None, cookie: str | None, accepted: str, default: str) -> str:
    """Return the reader's language: what they chose, now or before; else what their browser prefers; else ours."""
    for chosen in (asked, cookie):
        if chosen in LANGUAGES:
            return str(chosen)
    return next((found for each in _preferred(accepted) if (found := each[:2]) in LANGUAGES), default)


def _preferred(accepted: str) -> Sequence[str]:
    """Return the languages of an Accept-Language header, the best first. Source: RFC 9110, section 12.5.4."""
    weighted = []
    for each in accepted.lower().split(",")[:10]:
        name, _, weight = each.strip().partition(";q=")
        try:
            weighted.append((-float(weight or 1), name))
        except ValueError:
            continue
    return [name for _, name in sorted(weighted, key=lambda pair: pair[0])]
