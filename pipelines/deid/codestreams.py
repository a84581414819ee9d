"""Compressed pixels without their remarks: comments and application segments are places to hide a name.

The coded samples are copied byte for byte, so decoding gives the same pixels as before.
Source: ITU-T T.81 annex B (JPEG), ITU-T T.87 annex C (JPEG-LS), ITU-T T.800 annexes A and I (JPEG 2000 and JP2).
"""

import re
from collections.abc import Iterator

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder
from pydicom.pixels.encoders.base import RLELosslessEncoder
from pydicom.uid import UID, JPEG2000TransferSyntaxes, JPEGLSTransferSyntaxes, JPEGTransferSyntaxes, RLELossless

from yuelu.pipelines.media.reading import panic_refused

_HTJ2K = "1.2.840.10008.1.2.4.20"  # and one more digit: high-throughput JPEG 2000, with the same markers

# Frames, tables, scans, restart interval, lines; SOF55 and LSE of JPEG-LS. All other segments say nothing of samples.
_CODING = frozenset({*range(0xC0, 0xC8), *range(0xC9, 0xD0), 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0xF7, 0xF8})
_JFIF, _ADOBE, _COLOUR_TRANSFORM = 0xE0, 0xEE, 0xE8
_SOS, _EOI = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff+([\x80-\xcf\xd8-\xfe])")  # within coded samples: neither stuffing nor a restart

_J2K_START, _J2K_TILE, _J2K_DATA, _J2K_END, _J2K_COMMENT = 0x4F, 0x90, 0x93, b"\xff\xd9", 0x64
_JP2_START = b"\0\0\0\x0cjP  \r\n\x87\n"
_JP2_BOXES = frozenset({b"jP  ", b"ftyp", b"jp2h"})


def without_remarks(frame: bytes, syntax: UID) -> bytes:
    """Return the encoded frame without comments. Raises ValueError: it is not what its transfer syntax says."""
    if syntax in JPEGTransferSyntaxes or syntax in JPEGLSTransferSyntaxes:
        return b"".join(_jpeg(frame))
    if syntax in JPEG2000TransferSyntaxes or syntax.startswith(_HTJ2K):
        return b"".join(_jp2(frame)) if frame.startswith(_JP2_START) else _jpeg2000(frame)
    return frame


def rle_again(frame: bytes, dataset: Dataset) -> bytes:
    """Return an RLE frame encoded anew from its pixels: between and behind its segments anything may hide.

    Source: DICOM PS3.5 annex G.
    """
    names = ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation")
    told = {name: int(dataset.get(name) or 0) for name in names}
    one = Dataset()
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = RLELossless
    for name, value in told.items():
        setattr(one, name, value)
    one.PhotometricInterpretation, one.PlanarConfiguration = dataset.PhotometricInterpretation, 0
    one.PixelData = encapsulate([frame])
    with panic_refused():
        pixels, _ = get_decoder(RLELossless).as_array(one, raw=True)
    again = RLELosslessEncoder.encode(
        pixels,
        rows=told["Rows"],
        columns=told["Columns"],
        samples_per_pixel=told["SamplesPerPixel"],
        bits_allocated=told["BitsAllocated"],
        bits_stored=told["BitsStored"],
        pixel_representation=told["PixelRepresentation"],
        number_of_frames=1,
        validate=False,  # some files hold what the standard does not allow
        photometric_interpretation=str(dataset.PhotometricInterpretation),
        planar_configuration=0,
    )
    return bytes(again)


def _jpeg(data: bytes) -> Iterator[bytes]:
    if data[:2] != b"\xff\xd8":
        raise ValueError("the frame does not begin as JPEG does")
    yield data[:2]
    at = 2
    while at < len(data):
        marker = _MARKER.match(data, at)
        if marker is None:
            raise ValueError(f"no JPEG marker at byte {at} of the frame")
        kind, start = marker[1][0], marker.end()
        if kind == _EOI:
            yield b"\xff\xd9"
            return  # what follows is no part of the picture
        at = start + _length(data, start)
        yield _segment(kind, data[start + 2 : at])
        if kind == _SOS:
            end = _MARKER.search(data, at)
            yield data[at : end.start() if end else len(data)]
            at = end.start() if end else len(data)


def _segment(kind: int, body: bytes) -> bytes:
    """Return the segment as it may stay: what decoders look at, and nothing behind it."""
    if kind in _CODING:
        kept = body
    elif kind == _JFIF and body[:5] == b"JFIF\0" and len(body) >= 14:
        kept = body[:12] + b"\0\0"  # no thumbnail
    elif kind == _ADOBE and body[:5] == b"Adobe" and len(body) >= 12:
        kept = body[:12]
    elif kind == _COLOUR_TRANSFORM and body[:4] == b"mrfx" and len(body) >= 5:
        kept = body[:5]  # of JPEG-LS encoders by its authors
    else:
        return b""
    return bytes((0xFF, kind)) + (len(kept) + 2).to_bytes(2, "big") + kept


def _length(data: bytes, at: int) -> int:
    length = int.from_bytes(data[at : at + 2], "big")
    if length < 2 or at + length > len(data):
        raise ValueError(f"a segment at byte {at} of the frame is longer than the frame")
    return length


def _jp2(data: bytes) -> Iterator[bytes]:
    """Yield the boxes that tell how to decode, and the codestream; XML, UUID and other boxes go."""
    at = 0
    while at + 8 <= len(data):
        size, kind, head = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        size = size or len(data) - at
        if size < head or at + size > len(data):
            raise ValueError(f"a box at byte {at} of the frame is longer than the frame")
        if kind == b"jp2c":
            clean = _jpeg2000(data[at + head : at + size])
            yield (len(clean) + 8).to_bytes(4, "big") + kind + clean
            return
        if kind in _JP2_BOXES:
            yield data[at : at + size]
        at += size
    raise ValueError("the frame holds no JPEG 2000 codestream")


def _jpeg2000(data: bytes) -> bytes:
    if data[:2] != bytes((0xFF, _J2K_START)):
        raise ValueError("the frame does not begin as JPEG 2000 does")
    kept, at = bytearray(data[:2]), 2
    while True:
        if at + 4 > len(data) or data[at] != 0xFF:
            raise ValueError(f"no JPEG 2000 marker at byte {at} of the frame")
        if data[at + 1] == _J2K_TILE:
            return bytes(kept) + _tiles(data, at)
        end = at + 2 + _length(data, at + 2)
        kept += b"" if data[at + 1] == _J2K_COMMENT else data[at:end]
        at = end


def _tiles(data: bytes, at: int) -> bytes:
    """Return all tile-parts. Their lengths are written down in places, so comments there are blanked, not cut."""
    kept, start = bytearray(data), at
    while data[at : at + 2] == bytes((0xFF, _J2K_TILE)) and at + 12 <= len(data):
        size = int.from_bytes(data[at + 6 : at + 10], "big")
        end, inner = at + size if size else len(data), at + 12
        while inner + 4 <= min(end, len(data)) and data[inner] == 0xFF and data[inner + 1] != _J2K_DATA:
            after = inner + 2 + _length(data, inner + 2)
            if data[inner + 1] == _J2K_COMMENT:
                kept[inner + 6 : after] = bytes(after - inner - 6)
            inner = after
        if end <= at or end >= len(data):
            return bytes(kept[start:])
        at = end
    return bytes(kept[start:at]) + _J2K_END if data[at : at + 2] == _J2K_END else bytes(kept[start:])
