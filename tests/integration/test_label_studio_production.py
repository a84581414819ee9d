"""A Label Studio as it is set up for production: PostgreSQL, two gunicorn workers behind Debian's nginx, and all of it closed."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from yuelu.annotate.answers import answer_uid
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.files import CLOSED
from yuelu.annotate.label_studio.production import read_variables
from yuelu.annotate.label_studio.shadow import ensure_shadow
from yuelu.annotate.label_studio.sites import sender_for
from yuelu.annotate.people import Annotator
from yuelu.annotate.results import Item, to_result
from yuelu.annotate.templates import load_template
from yuelu.base.errors import Conflict
from yuelu.base.records import Choice
from yuelu.console.main import main

pytestmark = pytest.mark.integration

YUELU = str(Path(sys.prefix) / "bin" / "yuelu")


@dataclass(frozen=True)
class Server:
    """A running production server."""

    folder: Path
    url: str

    @property
    def token(self) -> str:
        return (self.folder / "token").read_text().strip()

    def client(self) -> Client:
        return Client(self.url, self.token)

    def get(self, path: str, **how: Any) -> httpx.Response:
        with httpx.Client(base_url=self.url, trust_env=False) as http:
            return http.get(path, **how)


def install(folder: Path, postgres: str, listen: str) -> list[str]:
    where = ["--database", f"{postgres}/ls", "--host", "127.0.0.1", "--listen", listen]
    return [YUELU, "site", "install", str(folder), *where, "--json"]


@pytest.fixture(scope="module")
def server(label_studio_env: Path, postgres: str, free_port: Callable[[], int], ended: Any) -> Iterator[Server]:
    if not shutil.which("nginx"):
        pytest.fail("nginx is not installed; run ./scripts/test, which installs it")
    folder = Path(tempfile.mkdtemp(prefix="yuelu-ls-"))  # short: the socket's path may have 107 characters
    listen = f"127.0.0.1:{free_port()}"
    command = install(folder, postgres, listen)
    env = {**os.environ, "YUELU_LABEL_STUDIO": str(label_studio_env)}
    told = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    assert told.returncode == 0, told.stdout + told.stderr
    assert json.loads(told.stdout)["token_file"] == str(folder / "token")
    environment = read_variables(folder)
    unit = (folder / "label-studio.service").read_text()
    start = next(line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart=")).split()
    with (folder / "log").open("wb") as log, ended(folder, "run/*.pid"):
        gunicorn = subprocess.Popen(start, env=environment, cwd=folder, stdout=log, stderr=log)
        nginx = subprocess.Popen(nginx_command(folder), stdout=log, stderr=log)
        yield ready(Server(folder, json.loads(told.stdout)["url"]))
        for process in (nginx, gunicorn):
            process.terminate()
            try:
                process.wait(30)  # a worker may finish what it does
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    shutil.rmtree(folder)


def nginx_command(folder: Path) -> list[str]:
    """A plain nginx.conf around the part that was written, as Debian's has it."""
    user = "user root;" if os.getuid() == 0 else ""
    temp = "".join(f"{kind}_temp_path {folder}/run/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = f"{user} pid {folder}/run/nginx.pid; events {{}} http {{ access_log off; {temp} include {folder}/nginx.conf; }}"
    (folder / "whole.conf").write_text(text)
    return ["nginx", "-c", str(folder / "whole.conf"), "-p", str(folder), "-e", "stderr", "-g", "daemon off;"]


def ready(server: Server) -> Server:
    for _ in range(600):
        with suppress(httpx.TransportError):
            if server.get("/health").status_code == httpx.codes.OK:
                return server
        time.sleep(0.2)
    pytest.fail((server.folder / "log").read_text()[-3000:])


def test_it_works_through_nginx_from_project_to_answer(server: Server, far_bench: Any) -> None:
    """The whole way of an external site: added, dispatched to, answered in a shadow user's name, read back."""
    bench = far_bench
    run = CliRunner().invoke
    token_file = str(server.folder / "token")
    added = run(main, ["-w", str(bench.workspace.root), "site", "add", "north", server.url, "--token-file", token_file, "--json"])
    assert json.loads(added.stdout) == {"site": "north", "new": True, "state": "up", "version": "1.23.2", "insecure": []}
    project = bench.project("image-boxes", assets=3)
    sent = run(main, ["-w", str(bench.workspace.root), "dispatch", project, "--site", "north", "--json"])
    assert (sent.exit_code, json.loads(sent.stdout)["created"]) == (0, 3), sent.output
    again = run(main, ["-w", str(bench.workspace.root), "dispatch", project, "--json"])
    assert (json.loads(again.stdout)["created"], json.loads(again.stdout)["already"]) == (0, 3)
    verified = run(main, ["-w", str(bench.workspace.root), "dispatch", project, "--verify", "--json"])
    assert json.loads(verified.stdout) == {"ok": True, "tasks": 3, "differences": [], "more": False}
    task = bench.tasks(project)[0]
    who = bench.leased(task.item_key)[0]
    result = to_result((Choice("scene", ("medical",)),), load_template("image-boxes"), [Item(200, 100)])
    with server.client() as client:
        user = ensure_shadow(bench.workspace.ledger, client, "north", Annotator(who, "ash"))
        assert ensure_shadow(bench.workspace.ledger, client, "north", Annotator(who, "ash")) == user
        sender = sender_for(bench.workspace, "north", who)
        assert sender.completed_by == user
        uid = answer_uid(task.item_key, who)
        answer = {"result": result, "lead_time": 1.0, "unique_id": uid, "completed_by": sender.completed_by}
        for _ in range(2):
            with suppress(Conflict):  # the second time: its unique_id is known
                sender.client.write("POST", f"/api/tasks/{task.server_task}/annotations/", answer)
        sender.client.close()
        (told,) = client.export(bench.server_project(project), [task.server_task])
        (given,) = told["annotations"]
    assert (given["unique_id"], given["completed_by"], given["result"]) == (uid, user, result)
    assert set(told["data"]) == {"item_key", "images"}
    assert told["data"]["images"][0].startswith("/gateway/media/")


def test_a_shadow_user_cannot_sign_in(server: Server) -> None:
    with server.client() as client:
        made = client.write("POST", "/api/users/", {"email": "s@yuelu.invalid", "username": "s", "password": "chosen here 1"})
        assert made.status_code == httpx.codes.CREATED
        with httpx.Client(base_url=server.url, trust_env=False) as http:
            http.get("/user/login/")
            form = {"email": "s@yuelu.invalid", "password": "chosen here 1", "csrfmiddlewaretoken": http.cookies["csrftoken"]}
            http.post("/user/login/", data=form, headers={"Referer": server.url})
            assert http.get("/api/current-user/whoami").status_code == httpx.codes.UNAUTHORIZED
        client.write("DELETE", f"/api/users/{made.json()['id']}/", None)


def test_secrets_are_for_their_owner_alone_and_stay(server: Server, label_studio_env: Path, postgres: str) -> None:
    before = {name: (server.folder / name).read_bytes() for name in ("secret-key", "token", "label-studio.env")}
    assert {stat.S_IMODE((server.folder / name).stat().st_mode) for name in before} == {0o600}
    command = install(server.folder, postgres, server.url.removeprefix("http://"))
    env = {**os.environ, "YUELU_LABEL_STUDIO": str(label_studio_env)}
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=env).stdout)
    assert told["database_made"] is False
    assert {name: (server.folder / name).read_bytes() for name in before} == before


