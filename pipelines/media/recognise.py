"""What an object is, its first bytes say; its name is never asked."""

import codecs
import zlib

from yuelu.pipelines.media.timeseries.sniff import layout_of, text_encoding

HEAD_BYTES = 4096  # what `recognise` wants to see
_GZIP = b"\x1f\x8b"

# (offset, bytes, name). Names outside READERS stand in UNREAD. First match wins.
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
    (0, b"#!AMR", "AMR"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"\x1aE\xdf\xa3", "Matroska"),
    (0, b"\0\0\x01\xba", "MPEG-PS"),
    (0, b"FLV\x01", "FLV"),
    (0, b"\x06\x0e+4\x02\x05\x01\x01\r\x01\x02\x01\x01\x02", "MXF"),  # SMPTE ST 377-1, the key of a header partition
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "ASF"),
    (4, b"ftyp", "MP4"),  # unless its brands say that it is a picture
    (0, b"PAR1", "Parquet"),
    (0, b"MATLAB 5.0 MAT-file", "MATLAB"),
    (0, b"MDF     ", "MDF"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5 or MATLAB 7.3"),
    (0, b"\x93NUMPY", "NumPy arrays"),
    (0, b"TDSm", "LabVIEW TDMS"),
    (4, b"moov", "MP4"),
    (4, b"mdat", "MP4"),
    (4, b"wide", "MP4"),
    (0, b"GIF8", "GIF"),
    (0, b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"%PDF", "PDF"),
    (344, b"n+1\0", "NIfTI"),
    (4, b"n+2\0\r\n\x1a\n", "NIfTI"),
    (344, b"ni1\0", "NIfTI in two files (.hdr and .img)"),
    (4, b"ni2\0\r\n\x1a\n", "NIfTI in two files (.hdr and .img)"),
    (0, b"PK\x03\x04", "ZIP archives"),
    (0, _GZIP, "gzip archives"),
    (0, b"8BPS", "Photoshop files"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript"),
    (0, b"icns", "icons"),
    (0, b"DDS ", "DirectDraw surfaces"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"SQLite format 3", "SQLite databases"),
)
_DIRECTORY = b"\x02\0\x02\0UI\x14\x001.2.840.10008.1.3.10"  # the media storage SOP class of a DICOMDIR, in its file meta
_AVIF, _HEIF = (b"avif", b"avis"), (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx")
_THEORA = b"\x80theora"  # in the first page of an Ogg that moves
_BY_FORM = {
    b"RIFFWAVE": "WAV",
    b"RF64WAVE": "WAV",
    b"RIFFAVI ": "AVI",
    b"RIFFWEBP": "WebP",
    b"FORMAIFF": "AIFF",
    b"FORMAIFC": "AIFF",
}


def recognise(head: bytes) -> str:
    """Return the name of the content that starts with `head`: a key of READERS, or of UNREAD."""
    for offset, magic, name in _SIGNATURES:
        if head[offset : offset + len(magic)] == magic:
            return _closer(name, head)
    if (form := _BY_FORM.get(head[:4] + head[8:12])) is not None:
        return form
    for looks_like, name in (
        (_mpeg_ts, "MPEG-TS"),
        (_mp4_room, "MP4"),
        (_bmp, "BMP"),
        (_bare_dicom, "DICOM"),
        (_aac, "AAC"),
        (_mp3, "MP3"),
        (_table, "CSV"),
        (_wfdb, "WFDB headers"),
        (_text, "text"),
    ):
        if looks_like(head):
            return name
    return "unknown content"


def _closer(name: str, head: bytes) -> str:
    """Return what the content is where its signature leaves it open."""
    if name == "DICOM" and _DIRECTORY in head[:1024]:
        return "DICOM directories"
    if name == "Ogg" and _THEORA in head:
        return "Ogg video"
    if name == "gzip archives":
        return _packed(head)
    return _picture_in_mp4(head) or name if name == "MP4" else name


def _picture_in_mp4(head: bytes) -> str | None:
    """Return which coding of pictures the brands of an MP4 name, the one it is made for first (ISO/IEC 23008-12, 10.2)."""
    if head[4:8] != b"ftyp":
        return None
    most = min(int.from_bytes(head[:4], "big"), len(head))
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, most - 3, 4))]
    if brands[0] not in (*_AVIF, *_HEIF, b"mif1", b"msf1"):
        return None
    return "AVIF" if any(brand in _AVIF for brand in brands) else "HEIF"


def _mpeg_ts(head: bytes) -> bool:
    """Packets of 188 bytes that start with 0x47 (ISO/IEC 13818-1); of 204 with parity, of 192 with a clock before each."""
    starts = ((0, 188), (4, 192), (0, 204))
    packets = any(len(head) > first + step and not head[first::step].strip(b"G") for first, step in starts)
    return packets and not _text(head)


def _mp4_room(head: bytes) -> bool:
    return head[:2] == b"\0\0" and head[4:8] in (b"free", b"skip")  # left empty for an index that grew


def _packed(head: bytes) -> str:
    """Return NIfTI for a volume packed by gzip, which is usual; anything else in gzip is an archive."""
    try:
        inner = zlib.decompressobj(31).decompress(head, 1024)
    except zlib.error:
        return "gzip archives"
    return "NIfTI" if inner[344:348] == b"n+1\0" or inner[4:8] == b"n+2\0" else "gzip archives"


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
