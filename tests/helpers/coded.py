"""Coded pictures for the readers of media, and what a decoder sees in the parts they make."""

import hashlib
from importlib import import_module
from io import BytesIO
from pathlib import Path

import numpy as np
import skimage
from numpy.typing import NDArray
from PIL import Image

from yuelu.base.records import Role
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.readers import READERS
from yuelu.pipelines.media.reading import Context, Derived, Reading
from yuelu.pipelines.media.recognise import recognise

DATA = Path(skimage.__file__).parent / "data"
SECRET = b"Zhang San 1948-05-17"


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return the picture as a file of that kind."""
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def photo(width: int = 600, height: int = 400) -> Image.Image:
    """Return a photograph of a cat."""
    return Image.open(DATA / "chelsea.png").convert("RGB").resize((width, height))


def reading(data: bytes, limits: Limits | None = None) -> Reading:
    """Return what the reader for these bytes makes of them."""
    known = READERS[recognise(data[:4096])]
    place, _, function = known.reader.partition(":")
    context = Context(limits or Limits(), b"k" * 32, hashlib.sha256(data).hexdigest(), known.media_type, known.demuxer)
    made: Reading = getattr(import_module(place), function)(BytesIO(data), context)
    return made


def proxies(made: Reading) -> list[Derived]:
    """Return what annotators see, in order."""
    return [part for part in made.derived if part.role is Role.PROXY]


def pixels(part: Derived | bytes) -> NDArray[np.uint8]:
    """Return the pixels of a part, as Pillow decodes them."""
    return np.asarray(Image.open(BytesIO(part if isinstance(part, bytes) else part.data)))


def shown(data: bytes, limits: Limits | None = None) -> NDArray[np.uint8]:
    """Return the pixels of the only proxy, not enlarged."""
    (proxy,) = proxies(reading(data, limits))
    scale = int(proxy.facts["scale"])
    return pixels(proxy)[::scale, ::scale]
