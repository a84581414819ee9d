"""Cutting a listing into batches: what one Dask task does, and what one transaction records."""

from collections.abc import Iterable, Iterator

from yuelu.pipelines.sources.port import Listed

BATCH_BYTES, BATCH_OBJECTS = 8 << 20, 16  # a second or so of work: enough to hide Dask's cost, small enough to redo


def batches(objects: Iterable[Listed]) -> Iterator[tuple[Listed, ...]]:
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
