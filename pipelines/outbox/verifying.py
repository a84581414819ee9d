"""Verifying: what the ledger says of a server project against what the server really holds, every difference by name."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from yuelu.annotate.channels import same_questions
from yuelu.annotate.label_studio.client import project_settings
from yuelu.base.canonical import sha256
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.work import BatchRow
from yuelu.pipelines.outbox.arriving import known_there, on_its_way
from yuelu.pipelines.outbox.comparing import compare
from yuelu.pipelines.outbox.placing import Route, wanted_project

_TAG = re.compile(r"<[^>]*>")
MOST = 1000  # differences that are listed of one place


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was sent: on which site and server project, what, and how."""

    site: str
    server_project: int
    subject: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verified:
    """What was compared, and how it differs: the first `MOST` differences of each place, and whether there are more."""

    tasks: int
    differences: tuple[Difference, ...]
    more: bool = False

    def __add__(self, other: "Verified") -> "Verified":
        return Verified(self.tasks + other.tasks, (*self.differences, *other.differences), self.more or other.more)


def verify(route: Route) -> Verified:
    """Return how the server project differs from what it was given: label configuration, settings, each task and its data.

    Nothing is changed: `yuelu dispatch` puts right what can be.
    """
    found = islice(_differences(route), MOST + 1)
    differences = [Difference(route.site, route.server_project, subject, problem) for subject, problem in found]
    return Verified(known_there(route), tuple(differences[:MOST]), len(differences) > MOST)


def _differences(route: Route) -> Iterator[tuple[str, str]]:
    yield from _project(route)
    waiting = on_its_way(route)
    if waiting:
        yield f"batch {route.batch[:12]}", f"{waiting} tasks were on their way when a run ended"
    for each in compare(route):
        answered = f", {each.answers} answers" if each.answers else ""
        yield f"task {each.item_key or '?'}", f"{_SAID[each.kind]} (server task {each.server_task}{answered})"


_SAID = {
    "missing": "it is not on the server",
    "unrecorded": "it is on the server, and waits here to be sent",
    "duplicate": "the server has it a second time",
    "unknown": "the server has it, and it is no task of this batch",
    "key": "the server's task names another key",
    "data": "its data were changed on the server",
}


def _project(route: Route) -> Iterator[tuple[str, str]]:
    """Yield how the server project's own facts differ."""
    with route.ledger.reading() as session:
        wanted = wanted_project(session, session.get_one(BatchRow, route.batch))
        given = session.get_one(PlaceRow, (route.batch, route.site)).config_digest
    there = route.client.read_json(f"/api/projects/{route.server_project}/")
    config = there.get("label_config") or ""
    if sha256(config.encode()) != given or not same_questions(config, wanted.template.config):
        yield "label configuration", f"the server has {sha256(config.encode())[:12]}, it was given {given[:12]}"
    if _text(there.get("expert_instruction") or "") != _text(wanted.instruction):
        yield "task description", "the server shows annotators another one than it was given"
    expected = {"description": wanted.mark, **project_settings(wanted.overlap)}
    for name, value in expected.items():
        if there.get(name) != value:
            yield f"setting {name}", f"the server has {_short(there.get(name))}, it was given {_short(value)}"


def _text(page: str) -> str:
    """Return what a page says: the server writes tags and entities in its own way."""
    return html.unescape(_TAG.sub("", page))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
