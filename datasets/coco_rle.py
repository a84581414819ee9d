"""COCO's compressed run lengths of a mask: columns first, runs outside and inside by turns, as `pycocotools` reads them.

Source: `rleToString` and `rleFrString` of cocodataset/cocoapi, common/maskApi.c.
"""

from collections.abc import Iterator, Sequence

INSIDE = 128  # of 0 to 255: from this level on a cell belongs to the mask; a brush leaves levels between along its edge
_FIRST = 48  # '0': the character of no bits
_BITS, _SIGN, _MORE = 0x1F, 0x10, 0x20


def column_counts(width: int, height: int, counts: Sequence[int], levels: Sequence[int]) -> list[int]:
    """Return the run lengths column by column, outside first, of a mask that is given row by row.

    Neighbouring columns differ by few cells, so only what changes from one to the next is worked out.
    """
    toggled = _toggled(width, counts, levels)
    edges: set[int] = set()  # rows where the column goes from outside to inside or back
    runs, last, here = list[int](), 0, list[int]()
    for column in range(width):
        for row in toggled.get(column, ()):
            edges ^= {row, row + 1}
        if column in toggled:
            here = sorted(edges)
        for edge in here:
            place = column * height + edge
            if runs and place == last:  # inside to the foot of one column and from the head of the next
                last -= runs.pop()
                continue
            runs.append(place - last)
            last = place
    return [*runs, width * height - last] if last < width * height else runs


def _toggled(width: int, counts: Sequence[int], levels: Sequence[int]) -> dict[int, list[int]]:
    """Return of each column the rows that are inside there and not in the column before, or the other way round."""
    toggled: dict[int, set[int]] = {}
    start = 0
    for count, level in zip(counts, levels, strict=True):
        end = start + count
        while level >= INSIDE and start < end:
            row, left = divmod(start, width)
            right = min(width, left + end - start)
            for column in (left, right):
                toggled.setdefault(column, set()).symmetric_difference_update((row,))
            start += right - left
        start = end
    return {column: sorted(rows) for column, rows in toggled.items()}


def compress(counts: Sequence[int]) -> str:
    """Return the text of run lengths: from the fourth on the difference to the last but one, five bits to a character."""
    text = bytearray()
    for place, count in enumerate(counts):
        rest = count - counts[place - 2] if place > 2 else count
        more = True
        while more:
            bits = rest & _BITS
            rest >>= 5
            more = rest != (-1 if bits & _SIGN else 0)
            text.append((bits | _MORE if more else bits) + _FIRST)
    return text.decode("ascii")


def expand(text: str) -> list[int]:
    """Return the run lengths that `compress` made a text of."""
    counts: list[int] = []
    value = shift = 0
    for code in text.encode("ascii"):
        bits = code - _FIRST
        value |= (bits & _BITS) << shift
        shift += 5
        if bits & _MORE:
            continue
        if bits & _SIGN:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    return counts


def inside(counts: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the stretches of cells that are inside, as [start, end)."""
    place = 0
    for number, count in enumerate(counts):
        if number % 2 and count:
            yield place, place + count
        place += count
