"""How long work tells how far it is, without knowing who watches."""

from collections.abc import Callable
from typing import TypeAlias

# Called with (done, total) after each step; total may grow while the work finds out how much there is.
Progress: TypeAlias = Callable[[int, int], None]


def silent(done: int, total: int) -> None:
    """Show nothing."""
