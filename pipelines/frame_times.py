"""When a video's source presents what each frame of its proxy shows, as the frame table that ingest stored says."""

import io
from array import array
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from yuelu.base.errors import InvalidRecord
from yuelu.base.ledger.media import AssetRow
from yuelu.base.records import Role, asset_key
from yuelu.base.store.port import Store

_FRAME, _TIME = "proxy_frame", "time_s"


def frame_times_s(store: Store, video: AssetRow) -> Sequence[float] | None:
    """Return the source time in seconds of each frame of the proxy, in order; None when the video has no frame table.

    Raises InvalidRecord: what is stored is no frame table.
    """
    table = video.facts.get(Role.FRAME_TABLE.value)
    return None if table is None else read_frame_times(store.read(asset_key(str(table))))


def read_frame_times(data: bytes) -> Sequence[float]:
    """Return the column of source times of a frame table (Parquet: `proxy_frame` from 1, `time_s`). Raises InvalidRecord."""
    try:
        table = pq.read_table(io.BytesIO(data), columns=[_FRAME, _TIME])
    except (pa.ArrowException, KeyError) as error:
        raise InvalidRecord(f"not a frame table: {error}", "ingest the video again") from None
    if table.column_names != [_FRAME, _TIME] or table[_FRAME].to_pylist() != list(range(1, table.num_rows + 1)):
        raise InvalidRecord("not a frame table: its proxy frames are not 1, 2, 3…", "ingest the video again")
    return array("d", table[_TIME].to_pylist())
