"""Containers that may hold video or only sound: look inside, then hand over."""

from typing import BinaryIO

import av
from av.stream import Disposition

from yuelu.pipelines.media import audio, video
from yuelu.pipelines.media.reading import Context, Reading


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the reading of the first video stream, else of the first sound stream."""
    with av.open(file, format=context.demuxer, metadata_errors="ignore") as container:
        # A cover picture is no video.
        moving = any(not stream.disposition & Disposition.attached_pic for stream in container.streams.video)
    file.seek(0)
    return video.read(file, context) if moving else audio.read_with_libav(file, context)
