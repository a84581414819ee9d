"""Source times of a video's frames, from a table as ingest stores it."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from yuelu.base.errors import InvalidRecord
from yuelu.pipelines.frame_times import read_frame_times


def table(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def test_the_times_come_in_order() -> None:
    data = table(proxy_frame=[1, 2, 3], source_frame=[0, 0, 1], time_s=[1.4, 1.4, 1.48])
    assert list(read_frame_times(data)) == [1.4, 1.4, 1.48]


@pytest.mark.parametrize("data", [b"no table", table(time_s=[0.0]), table(proxy_frame=[0, 1], time_s=[0.0, 1.0])])
def test_another_table_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRecord, match="not a frame table"):
        read_frame_times(data)
