"""Webhooks of server projects: they tell nothing but that something happened, and only we can tell that they are the server's."""

from typing import Any

from yuelu.annotate.label_studio.http import Conversation
from yuelu.base.errors import OutcomeUnknown

HEADER = "X-Yuelu-Secret"
PATH = "/yuelu-wake"
_ACTIONS = ("ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED", "TASKS_DELETED")


def ensure_hook(server: Conversation, project: int, receiver: str, secret: str) -> None:
    """Have the server call `receiver` (http://host:port) when an answer comes, changes or goes; earlier hooks of ours go.

    Raises ServiceUnavailable: the server refuses that address.
    """
    remove_hooks(server, project)
    hook: dict[str, Any] = {"url": f"{receiver}{PATH}", "project": project, "headers": {HEADER: secret}}
    hook |= {"send_payload": False, "send_for_all_actions": False, "actions": list(_ACTIONS), "is_active": True}
    try:
        server.write("POST", "/api/webhooks/", hook)
    except OutcomeUnknown:
        return  # there or not, sync polls all the same; a second hook would be no harm either


def remove_hooks(server: Conversation, project: int) -> None:
    """Remove our hooks of a server project, also those of a receiver that was killed."""
    for each in server.read_json("/api/webhooks/", {"project": project}):
        if each.get("project") == project and str(each["url"]).endswith(PATH):
            server.write("DELETE", f"/api/webhooks/{each['id']}/", None)
