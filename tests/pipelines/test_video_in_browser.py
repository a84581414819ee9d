"""What a real browser shows of a proxy: seeking to frame n shows frame n, and sound does not move it."""

import json
import random
import shutil
import subprocess
import threading
from collections.abc import Callable
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from films import BITS, film

from yuelu.base.records import Role
from yuelu.pipelines.media import container
from yuelu.pipelines.media.reading import Context
from yuelu.pipelines.media.video import frame_table

pytestmark = pytest.mark.integration

PAGE = """<!doctype html><body><canvas></canvas><script>
const bits = %d, asked = %s, rate = %r;
async function run() {
  const video = document.createElement("video"), canvas = document.querySelector("canvas");
  video.muted = true;
  document.body.append(video);
  video.src = URL.createObjectURL(await (await fetch("proxy.mp4")).blob());
  await new Promise((done, failed) => { video.onloadeddata = done; video.onerror = () => failed(video.error.message); });
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext("2d", {willReadFrequently: true}), shown = [];
  for (const frame of asked) {
    // "seeked" says that the frame is decoded; only the other says that it is the one on the screen.
    const seeked = new Promise(done => { video.onseeked = done; });
    const drawn = new Promise(done => { video.requestVideoFrameCallback(done); setTimeout(done, 3000); });
    video.currentTime = (frame - 0.5) / rate;
    await Promise.all([seeked, drawn]);
    context.drawImage(video, 0, 0);
    let number = 0;
    for (let bit = 0; bit < bits; bit++) {
      const x = (2 * bit + 1) * canvas.width / (2 * bits), y = canvas.height / 6;
      if (context.getImageData(x, y, 1, 1).data[1] > 128) number += 2 ** bit;
    }
    shown.push(number);
  }
  return {shown, duration: video.duration};
}
run().catch(error => ({error: String(error)})).then(
  told => fetch("told", {method: "POST", body: JSON.stringify(told)}));
</script>"""


@pytest.fixture
def in_browser(tmp_path: Path) -> Callable[[bytes, list[int], float], dict[str, Any]]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed (Debian's package of that name)")

    def ask(proxy: bytes, frames: list[int], rate: float) -> dict[str, Any]:
        told: dict[str, Any] = {}
        heard = threading.Event()

        class Site(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = proxy if self.path == "/proxy.mp4" else (PAGE % (BITS, frames, rate)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "video/mp4" if body is proxy else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                told.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(204)
                self.end_headers()
                heard.set()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
            serving = threading.Thread(target=site.serve_forever)
            serving.start()
            flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path}/profile"]
            address = f"http://127.0.0.1:{site.server_port}/"
            browser = subprocess.Popen([chromium, *flags, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                assert heard.wait(60), "the browser did not answer"
            finally:
                browser.terminate()
                browser.wait(20)
                site.shutdown()
                serving.join()
        return told

    return ask


@pytest.mark.parametrize(
    ("name", "sound", "distances"),
    [("matroska", False, [10, 33, 50, 120]), ("mp4", True, [1501, 1502, 6006])],
)
def test_browser_shows_the_frame_it_is_asked_for(
    in_browser: Callable[[bytes, list[int], float], dict[str, Any]],
    context_for: Callable[[bytes], Context], name: str, sound: bool, distances: list[int],
) -> None:  # fmt: skip
    drawn = random.Random(7)
    time_base = Fraction(1, 1000) if name == "matroska" else Fraction(1, 90000)
    pts = [round(1.4 / time_base)]
    while len(pts) < 150:
        pts.append(pts[-1] + drawn.choice(distances))
    data = film(pts, time_base, container=name, sound=sound)
    made = container.read(BytesIO(data), context_for(data))
    proxy = next(part for part in made.derived if part.role is Role.PROXY)
    table = frame_table.read_table(next(part.content() for part in made.derived if part.role is Role.FRAME_TABLE))
    count, rate = proxy.facts["frames"], proxy.facts["frame_rate_hz"]
    asked = [1, count, *drawn.sample(range(1, count + 1), 40)]
    told = in_browser(proxy.content(), asked, rate)
    numbers = table["source_frame"].to_pylist()
    assert told.get("shown") == [numbers[frame - 1] for frame in asked], told
    assert told["duration"] == pytest.approx(count / rate, abs=1.5 / rate)
    # What was seen returns to the time the source gave it.
    assert [frame_table.source_time(table, frame) for frame in asked] == [pts[number] * time_base for number in told["shown"]]
