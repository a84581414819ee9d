from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from yuelu.pipelines.media.counts import counted, percentiles
from yuelu.pipelines.media.dicom.greyscale import common_window, robust_window
from yuelu.pipelines.media.dicom.look import Look

some = st.sampled_from(["u1", "i1", "u2", "i2", "u4", "i4"]).flatmap(
    lambda kind: arrays.arrays(kind, st.integers(1, 50), elements=arrays.from_dtype(np.dtype(kind)))
)


@given(some, st.floats(0, 100))
def test_percentiles_are_those_of_numpy(values: NDArray[Any], wanted: float) -> None:
    told = np.percentile(values.astype(np.float64), wanted)  # of int8 it subtracts in int8: 0 less -128 is then -128
    assert percentiles(*counted(values), [wanted]) == pytest.approx([told], rel=1e-9, abs=1e-6)


@given(some)
def test_values_are_counted(values: NDArray[Any]) -> None:
    different, counts = counted(values)
    assert np.array_equal(np.repeat(different, counts), np.sort(values))


@pytest.mark.parametrize("kind", ["u1", "i2", "u2", "i4"])
def test_the_window_is_that_of_the_transformed_pixels(kind: str) -> None:
    rng = np.random.default_rng(3)
    span = np.iinfo(kind)
    frames = [rng.integers(span.min, span.max, (61, 67), kind, endpoint=True) for _ in range(3)]
    looks = [Look(), Look(slope=0.37, intercept=-1024), Look(slope=-2.5, intercept=3)]
    assert common_window(zip(frames, looks, strict=True)) == robust_window(
        look.modal(stored) for stored, look in zip(frames, looks, strict=True)
    )
