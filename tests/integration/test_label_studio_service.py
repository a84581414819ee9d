"""The server of our own: closed, alone on its folder, found again, and the same after a restart."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from yuelu.annotate.label_studio.accounts import provision, read_accounts
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.service import LOG, Service, running_service, start, stop
from yuelu.annotate.label_studio.site import Site, open_site
from yuelu.annotate.people import Annotator
from yuelu.base.errors import ServiceUnavailable
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.work import AccountRow

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own(label_studio_env: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that the tests of this module start servers on and stop them again."""
    root = tmp_path_factory.mktemp("own")
    provision(label_studio_env, root / "data", [Annotator("a", "ash")])
    return root


def get(service: Service, path: str) -> httpx.Response:
    with httpx.Client(base_url=service.url, trust_env=False) as http:
        return http.get(path)


def now_running(site: Site) -> Service:
    """Return the session's server as it is now: tests of other files kill it and start it again."""
    running = running_service(site.service.data)
    assert running is not None
    return running


def test_nobody_signs_up(label_studio: Site) -> None:
    with httpx.Client(base_url=label_studio.service.url, trust_env=False) as http:
        http.get("/user/login/")
        form = {"email": "x@example.org", "password": "long enough 1", "csrfmiddlewaretoken": http.cookies["csrftoken"]}
        answer = http.post("/user/signup/", data=form, headers={"Referer": label_studio.service.url})
    assert answer.status_code == httpx.codes.FORBIDDEN
    with label_studio.admin() as admin:
        emails = {user["email"] for user in admin.read("/api/users/").json()}
    assert emails == {"admin@yuelu.invalid"} | {f"{name}@yuelu.invalid" for name in "abcd"}


def test_nobody_but_the_administrator_can_sign_in_there(label_studio: Site) -> None:
    def signed_in(email: str, password: str) -> bool:
        with httpx.Client(base_url=label_studio.service.url, trust_env=False) as http:
            http.get("/user/login/")
            form = {"email": email, "password": password, "csrfmiddlewaretoken": http.cookies["csrftoken"]}
            http.post("/user/login/", data=form, headers={"Referer": label_studio.service.url})
            return http.get("/api/current-user/whoami").status_code == httpx.codes.OK

    admin, person, program = label_studio.accounts.admin, label_studio.accounts.of("d"), label_studio.accounts.of("a")
    assert admin.password
    assert signed_in(admin.email, admin.password)
    assert not signed_in(admin.email, "guessed")
    assert (person.password, program.password) == (None, None)
    for account in (person, program):
        assert not signed_in(account.email, "")
    assert admin.password not in repr(label_studio.accounts)


def test_what_the_server_was_told(label_studio: Site) -> None:
    environ = Path(f"/proc/{now_running(label_studio).pid}/environ").read_text(encoding="utf-8")
    told = dict(entry.split("=", 1) for entry in environ.split("\0") if entry)
    assert told["COLLECT_ANALYTICS"] == told["LATEST_VERSION_CHECK"] == told["CORS_ALLOW_ALL_ORIGINS"] == "false"
    assert told["SENTRY_DSN"] == told["FRONTEND_SENTRY_DSN"] == ""
    assert told["LOCAL_FILES_DOCUMENT_ROOT"] == str(label_studio.service.media_root)
    assert not [name for name in told if "proxy" in name.lower() or "SSRF" in name]


def test_the_pages_name_no_vendor_address_to_report_to(label_studio: Site) -> None:
    page = get(label_studio.service, "/user/login/").text
    assert "ingest.sentry.io" not in page
    assert "telemetry" not in page.lower() or "COLLECT_ANALYTICS: false" in page


