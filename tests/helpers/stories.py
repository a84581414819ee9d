"""Somebody who labels in a real Chromium: what they open, draw and send, and what the ledger then holds."""

import time
from dataclasses import dataclass
from typing import Any

from gateways import Served
from playwright.sync_api import Error, FloatRect, Page
from sqlalchemy import select

from yuelu.annotate.answers import counted
from yuelu.annotate.label_studio.site import Site
from yuelu.annotate.people import Annotator
from yuelu.base.ledger.packets import SubmissionRow
from yuelu.base.records import Region
from yuelu.base.workspace import Workspace
from yuelu.pipelines.forward import ForwardReport, forward
from yuelu.pipelines.sync import sync

SITE, PERSON = "embedded", Annotator("d", "oak")  # who has an account on the session's server


@dataclass(frozen=True)
class Labelled:
    """A workspace with one project of each medium, dispatched, and a person in front of a browser."""

    gateway: Served
    site: Site
    page: Page
    troubles: list[str]

    @property
    def workspace(self) -> Workspace:
        return self.gateway.workspace

    def open(self, project: str, pictures: int = 1) -> Page:
        """Take the project's packet if need be, and wait until its task of so many pictures is on the screen."""
        self.page.goto(self.gateway.url)
        taken = self.page.locator(f"section:has-text('{project}') a.button")
        (taken if taken.count() else self.page.locator(f"form:has-text('{project}') button")).click()
        self.page.wait_for_selector("body[data-editor=ready]")
        if len(self.page.evaluate("self.yuelu.told.task.data.images || [1]")) != pictures:
            self.page.click("a[rel=next]") if "/tasks/1" in self.page.url else self.page.click("a[rel=prev]")
            until(self.page, f"self.yuelu.told.task?.data.images.length === {pictures}")
            self.page.wait_for_selector("body[data-editor=ready]")
        self.page.mouse.click(4, 400)  # closes the task description
        return self.page

    def answered(self, project: str) -> tuple[Region, ...]:
        """Submit by the keyboard, forward, sync, and return the typed regions of the ledger."""
        before, ledger = self.page.url, self.workspace.ledger
        key = self.page.evaluate("self.yuelu.told.key")
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_url(lambda url: url != before)  # the next task, or the list of packets
        with ledger.reading() as session:
            (row,) = session.scalars(select(SubmissionRow).where(SubmissionRow.item_key == key))
            assert (row.annotator, row.kind, row.state, row.address) == (PERSON.id, "submit", "pending", "127.0.0.1")
            assert "Chrome" in row.agent
        assert forward(self.workspace, SITE, lambda name: (self.site.annotator(name), None)) == ForwardReport(delivered=1)
        with self.site.admin() as admin:
            report = sync(self.workspace, project, admin, SITE)
        assert (report.new, report.updated, report.rejected, report.submitted) == (1, 0, 0, 1)
        with ledger.reading() as session:
            (answer,) = counted(session, [key])
        assert self.troubles == []
        return answer.regions


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move((start[0] + end[0]) / 2, (start[1] + end[1]) / 2, steps=4)
    page.mouse.move(*end, steps=4)
    page.mouse.up()


def until(page: Page, expression: str) -> None:
    """Wait until the page says so. Playwright's own waiting needs eval, which our pages do not allow."""
    deadline = time.monotonic() + 60
    while not _says(page, expression):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(100)


def _says(page: Page, expression: str) -> bool:
    try:
        return bool(page.evaluate(expression))
    except Error:  # between two pages
        return False


def box(page: Page, selector: str) -> FloatRect:
    """Return where an element is, once it stays there."""
    last: Any = None
    while (found := page.locator(selector).first.bounding_box()) != last or found is None:
        last = found
        page.wait_for_timeout(150)
    return found


def ours(gateway: Served) -> tuple[str, ...]:
    """Return how everything that a page of the gateway may load begins."""
    return (gateway.url + "/", "data:", f"blob:{gateway.url}/")
