"""Reading the gate policy that a command was given."""

from pathlib import Path

from yuelu.quality.policy import Policy, default_policy, load_policy


def read_policy(path: Path | None) -> Policy:
    """Return the policy in the file, or the one that comes with Yuelu. Raises Misconfigured."""
    return default_policy() if path is None else load_policy(path.read_bytes(), path.name)
