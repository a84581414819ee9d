"""Importing what decoding needs, without what that would import only to know its types when it sees them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

# pydicom would load the first two to fetch its own test files, and Arrow the last to know its arrays.
_NOT_NEEDED = ("requests", "tqdm", "pandas")


@contextmanager
def lean_imports() -> Iterator[None]:
    """For what is imported in the block, there are no such modules as are not needed to decode."""
    hidden = [name for name in _NOT_NEEDED if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: there is no such module
    try:
        yield
        if arrow := sys.modules.get("pyarrow"):
            for _ in range(2):  # it looks once; the first time it takes None for a module
                with suppress(AttributeError):
                    arrow.array(())
    finally:
        for name in hidden:
            del sys.modules[name]
