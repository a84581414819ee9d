"""A server project's tasks in bulk: sent as bytes that were made beforehand, and listed a page at a time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from yuelu.annotate.label_studio.client import Client
from yuelu.base.errors import InvalidRecord, NotFound, OutcomeUnknown

PAGE = 1000  # tasks in one listing; the server allows no more


@dataclass(frozen=True, slots=True)
class Listed:
    """A task as the server has it."""

    id: int
    data: Mapping[str, Any] = field(repr=False)
    answers: int

    @property
    def item_key(self) -> str | None:
        """The key that its data name, if they do."""
        key = self.data.get("item_key")
        return key if isinstance(key, str) else None


def send(client: Client, project: int, body: bytes, count: int) -> tuple[int, ...]:
    """Create the tasks that `body` holds as a JSON list, all or none; return their ids in the same order.

    Sent once. Raises OutcomeUnknown: list what is there before sending again.
    """
    answer = client.write("POST", f"/api/projects/{project}/import", body, {"return_task_ids": "true"})
    try:
        ids = tuple(int(each) for each in answer.json()["task_ids"])
    except (ValueError, KeyError, TypeError) as error:
        raise OutcomeUnknown(f"import into project {project}: an answer without ids", "list what is there") from error
    if len(ids) != count or len(set(ids)) != count:
        raise OutcomeUnknown(f"import into project {project}: {len(ids)} ids for {count} tasks", "list what is there")
    return ids


def pages(client: Client, project: int, after: int = 0, *, more_than_none: str | None = None) -> Iterator[list[Listed]]:
    """Yield the project's tasks with ids above `after`, in order of id, a page at a time.

    Pages go by id and not by number, so tasks that come or go meanwhile hide no others. `more_than_none` is a count of the
    server's that must not be 0.
    """
    while True:
        items = [_greater("id", after), *([_greater(more_than_none, 0)] if more_than_none else [])]
        query = {"filters": {"conjunction": "and", "items": items}, "ordering": ["tasks:id"]}
        asked = {
            "project": project,
            "page_size": PAGE,
            "fields": "task_only",
            "include": "id,data,total_annotations,cancelled_annotations",
            "query": json.dumps(query),
        }
        page = _listed(client.read_json("/api/tasks/", asked)["tasks"], after)
        if page:
            yield page
            after = page[-1].id
        if len(page) < PAGE:
            return


def _greater(column: str, value: int) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{column}", "operator": "greater", "type": "Number", "value": value}


def _listed(found: Sequence[Mapping[str, Any]], after: int) -> list[Listed]:
    page = [
        Listed(each["id"], each["data"], (each.get("total_annotations") or 0) + (each.get("cancelled_annotations") or 0))
        for each in found
    ]
    ids = [each.id for each in page]
    if ids != sorted(set(ids)) or (ids and ids[0] <= after):
        raise InvalidRecord(f"the server lists tasks {ids[:3]}… after {after}, out of order", "see whether it is 1.23.2")
    return page


def answered(client: Client, project: int) -> set[str]:
    """Return the keys of the project's tasks that somebody answered or skipped."""
    counts = ("total_annotations", "cancelled_annotations")
    return {str(each.item_key) for count in counts for page in pages(client, project, more_than_none=count) for each in page}


def task_count(client: Client, project: int) -> int:
    """Return how many tasks the project holds. Raises NotFound."""
    return int(client.read_json(f"/api/projects/{project}/")["task_number"])


def is_there(client: Client, project: int, task: int) -> bool:
    """Return whether the project holds that task."""
    return any(each.id == task for page in pages(client, project, task - 1) for each in page[:1])


def is_answered(client: Client, task: int) -> bool:
    """Return whether somebody answered or skipped the task; one that is gone was not."""
    try:
        found = client.read_json(f"/api/tasks/{task}/")
    except NotFound:
        return False
    return bool(found.get("total_annotations") or found.get("cancelled_annotations") or found.get("annotations"))
