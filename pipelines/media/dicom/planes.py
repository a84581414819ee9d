"""Where the frames of a DICOM object lie in the patient, and in what order a reader goes through them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

from yuelu.pipelines.media.dicom.look import first_number, functional_group
from yuelu.pipelines.media.volumes.geometry import Plane, Point

_SAME_DIRECTION = 0.999  # cosine: 2.6 degrees


def planes_of(dataset: Dataset, count: int) -> tuple[Plane, ...]:
    """Return the plane of each frame, in the order of the object.

    Source: PS3.3 sections C.7.6.2 (one image), C.7.6.16.2.1, .3 and .4 (frames of enhanced objects), C.8.4.15 (slices of
    nuclear medicine).
    """
    if count > 1 and dataset.get("DetectorInformationSequence") and dataset.get("SliceVector"):
        return _of_detector(dataset, count)
    return tuple(_of_frame(dataset, frame, count) for frame in range(count))


def _of_frame(dataset: Dataset, frame: int, count: int) -> Plane:
    place = functional_group(dataset, frame, "PlanePositionSequence")
    turned = functional_group(dataset, frame, "PlaneOrientationSequence")
    measured = functional_group(dataset, frame, "PixelMeasuresSequence")
    position = numbers(place.get("ImagePositionPatient"), 3)
    if place is dataset and count > 1:
        position = None  # one position cannot be that of several frames
    return _plane(position, numbers(turned.get("ImageOrientationPatient"), 6), numbers(measured.get("PixelSpacing"), 2))


def _of_detector(dataset: Dataset, count: int) -> tuple[Plane, ...]:
    """Slices of a reconstruction lie one behind the other, along the normal of the first."""
    detector = dataset.DetectorInformationSequence[0]
    first, orientation = numbers(detector.get("ImagePositionPatient"), 3), numbers(detector.get("ImageOrientationPatient"), 6)
    step = first_number(dataset.get("SpacingBetweenSlices"))
    listed = dataset.SliceVector
    vector = [int(one) for one in ([listed] if isinstance(listed, int) else listed)]
    spacing = numbers(dataset.get("PixelSpacing"), 2)
    if first is None or orientation is None or step is None or len(vector) != count:
        return (_plane(None, orientation, spacing),) * count
    normal = np.cross(orientation[:3], orientation[3:])
    places = [np.asarray(first) + normal * step * (number - 1) for number in vector]
    return tuple(_plane([round(float(one), 6) for one in place], orientation, spacing) for place in places)


def _plane(position: list[float] | None, orientation: list[float] | None, spacing: list[float] | None) -> Plane:
    if orientation is not None and not _cosines(orientation):
        orientation = None
    place: Point | None = None if position is None else (position[0], position[1], position[2])
    pitch = None if spacing is None or min(spacing) <= 0 else (spacing[0], spacing[1])
    return Plane(place, None if orientation is None else tuple(orientation), pitch)


def _cosines(orientation: Sequence[float]) -> bool:
    """Whether these are two directions of length 1 that span a plane."""
    row, column = np.asarray(orientation[:3]), np.asarray(orientation[3:])
    with np.errstate(all="ignore"):
        lengths = np.linalg.norm(row), np.linalg.norm(column), np.linalg.norm(np.cross(row, column))
    return bool(all(abs(length - 1) < 0.01 for length in lengths[:2]) and lengths[2] > 0.5)


def shown_order(planes: Sequence[Plane]) -> Sequence[int]:
    """Return the indices of the frames in the order they are shown: by geometry where all frames state theirs, else as stored.

    Frames of one direction stand together. Where several lie at one place (phases of the heart, echoes, repeats), the first
    of each place make one pass through the volume, then the second of each, and so on.
    """
    if any(plane.along_mm is None for plane in planes):
        return range(len(planes))
    directions: list[Any] = []
    passes: Counter[tuple[int, Any]] = Counter()
    keys = []
    for index, plane in enumerate(planes):
        direction = _direction(plane, directions)
        place = (direction, plane.position_mm)
        keys.append((direction, passes[place], plane.along_mm, index))
        passes[place] += 1
    order = [key[-1] for key in sorted(keys)]
    return range(len(order)) if order == list(range(len(order))) else order


def _direction(plane: Plane, directions: list[Any]) -> int:
    """Return which of `directions` the plane has; a new one is added to them."""
    along_row, along_column = np.asarray(plane.orientation[:3]), np.asarray(plane.orientation[3:])  # type: ignore[index]
    for number, (row, column) in enumerate(directions):
        if np.dot(row, along_row) > _SAME_DIRECTION and np.dot(column, along_column) > _SAME_DIRECTION:
            return number
    directions.append((along_row, along_column))
    return len(directions) - 1


def numbers(value: Any, count: int) -> list[float] | None:
    """Return the `count` finite numbers of an attribute; None when it does not hold that."""
    if value is None or isinstance(value, str) or not hasattr(value, "__len__") or len(value) != count:
        return None
    try:
        listed = [float(one) for one in value]
    except (TypeError, ValueError):
        return None
    return listed if np.isfinite(listed).all() else None
