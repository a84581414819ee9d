"""Dispatch, sites, configurations and predictions against a real server, through a proxy that makes faults and counts them."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from faults import Fault, FaultProxy

from yuelu.annotate.answers import answer_uid
from yuelu.annotate.configurations import batches, configuration_digest, configure, move_unanswered
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.health import look
from yuelu.annotate.label_studio.sites import places, sent_as
from yuelu.annotate.label_studio.tasks import answered
from yuelu.annotate.packets import lease
from yuelu.annotate.prediction_files import read_predictions
from yuelu.annotate.predictions import blind_tasks, import_predictions, predictions_for
from yuelu.annotate.results import Item, to_result
from yuelu.annotate.templates import load_template, parse_template
from yuelu.base.ledger.places import ConfigurationRow, PredictionRow
from yuelu.base.ledger.work import BatchRow, SiteRow, TaskRow
from yuelu.base.records import Box, Choice
from yuelu.console.main import main
from yuelu.pipelines.dispatch import DispatchReport, dispatch, dispatch_to_sites, verify_project

pytestmark = pytest.mark.integration

SITE = "embedded"
FAULTS = (
    Fault("applied-then-dropped", "POST", r"/import\?"),
    Fault("applied-then-status", "POST", r"/import\?", status=504),
    Fault("truncated", "POST", r"/import\?"),
    Fault("broken", "POST", r"/import\?"),
    Fault("dropped", "POST", r"/import\?"),
    Fault("status", "POST", r"/import\?", status=503),
    Fault("duplicated", "POST", r"/import\?"),
    Fault("status", "GET", r"/api/tasks/", status=502),
    Fault("truncated", "GET", r"/api/tasks/"),
    Fault("applied-then-dropped", "POST", r"/api/projects/$"),
)


def through(bench: Any, proxy: FaultProxy) -> Client:
    return Client(proxy.url, bench.site.accounts.admin.token, sleep=lambda _: None)


def keys_there(bench: Any, server_project: int) -> list[str]:
    with bench.admin() as admin:
        tasks, _ = admin.tasks(server_project)
    return sorted(task.item_key for task in tasks)


def test_every_fault_of_the_way_leaves_each_task_there_once(bench: Any) -> None:
    project = bench.project("image-boxes", assets=24)
    wanted = [task.item_key for task in bench.tasks(project)]
    with FaultProxy(bench.site.service.url) as proxy, through(bench, proxy) as client:
        proxy.inject(*FAULTS)
        report = dispatch(bench.workspace, project, client, SITE, tasks=4, sleep=lambda _: None)
        assert (report.total, report.created) == (24, 24)
        assert report.deleted == 4  # the POST that came twice
        for fault in FAULTS:
            assert fault.times == 0, f"{fault.kind} {fault.method} did not happen"
        assert proxy.happened.total() == len(FAULTS)
        again = dispatch(bench.workspace, project, client, SITE, tasks=4, sleep=lambda _: None)
        assert again == DispatchReport(created=0, already=24, total=24)
        found = verify_project(bench.workspace, project, [SITE], lambda _: through(bench, proxy))
    assert (found.tasks, found.differences) == (24, ())
    assert keys_there(bench, bench.server_project(project)) == wanted
    assert {task.state for task in bench.tasks(project)} == {"dispatched"}


def test_verify_names_what_users_changed(bench: Any) -> None:
    project = bench.project("image-boxes", assets=3)
    with bench.admin() as admin:
        dispatch(bench.workspace, project, admin, SITE)
    one, two, _ = bench.tasks(project)
    with bench.annotator("a") as mallory:  # the server lets every user do all of this
        mallory.write("PATCH", f"/api/tasks/{one.server_task}/", {"data": {"item_key": one.item_key, "images": ["/x.png"]}})
        mallory.delete_task(two.server_task)
        mallory.write("PATCH", f"/api/projects/{bench.server_project(project)}/", {"maximum_annotations": 7})
        mallory.import_tasks(bench.server_project(project), [{"item_key": "mine", "images": ["/y.png"]}])
    found = verify_project(bench.workspace, project, [SITE], lambda _: bench.admin()).differences
    assert [(each.subject, each.problem.partition(" (server task")[0]) for each in found] == [
        ("setting maximum_annotations", "the server has 7, it was given 2"),
        (f"task {one.item_key}", "its data were changed on the server"),
        (f"task {two.item_key}", "it is not on the server"),
        ("task mine", "the server has it, and it is no task of this batch"),
    ]


def test_two_sites_share_a_project_and_one_may_be_down(bench: Any) -> None:
    """Two names for one server: what matters is who gets which task, and that trouble of one is not the other's."""
    project = bench.project("image-boxes", assets=16)
    with FaultProxy(bench.site.service.url) as proxy:
        with bench.workspace.ledger.transaction("test") as t:
            t.session.add(SiteRow(name="south", url=proxy.url, version="1.23.2", kind="external", token_from="env:X", weight=1))
        proxy.cut = True

        def connect(site: str) -> Client:
            return bench.admin() if site == SITE else through(bench, proxy)

        first = dispatch_to_sites(bench.workspace, project, [SITE, "south"], connect, sleep=lambda _: None)
        here, south = first
        assert (here.problem, here.report.created) == (None, here.report.total)
        assert south.problem is not None
        assert proxy.happened["reset"] > 0
        assert here.report.total + south.report.total == 16
        proxy.cut = False
        again = dispatch_to_sites(bench.workspace, project, [SITE, "south"], connect, sleep=lambda _: None)
        assert [each.report.created for each in again] == [0, south.report.total]
        assert [each.problem for each in again] == [None, None]
    with bench.workspace.ledger.reading() as session:
        lies = places(session, project)
        assert [each.site for each in lies] == [SITE, "south"]
        known = [sent_as(session, place) for place in lies]
    assert sorted(key for each in known for key in each.values()) == [task.item_key for task in bench.tasks(project)]


