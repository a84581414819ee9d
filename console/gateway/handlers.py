"""What the gateway does for each route, once `routes.decide` let the request pass."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from starlette.responses import Response

from yuelu.annotate.drafts import save_draft
from yuelu.annotate.incoming import Incoming
from yuelu.annotate.packets import Terms, return_packet, take_packet
from yuelu.annotate.people import SESSION, name_to_log, sign_in, sign_out
from yuelu.annotate.submissions import Recorder
from yuelu.base.errors import NotAllowed, NotFound, TooManyTries
from yuelu.base.workspace import Workspace
from yuelu.console.gateway import pages, work
from yuelu.console.gateway.answers import read_answer, read_form
from yuelu.console.gateway.editor import TYPES, Editor
from yuelu.console.gateway.ranges import Unsatisfiable, part, same
from yuelu.console.gateway.routes import Lease, Place, Refused, Route, Session, right_token
from yuelu.console.words import say

_SIGNING_IN = 4  # at once: each takes 32 MiB and a core
_ENDED = 10  # packets that are over, shown below the open ones
_AGENT_LENGTH = 300
_SAID: Mapping[str, str] = MappingProxyType(
    {
        "refused": "This was not taken.",
        "retrying": "Not saved yet; trying again. Keep this page open.",
        "saved": "Draft saved.",
        "unsaved": "The draft is not saved.",
        "broken": "The editor did not start. Reload the page; if that does not help, tell your company.",
    }
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """What requests are served from. `secure`: the pages are reached by https. `trusted` are the proxies that are believed."""

    workspace: Workspace
    editor: Editor
    place: Place
    language: str
    secure: bool = False
    trusted: frozenset[str] = frozenset()
    terms: Terms = field(default_factory=Terms)
    recorder: Recorder = field(init=False)
    signing_in: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_SIGNING_IN))

    def __post_init__(self) -> None:
        object.__setattr__(self, "recorder", Recorder(self.workspace.ledger))

    @property
    def cookie(self) -> str:
        """The name of the session cookie; with the prefix, browsers take it from this host by https only."""
        return "__Host-yuelu" if self.secure else "yuelu"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that may pass, with all that its handler needs."""

    gateway: Gateway
    route: Route
    pieces: Mapping[str, str]
    session: Session | None
    lease: Lease | None
    secret: str | None
    body: bytes
    headers: Mapping[str, str]
    language: str
    address: str
    now: datetime
    told: dict[str, Any] = field(default_factory=dict)  # the request's line in the access log

    @property
    def person(self) -> Session:
        """Who is signed in."""
        if self.session is None:
            raise NotAllowed("nobody is signed in", "sign in")
        return self.session

    def html(self, name: str, **values: Any) -> Response:
        """Return a page for this reader."""
        person = self.session
        known: dict[str, Any] = {"person": person.annotator, "token": person.token} if person else {}
        return pages.html(name, self.language, **known, **values)

    def say(self, english: str, **values: object) -> str:
        """Return a text in the reader's language."""
        return say(self.language, english, **values)


def refusal(language: str, refused: Refused, *, as_page: bool) -> Response:
    """Return a refusal as the page or as the answer that the reader's browser waits for."""
    reason = say(language, refused.reason)
    if as_page:
        response = pages.html("refused.html", language, status=refused.status, reason=reason, code=int(refused.status))
    else:
        response = pages.answer({"reason": reason}, refused.status)
    if refused.allow:
        response.headers["Allow"] = refused.allow
    return response


def _up(_: Call) -> Response:
    return pages.answer({"gateway": "up"})


def _sign_in_page(call: Call) -> Response:
    return pages.see_other("/") if call.session else call.html("sign-in.html", wrong=None)


def _sign_in(call: Call) -> Response:
    fields, gateway = read_form(call.body), call.gateway
    name = fields.get("name", "").strip()
    call.told["tried"] = name_to_log(name)
    try:
        with gateway.signing_in:
            secret = sign_in(gateway.workspace.ledger, name, fields.get("password", ""), call.now, call.address)
    except NotAllowed as error:
        often = isinstance(error, TooManyTries)
        wrong = "Too many tries. Wait a quarter of an hour." if often else "Name or password is wrong."
        call.told["why"] = error.problem
        return call.html("sign-in.html", wrong=call.say(wrong), status=HTTPStatus.FORBIDDEN)
    call.told["who"], call.told["why"] = name, "signed in"
    response = pages.see_other("/")
    response.set_cookie(
        gateway.cookie,
        secret,
        max_age=int(SESSION.total_seconds()),
        path="/",
        secure=gateway.secure,
        httponly=True,
        samesite="strict",
    )
    return response


