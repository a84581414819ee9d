"""Films whose frames carry their own number in their pixels, and the reading of it."""

from collections.abc import Sequence
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

BITS, CELL = 10, 16
WIDTH, HEIGHT = BITS * CELL, 3 * CELL
DARK, BRIGHT = 40, 215


def picture(number: int) -> NDArray[np.uint8]:
    """Grey pixels: ten cells with the bits of `number`, their inverse below, and a line between that moves."""
    bits = np.array([number >> place & 1 for place in range(BITS)])
    cells = np.stack([bits, np.full(BITS, number % 2), 1 - bits])
    return np.where(cells, BRIGHT, DARK).astype(np.uint8).repeat(CELL, 0).repeat(CELL, 1)


def number_in(grey: NDArray[Any]) -> int:
    """Return the number that the pixels show. Fails where the inverse below does not agree."""
    height, width = grey.shape
    rows = [(2 * n + 1) * height // 6 for n in range(3)]
    across = [(2 * n + 1) * width // (2 * BITS) for n in range(BITS)]
    bits, inverse = grey[rows[0], across] > 128, grey[rows[2], across] > 128
    assert (bits != inverse).all()
    return int(sum(1 << place for place in range(BITS) if bits[place]))


def numbers_of(data: bytes) -> list[int]:
    """Return the number each frame of a video shows."""
    with av.open(BytesIO(data), "r") as opened:
        return [number_in(frame.to_ndarray(format="gray")) for frame in opened.decode(video=0)]


def film(
    pts: Sequence[int], time_base: Fraction, *, container: str = "matroska", codec: str = "libx264",
    pixels: str = "yuv420p", rate: Fraction = Fraction(30), options: dict[str, str] | None = None, sound: bool = False,
    **stream_settings: Any,
) -> bytes:  # fmt: skip
    """Return a film that shows number n at `pts[n] * time_base`."""
    file = BytesIO()
    with av.open(file, "w", format=container, options={"avoid_negative_ts": "disabled"}) as out:
        stream: Any = out.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.codec_context.time_base = time_base
        for name, value in stream_settings.items():
            setattr(stream.codec_context, name, value)
        beeps: Any = out.add_stream("aac", rate=48000, layout="mono") if sound else None
        for number, at in enumerate(pts):
            frame = av.VideoFrame.from_ndarray(picture(number), format="gray").reformat(format=pixels)
            frame.pts, frame.time_base = at, time_base
            out.mux(stream.encode(frame))
        if beeps is not None:
            for frame in beeping(pts[0] * time_base, pts[-1] * time_base):
                out.mux(beeps.encode(frame))
            out.mux(beeps.encode(None))
        out.mux(stream.encode(None))
    return file.getvalue()


def beeping(start: Fraction, end: Fraction) -> Any:
    """Yield sound frames from `start` to `end` with one loud stretch of 50 ms at every full second after `start`."""
    for block in range(int((end - start) * 48000) // 1024):
        at = np.arange(block * 1024, block * 1024 + 1024) / 48000
        samples = np.where((at % 1 < 0.05) & (at >= 1), 0.5 * np.sin(2 * np.pi * 1000 * at), 0).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
        frame.pts = round(start * 48000) + block * 1024
        yield frame
