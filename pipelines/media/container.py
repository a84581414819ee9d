"""Containers that may hold video or only sound: look inside, then hand over."""

from typing import BinaryIO

from yuelu.pipelines.media.audio import reader as audio
from yuelu.pipelines.media.reading import Context, Reading
from yuelu.pipelines.media.streams import opened, video_streams
from yuelu.pipelines.media.video import reader as video


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the reading of the best video stream, else of the best sound stream."""
    with opened(file, context.demuxer) as container:
        moving = bool(video_streams(container))
    return video.read(file, context) if moving else audio.read_with_libav(file, context)
