"""What untrusted bytes may cost before they are refused."""

from dataclasses import dataclass

SEARCHING_S = 3600  # of wall and of processor time, where every frame of a video is searched for people or text


@dataclass(frozen=True, slots=True)
class Limits:
    """Caps on one listed object and on the process that decodes it."""

    file_bytes: int = 4 << 30
    picture_bytes: int = 1 << 29  # of an encoded picture or DICOM object, which are read whole
    pixels: int = 100_000_000  # of one picture or one video frame that is decoded at once
    whole_pixels: int = 400_000_000  # of one that is decoded at once and shown in tiles: 3 to 8 bytes each meanwhile
    tiled_pixels: int = 2_000_000_000  # of one picture that is read and shown piece by piece
    series_bytes: int = 1 << 28  # of a series written as text, which is read whole
    cells: int = 20_000_000  # values of one series, all channels together
    frames: int = 36_000  # of one video, 20 minutes at 30 Hz
    seconds: float = 4 * 3600.0  # of sound or video
    wall_s: float = 180.0
    cpu_s: int = 180
    memory_bytes: int = 4 << 30  # address space, libraries included
    reply_bytes: int = 1 << 30  # all that a reader may derive from one object
    open_files: int = 64
    jobs: int = 500  # then the process is replaced, whatever its state