def _sign_out(call: Call) -> Response:
    if call.secret:
        sign_out(call.gateway.workspace.ledger, call.secret)
        call.told["why"] = "signed out"
    response = pages.see_other("/sign-in")
    response.delete_cookie(call.gateway.cookie, path="/", secure=call.gateway.secure, httponly=True, samesite="strict")
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _packets(call: Call, note: str | None = None) -> Response:
    with call.gateway.workspace.ledger.reading() as session:
        views = work.packet_views(session, call.person.annotator)
        projects = work.open_projects(session, call.person.company)
    is_open = [view.packet.state == "open" and view.packet.due_at > call.now for view in views]
    mine = [_told(view) for view, still in zip(views, is_open, strict=True) if still]
    ended = [_told(view) for view, still in zip(views, is_open, strict=True) if not still][:_ENDED]
    busy = {packet["project"] for packet in mine if packet["next"]}
    left = [project for project in projects if project not in busy]
    return call.html("packets.html", packets=mine, ended=ended, projects=left, note=note)


def _told(view: work.PacketView) -> dict[str, Any]:
    packet = view.packet
    return {
        "id": packet.id,
        "project": packet.project,
        "round": packet.round,
        "state": packet.state if packet.state != "open" else "expired",
        "due": local(packet.due_at),
        "closed": local(packet.closed_at or packet.due_at),
        "tasks": view.tasks,
        "done": view.done,
        "next": view.done < len(view.tasks),
    }