CONFIG = load_template("image-boxes").config.replace('<Label value="part"', '<Label value="bolt"/><Label value="part"')


def test_another_configuration_midway_never_mixes_answers(bench: Any) -> None:
    """F12: the configuration changes while people work; an answer under the old one stays under it, whole and citable."""
    project = bench.project("image-boxes", assets=4)
    old = load_template("image-boxes")
    with bench.admin() as admin:
        dispatch(bench.workspace, project, admin, SITE)
        kept, *others = bench.tasks(project)
        who = bench.leased(kept.item_key)[0]
        result = to_result(
            (Choice("scene", ("medical",)), Box("b", "object", "part", 0, 1.0, 1.0, 9.0, 9.0)), old, [Item(200, 100)]
        )
        with bench.annotator(who) as client:
            client.submit(kept.server_task, result, lead_time_s=1.0, uid=answer_uid(kept.item_key, who))
        assert answered(admin, bench.server_project(project)) == {kept.item_key}  # the ledger does not know yet
        new = parse_template("mine", "2", CONFIG, old.descriptions)
        assert configure(bench.workspace.ledger, "test", project, new).new
        moved = move_unanswered(bench.workspace.ledger, "test", project, answered(admin, bench.server_project(project)))
        assert (moved.moved, moved.answered) == (3, 1)
        lease(bench.workspace.ledger, "test", project, ["a", "b", "c", "d"])
        assert dispatch(bench.workspace, project, admin, SITE) == DispatchReport(created=3, already=1, total=4)
        with bench.workspace.ledger.reading() as session:
            first, second = places(session, project)
            batch = batches(session, project)[-1]
            assert (batch.id, batch.configuration) == (second.batch, configuration_digest(new))
            cited = session.get_one(ConfigurationRow, session.get_one(BatchRow, first.batch).configuration)
            assert (cited.config_digest, cited.description_digest) == (old.digest, old.description_digest)
        assert keys_there(bench, first.server_project) == [kept.item_key]
        assert keys_there(bench, second.server_project) == sorted(task.item_key for task in others)
        assert 'value="bolt"' not in admin.project(first.server_project).label_config
        assert 'value="bolt"' in admin.project(second.server_project).label_config
        assert verify_project(bench.workspace, project, [SITE], lambda _: bench.admin()).differences == ()


