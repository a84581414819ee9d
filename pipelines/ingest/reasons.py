"""Reasons of quarantine by class: what a reason is about stays the same, whatever a decoder or a number adds to it."""

import re
from typing import NamedTuple


class Why(NamedTuple):
    """A class of reasons, in words that never vary, and what this one adds to it; "" where it adds nothing."""

    kind: str
    detail: str


# The first that fits counts; `detail` is the group of that name, else the whole reason. All other reasons say what they are about
# before their first colon.
_LIMIT, _SERIES, _DECODED = "larger than the limit", "a table that is no time series", "cannot be decoded"
_ARCHIVE, _PICTURE = "an archive beyond its limits", "a kind of picture that is not read"
_KINDS = tuple(
    (re.compile(pattern), kind)
    for pattern, kind in (
        (r"no reader for DICOM without pixel data \((?P<detail>.*)\)", "no reader for DICOM without pixel data"),
        (r"no reader for NIfTI of data type (?P<detail>.*)", "no reader for NIfTI of such a data type"),
        (r"no decoder is installed for the transfer syntax (?P<detail>.*)", "no decoder is installed for the transfer syntax"),
        (r"no decoder for the transfer syntax (?P<detail>.*)", "no decoder for the transfer syntax"),
        (r"burned-in text.*without the extra: .*", "burned-in text suspected, and nothing to look for it"),
        (r"burned-in text suspected: (?P<detail>.*)", "burned-in text suspected"),
        (r"burned-in text .*|burned-in text: .*|a palette film of .*", "burned-in text that could not be blanked"),
        (r"\d+ frames move too much .*", "a film that moves too much to be searched for text"),
        (r"it holds more than the \d+ bytes that were announced.*|a DICOMDIR of more .*", _LIMIT),
        (r"(it|the archive's members) holds? more than .*|.* would come out of .*|the archive .* the limit of .*", _ARCHIVE),
        (r"the archive's directory is larger .*|a header of the archive is larger .*", _ARCHIVE),
        (r"decoding (took|used|needs|gave) .*", "decoding beyond its limits"),
        (r"the decoder (died|left) .*", "the decoder died"),
        (r"\d+ workers died while they read it", "workers died while they read it"),
        (r".* (are|take) more than .*|more than .*|longer than .*|a very large picture .*|.*; at most \d+ are .*", _LIMIT),
        (r"a (JPEG|TIFF|picture) of (?!.* x ).*|no reader for the photometric interpretation .*", _PICTURE),
        (r"\d+ (rows|channels|of \d+ rows) .*|time (runs|stands) .*|no time can be read .*|no column (of|tells) .*", _SERIES),
        (r"two columns of one name.*|neither times nor .*|no (channel|array|column).* in the file.*", _SERIES),
        (r"the server's answer .*|the server breaks off its answer.*", "the server's answer is no object"),
        (r"a (picture|volume) of .*|(-?\d+) .*|(the|a segment of the) (palette|voxels) .*|PALETTE COLOR .*", _DECODED),
        (r"\w+ is .*, not .*|\w+ is empty", _DECODED),
    )
)


def why(reason: str) -> Why:
    """Return the class that a reason of quarantine belongs to, and its detail."""
    for pattern, kind in _KINDS:
        if found := pattern.fullmatch(reason):
            return Why(kind, found.groupdict().get("detail") or ("" if reason == kind else reason))
    kind, _, detail = reason.partition(": ")
    return Why(kind, detail)
