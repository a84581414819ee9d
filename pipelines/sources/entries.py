"""What an archive says of one member, and how much it may hold before it is taken for a bomb."""

from dataclasses import dataclass

ENTRIES = 100_000  # members of one archive; their names are held while it is listed
RATIO = 100  # bytes that come out for each that went in
RATIO_FREE_BYTES = 1 << 20  # below it a member is harmless whatever its ratio: an empty slice packs a thousandfold
TOTAL_BYTES = 1 << 40  # of all members of one archive


@dataclass(frozen=True, slots=True)
class Entry:
    """One member as the archive lists it: its own name, and what finds its bytes without listing again."""

    name: str
    location: bytes
    bytes: int
    problem: str | None = None


def ratio_problem(packed: int, size: int) -> str | None:
    """Return why `size` bytes out of `packed` are not believed; None: they are."""
    if size > max(RATIO_FREE_BYTES, RATIO * packed):
        return f"{size} bytes would come out of {packed}, more than {RATIO} for each"
    return None
