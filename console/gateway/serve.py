"""Running the gateway: uvicorn around the application, one line of access log for each request, and the forwarder beside it."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn

from yuelu.annotate.label_studio.accounts import ensure_accounts, read_accounts
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.sites import EMBEDDED, sender_for, site_row
from yuelu.annotate.people import everybody
from yuelu.base.errors import NotFound, ServiceUnavailable
from yuelu.base.workspace import Workspace
from yuelu.console.gateway.app import Application
from yuelu.console.gateway.handlers import Gateway
from yuelu.console.gateway.routes import HEADERS
from yuelu.pipelines.forward import Forwarder, Senders

PORT = 8300
_AT_ONCE = 1000  # requests; more are turned away
_GRACE_S = 10  # for answers that are under way when we stop
ACCESS_LOG = "gateway.log"


def serve(gateway: Gateway, listener: socket.socket, label_studio: Path | None) -> None:
    """Serve until the process is told to end.

    What was submitted is forwarded meanwhile, unless `label_studio` (the environment that makes accounts) is None.
    """
    workspace = gateway.workspace
    with (workspace.root / ACCESS_LOG).open("a", encoding="utf-8", buffering=1) as log:
        forwarder: AbstractContextManager[object] = nullcontext()
        if label_studio is not None:
            forwarder = Forwarder(workspace, partial(senders, workspace, label_studio))
        with forwarder:
            server(Application(gateway, access_log(log.write))).run(sockets=[listener])


def server(application: Application) -> uvicorn.Server:
    """Return the server that runs the application, with bounds on what a client may send."""
    config = uvicorn.Config(
        application,
        http="h11",  # whose unfinished headers are bounded
        h11_max_incomplete_event_size=HEADERS,
        ws="none",
        lifespan="off",
        proxy_headers=False,  # by default it would believe anybody on this machine; see `routes.client_address`
        server_header=False,
        date_header=True,
        access_log=False,
        log_level=logging.WARNING,
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=_GRACE_S,
    )
    return uvicorn.Server(config)


def listening(host: str, port: int) -> socket.socket:
    """Return a bound socket. Raises ServiceUnavailable: the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio lets only sockets that name TCP send at once; else an answer's body waits 40 ms for the browser's acknowledgement
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ServiceUnavailable(f"cannot listen on {host}:{port}: {error.strerror}", "choose another with --port") from None
    return listener


def access_log(write: Callable[[str], object]) -> Callable[[Mapping[str, Any]], None]:
    """Return what writes one JSON line for each request: when, from where, who, what, and what came of it."""
    lock = threading.Lock()

    def record(told: Mapping[str, Any]) -> None:
        line = json.dumps(told, ensure_ascii=True) + "\n"
        with lock:
            write(line)

    return record


def senders(workspace: Workspace, label_studio: Path, site: str) -> Senders:
    """Return how answers reach the site: on the workspace's own, with each annotator's token; who has none gets an account.

    On any other, in the name of their shadow user there.
    """
    making = threading.Lock()
    with workspace.ledger.reading() as session:
        row = site_row(session, site)
        url, kind = row.url, row.kind

    def sender(annotator: str) -> tuple[Client, int | None]:
        if kind != EMBEDDED:
            found = sender_for(workspace, site, annotator)
            return found.client, found.completed_by
        with making:
            try:
                account = read_accounts(workspace.label_studio_data).of(annotator)
            except NotFound:
                data = workspace.label_studio_data
                with workspace.ledger.reading() as session:
                    people = everybody(session)
                made = ensure_accounts(workspace.ledger, label_studio, data, site=site, url=url, annotators=people)
                account = made.of(annotator)
        return Client(url, account.token), None

    return sender