def local(moment: datetime) -> str:
    """Return a time as the clock of the base shows it (the time zone of this machine), with the zone's name."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M %Z}"


def _take_packet(call: Call) -> Response:
    project = read_form(call.body).get("project", "")
    with call.gateway.workspace.ledger.reading() as session:
        if project not in work.open_projects(session, call.person.company):
            raise NotFound(f"no open project {project!r}", "see the list of packets")
    packet = take_packet(call.gateway.workspace.ledger, project, call.person.annotator, call.gateway.terms)
    if packet is None:
        return _packets(call, call.say("There is no task for you in {project} at the moment.", project=project))
    return pages.see_other(f"/packets/{packet.id}/next")


def _return_packet(call: Call) -> Response:
    return_packet(call.gateway.workspace.ledger, call.person.annotator, call.pieces["packet"], "returned by the annotator")
    return pages.see_other("/")


def _next_task(call: Call) -> Response:
    packet = call.pieces["packet"]
    with call.gateway.workspace.ledger.reading() as session:
        number = work.next_number(session, packet)
    return pages.see_other("/" if number is None else f"/packets/{packet}/tasks/{number}")


def _task_page(call: Call) -> Response:
    packet_id, number, editor = call.pieces["packet"], int(call.pieces["number"]), call.gateway.editor
    with call.gateway.workspace.ledger.reading() as session:
        key = work.item_of(session, packet_id, number)
        packet = work.packet_of(session, packet_id)
        view = work.packet_view(session, packet)
        template = work.task_view(session, packet_id, key, call.person.annotator).template
    name = call.person.annotator
    user = {"id": 1, "username": name, "firstName": name, "lastName": "", "initials": name[:2].upper(), "email": ""}
    told = {
        "api": f"/api/packets/{packet_id}/tasks/{number}",
        "token": call.person.token,
        "user": user,
        "words": {key: call.say(text) for key, text in _SAID.items()},
        "editor": {"chunks": editor.chunks, "module": editor.module, "styles": editor.styles},
        "settings": {
            "user": user,
            "feature_flags": dict(editor.flags),
            "feature_flags_default_value": True,
            "editor_keymap": {},
            "hostname": "",
            "debug": False,
        },
    }
    return call.html(
        "task.html",
        policy=pages.EDITOR,
        packet=packet,
        due=local(packet.due_at),
        number=number,
        total=len(view.tasks),
        first=view.done == 0 and view.tasks[number - 1] == "todo",
        description=pages.rendered(template.descriptions.get(call.language) or next(iter(template.descriptions.values()), "")),
        told=pages.embedded(told),
    )


def _task(call: Call) -> Response:
    packet, number = call.pieces["packet"], int(call.pieces["number"])
    with call.gateway.workspace.ledger.reading() as session:
        key = work.item_of(session, packet, number)
        task = work.editor_task(work.task_view(session, packet, key, call.person.annotator), packet, number)
    return pages.answer({**task, "token": call.person.token})


def _submit(call: Call) -> Response:
    sent, packet = read_answer(call.body), call.pieces["packet"]
    with call.gateway.workspace.ledger.reading() as session:
        key = work.item_of(session, packet, int(call.pieces["number"]))
        work.check_asked(session, key, sent.asked)
    skipped = call.route.name == "skip"
    recorded = call.gateway.recorder.record(
        Incoming(
            annotator=call.person.annotator,
            item_key=key,
            result=[] if skipped else sent.result,
            skipped=skipped,
            based_on=sent.based_on,
            lead_time_s=sent.lead_time_s,
            address=call.address,
            agent=call.headers.get("user-agent", "")[:_AGENT_LENGTH],
        )
    )
    return pages.answer({"version": recorded.version, "next": f"/packets/{packet}/next"})


def _draft(call: Call) -> Response:
    sent = read_answer(call.body)
    with call.gateway.workspace.ledger.reading() as session:
        key = work.item_of(session, call.pieces["packet"], int(call.pieces["number"]))
    save_draft(call.gateway.workspace.ledger, call.person.annotator, key, sent.result)
    return pages.answer({"saved": True})


def _media(call: Call) -> Response:
    workspace, index = call.gateway.workspace, int(call.pieces["index"])
    with workspace.ledger.reading() as session:
        row = work.media_of(session, call.pieces["packet"], call.pieces["item_key"], index)
        sha256, size, media_type, key = row.sha256, row.bytes, row.media_type, row.store_key
    if media_type not in pages.MEDIA_TYPES or key is None:
        raise NotFound(f"nothing to show of {sha256}", "ingest its source again")
    tag = f'"{sha256}"'
    if same(call.headers.get("if-none-match"), tag):
        return Response(None, HTTPStatus.NOT_MODIFIED, pages.headers({"ETag": tag, "Cache-Control": "private, no-cache"}))
    wanted = call.headers.get("range") if call.headers.get("if-range", tag) == tag else None
    try:
        piece = part(wanted, size)
    except Unsatisfiable:
        return Response(None, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, pages.headers({"Content-Range": f"bytes */{size}"}))
    return pages.media(workspace.store.open(key), size, media_type, tag, piece)


def _editor_file(call: Call) -> Response:
    path = call.gateway.editor.files.get(call.pieces["name"])
    if path is None:
        raise NotFound("no such file of the editor", "reload the page")
    return pages.static(path, TYPES[path.suffix])


def _font(call: Call) -> Response:
    path = call.gateway.editor.fonts.get(call.pieces["name"])
    if path is None:
        raise NotFound("no such font", "reload the page")
    return pages.static(path, TYPES[path.suffix])


def _page_file(call: Call) -> Response:
    name = call.pieces["name"]
    if name not in pages.FILES:
        raise NotFound("no such file", "reload the page")
    return pages.static(pages.PAGE / name, pages.FILES[name])


def token_is_right(call: Call) -> bool:
    """Tell whether a form that a signed-in person sent carries the token of their pages."""
    return call.session is None or right_token(call.session, read_form(call.body).get("token"))


HANDLERS: Mapping[str, Callable[[Call], Response]] = MappingProxyType(
    {
        "up": _up,
        "sign-in page": _sign_in_page,
        "sign in": _sign_in,
        "page file": _page_file,
        "sign out": _sign_out,
        "packets page": _packets,
        "take a packet": _take_packet,
        "return a packet": _return_packet,
        "next task": _next_task,
        "task page": _task_page,
        "task": _task,
        "submit": _submit,
        "update": _submit,
        "skip": _submit,
        "draft": _draft,
        "media": _media,
        "editor file": _editor_file,
        "font": _font,
    }
)
