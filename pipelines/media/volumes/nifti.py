"""NIfTI volumes: a copy with a clean header, and axial slices seen from the feet, as radiologists look at them.

A volume over time (4D) is shown by its first time point: labels in space are what it is delivered for, and slices over
time would be one film for each slice.
"""

import zlib
from typing import Any, BinaryIO, Literal

import numpy as np
from nibabel.imageglobals import LoggingOutputSuppressor
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from nibabel.orientations import aff2axcodes, apply_orientation, axcodes2ornt, inv_ornt_aff, io_orientation, ornt_transform
from numpy.typing import NDArray

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.dicom.greyscale import robust_window, shown_grey
from yuelu.pipelines.media.dicom.look import Look
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, check_size, windowed
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused, bytes_of
from yuelu.pipelines.media.volumes.geometry import Plane, plane_facts
from yuelu.pipelines.media.volumes.nifti_copy import clean_file, evidence
from yuelu.pipelines.media.volumes.stack import stacked

_GZIP = b"\x1f\x8b"
_LABELS = 1002  # intent code of a map of labels
_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}  # per unit of length, by the code of xyzt_units
_SPACES = {1: "scanner", 2: "aligned", 3: "talairach", 4: "mni", 5: "template"}
_MOST_EXTENSIONS = 10_000  # that are counted; all are removed
_SAMPLED = 1 << 22  # voxels that the window is found from
_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])  # NIfTI's x and y point to the right and to the front


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the volume as a stack of axial slices from the feet to the head, and its copy with a clean header.

    Raises Refused: no single volume of numbers or colours, or too large.
    """
    raw = bytes_of(file, context.limits.picture_bytes)
    compressed = raw[:2] == _GZIP
    data = inflated(raw, context.limits.picture_bytes) if compressed else raw
    if len(data) > context.limits.picture_bytes:
        raise Refused(f"more than {context.limits.picture_bytes} bytes in one volume", "split the volume first")
    header, extensions = _header(data)
    voxels, length = _voxels(data, header, context.limits)
    start = int(header["vox_offset"])
    copy = clean_file(header, memoryview(data)[start : start + length], compressed=compressed)
    facts, parts = _shown(voxels, header, context.limits)
    facts["deid"] = evidence(header, extensions, len(data) - start - length)
    return Reading(
        Medium.IMAGE, context.media_type, facts, (Derived(Role.DEIDENTIFIED, Medium.IMAGE, context.media_type, copy), *parts)
    )


def inflated(data: bytes, most: int) -> bytes:
    """Return what gzip packed. Raises Refused: more than `most` bytes, or cut short; no more than that is ever held."""
    unpacker = zlib.decompressobj(31)
    try:
        plain = unpacker.decompress(data, most + 1)
    except zlib.error as error:
        raise Refused(f"cannot be decoded: {error}", "check the file at its origin") from None
    if len(plain) > most:
        raise Refused(f"more than {most} bytes in one volume", "split the volume first")
    if not unpacker.eof:
        raise Refused("cannot be decoded: the gzip stream is cut short", "check the file at its origin")
    return plain


def _header(data: bytes) -> tuple[Nifti1Header, int]:
    """Return the header and how many extensions follow it."""
    kind = Nifti2Header if data[4:8] in (b"n+2\0", b"ni2\0") else Nifti1Header
    with LoggingOutputSuppressor():
        header = kind(data[: kind.template_dtype.itemsize], check=False)
    start, at = int(header["vox_offset"]), len(header.binaryblock)
    if not at + 4 <= start <= len(data):
        raise Refused(f"the voxels begin at byte {start} of {len(data)}", "check the file at its origin")
    return header, _extensions(data[at:start], "little" if header.endianness == "<" else "big")


def _extensions(between: bytes, order: Literal["little", "big"]) -> int:
    """Return how many extensions lie between header and voxels: after four bytes, each tells its own size."""
    count, at = 0, 4
    while between[:1] != b"\0" and at + 8 <= len(between) and count < _MOST_EXTENSIONS:
        at += max(8, int.from_bytes(between[at : at + 4], order))
        count += 1
    return count


def _voxels(data: bytes, header: Nifti1Header, limits: Limits) -> tuple[NDArray[Any], int]:
    """Return the first volume, three axes, as stored, and how many bytes all volumes take."""
    axes = int(header["dim"][0])
    shape = tuple(int(size) for size in header["dim"][1 : 1 + axes]) if 1 <= axes <= 7 else ()
    if not shape or min(shape) < 1:
        raise Refused(f"a volume of {' x '.join(map(str, shape)) or 'no axes'}", "check the file at its origin")
    if any(size > 1 for size in shape[4:]) or int(header["intent_code"]) == _LABELS:
        raise Refused("no reader for NIfTI of vectors or labels", "ingest the image it was made from")
    spatial = (*shape, 1, 1)[:3]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        check_size(spatial[one], spatial[other], limits)
    if max(spatial) > limits.frames:
        raise Refused(f"{max(spatial)} slices are more than the limit of {limits.frames}", "split the volume first")
    try:
        dtype = header.get_data_dtype()
    except Exception:  # nibabel's own error for a code that no type has
        dtype = np.dtype("V")
    if dtype.names is None and (dtype.kind not in "iuf" or dtype.itemsize > 8):
        raise Refused(f"no reader for NIfTI of data type {int(header['datatype'])}", "convert it to whole numbers or floats")
    count, start = int(np.prod(spatial, dtype=object)), int(header["vox_offset"])
    length = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if start + length > len(data):
        raise Refused(f"{len(data) - start} bytes of voxels, not {length}", "check the file at its origin")
    return np.frombuffer(data, dtype, count, start).reshape(spatial, order="F"), length


def _shown(voxels: NDArray[Any], header: Nifti1Header, limits: Limits) -> tuple[dict[str, Any], tuple[Derived, ...]]:
    affine = _affine(header)
    lying = io_orientation(affine)
    if np.isnan(lying).any():
        raise Refused("the axes of the volume span no space", "set its sform or qform at its origin")
    turn = ornt_transform(lying, axcodes2ornt("LPS"))
    turned = apply_orientation(voxels, turn)
    to_voxel = inv_ornt_aff(turn, voxels.shape)
    planes = _planes(affine @ to_voxel, turned.shape[2], placed=_space(header) is not None)
    if voxels.dtype.names is not None:
        stack = stacked((_colour(turned[:, :, k].T) for k in range(turned.shape[2])), turned.shape[2], limits)
        window = None
    else:
        look = _look(header)
        common = robust_window([look.modal(voxels.ravel(order="K")[:: -(-voxels.size // _SAMPLED)].astype(np.float64))])
        pictures = (shown_grey(np.ascontiguousarray(turned[:, :, k].T), look, common) for k in range(turned.shape[2]))
        stack = stacked(pictures, turned.shape[2], limits)
        window = {"centre": round(common.centre, 6), "width": round(common.width, 6), "function": common.function}
    volumes = int(header["dim"][4]) if int(header["dim"][0]) > 3 else 1
    facts = {
        **stack.facts, **plane_facts(planes), "window": window, "modality": None, "space": _space(header),
        "voxels": list(voxels.shape), "voxel_axes": "".join(aff2axcodes(affine)), "volumes": volumes, "volume_shown": 0,
        "affine_ras_mm": affine.tolist(), "voxel_of_picture": to_voxel.tolist(),
    }  # fmt: skip
    return facts, stack.parts


def _affine(header: Nifti1Header) -> NDArray[np.float64]:
    """Return voxel indices -> millimetres to the right, front and head. Raises Refused: it is no map of space."""
    affine = np.asarray(header.get_best_affine(), np.float64)
    affine = np.diag([_MM.get(int(header["xyzt_units"]) & 7, 1.0)] * 3 + [1.0]) @ affine
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-12:
        raise Refused("the axes of the volume span no space", "set its sform or qform at its origin")
    return affine


def _space(header: Nifti1Header) -> str | None:
    """Return the space that the affine leads to; None when the header knows the size of voxels, but not their place."""
    return _SPACES.get(int(header["sform_code"]) or int(header["qform_code"]))


def _planes(affine: NDArray[np.float64], count: int, *, placed: bool) -> list[Plane]:
    """Return the planes in DICOM's terms. The axes of a sheared volume are not at right angles; the equation holds still."""
    lps = _TO_LPS @ affine
    steps = np.linalg.norm(lps[:3, :2], axis=0)
    row, column = lps[:3, 0] / steps[0], lps[:3, 1] / steps[1]
    orientation = tuple(round(float(one), 9) + 0.0 for one in (*row, *column))
    planes = []
    for k in range(count):
        x, y, z, _ = (round(float(one), 6) + 0.0 for one in lps @ (0, 0, k, 1))
        spacing = (round(float(steps[1]), 9), round(float(steps[0]), 9))
        planes.append(Plane((x, y, z), orientation, spacing) if placed else Plane(None, None, spacing))
    return planes


def _look(header: Nifti1Header) -> Look:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite(slope) or slope == 0 or not np.isfinite(intercept):
        return Look()  # the standard: not scaled
    return Look(slope, intercept)


def _colour(slice_: NDArray[Any]) -> Pixels:
    channels = [slice_[name] for name in ("R", "G", "B")]
    return windowed(np.stack(channels, axis=-1), 0, 255)
