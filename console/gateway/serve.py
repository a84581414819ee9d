"""Running the gateway: uvicorn around the application, one line of access log for each request, and the forwarder beside it."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import uvicorn

from yuelu.annotate.label_studio.accounts import read_accounts
from yuelu.annotate.label_studio.client import Client
from yuelu.base.errors import ServiceUnavailable
from yuelu.base.ledger.work import SiteRow
from yuelu.base.workspace import Workspace
from yuelu.console.gateway.app import Application
from yuelu.console.gateway.handlers import Gateway
from yuelu.pipelines.forward import Forwarder, Senders

PORT = 8300
_HEADERS = 16 << 10  # bytes of all headers of a request
_AT_ONCE = 1000  # requests; more are turned away
_GRACE_S = 10  # for answers that are under way when we stop
ACCESS_LOG = "gateway.log"


def serve(gateway: Gateway, listener: socket.socket, *, forwarding: bool = True) -> None:
    """Serve until the process is told to end. What was submitted is forwarded meanwhile."""
    workspace = gateway.workspace
    with (workspace.root / ACCESS_LOG).open("a", encoding="utf-8", buffering=1) as log:
        forwarder: AbstractContextManager[object] = nullcontext()
        if forwarding:
            forwarder = Forwarder(workspace, lambda site: senders(workspace, site))
        with forwarder:
            _server(Application(gateway, access_log(log.write))).run(sockets=[listener])


def _server(application: Application) -> uvicorn.Server:
    config = uvicorn.Config(
        application,
        http="h11",  # the one parser whose headers can be bounded
        h11_max_incomplete_event_size=_HEADERS,
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
    listener = socket.socket(family, socket.SOCK_STREAM)
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


def senders(workspace: Workspace, site: str) -> Senders:
    """Return how answers reach the site: on the workspace's own, with each annotator's token."""
    with workspace.ledger.reading() as session:
        url = session.get_one(SiteRow, site).url

    def sender(annotator: str) -> tuple[Client, int | None]:
        return Client(url, read_accounts(workspace.label_studio_data).of(annotator).token), None

    return sender


def log_file(workspace: Workspace) -> Path:
    """Return where the access log of a workspace's gateway is."""
    return workspace.root / ACCESS_LOG
