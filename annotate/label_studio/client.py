"""The parts of Label Studio's API that we use, as one thin client. Its SDK repeats POSTs, which duplicates tasks."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from yuelu.annotate.label_studio.http import Conversation, server_time
from yuelu.base.errors import Conflict, NotFound, OutcomeUnknown

_PAGE = 1000
_PROJECTS = 500
_EXPORTED = 100  # ids in one address: 400 are too long for gunicorn
_TRIES = 4


@dataclass(frozen=True, slots=True)
class ServerProject:
    """A project as the server has it."""

    id: int
    title: str
    description: str
    label_config: str


@dataclass(frozen=True, slots=True)
class ServerTask:
    """A task as the server lists it; `item_key` is None when its data have none."""

    id: int
    item_key: str | None
    updated_at: datetime
    annotations: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of an answer: its id on the server, and whether this call added it."""

    annotation: int
    added: bool


class Client(Conversation):
    """Label Studio at `url`, in the name of one user. Raises as `Conversation.read` and `.write` do."""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def whoami(self) -> int:
        """Return our user id."""
        return int(self.read_json("/api/current-user/whoami")["id"])

    def projects(self) -> Iterator[ServerProject]:
        """Yield all projects."""
        page, seen, total = 1, 0, 1
        while seen < total:
            asked = {"page": page, "page_size": _PROJECTS, "include": "id,title,description,label_config"}
            answer = self.read_json("/api/projects/", asked)
            yield from map(_project, answer["results"])
            page, seen, total = page + 1, seen + len(answer["results"]), answer["count"] if answer["results"] else 0

    def project(self, project: int) -> ServerProject:
        """Return one project. Raises NotFound."""
        return _project(self.read_json(f"/api/projects/{project}/"))

    def create_project(self, title: str, description: str, label_config: str, overlap: int, instruction: str) -> ServerProject:
        """Create a project. Raises OutcomeUnknown: look for its description before creating another."""
        wanted = {"title": title, "description": description, "label_config": label_config, "expert_instruction": instruction}
        wanted |= project_settings(overlap)
        return _project(self.write_json("POST", "/api/projects/", wanted))

    def ensure_storage(self, project: int, path: Path) -> None:
        """Let the project's users read the files below `path` on the server; nothing is imported from there."""
        answer = self.read_json("/api/storages/localfiles", {"project": project})
        if not any(storage["path"] == str(path) for storage in answer):
            # Two records of one path do no harm, so an unclear answer may be left to the next run.
            wanted = {"project": project, "path": str(path), "title": "media", "use_blob_urls": True}
            self.write("POST", "/api/storages/localfiles", wanted)

    def import_tasks(self, project: int, data: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
        """Create one task for each of `data`, all or none; return their ids. Raises OutcomeUnknown: list, then send the rest."""
        asked = {"return_task_ids": "true"}
        answer = self.write_json("POST", f"/api/projects/{project}/import", [{"data": dict(each)} for each in data], asked)
        return tuple(answer["task_ids"])

    def tasks(self, project: int) -> tuple[tuple[ServerTask, ...], datetime]:
        """Return all tasks in order of id, and the server's clock from before the first was read.

        Pages go by id and not by number, so tasks that come or go meanwhile hide no others.
        """
        found: list[ServerTask] = []
        began: datetime | None = None
        while True:
            after = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": found[-1].id if found else 0}
            query = {"filters": {"conjunction": "and", "items": [after]}, "ordering": ["tasks:id"]}
            asked = {
                "project": project,
                "page_size": _PAGE,
                "fields": "task_only",
                "include": "id,data,updated_at,total_annotations,cancelled_annotations",
                "query": json.dumps(query),
            }
            listed, now = self._repeated("/api/tasks/", asked, lambda response: (response.json()["tasks"], server_time(response)))
            began = began or now
            page = [_task(each) for each in listed]
            found += page
            if len(page) < _PAGE:
                return tuple(found), began

    def delete_task(self, task: int) -> None:
        """Delete a task. One that is gone already is no error."""
        try:
            self.write("DELETE", f"/api/tasks/{task}/", None)
        except NotFound:
            return

    def export(self, project: int, tasks: Sequence[int]) -> Iterator[dict[str, Any]]:
        """Yield those tasks with all their annotations, `unique_id` included (no other listing has it)."""
        for start in range(0, len(tasks), _EXPORTED):
            asked = {"exportType": "JSON", "download_all_tasks": "true", "ids[]": list(tasks[start : start + _EXPORTED])}
            yield from self.read_json(f"/api/projects/{project}/export", asked)

    def submit(
        self,
        server_task: int,
        result: Sequence[Mapping[str, Any]],
        *,
        lead_time_s: float,
        uid: str,
        cancelled: bool = False,
        completed_by: int | None = None,
    ) -> Submitted:
        """Answer a task under an id of our choosing; safe to repeat, also after an unclear outcome.

        The answer is this user's own, or that of the user `completed_by`. Raises Conflict: that id belongs to another task or
        to another user's answer.
        """
        body = {"result": list(result), "lead_time": lead_time_s, "unique_id": uid, "was_cancelled": cancelled}
        if completed_by is not None:
            body["completed_by"] = completed_by
        for attempt in range(_TRIES):
            try:
                answer = self.write_json("POST", f"/api/tasks/{server_task}/annotations/", body)
            except OutcomeUnknown:
                if attempt == _TRIES - 1:
                    raise
                self._sleep(0.5 * 2**attempt)  # `uid` makes sending again harmless
            except Conflict:
                return Submitted(self._answer_of(server_task, uid, completed_by or self.whoami()), added=False)
            else:
                return Submitted(int(answer["id"]), added=True)
        raise AssertionError  # the last attempt returns or raises

    def change(
        self, annotation: int, result: Sequence[Mapping[str, Any]], *, lead_time_s: float, cancelled: bool | None = None
    ) -> None:
        """Change an answer in place; with `cancelled`, also whether it is a skip. Raises NotFound: it is gone."""
        body: dict[str, Any] = {"result": list(result), "lead_time": lead_time_s}
        if cancelled is not None:
            body["was_cancelled"] = cancelled
        self.write("PATCH", f"/api/annotations/{annotation}/", body)

    def holds(self, annotation: int, server_task: int, completed_by: int | None = None) -> bool:
        """Return whether that annotation is still an answer to that task by us, or by the user `completed_by`.

        A server that was restored from a backup gives ids out again; its API shows no `unique_id` of a single annotation.
        """
        try:
            told = self.read_json(f"/api/annotations/{annotation}/")
        except NotFound:
            return False
        return bool(told["task"] == server_task and told["completed_by"] == (completed_by or self.whoami()))

    def delete_annotation(self, annotation: int) -> None:
        """Delete an answer. One that is gone already is no error."""
        try:
            self.write("DELETE", f"/api/annotations/{annotation}/", None)
        except NotFound:
            return

    def _answer_of(self, server_task: int, uid: str, user: int) -> int:
        project = int(self.read_json(f"/api/tasks/{server_task}/")["project"])
        for task in self.export(project, [server_task]):
            for annotation in task["annotations"]:
                if annotation["unique_id"] == uid and annotation["completed_by"] == user:
                    return int(annotation["id"])
        raise Conflict(f"answer {uid} is taken, but not by us on task {server_task}", "an answer's id is used once")


def project_settings(overlap: int) -> dict[str, Any]:
    """Return what decides how a project's tasks are shown and given out, as it is made and must stay."""
    return {
        "maximum_annotations": overlap,
        "show_instruction": True,
        "enable_empty_annotation": True,
        "show_collab_predictions": False,
        "skip_queue": "REQUEUE_FOR_OTHERS",
    }


def _project(answer: Mapping[str, Any]) -> ServerProject:
    return ServerProject(answer["id"], answer["title"], answer.get("description") or "", answer.get("label_config") or "")


def _task(answer: Mapping[str, Any]) -> ServerTask:
    key = answer["data"].get("item_key")
    return ServerTask(
        id=answer["id"],
        item_key=key if isinstance(key, str) else None,
        updated_at=datetime.fromisoformat(answer["updated_at"]),
        annotations=(answer.get("total_annotations") or 0) + (answer.get("cancelled_annotations") or 0),
    )
