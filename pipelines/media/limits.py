"""What untrusted bytes may cost before they are refused."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from yuelu.base.errors import Misconfigured

# What a film of so many bytes may honestly be: a frame that repeats the one before takes at least 16 bytes with its place in
# the container, and at 20 kB for each second it plays, a processor is given the time of playing.
_FRAME_BYTES, _SECOND_BYTES = 16, 20_000
_FASTEST_HZ = 60  # frames of a film of the longest kind
_CPU_PER_SECOND, _WALL_PER_CPU = 2, 2  # of a film at most; other processes want the processor, too
_READ_BYTES = 1_000_000  # of any other object, for which a processor is given a second: a very large picture takes a third of it
_LARGE, _GROWTH, _LARGEST_REPLY = 64 << 20, 16, 8 << 30  # bytes of an object; a proxy may well be larger than a small film

SEARCHING_S = 3600  # of wall and of processor time, where every frame of a video is searched for people or text


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on one listed object and on the process that decodes it.

    For sound and video, `frames`, `wall_s`, `cpu_s` and `reply_bytes` are what the smallest file may cost; `for_film` tells
    what larger ones may, and `for_object` how long the largest pictures may take. `wall_s` and `cpu_s` are also the longest
    time without getting on.
    """

    file_bytes: int = 32 << 30
    picture_bytes: int = 1 << 29  # of an encoded picture or DICOM object, which are read whole
    pixels: int = 100_000_000  # of one picture or one video frame that is decoded at once
    whole_pixels: int = 400_000_000  # of one that is decoded at once and shown in tiles: 3 to 8 bytes each meanwhile
    tiled_pixels: int = 2_000_000_000  # of one picture that is read and shown piece by piece
    series_bytes: int = 1 << 28  # of a series written as text, which is read whole
    cells: int = 20_000_000  # values of one series, all channels together
    frames: int = 36_000  # of one film, 20 minutes at 30 Hz
    text_pixels: int = 150_000_000  # of a film of DICOM that are searched for burned-in text: half a microsecond each
    seconds: float = 4 * 3600.0  # of sound or video
    wall_s: float = 180.0
    cpu_s: int = 180
    memory_bytes: int = 4 << 30  # address space, libraries included
    reply_bytes: int = 1 << 30  # all that a reader may derive from one object
    open_files: int = 64
    jobs: int = 500  # then the process is replaced, whatever its state

    def for_object(self, size: int) -> "Limits":
        """Return the limits for any other object of `size` bytes: the time grows with it, for readers that tell they get on."""
        cpu_s = max(0, size - _LARGE) // _READ_BYTES
        return replace(self, cpu_s=self.cpu_s + cpu_s, wall_s=self.wall_s + cpu_s * _WALL_PER_CPU)

    def for_film(self, size: int) -> "Limits":
        """Return the limits for a sound or a video of `size` bytes: frames and time grow with it, up to those of `seconds`."""
        cpu_s = int(min(size / _SECOND_BYTES, self.seconds * _CPU_PER_SECOND))
        return replace(
            self,
            frames=max(self.frames, min(self.frames + size // _FRAME_BYTES, int(self.seconds * _FASTEST_HZ))),
            cpu_s=self.cpu_s + cpu_s,
            wall_s=self.wall_s + cpu_s * _WALL_PER_CPU,
            reply_bytes=max(self.reply_bytes, min(_GROWTH * (size - _LARGE) + self.reply_bytes, _LARGEST_REPLY)),
        )


def limits_of(given: Iterable[str]) -> Limits:
    """Return the limits with some changed, each as NAME=VALUE. Raises Misconfigured: no such limit, or no such number."""
    kinds: dict[str, Any] = {one.name: type(one.default) for one in fields(Limits)}
    changed = dict[str, Any]()
    for text in given:
        name, _, value = text.partition("=")
        try:
            number = float(value)
            changed[name] = kinds[name](number)
        except KeyError:
            raise Misconfigured(f"there is no limit {name!r}", f"use one of {', '.join(kinds)}") from None
        except (ValueError, OverflowError):
            raise Misconfigured(f"the limit {name} is {value!r}, no number", "write it as seconds=28800") from None
        if not changed[name] > 0:
            raise Misconfigured(f"the limit {name} is {value}", "give a number above 0")
    return replace(Limits(), **changed)
