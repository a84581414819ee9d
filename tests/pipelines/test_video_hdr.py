"""Films of high dynamic range are shown as what screens show; levels as the recommendations print them."""

from collections.abc import Callable
from fractions import Fraction
from io import BytesIO
from typing import Any

import av
import numpy as np
import pytest

from yuelu.base.records import Role
from yuelu.pipelines.media import container
from yuelu.pipelines.media.reading import Context
from yuelu.pipelines.media.video import tone

PQ, HLG, BT709, BT2020 = 16, 18, 1, 9  # ITU-T H.273


@pytest.mark.parametrize(
    ("signal", "light"),  # ITU-R BT.2408-7, table 1: per cent of the signal and cd/m2 of an 18 % grey card, reference white, peak
    [(0.38, 26), (0.58, 203), (0.7518, 1000)],
)
def test_pq_is_that_of_the_recommendation(signal: float, light: float) -> None:
    assert tone.pq_light(np.array(signal)) == pytest.approx(light, rel=0.02)
    assert tone.pq_signal(np.array(light)) == pytest.approx(signal, abs=0.003)


@pytest.mark.parametrize(("signal", "light"), [(0.38, 26), (0.75, 203), (1.0, 1000), (0.0, 0)])  # the same table, HLG
def test_hlg_is_that_of_the_recommendation(signal: float, light: float) -> None:
    assert tone.hlg_light(np.array([signal] * 3)) == pytest.approx([light] * 3, rel=0.02, abs=0.01)


def film(transfer: int, patches: list[tuple[float, float, float]]) -> bytes:
    """Return 10-bit HEVC of patches side by side, given as signals of red, green and blue (matrix of BT.2020)."""
    file, width = BytesIO(), 64 * len(patches)
    with av.open(file, "w", format="mp4") as out:
        stream: Any = out.add_stream("libx265", rate=25, options={"crf": "2", "x265-params": "log-level=none:pools=1"})
        stream.width, stream.height, stream.pix_fmt = width, 64, "yuv420p10le"
        coded = stream.codec_context
        coded.color_primaries, coded.color_trc, coded.colorspace, coded.color_range = BT2020, transfer, BT2020, 1
        for at in range(3):
            frame: Any = av.VideoFrame(width, 64, "yuv420p10le")
            for place, (red, green, blue) in enumerate(patches):
                luma = 0.2627 * red + 0.678 * green + 0.0593 * blue
                codes = (64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746)
                for plane, code, size in zip(frame.planes, codes, (64, 32, 32), strict=True):
                    cells = np.frombuffer(plane, np.uint16).reshape(plane.height, -1)
                    cells[:, place * size : (place + 1) * size] = round(code)
            frame.pts, frame.time_base, frame.colorspace, frame.color_range = at, Fraction(1, 25), BT2020, 1
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize(("transfer", "name", "white"), [(PQ, "smpte2084", 0.58), (HLG, "arib-std-b67", 0.75)])
def test_a_film_is_mapped(transfer: int, name: str, white: float, context_for: Callable[..., Context]) -> None:
    data = film(transfer, [(0, 0, 0), (0.38, 0.38, 0.38), (white, white, white), (0.6 * white, 0, 0)])
    made = container.read(BytesIO(data), context_for(data))
    assert made.facts["colour"] == {"range": "limited", "matrix": "bt2020nc", "primaries": "bt2020", "transfer": name}
    assert made.facts["tone_mapping"].endswith("to BT.709, 1000 to 203 cd/m2 by BT.2390")
    proxy = next(part for part in made.derived if part.role is Role.PROXY)
    with av.open(BytesIO(proxy.content()), "r") as opened:
        context: Any = opened.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries, context.color_trc) == (BT709, BT709, BT709)
        pixels = next(opened.decode(video=0)).to_ndarray(format="rgb24")[32, 32::64].astype(int)
    black, card, reference, red = pixels
    assert black == pytest.approx([0, 0, 0], abs=3)
    assert card == pytest.approx([255 * (26 / 203) ** (1 / 2.4)] * 3, abs=5)  # below the knee nothing is compressed
    assert 215 <= reference.min() <= reference.max() <= 245  # room is left above for what is brighter
    assert red[0] > 80
    assert max(red[1:]) <= 4


def test_other_films_are_left_as_they_are(context_for: Callable[..., Context]) -> None:
    data = film(14, [(0.5, 0.5, 0.5)])  # the curve of BT.2020 itself
    made = container.read(BytesIO(data), context_for(data))
    assert "tone_mapping" not in made.facts
