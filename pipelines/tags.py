"""Tags and deprecations: what is said of versions beside them, each change signed, chained and in the log."""

from dataclasses import dataclass

from yuelu.base.canonical import digest
from yuelu.base.errors import InvalidRecord
from yuelu.base.workspace import Workspace
from yuelu.datasets.release import open_release
from yuelu.datasets.signed.keys import trust_in
from yuelu.datasets.signed.notices import Standing, deprecated, post, standing_in, tagged
from yuelu.pipelines.signing_keys import log_head


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be said of a version. `action` is tag, untag, deprecate or undeprecate."""

    action: str
    version: str
    tag: str = ""
    reason: str = ""


def say(workspace: Workspace, name: str, change: Change, owner: str) -> Standing:
    """Say it in a signed notice, and return what stands then; what stands already is not said again.

    Raises NotFound: no such version. Raises NotAllowed: it was withdrawn. Raises Conflict: somebody else wrote at this moment.
    """
    if not owner.strip():
        raise InvalidRecord("a notice has an owner", "give --owner")
    trust = trust_in(workspace.store, workspace.signing_key.public)
    before, page = standing_in(workspace.store, name, trust)
    if change.action in ("tag", "deprecate"):
        open_release(workspace.store, name, change.version, key=workspace.signing_key.public)
    after = _after(before, change)
    if after == before:
        return before
    head, at = log_head(workspace), workspace.ledger.now().isoformat(timespec="seconds")
    told = {"action": change.action, "version": change.version, "tag": change.tag, "owner": owner, "reason": change.reason}
    posted = post(workspace.store, name, page, after, {**told, "at": at, "log": head}, key=workspace.signing_key)
    with workspace.ledger.transaction(owner, "curator") as transaction:
        subject = f"{name}@{change.version}" + (f" {change.tag}" if change.tag else "")
        transaction.event(f"notice.{change.action}", subject, after=digest(posted.said), reason=change.reason or None)
    return after


def _after(before: Standing, change: Change) -> Standing:
    if change.action == "tag":
        return tagged(before, change.tag, change.version)
    if change.action == "untag":
        return tagged(before, change.tag, None)
    if change.action == "deprecate":
        if not change.reason.strip():
            raise InvalidRecord("a version is deprecated for a reason", "give --reason")
        return deprecated(before, change.version, change.reason)
    return deprecated(before, change.version, None)
