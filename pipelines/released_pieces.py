"""The rows of a release made by Dask: ranges of items go out to where its scheduler is, tables come back in order."""

from collections import deque
from collections.abc import Iterable, Iterator

from dask.base import compute
from dask.delayed import delayed

from yuelu.datasets.build import Built, join
from yuelu.datasets.labelled import LabelledItem
from yuelu.datasets.pieces import PIECE, Piece, piece_of, ranges

AT_ONCE = 8  # ranges that are being made; more would only fill the memory


def built_by_dask(items: Iterable[LabelledItem], *, size: int = PIECE, at_once: int = AT_ONCE) -> Built:
    """Return what `datasets.build.build` returns, byte for byte; `items` come sorted by id, `size` of them go to a worker.

    Runs where Dask's current scheduler is: threads here, processes, or the workers of a cluster. Raises as `build`.
    """
    return join(_made(items, size, at_once))


def _made(items: Iterable[LabelledItem], size: int, at_once: int) -> Iterator[Piece]:
    waiting: deque[list[LabelledItem]] = deque()
    for some in ranges(items, size):
        waiting.append(some)
        if len(waiting) == at_once:
            yield from _all(waiting)
    yield from _all(waiting)


def _all(waiting: deque[list[LabelledItem]]) -> tuple[Piece, ...]:
    tasks = [delayed(piece_of, pure=False)(delayed(some, traverse=False)) for some in waiting]
    waiting.clear()
    return tuple(compute(*tasks, traverse=False))  # type: ignore[no-untyped-call]