def predicted(path: Path, tasks: list[TaskRow]) -> Path:
    """A file as a model would write it: Label Studio's results by key, one of them outside the picture."""
    place = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["part"]}
    box = {"id": "b", "from_name": "object", "to_name": "image", "type": "rectanglelabels", "original_width": 200,
           "original_height": 100, "image_rotation": 0, "value": place}  # fmt: skip
    lines = [{"item_key": task.item_key, "score": 0.75, "result": [box]} for task in tasks]
    lines.append({"item_key": tasks[0].item_key, "score": 2, "result": [box]})
    lines.append({"item_key": tasks[0].item_key, "result": [{**box, "value": {**place, "x": 90}}]})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_predictions_reach_the_server_but_for_the_blind_share(bench: Any, tmp_path: Path) -> None:
    project = bench.project("image-boxes", assets=20)
    file, ledger = predicted(tmp_path / "p.jsonl", bench.tasks(project)), bench.workspace.ledger
    how: dict[str, Any] = {"model": "detector", "version": "3", "policy": "blind:40%"}
    done = import_predictions(ledger, "test", project, read_predictions(file, frozenset()), **how)
    assert (done.new, done.shown + done.blind, len(done.refused)) == (20, 20, 2)
    assert {each.line for each in done.refused} == {21, 22}
    assert "score 2" in done.refused[0].reason
    assert import_predictions(ledger, "test", project, read_predictions(file, frozenset()), **how).unchanged == 20
    with ledger.reading() as session:
        blind = blind_tasks(session, project)
        seen = {task.item_key: predictions_for(session, task.item_key) for task in bench.tasks(project)}
    assert 0 < len(blind) == done.blind < 20
    assert {key for key, found in seen.items() if not found} == blind
    assert {found[0].regions for found in seen.values() if found} == {(Box("b", "object", "part", 0, 20.0, 20.0, 60.0, 40.0),)}
    with bench.admin() as admin:
        dispatch(bench.workspace, project, admin, SITE)
        later = {**how, "version": "4", "policy": "show"}
        import_predictions(ledger, "test", project, read_predictions(file, frozenset()), **later)
        for _ in range(2):  # the second time nothing is left to send
            dispatch(bench.workspace, project, admin, SITE)
        there: dict[str, list[tuple[str, float]]] = {}
        for task in bench.tasks(project):
            told = admin.read("/api/predictions/", {"task": task.server_task}).json()
            there[task.item_key] = sorted((each["model_version"], each["score"]) for each in told)
    early, late = ("detector 3", 0.75), ("detector 4", 0.75)
    assert there == {key: [late] if key in blind else [early, late] for key in there}
    assert {row.sent for row in bench.rows(PredictionRow) if row.shown == "shown"} == {True}


def test_health_of_our_own_server_is_without_complaint(bench: Any) -> None:
    with bench.admin() as admin:
        health = look(admin)
    assert (health.state, health.version, health.insecure) == ("up", "1.23.2", ())


def test_a_site_with_dangerous_settings_is_told(bench: Any) -> None:
    """Legacy tokens: any user may switch them on, and look at a site says so."""
    with bench.admin() as admin:
        admin.write("POST", "/api/jwt/settings", {"api_tokens_enabled": True, "legacy_api_tokens_enabled": True})
        try:
            assert [each.partition(":")[0] for each in look(admin).insecure] == ["legacy tokens are on"]
        finally:
            admin.write("POST", "/api/jwt/settings", {"api_tokens_enabled": True, "legacy_api_tokens_enabled": False})


