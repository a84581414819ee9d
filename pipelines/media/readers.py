"""Which reader takes which content. What an object is, its first bytes say; its name is never asked."""

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from yuelu.pipelines.media.timeseries_sniff import layout_of, text_encoding

HEAD_BYTES = 4096  # what `recognise` wants to see


@dataclass(frozen=True, slots=True)
class Format:
    """A content we can read: the reader's `module:function`, and libav's demuxer where it may be needed."""

    reader: str
    media_type: str
    demuxer: str = ""


_IMAGES, _AUDIO = "yuelu.pipelines.media.images:read", "yuelu.pipelines.media.audio:read"
_CONTAINER = "yuelu.pipelines.media.container:read"

# One screen holds every reader; nothing registers itself on import.
READERS: Mapping[str, Format] = MappingProxyType(
    {
        "DICOM": Format("yuelu.pipelines.media.dicom:read", "application/dicom"),
        "JPEG": Format(_IMAGES, "image/jpeg"),
        "PNG": Format(_IMAGES, "image/png"),
        "TIFF": Format(_IMAGES, "image/tiff"),
        "BMP": Format(_IMAGES, "image/bmp"),
        "WebP": Format(_IMAGES, "image/webp"),
        "WAV": Format(_AUDIO, "audio/wav", "wav"),
        "FLAC": Format(_AUDIO, "audio/flac", "flac"),
        "Ogg": Format(_AUDIO, "audio/ogg", "ogg"),
        "MP3": Format(_AUDIO, "audio/mpeg", "mp3"),
        "AIFF": Format(_AUDIO, "audio/aiff", "aiff"),
        "AAC": Format(_AUDIO, "audio/aac", "aac"),
        "MP4": Format(_CONTAINER, "video/mp4", "mov"),
        "Matroska": Format(_CONTAINER, "video/x-matroska", "matroska"),
        "AVI": Format(_CONTAINER, "video/x-msvideo", "avi"),
        "ASF": Format(_CONTAINER, "video/x-ms-asf", "asf"),
        "CSV": Format("yuelu.pipelines.media.timeseries_text:read", "text/csv"),
        "Parquet": Format("yuelu.pipelines.media.timeseries_parquet:read", "application/vnd.apache.parquet"),
        "MATLAB": Format("yuelu.pipelines.media.timeseries_matlab:read", "application/x-matlab-data"),
        "MDF": Format("yuelu.pipelines.media.timeseries_mdf:read", "application/x-asam-mdf"),
    }
)

# (offset, bytes, name). Names outside READERS only make the reason of a quarantine readable. First match wins.
_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (128, b"DICM", "DICOM"),  # before all others: the preamble may imitate anything
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG\r\n\x1a\n", "PNG"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"II+\0", "TIFF"),
    (0, b"MM\0+", "TIFF"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (0, b"ID3", "MP3"),
    (0, b"\x1aE\xdf\xa3", "Matroska"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF"),
    (0, b"PAR1", "Parquet"),
    (0, b"MATLAB 5.0 MAT-file", "MATLAB"),
    (0, b"MDF     ", "MDF"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 or MATLAB 7.3: save it as Parquet or MATLAB 5"),
    (0, b"\x93NUMPY", "NumPy arrays, which tell no time: save them as Parquet"),
    (0, b"TDSm", "LabVIEW TDMS files: export them as CSV"),
    (4, b"ftypheic", "HEIF"),
    (4, b"ftypmif1", "HEIF"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyp", "MP4"),
    (4, b"moov", "MP4"),
    (4, b"mdat", "MP4"),
    (4, b"wide", "MP4"),
    (0, b"GIF8", "GIF"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"%PDF", "PDF"),
    (0, b"PK\x03\x04", "ZIP archives"),
    (0, b"\x1f\x8b", "gzip archives"),
    (0, b"8BPS", "Photoshop files"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"icns", "icons"),
    (0, b"DDS ", "DirectDraw surfaces"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"SQLite format 3", "SQLite databases"),
)
_BY_FORM = {
    b"RIFFWAVE": "WAV",
    b"RF64WAVE": "WAV",
    b"RIFFAVI ": "AVI",
    b"RIFFWEBP": "WebP",
    b"FORMAIFF": "AIFF",
    b"FORMAIFC": "AIFF",
}


def recognise(head: bytes) -> str:
    """Return the name of the content that starts with `head`: a key of READERS, or a name for the quarantine's reason."""
    for offset, magic, name in _SIGNATURES:
        if head[offset : offset + len(magic)] == magic:
            return name
    if (form := _BY_FORM.get(head[:4] + head[8:12])) is not None:
        return form
    for looks_like, name in (
        (_bmp, "BMP"),
        (_bare_dicom, "DICOM"),
        (_aac, "AAC"),
        (_mp3, "MP3"),
        (_table, "CSV"),
        (_wfdb, "WFDB headers, whose signals lie in other files: convert the record to CSV"),
        (_text, "text"),
    ):
        if looks_like(head):
            return name
    return "unknown content"


def _bmp(head: bytes) -> bool:
    # The size of the information header that follows is one of those Windows and OS/2 defined.
    return head[:2] == b"BM" and head[14:18] in [size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)]


def _bare_dicom(head: bytes) -> bool:
    """A data set without preamble (older than PS3.10): starts in group 2 or 8 with a plausible element."""
    group, element = head[:2], head[2:4]
    if group in (b"\x00\x08", b"\x00\x02"):  # big endian is always explicit
        return head[4:6] in (b"UL", b"UI", b"CS", b"DA", b"LO") and element[:1] == b"\0"
    if group not in (b"\x08\x00", b"\x02\x00") or element[1:] != b"\0":
        return False
    return head[4:6] in (b"UL", b"UI", b"CS", b"DA", b"LO", b"OB") or 0 < int.from_bytes(head[4:8], "little") <= 64


def _aac(head: bytes) -> bool:
    return len(head) > 3 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0


def _mp3(head: bytes) -> bool:
    """Frame header of MPEG audio layer II or III, with no field at a reserved value (ISO/IEC 11172-3, 2.4.2.3)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer, rate, frequency = head[1] >> 3 & 3, head[1] >> 1 & 3, head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer in (1, 2) and rate not in (0, 15) and frequency != 3


def _table(head: bytes) -> bool:
    """A text with lines of equally many numbers. What else is text stays text."""
    encoding = text_encoding(head)
    if b"\0" in head and encoding != "utf-16":
        return False
    text = head.decode(encoding, errors="ignore")
    return all(map(_is_written, text)) and layout_of(text) is not None


def _wfdb(head: bytes) -> bool:
    """Record name, number of signals, and one line for each signal (WFDB applications guide, header(5))."""
    lines = [line.split() for line in head.splitlines() if line.strip() and not line.startswith(b"#")]
    return bool(lines) and 2 <= len(lines[0]) <= 6 and lines[0][1].isdigit() and len(lines) == int(lines[0][1]) + 1


def _text(head: bytes) -> bool:
    try:
        # The head may end within a character; a whole file may not.
        text = codecs.getincrementaldecoder("utf-8")().decode(head, final=len(head) < HEAD_BYTES)
    except UnicodeDecodeError:
        return False
    return all(map(_is_written, text))


def _is_written(character: str) -> bool:
    return character.isprintable() or character in "\t\r\n\f\ufeff"
