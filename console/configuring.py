"""Another label configuration for a project, for commands: read from files, and checked against what servers hold."""

from dataclasses import replace
from pathlib import Path

from yuelu.annotate.configurations import Configured, move_unanswered
from yuelu.annotate.label_studio.sites import places
from yuelu.annotate.label_studio.tasks import answered
from yuelu.annotate.templates import Template, load_template, parse_template
from yuelu.base.canonical import sha256
from yuelu.base.settings import LANGUAGES, Settings
from yuelu.base.workspace import Workspace
from yuelu.console.sites import connections


def asked_for(template: str | None, version: str, config: Path | None, description: Path | None) -> Template:
    """Return one that comes with Yuelu, or one's own: named after its file, its version the start of its digest."""
    if config is None or description is None:
        return load_template(template or "", version)
    text, told = config.read_text(encoding="utf-8"), description.read_text(encoding="utf-8")
    return parse_template(config.stem, sha256(text.encode())[:12], text, dict.fromkeys(LANGUAGES, told))


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
