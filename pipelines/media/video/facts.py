"""The technical facts of a video stream."""

from typing import Any

from yuelu.pipelines.media.video.scan import Scan
from yuelu.pipelines.media.video.upright import Upright

# ITU-T H.273, by the names libav and its users know. What is absent here is said as its number.
_PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 11: "smpte431", 12: "smpte432"}
_TRANSFER = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 8: "linear", 13: "iec61966-2-1", 14: "bt2020-10",
             15: "bt2020-12", 16: "smpte2084", 18: "arib-std-b67"}  # fmt: skip
_MATRIX = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020nc", 10: "bt2020c"}
_RANGE = {1: "limited", 2: "full"}
_UNSPECIFIED = 2


def stream_facts(stream: Any, looked: Scan, upright: Upright) -> dict[str, Any]:
    """Return what is known of the source's stream; colours that the file does not state are absent."""
    context, timing = stream.codec_context, looked.timing
    width, height = context.width, context.height
    if upright.rotation_deg % 180:
        width, height = height, width
    pixels = context.format
    return {
        "width_px": width,
        "height_px": height,
        "codec": context.name,
        "pixel_format": context.pix_fmt,
        "bits": max((part.bits for part in pixels.components), default=8) if pixels else None,
        "alpha": any(part.is_alpha for part in pixels.components) if pixels else False,
        "colour": _colour(context),
        **({"tone_mapping": upright.tone.told} if upright.tone else {}),
        "sample_aspect": str(upright.aspect or 1).replace("/", ":"),
        "rotation_deg": upright.rotation_deg,
        "interlaced_frames": upright.interlaced,
        "nominal_rate_hz": float(stream.average_rate) if stream.average_rate else None,
        "measured_rate_hz": None if timing.measured_rate_hz is None else round(timing.measured_rate_hz, 6),
        "variable_rate": timing.variable,
        "timestamps": timing.timestamps,
        "time_base": str(stream.time_base),
        "video_streams": looked.video_streams,
        "sound_streams": looked.sound_streams,
    }


def _colour(context: Any) -> dict[str, str]:
    stated = {
        "range": (_RANGE, int(context.color_range)),
        "matrix": (_MATRIX, int(context.colorspace)),
        "primaries": (_PRIMARIES, int(context.color_primaries)),
        "transfer": (_TRANSFER, int(context.color_trc)),
    }
    known = {name: names.get(value, str(value)) for name, (names, value) in stated.items() if value != _UNSPECIFIED}
    return {name: value for name, value in known.items() if (name, value) != ("range", "0")}
