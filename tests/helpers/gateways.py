"""A gateway that tests can ask, as it is served, and the people who ask it."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from yuelu.annotate.people import Annotator, add_people, set_password
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import create_tasks
from yuelu.annotate.templates import load_template
from yuelu.base.canonical import sha256
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.records import asset_key
from yuelu.base.store.port import create_once
from yuelu.base.workspace import Workspace
from yuelu.console.gateway.app import Application
from yuelu.console.gateway.editor import Editor
from yuelu.console.gateway.handlers import Gateway
from yuelu.console.gateway.routes import place
from yuelu.console.gateway.serve import listening, server

PASSWORD = "a horse in the orange grove"
MADE = datetime(2026, 1, 2, tzinfo=UTC)


def fill(workspace: Workspace, project: str, tasks: int = 2, overlap: int = 1, pictures: int = 1) -> list[bytes]:
    """Make a project of pictures; return what their proxies hold, which is no picture."""
    kept = []
    with workspace.ledger.transaction("test") as t:
        row = {"name": project, "owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": MADE}
        t.add_new(CollectionRow, [row])
        for number in range(tasks):
            proxies = [f"proxy {place} of {project} {number}".encode() * 40 for place in range(pictures)]
            kept += proxies
            shown = [_asset(workspace, proxy, "proxy", {"width_px": 200, "height_px": 100}) for proxy in proxies]
            facts = {"width_px": 200, "height_px": 100, "proxy": shown[0]["sha256"]}
            source = _asset(workspace, f"{project} {number}".encode(), "source", facts)
            if pictures > 1:
                facts["frames"] = [each["sha256"] for each in shown]
            t.add_new(AssetRow, [source, *shown])
            listed = {"collection": project, "source": "s", "path": str(number), "bytes": 1, "modified_ns": 1}
            told = {"outcome": "accepted", "sha256": source["sha256"], "reason": None, "listed_at": MADE}
            t.add_new(ListingRow, [{**listed, **told}])
    create_project(
        workspace.ledger, "test", name=project, collection=project, template=load_template("image-boxes"), overlap=overlap,
        policy="p", policy_digest="d" * 64,
    )  # fmt: skip
    create_tasks(workspace.ledger, "test", project)
    return kept


def _asset(workspace: Workspace, data: bytes, role: str, facts: dict[str, Any]) -> dict[str, Any]:
    digest = sha256(data)
    create_once(workspace.store, asset_key(digest), data)
    return {
        "sha256": digest, "medium": "image", "media_type": "image/png", "bytes": len(data), "role": role, "group": digest,
        "derived_from": None, "store_key": asset_key(digest), "facts": facts,
    }  # fmt: skip


@dataclass(frozen=True)
class Served:
    """A gateway at `url`, and what its access log says."""

    url: str
    workspace: Workspace
    log: list[dict[str, Any]] = field(default_factory=list)
    opened: list["Person"] = field(default_factory=list)

    def people(self, *names: str, company: str = "Orange Isle") -> None:
        """Record people who may sign in."""
        people = [Annotator(name, company) for name in names]
        add_people(self.workspace.ledger, "test", people)
        for name in names:
            set_password(self.workspace.ledger, "test", name, PASSWORD)

    def person(self) -> "Person":
        """Return somebody who has opened a browser."""
        person = Person(self.url)
        self.opened.append(person)
        return person

    def signed_in(self, name: str) -> "Person":
        """Return somebody who has just signed in."""
        person = self.person()
        answer = person.http.post("/sign-in", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return person


class Person:
    """A person's browser, as far as it matters here: a cookie, the origin of the pages, and the token in them."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(
            base_url=url, headers={"Origin": url, "Sec-Fetch-Site": "same-origin"}, trust_env=False, timeout=120
        )

    @property
    def token(self) -> str:
        """The token of the person's pages."""
        found = re.search(r'name="token" value="([0-9a-f]{64})"', self.http.get("/").text)
        assert found
        return found[1]

    def form(self, path: str, **fields: str) -> httpx.Response:
        """Send a form of the person's own page."""
        return self.http.post(path, data={"token": self.token, **fields})

    def take(self, project: str) -> str:
        """Take a packet and return its id."""
        return self.form("/packets", project=project).headers["location"].split("/")[2]

    def send(self, path: str, result: Any, *, based_on: int = 0, **more: Any) -> httpx.Response:
        """Send an answer or a draft, as the page's script does."""
        body = {"result": result, "lead_time": 1.5, "based_on": based_on}
        return self.http.post(path, json=body, headers={"X-Yuelu-Token": self.token}, **more)


@contextmanager
def served(workspace: Workspace, editor: Editor) -> Iterator[Served]:
    """Yield a gateway over the workspace on a free port of loopback."""
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        found = Served(f"http://127.0.0.1:{port}", workspace)
        gateway = Gateway(workspace=workspace, editor=editor, place=place("127.0.0.1", port, None), language="en")
        running = server(Application(gateway, lambda told: found.log.append(dict(told))))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        try:
            yield found
        finally:
            for person in found.opened:
                person.http.close()
            running.should_exit = True
            thread.join(20)
