"""The bytes of the de-identified copy, with nothing in its pixels but pixels."""

import io

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from yuelu.pipelines.deid.engine import transfer_syntax
from yuelu.pipelines.media.dicom.frames import Frames, whole


def written(dataset: Dataset) -> bytes:
    """Return the object as a file."""
    file = io.BytesIO()
    dcmwrite(file, dataset, enforce_file_format=True)
    return file.getvalue()


def with_pixels_only(dataset: Dataset) -> bytes:
    """Return the object as a file whose samples are as before and whose unused bits are empty, or repeat the sign.

    What was compressed is not compressed again: the samples are written as they are, in Explicit VR Little Endian.
    """
    frames = Frames(dataset)
    bits, signed = whole(dataset, "BitsAllocated", 8), whole(dataset, "PixelRepresentation")
    syntax = transfer_syntax(dataset)
    little = syntax.is_encapsulated or syntax.is_little_endian
    cell = np.dtype(f"{'i' if signed else 'u'}{bits // 8}").newbyteorder("<" if little else ">")
    data = b"".join(values.astype(cell).tobytes() for values in frames.in_order(range(frames.count)))
    if whole(dataset, "SamplesPerPixel", 1) > 1:
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.HighBit = whole(dataset, "BitsStored", bits) - 1
    if syntax.is_encapsulated:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset["PixelData"].is_undefined_length = False
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    dataset["PixelData"].value = data + b"\0" * (len(data) % 2)
    return written(dataset)