def test_what_is_closed_is_closed(server: Server) -> None:
    with server.client() as client:
        for path in CLOSED:
            for below in (path, f"{path.rstrip('/')}/x"):
                assert client._send("GET", below).status_code in (403, 404), below
            assert client._send("GET", path).status_code == httpx.codes.FORBIDDEN, path
        assert client._send("POST", "/api/users/1/avatar", json={}).status_code == httpx.codes.FORBIDDEN
    # GHSA-cpmr-mw4j-99r7: an alias without its slash let paths leave the folder of static files
    for path in (
        "/static../core/settings/base.py",
        "/static/../core/settings/base.py",
        "/static/..%2f..%2fcore/settings/base.py",
    ):
        answer = server.get(path)
        assert answer.status_code in (400, 403, 404, 301, 302)
        assert "SECRET_KEY" not in answer.text


def test_nobody_gets_in_without_the_token(server: Server) -> None:
    assert server.get("/api/projects/").status_code == httpx.codes.UNAUTHORIZED
    with pytest.raises(httpx.RemoteProtocolError):  # nginx hangs up on any other host name
        server.get("/api/version/", headers={"Host": "elsewhere.invalid"})
    foreign = server.get("/api/version/", headers={"Origin": "https://elsewhere.invalid"})
    assert "access-control-allow-origin" not in foreign.headers
    assert foreign.headers["x-content-type-options"] == "nosniff"
    with server.client() as client:
        emails = {user["email"] for user in client.read("/api/users/").json()}
        assert {"service@yuelu.invalid"} <= emails <= {f"{name}@yuelu.invalid" for name in ("service", *"abcds")}
        assert client.read("/api/jwt/settings").json() == {"api_tokens_enabled": True, "legacy_api_tokens_enabled": False}


def test_a_body_of_more_than_the_limit_is_refused_unread(server: Server) -> None:
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/api/projects/1/import")
    connection.putheader("Content-Length", str(201 << 20))
    connection.endheaders()  # nothing of the body is sent
    assert connection.getresponse().status == httpx.codes.REQUEST_ENTITY_TOO_LARGE
    connection.close()
