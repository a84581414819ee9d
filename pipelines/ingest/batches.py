"""Cutting a listing into batches, which one transaction records, and batches into tasks, which a worker does in one go."""

from collections.abc import Iterable, Iterator

from yuelu.pipelines.sources.port import Listed

BATCH_BYTES, BATCH_OBJECTS = 8 << 20, 16  # a second or so of real work: small enough to redo
TASK_S, TASK_BATCHES = 1.0, 16  # a task lasts about this long, so that what Dask adds to it disappears
_WEIGHT = 0.2  # of the last measurement

Batch = tuple[Listed, ...]


def batches(objects: Iterable[Listed]) -> Iterator[Batch]:
    """Yield the objects in their order, cut into batches by bytes and count. The cuts depend on nothing else."""
    batch: list[Listed] = []
    size = 0
    for listed in objects:
        if batch and (size + listed.bytes > BATCH_BYTES or len(batch) == BATCH_OBJECTS):
            yield tuple(batch)
            batch, size = [], 0
        batch.append(listed)
        size += listed.bytes
    if batch:
        yield tuple(batch)


class Pace:
    """How many batches make a task, from what batches have cost so far. Only the tasks depend on it, never the cuts."""

    def __init__(self) -> None:
        self.batch_s: float | None = None

    @property
    def batches(self) -> int:
        """As many as take about a second; one until that is known."""
        if self.batch_s is None:
            return 1
        return max(1, min(TASK_BATCHES, round(TASK_S / max(self.batch_s, 1e-6))))

    def took(self, seconds: float, batches: int) -> None:
        """Learn from a task that is done."""
        one = seconds / batches
        self.batch_s = one if self.batch_s is None else (1 - _WEIGHT) * self.batch_s + _WEIGHT * one