def test_other_origins_and_hosts_are_refused(label_studio: Site) -> None:
    with httpx.Client(base_url=label_studio.service.url, trust_env=False) as http:
        foreign = http.get("/api/version", headers={"Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in foreign.headers
        assert http.get("/api/version", headers={"Host": "evil.example"}).status_code == httpx.codes.BAD_REQUEST


def test_legacy_tokens_do_not_work(label_studio: Site) -> None:
    with label_studio.admin() as admin:
        assert admin.read("/api/jwt/settings").json() == {"api_tokens_enabled": True, "legacy_api_tokens_enabled": False}


def test_secrets_are_for_their_owner_alone(label_studio: Site) -> None:
    data = label_studio.service.data
    for name in (".env", "accounts.json", LOG):
        assert stat.S_IMODE((data / name).stat().st_mode) == 0o600
    assert label_studio.accounts.admin.token not in repr(label_studio.accounts)
    log = (data / LOG).read_text(encoding="utf-8")
    assert label_studio.accounts.admin.token not in log


def test_files_outside_the_media_folder_are_not_served(label_studio: Site) -> None:
    service = label_studio.service
    (service.media_root / "inside.txt").write_text("inside", encoding="utf-8")
    (service.media_root.parent / "outside.txt").write_text("not for you", encoding="utf-8")
    with label_studio.admin() as admin:
        project = admin.create_project("files", "files", "<View/>", 1, "")
        admin.ensure_storage(project.id, service.storage_path)

        def ask(path: str) -> httpx.Response:
            return admin._send("GET", "/data/local-files/", params={"d": path})

        assert ask("served/inside.txt").text == "inside"
        outside = ("served/../../outside.txt", "../outside.txt", f"{service.data}/.env", "served/../../data/.env", "/etc/passwd")
        for path in outside:
            answer = ask(path)
            assert answer.status_code in {403, 404, 500}, path  # 500 is Django's refusal of a suspicious path
            assert "not for you" not in answer.text
            assert "SECRET_KEY" not in answer.text
        body = {"project": project.id, "path": str(service.data), "use_blob_urls": True}
        assert admin._send("POST", "/api/storages/localfiles", json=body).status_code == httpx.codes.BAD_REQUEST
    assert get(service, "/data/local-files/?d=served/inside.txt").status_code == httpx.codes.UNAUTHORIZED


def test_a_second_start_finds_the_first(label_studio: Site, label_studio_env: Path) -> None:
    service = now_running(label_studio)
    again = start(label_studio_env, service.data, service.media_root)
    assert (again.pid, again.url, again.reused) == (service.pid, service.url, True)


def test_restart_keeps_everything(label_studio_env: Path, own: Path) -> None:
    first = start(label_studio_env, own / "data", own / "media")
    token = read_accounts(own / "data").admin.token
    with Client(first.url, token) as client:
        made = client.create_project("kept", "kept", "<View/>", 1, "").id
    stop(first)
    assert running_service(own / "data") is None
    with pytest.raises(httpx.ConnectError):
        get(first, "/health")
    second = start(label_studio_env, own / "data", own / "media")
    try:
        with Client(second.url, token) as client:  # a token from before the restart
            assert client.project(made).title == "kept"
        assert (second.url, second.reused) == (first.url, False)
    finally:
        stop(second)


def test_the_server_of_a_killed_parent_is_found_and_stopped(label_studio_env: Path, own: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from yuelu.annotate.label_studio.service import start;"
        "start(*map(Path, sys.argv[1:4]))"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(label_studio_env), str(own / "data"), str(own / "media")], cwd=own
    )
    deadline = time.monotonic() + 60
    while (left := running_service(own / "data")) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    found = start(label_studio_env, own / "data", own / "media")
    try:
        assert (found.pid, found.reused) == (left.pid, True)
        with Client(found.url, read_accounts(own / "data").admin.token) as client:
            assert client.whoami() == 1
    finally:
        stop(found)
    assert running_service(own / "data") is None
    with pytest.raises(httpx.ConnectError):
        get(found, "/health")


def test_a_taken_port_is_refused(label_studio: Site, label_studio_env: Path, own: Path) -> None:
    port = int(label_studio.service.url.rpartition(":")[2])
    with pytest.raises(ServiceUnavailable, match=f"127.0.0.1:{port}"):
        start(label_studio_env, own / "data", own / "media", port=port)


def test_a_site_is_opened_again_and_again(label_studio_env: Path, own: Path, tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite3")
    ledger.migrate()

    def opened() -> Site:
        return open_site(ledger, label_studio_env, own / "data", own / "media", name="own", annotators=[Annotator("a", "ash")])

    site = opened()
    try:
        again = opened()
        assert (again.service.pid, again.service.reused, again.accounts) == (site.service.pid, True, site.accounts)
        for _ in range(5):
            opened()
    finally:
        stop(site.service)
    with ledger.reading() as session:
        assert [(row.annotator, row.site) for row in session.scalars(select(AccountRow))] == [("a", "own")]
        assert session.scalars(select(EventRow.action)).all() == ["company.added", "annotator.added", "account.recorded"]
    ledger.close()


def test_accounts_are_made_once(label_studio_env: Path, own: Path) -> None:
    before = read_accounts(own / "data")
    assert provision(label_studio_env, own / "data", [Annotator("a", "ash")]) == before
    more = provision(label_studio_env, own / "data", [Annotator("b", "ash"), Annotator("a", "ash")])
    assert (more.admin, more.of("a")) == (before.admin, before.of("a"))
    assert more.of("b").user_id not in {before.admin.user_id, before.of("a").user_id}
