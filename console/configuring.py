"""Another label configuration for a project, for commands: what moves to it, checked against what servers hold."""

from dataclasses import replace

from yuelu.annotate.configurations import Configured, move_unanswered
from yuelu.annotate.label_studio.sites import places
from yuelu.annotate.label_studio.tasks import answered
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace
from yuelu.console.sites import connections


def moved(workspace: Workspace, settings: Settings, project: str, done: Configured) -> Configured:
    """Move the tasks that nobody answered, neither in the ledger nor on a server that holds them."""
    with workspace.ledger.reading() as session:
        there = [each for each in places(session, project) if each.batch != done.batch]
    keys: set[str] = set()
    if there:
        with connections(workspace, settings, sorted({each.site for each in there})) as connect:
            for each in there:
                with connect(each.site) as client:
                    keys |= answered(client, each.server_project)
    return replace(move_unanswered(workspace.ledger, "operator", project, keys), new=done.new)
