"""Palette colour: stored values looked up in tables of red, green and blue, which may be written in segments."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from yuelu.pipelines.media.dicom.look import Lut, little_endian, lut_of
from yuelu.pipelines.media.pictures import Pixels, windowed
from yuelu.pipelines.media.reading import Refused

Palette = tuple[Lut, Lut, Lut]

_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def palette_of(dataset: Dataset) -> Palette:
    """Return the tables of red, green and blue, their entries from 0 to 255.

    Raises Refused: the object has none, or they are broken. Source: PS3.3 sections C.7.6.3.1.5, C.7.6.3.1.6 and C.7.9.
    """
    little = little_endian(dataset)
    luts = [_channel(dataset, colour, little) for colour in ("Red", "Green", "Blue")]
    # Writers disagree with their own descriptors about 8 or 16 bits; what no channel exceeds decides.
    full = 255 if max(int(lut.entries.max()) for lut in luts) < 256 else 65535
    red, green, blue = (Lut(lut.first, windowed(lut.entries, 0, full).astype(np.uint16), 8) for lut in luts)
    return red, green, blue


def coloured(stored: NDArray[Any], palette: Palette) -> Pixels:
    """Return stored values, shape (rows, columns), as RGB, shape (rows, columns, 3)."""
    return np.stack([lut.of(stored).astype(np.uint8) for lut in palette], axis=-1)


def _channel(dataset: Dataset, colour: str, little_endian: bool) -> Lut:
    descriptor, data = f"{colour}PaletteColorLookupTableDescriptor", f"{colour}PaletteColorLookupTableData"
    segments = dataset.get(f"Segmented{data}")
    if segments is None and data not in dataset:
        raise Refused("PALETTE COLOR without a palette", "check the file at its origin")
    if segments is None:
        return lut_of(dataset, descriptor, data, little_endian)
    told = [int(number) for number in dataset.get(descriptor) or ()]
    if len(told) != 3:
        raise Refused(f"{descriptor} is {told}, not three numbers", "check the file at its origin")
    return Lut(told[1], np.asarray(expanded(segments, told[0] or 65536, told[2], little_endian), np.uint16), told[2])


def expanded(segments: bytes, count: int, bits: int, little_endian: bool = True) -> list[int]:
    """Return the `count` entries that the segments stand for. Raises Refused: they stand for fewer, or are none.

    Source: PS3.3 section C.7.9.2. Once `count` entries are there it stops: an indirect segment could go on for ever.
    """
    wide = 2 if bits > 8 else 1
    words = np.frombuffer(segments[: len(segments) // wide * wide], f"{'<' if little_endian else '>'}u{wide}").tolist()
    entries: list[int] = []
    at = 0
    try:
        while len(entries) < count:
            if words[at] != _INDIRECT:
                at += _append(entries, words, at)
                continue
            offset = sum(word << 8 * wide * place for place, word in enumerate(words[at + 2 : at + 2 + 4 // wide])) // wide
            for _ in range(min(words[at + 1], count)):
                offset += _append(entries, words, offset)
            at += 2 + 4 // wide
    except IndexError:
        raise Refused(f"the palette has {len(entries)} entries, not {count}", "check the file at its origin") from None
    return entries[:count]


def _append(entries: list[int], words: list[int], at: int) -> int:
    """Append the entries of the discrete or linear segment at `at`; return its length in words."""
    opcode, length = words[at], words[at + 1]
    if opcode == _DISCRETE:
        entries.extend(words[at + 2 : at + 2 + length])
        return 2 + length
    if opcode != _LINEAR or not entries:
        raise Refused(f"a segment of the palette is of kind {opcode}", "check the file at its origin")
    last, goal = entries[-1], words[at + 2]
    entries.extend(round(last + (goal - last) * step / length) for step in range(1, length + 1))
    return 3
