"""What to do about a reason of quarantine: the hint that came with it, or one for its kind."""

import re

# The first that fits counts. Reasons that carry a hint of their own need no line here.
_STEPS = tuple(
    (re.compile(pattern), step)
    for pattern, step in (
        (r"no reader for .*", "convert it to a format that is read, or leave it where it is"),
        (r"an empty file", "have it sent again from its origin"),
        (r"(changed|moved) while it was being read|no longer a regular file", "wait until it is complete, then retry"),
        (r"cannot be read: .*|the folder cannot be listed: .*", "give the right to read it, then retry"),
        (r"a symbolic link .*", "put the file itself in the folder, or ingest the folder it lies in"),
        (r"an archive in an archive .*", "unpack the outer archive, then ingest the folder"),
        (r"encrypted in the archive", "unpack it with its password, then ingest the folder"),
        (r"not a regular file.*", "leave it; it holds no media"),
        (r"these bytes are the .* of another asset", "leave it; the workspace made these bytes itself"),
        (r".* more than the limit .*", "cut or tile it, or have the limit raised, then retry"),
        (r"cannot be decoded: .*|the decoder .*|decoding .*", "check the file at its origin: it may be cut short or damaged"),
    )
)
UNKNOWN = "look at the file, then retry or leave it"


def next_step(reason: str | None, hint: str | None) -> str:
    """Return what to do about a file in quarantine."""
    if hint:
        return hint
    return next((step for pattern, step in _STEPS if pattern.fullmatch(reason or "")), UNKNOWN)