def test_the_commands_say_what_happened(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    project, root = bench.project("image-boxes", assets=2), ["-w", str(bench.workspace.root)]
    monkeypatch.setenv("NORTH", bench.site.accounts.admin.token)

    def run(*words: str) -> Any:
        return CliRunner().invoke(main, [*root, *words])

    assert run("site", "add", "north", bench.site.service.url, "--env", "NORTH", "--weight", "3").output == (
        "north: added, Label Studio 1.23.2\n"
    )
    assert "say which: --site NAME" in run("dispatch", project).output
    assert run("dispatch", project, "--site", "north").output.startswith("2 open tasks: 2 sent, 0 were there")
    assert "2 tasks compared, 0 differences" in run("dispatch", project, "--verify").output
    assert "gateway serves them" in run("site", "show", "north").output
    assert run("site", "check", "north").exit_code == 0
    assert run("site", "remove", "north").exit_code == 5
    monkeypatch.delenv("NORTH")
    assert "holds no token" in run("site", "check", "north").output
    created = run("project", "create", project, "--collection", project, "--template", "audio-segments", "--overlap", "2")
    assert created.exit_code == 5
    assert "'yuelu project configure'" in created.output
    assert {row.state for row in bench.rows(SiteRow) if row.name == "north"} == {"down"}


def test_webhooks_and_storages_cannot_be_pointed_at_private_addresses(bench: Any) -> None:
    """CVE-2022-36551, CVE-2023-47116, CVE-2025-25297: a server that fetches what a user names reaches into the network."""
    with bench.annotator("a") as user:
        project = user.write("POST", "/api/projects/", {"title": "ssrf", "label_config": "<View/>"}).json()["id"]
        for url in ("http://127.0.0.1:9/x.json", "http://169.254.169.254/latest", "http://[::1]:9/", "http://localhost:9/x.json"):
            hook = user._send("POST", "/api/webhooks/", json={"url": url, "project": project})
            assert hook.status_code in (400, 403, 500), url  # 500 is its way to refuse an IPv6 address
            taken = user._send("POST", f"/api/projects/{project}/import", data={"url": url})
            assert taken.status_code in (400, 403, 415), (url, taken.text)
            s3 = {"project": project, "bucket": "b", "s3_endpoint": url, "aws_access_key_id": "x", "aws_secret_access_key": "x"}
            asked = user._send("POST", "/api/storages/s3/validate", json=s3)
            assert asked.status_code in (400, 403, 500), (url, asked.text)
        assert user.read("/api/webhooks/", {"project": project}).json() == []
        assert user.read("/api/storages/s3", {"project": project}).json() == []
        assert user.read("/api/tasks/", {"project": project}).json()["total"] == 0
        user.write("DELETE", f"/api/projects/{project}/", None)


def test_filters_do_not_reach_into_the_users_table(bench: Any) -> None:
    """CVE-2023-47117: a filter on a related column told password hashes bit by bit."""
    project = bench.project("image-boxes", assets=1)
    with bench.admin() as admin:
        dispatch(bench.workspace, project, admin, SITE)
    with bench.annotator("a") as user:
        for column in ("updated_by__password", "project__created_by__password", "annotations__completed_by__password"):
            item = {"filter": f"filter:tasks:{column}", "operator": "regex", "type": "String", "value": "^pbkdf2"}
            query = json.dumps({"filters": {"conjunction": "and", "items": [item]}})
            asked = {"project": bench.server_project(project), "query": query}
            found = user._send("GET", "/api/tasks/", params=asked)
            none = user._send("GET", "/api/tasks/", params={**asked, "query": query.replace("^pbkdf2", "^no-such")})
            assert found.status_code == none.status_code, column
            if found.status_code != 400:
                assert found.json()["total"] == none.json()["total"], column


def test_the_key_is_nobodys_default_and_pictures_of_users_run_nothing(bench: Any) -> None:
    """CVE-2023-43791: the key that sessions were signed with stood in the source. CVE-2023-47115: avatars could be pages."""
    key = (bench.site.service.data / ".env").read_text().partition("=")[2].strip()
    assert len(key) >= 48
    assert key != "$(fefwefwef13;LFK{P!)@#*!)kdsjfWF2l+i5e3t(8a1n"
    page = b"<html><script>alert(1)</script></html>"
    with bench.annotator("a") as user:
        whoami = user.whoami()
        answer = user._http.post(
            f"/api/users/{whoami}/avatar",
            files={"avatar": ("x.html", page, "image/png")},
            headers={"Authorization": f"Bearer {user._access}"},
        )
        assert answer.status_code in (400, 403, 415, 500)
        told = user.read(f"/api/users/{whoami}/").json()
        assert not told.get("avatar")
