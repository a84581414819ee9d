"""A NIfTI file without what its header may say of people: only what the voxels mean and where they lie stays."""

import zlib
from typing import Any

from nibabel.nifti1 import Nifti1Header

# Header fields that stay (NIfTI-1 and -2 have them all). The others are text, unused, or said again elsewhere.
_KEPT = (
    "dim_info", "dim", "intent_p1", "intent_p2", "intent_p3", "intent_code", "datatype", "bitpix", "slice_start", "pixdim",
    "scl_slope", "scl_inter", "slice_end", "slice_code", "xyzt_units", "cal_max", "cal_min", "slice_duration", "toffset",
    "qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d", "qoffset_x", "qoffset_y", "qoffset_z",
    "srow_x", "srow_y", "srow_z",
)  # fmt: skip
_AXES = 8  # of dim and pixdim, the first of which tells how many of the others count


def clean_header(header: Nifti1Header) -> Nifti1Header:
    """Return a header of the same kind and byte order with the kept fields alone, and no extensions."""
    clean = type(header)(endianness=header.endianness)
    for name in _KEPT:
        clean[name] = header[name]
    used = int(header["dim"][0])
    for axis in range(used + 1, _AXES):
        clean["dim"][axis], clean["pixdim"][axis] = 1, 1
    clean["vox_offset"] = clean.single_vox_offset
    return clean


def clean_file(header: Nifti1Header, data: memoryview, *, compressed: bool) -> bytes:
    """Return header and voxels as one file; the four bytes between them say that no extensions follow."""
    whole = b"".join((clean_header(header).binaryblock, bytes(4), data))
    if not compressed:
        return whole
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)  # gzip, whose header then names neither file nor time
    return packer.compress(whole) + packer.flush()


def evidence(header: Nifti1Header, extensions: int, trailing_bytes: int) -> dict[str, Any]:
    """Return what was taken away, as JSON values: names of fields and counts, nothing of what they held."""
    held = sorted(
        name for name in header if name not in _KEPT and header[name].dtype.kind == "S" and header[name].item().strip(b"\0 ")
    )
    emptied = [name for name in held if name not in ("magic", "regular")]
    return {"profile": "nifti-header", "emptied": emptied, "extensions_removed": extensions, "trailing_bytes": trailing_bytes}
