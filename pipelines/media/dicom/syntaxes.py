"""Which DICOM transfer syntaxes can be decoded here, with what, and how to get what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import UID

from yuelu.pipelines.media.reading import Refused

_PYDICOM: tuple[str, ...] = ()  # pydicom itself; it names no plug-in for pixels that are not compressed
_PYLIBJPEG = ("pylibjpeg",)
_LOSSY, _JPEG_LS = ("pillow", "pylibjpeg"), ("pyjpegls", "pylibjpeg")
_LIBJPEG, _OPENJPEG, _RLE = "pylibjpeg pylibjpeg-libjpeg", "pylibjpeg pylibjpeg-openjpeg", "pylibjpeg pylibjpeg-rle"

# Transfer syntax -> (plug-ins of pydicom, of which the first that is there decodes; packages that bring one). The order is
# fixed: whatever else is installed must not change a pixel. The first is the quickest where there is a choice; but for GDCM,
# three times as quick for lossless JPEG, which ends the process on some broken frames.
_DECODERS: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType(
    {
        "1.2.840.10008.1.2": (_PYDICOM, "pydicom"),
        "1.2.840.10008.1.2.1": (_PYDICOM, "pydicom"),
        "1.2.840.10008.1.2.1.99": (_PYDICOM, "pydicom"),
        "1.2.840.10008.1.2.2": (_PYDICOM, "pydicom"),
        "1.2.840.10008.1.2.5": (_PYLIBJPEG, _RLE),
        "1.2.840.10008.1.2.4.50": (_LOSSY, "pillow"),
        "1.2.840.10008.1.2.4.51": (_PYLIBJPEG, _LIBJPEG),
        "1.2.840.10008.1.2.4.57": (_PYLIBJPEG, _LIBJPEG),
        "1.2.840.10008.1.2.4.70": (_PYLIBJPEG, _LIBJPEG),
        "1.2.840.10008.1.2.4.80": (_JPEG_LS, "pyjpegls"),
        "1.2.840.10008.1.2.4.81": (_JPEG_LS, "pyjpegls"),
        "1.2.840.10008.1.2.4.90": (_PYLIBJPEG, _OPENJPEG),
        "1.2.840.10008.1.2.4.91": (_PYLIBJPEG, _OPENJPEG),
        "1.2.840.10008.1.2.4.201": (_PYLIBJPEG, _OPENJPEG),
        "1.2.840.10008.1.2.4.202": (_PYLIBJPEG, _OPENJPEG),
        "1.2.840.10008.1.2.4.203": (_PYLIBJPEG, _OPENJPEG),
    }
)


@dataclass(frozen=True, slots=True)
class Syntax:
    """A transfer syntax; `hint` is the line that makes it decodable, empty when it is."""

    uid: str
    name: str
    decodable: bool
    hint: str = ""


def syntaxes() -> tuple[Syntax, ...]:
    """Return every transfer syntax that there is a decoder for, and whether it is installed here."""
    return tuple(_state(uid) for uid in _DECODERS)


@cache
def plugins(syntax: UID) -> tuple[str, ...]:
    """Return the plug-ins of pydicom to try for `syntax`, in order; none where pydicom needs none.

    Raises Refused: no decoder is known, or none is installed.
    """
    if syntax not in _DECODERS:
        raise Refused(
            f"no decoder for the transfer syntax {_name(syntax)}",
            "export the object in another, such as Explicit VR Little Endian",
        )
    state = _state(syntax)
    if not state.decodable:
        raise Refused(f"no decoder is installed for the transfer syntax {state.name}: {state.hint}", state.hint)
    return tuple(plugin for plugin in _DECODERS[syntax][0] if plugin in _decoder(syntax).available_plugins)


def _state(uid: str) -> Syntax:
    wanted, packages = _DECODERS[uid]
    decodable = not wanted or any(plugin in _decoder(UID(uid)).available_plugins for plugin in wanted)
    return Syntax(uid, _name(UID(uid)), decodable, "" if decodable else f"pip install {packages}")


def _decoder(uid: UID) -> Decoder:
    decoder: Decoder = get_decoder(uid)
    return decoder


def _name(uid: UID) -> str:
    name = uid.name
    return f"{name} ({uid})" if name != uid else str(uid)
