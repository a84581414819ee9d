"""Which reader takes which content, what it needs, and how to bring what has no reader."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Format:
    """A content we can read: the reader's `module:function`, and libav's demuxer where it may be needed.

    `needs` are the modules that decode it; behind a colon, a feature that Pillow may have been built without.
    """

    reader: str
    media_type: str
    demuxer: str = ""
    needs: tuple[str, ...] = ()
    extra: str = "platform"  # of our package, which brings them


_AV, _PILLOW, _SOUND = ("av",), ("PIL",), ("soundfile", "av")
_IMAGES, _AUDIO = "yuelu.pipelines.media.images.reader:read", "yuelu.pipelines.media.audio.reader:read"
_JPEG, _TIFF = "yuelu.pipelines.media.images.jpeg:read", "yuelu.pipelines.media.images.tiff:read"
_CONTAINER = "yuelu.pipelines.media.container:read"

# One screen holds every reader; nothing registers itself on import.
READERS: Mapping[str, Format] = MappingProxyType(
    {
        "DICOM": Format("yuelu.pipelines.media.dicom.reader:read", "application/dicom", needs=("pydicom",)),
        "NIfTI": Format("yuelu.pipelines.media.volumes.nifti:read", "application/x-nifti", needs=("nibabel",)),
        "JPEG": Format(_JPEG, "image/jpeg", needs=("simplejpeg", "PIL")),
        "PNG": Format(_IMAGES, "image/png", needs=_PILLOW),
        "TIFF": Format(_TIFF, "image/tiff", needs=("tifffile", "imagecodecs")),
        "BMP": Format(_IMAGES, "image/bmp", needs=_PILLOW),
        "WebP": Format(_IMAGES, "image/webp", needs=("PIL:webp",)),
        "GIF": Format(_IMAGES, "image/gif", needs=_PILLOW),
        "JPEG 2000": Format(_IMAGES, "image/jp2", needs=("PIL:jpg_2000",)),
        "AVIF": Format(_IMAGES, "image/avif", needs=("PIL:avif",)),
        "WAV": Format(_AUDIO, "audio/wav", "wav", _SOUND),
        "FLAC": Format(_AUDIO, "audio/flac", "flac", _SOUND),
        "Ogg": Format(_AUDIO, "audio/ogg", "ogg", _SOUND),
        "MP3": Format(_AUDIO, "audio/mpeg", "mp3", _SOUND),
        "AIFF": Format(_AUDIO, "audio/aiff", "aiff", _SOUND),
        "AAC": Format(_AUDIO, "audio/aac", "aac", _SOUND),
        "AMR": Format(_AUDIO, "audio/amr", "amr", _SOUND),
        "AU": Format(_AUDIO, "audio/basic", "au", _SOUND),
        "CAF": Format(_AUDIO, "audio/x-caf", "caf", _SOUND),
        "MP4": Format(_CONTAINER, "video/mp4", "mov", _AV),
        "Matroska": Format(_CONTAINER, "video/x-matroska", "matroska", _AV),
        "AVI": Format(_CONTAINER, "video/x-msvideo", "avi", _AV),
        "ASF": Format(_CONTAINER, "video/x-ms-asf", "asf", _AV),
        "MPEG-TS": Format(_CONTAINER, "video/mp2t", "mpegts", _AV),
        "MPEG-PS": Format(_CONTAINER, "video/mpeg", "mpeg", _AV),
        "Ogg video": Format(_CONTAINER, "video/ogg", "ogg", _AV),
        "FLV": Format(_CONTAINER, "video/x-flv", "flv", _AV),
        "MXF": Format(_CONTAINER, "application/mxf", "mxf", _AV),
        "CSV": Format("yuelu.pipelines.media.timeseries.text:read", "text/csv", needs=("numpy",)),
        "Parquet": Format("yuelu.pipelines.media.timeseries.parquet:read", "application/vnd.apache.parquet", needs=("pyarrow",)),
        "MATLAB": Format("yuelu.pipelines.media.timeseries.matlab:read", "application/x-matlab-data", needs=("scipy",)),
        "MDF": Format("yuelu.pipelines.media.timeseries.mdf:read", "application/x-asam-mdf", needs=("asammdf",), extra="mdf"),
    }
)

_CONVERT = "convert it to a format that is read, or leave it where it is"
# Content that is recognised and not read -> how to bring it. What these packages could decode, they do not come with.
UNREAD: Mapping[str, str] = MappingProxyType(
    {
        "HEIF": "save it as JPEG or PNG: heif-convert (Debian's libheif-examples), or the phone's export 'most compatible'",
        "DICOM directories": "the files it lists are objects themselves; to take only those, ingest the DICOMDIR file",
        "HDF5 or MATLAB 7.3": "save it as Parquet, or as MATLAB 5 (save -v7)",
        "NumPy arrays": "save it as Parquet with a column of times: an array tells none",
        "LabVIEW TDMS": "export it as CSV, or convert it to Parquet (npTDMS for Python)",
        "WFDB headers": "convert the record to CSV (rdsamp -c -H -v): its signals lie in other files",
        "NIfTI in two files (.hdr and .img)": "save it as one file (.nii): fslchfiletype NIFTI, or nibabel for Python",
        "ZIP archives": "give it the ending .zip, and it is opened as a folder; office files are no media",
        "gzip archives": "unpack it; of gzip only .tar.gz and .nii.gz are opened",
        "PDF": "export its pages as PNG or TIFF (pdftoppm), where they are pictures to label",
        "PostScript": "export its pages as PNG or TIFF (gs), where they are pictures to label",
        "Photoshop files": "save it as TIFF or PNG",
        "OpenEXR": "save it as TIFF of 32-bit floats",
        "DirectDraw surfaces": "save it as PNG",
        "icons": "save it as PNG",
        "SQLite databases": "export the table of measurements as CSV or Parquet",
        "text": "leave it; only tables of numbers with a time are read as series",
        "unknown content": _CONVERT,
    }
)
