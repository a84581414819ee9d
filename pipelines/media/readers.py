"""Which reader takes which content."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Format:
    """A content we can read: the reader's `module:function`, and libav's demuxer where it may be needed."""

    reader: str
    media_type: str
    demuxer: str = ""


_IMAGES, _AUDIO = "yuelu.pipelines.media.images.reader:read", "yuelu.pipelines.media.audio.reader:read"
_JPEG, _TIFF = "yuelu.pipelines.media.images.jpeg:read", "yuelu.pipelines.media.images.tiff:read"
_CONTAINER = "yuelu.pipelines.media.container:read"

# One screen holds every reader; nothing registers itself on import.
READERS: Mapping[str, Format] = MappingProxyType(
    {
        "DICOM": Format("yuelu.pipelines.media.dicom.reader:read", "application/dicom"),
        "NIfTI": Format("yuelu.pipelines.media.volumes.nifti:read", "application/x-nifti"),
        "JPEG": Format(_JPEG, "image/jpeg"),
        "PNG": Format(_IMAGES, "image/png"),
        "TIFF": Format(_TIFF, "image/tiff"),
        "BMP": Format(_IMAGES, "image/bmp"),
        "WebP": Format(_IMAGES, "image/webp"),
        "GIF": Format(_IMAGES, "image/gif"),
        "JPEG 2000": Format(_IMAGES, "image/jp2"),
        "AVIF": Format(_IMAGES, "image/avif"),
        "WAV": Format(_AUDIO, "audio/wav", "wav"),
        "FLAC": Format(_AUDIO, "audio/flac", "flac"),
        "Ogg": Format(_AUDIO, "audio/ogg", "ogg"),
        "MP3": Format(_AUDIO, "audio/mpeg", "mp3"),
        "AIFF": Format(_AUDIO, "audio/aiff", "aiff"),
        "AAC": Format(_AUDIO, "audio/aac", "aac"),
        "AMR": Format(_AUDIO, "audio/amr", "amr"),
        "AU": Format(_AUDIO, "audio/basic", "au"),
        "CAF": Format(_AUDIO, "audio/x-caf", "caf"),
        "MP4": Format(_CONTAINER, "video/mp4", "mov"),
        "Matroska": Format(_CONTAINER, "video/x-matroska", "matroska"),
        "AVI": Format(_CONTAINER, "video/x-msvideo", "avi"),
        "ASF": Format(_CONTAINER, "video/x-ms-asf", "asf"),
        "MPEG-TS": Format(_CONTAINER, "video/mp2t", "mpegts"),
        "MPEG-PS": Format(_CONTAINER, "video/mpeg", "mpeg"),
        "Ogg video": Format(_CONTAINER, "video/ogg", "ogg"),
        "FLV": Format(_CONTAINER, "video/x-flv", "flv"),
        "MXF": Format(_CONTAINER, "application/mxf", "mxf"),
        "CSV": Format("yuelu.pipelines.media.timeseries.text:read", "text/csv"),
        "Parquet": Format("yuelu.pipelines.media.timeseries.parquet:read", "application/vnd.apache.parquet"),
        "MATLAB": Format("yuelu.pipelines.media.timeseries.matlab:read", "application/x-matlab-data"),
        "MDF": Format("yuelu.pipelines.media.timeseries.mdf:read", "application/x-asam-mdf"),
    }
)
