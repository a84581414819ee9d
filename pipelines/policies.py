"""Gate policies in the store, by digest: what a project was decided by can be read as long as the project exists."""

from yuelu.annotate.tasks import project_row
from yuelu.base.store.port import create_once
from yuelu.base.workspace import Workspace
from yuelu.quality.policy import Policy, load_policy


def keep_policy(workspace: Workspace, policy: Policy) -> None:
    """Write the policy to the store, unless it is there."""
    create_once(workspace.store, _key(policy.digest), policy.content)


def policy_of(workspace: Workspace, project: str) -> Policy:
    """Return the policy that the project was made with. Raises NotFound."""
    with workspace.ledger.reading() as session:
        row = project_row(session, project)
        key, name = _key(row.policy_digest), row.policy
    return load_policy(workspace.store.read(key), name)


def _key(digest: str) -> str:
    return f"policies/{digest}.json"
