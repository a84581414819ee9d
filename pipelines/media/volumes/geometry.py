"""Where a pixel of the proxy lies: in millimetres of the patient, and in which frame of the source. Pure, over facts alone.

Facts of an asset shown as one picture hold one value each; of one shown as several pictures, a list with a value for each:
`image_position_mm` (the centre of the first pixel, in DICOM's patient system: x to the left, y to the back, z to the head),
`image_orientation` (direction cosines of a row, then of a column), `pixel_spacing_mm` (between rows, between columns).
`scale` is by how much the picture was enlarged. Pixel coordinates are those of the proxy and of its labels: (0, 0) is the
upper left corner of the picture, so the centre of the first pixel is at (0.5, 0.5) where nothing was enlarged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Plane:
    """Where a picture lies in the patient; a value is None where the object does not say it."""

    position_mm: Point | None
    orientation: tuple[float, ...] | None
    spacing_mm: tuple[float, float] | None

    @property
    def along_mm(self) -> float | None:
        """How far along its normal the picture lies: what slices are sorted by. None where that is not said."""
        if self.position_mm is None or self.orientation is None:
            return None
        with np.errstate(all="ignore"):
            along = round(float(np.dot(np.cross(self.orientation[:3], self.orientation[3:]), self.position_mm)), 6)
        return along + 0.0 if np.isfinite(along) else None


def plane_facts(planes: Sequence[Plane]) -> dict[str, Any]:
    """Return the facts of one picture, or of several in the order they are shown."""
    told = {
        "image_position_mm": [_listed(plane.position_mm) for plane in planes],
        "image_orientation": [_listed(plane.orientation) for plane in planes],
        "pixel_spacing_mm": [_listed(plane.spacing_mm) for plane in planes],
    }
    if len(planes) == 1:
        return {**{name: values[0] for name, values in told.items()}, "slice_position_mm": planes[0].along_mm}
    return {**told, "slice_positions_mm": [plane.along_mm for plane in planes]}


def to_patient_mm(facts: Mapping[str, Any], frame: int, x_px: float, y_px: float) -> Point | None:
    """Return where a point of picture `frame` (from 0) lies in the patient; None where the object does not say.

    Source: DICOM PS3.3 section C.7.6.2.1.1, equation C.7.6.2.1-1.
    """
    if (matrix := _matrix(facts, frame)) is None:
        return None
    scale = float(facts.get("scale") or 1)
    x, y, z = matrix[:, :2] @ (x_px / scale - 0.5, y_px / scale - 0.5) + matrix[:, 3]
    return float(x), float(y), float(z)


def to_pixels(facts: Mapping[str, Any], frame: int, point_mm: Point) -> Point | None:
    """Return where a point of the patient lies on picture `frame` (from 0): x_px, y_px and how far off its plane in mm.

    None where the object does not say. The distance is along the normal: row direction x column direction.
    """
    if (matrix := _matrix(facts, frame)) is None:
        return None
    scale = float(facts.get("scale") or 1)
    try:
        column, row, off = np.linalg.solve(matrix[:, :3], np.asarray(point_mm, float) - matrix[:, 3])
    except np.linalg.LinAlgError:
        return None
    return float((column + 0.5) * scale), float((row + 0.5) * scale), float(off)


def to_voxel(facts: Mapping[str, Any], frame: int, x_px: float, y_px: float) -> Point | None:
    """Return the voxel indices (centres are whole numbers) of the source volume at a point of picture `frame`.

    None where the asset was made of no volume of voxels: of a NIfTI it was.
    """
    if (matrix := facts.get("voxel_of_picture")) is None:
        return None
    scale = float(facts.get("scale") or 1)
    i, j, k, _ = np.asarray(matrix, float) @ (x_px / scale - 0.5, y_px / scale - 0.5, frame, 1)
    return float(i), float(j), float(k)


def source_frame(facts: Mapping[str, Any], frame: int) -> int:
    """Return the number (from 1) of the frame in the source object that picture `frame` (from 0) shows."""
    numbers = facts.get("source_frame")
    return int(numbers[frame]) if isinstance(numbers, list) else frame + 1


def _matrix(facts: Mapping[str, Any], frame: int) -> NDArray[np.float64] | None:
    """Return the columns: a step along a row, along a column, along the normal (1 mm), and the first pixel's place."""
    position, orientation, spacing = (
        _of(facts.get(name), frame) for name in ("image_position_mm", "image_orientation", "pixel_spacing_mm")
    )
    if position is None or orientation is None or spacing is None:
        return None
    along_row, along_column = np.asarray(orientation[:3], float), np.asarray(orientation[3:], float)
    normal = np.cross(along_row, along_column)
    # The first spacing is between rows: the step down a column (PS3.3 section 10.7.1.3).
    return np.column_stack([along_row * spacing[1], along_column * spacing[0], normal, np.asarray(position, float)])


def _of(value: Any, frame: int) -> Any:
    return value[frame] if isinstance(value, list) and (not value or value[0] is None or isinstance(value[0], list)) else value


def _listed(values: Sequence[float] | None) -> list[float] | None:
    return None if values is None else list(values)
