"""When a video's source presents what each frame of its proxy shows, as the frame table that ingest stored says."""

from array import array
from collections.abc import Sequence

from yuelu.base.ledger.media import AssetRow
from yuelu.base.records import Role, asset_key
from yuelu.base.store.port import Store
from yuelu.pipelines.media.video.frame_table import read_table


def frame_times_s(store: Store, video: AssetRow) -> Sequence[float] | None:
    """Return the source time in seconds of each frame of the proxy, in order; None when the video has no frame table.

    Raises InvalidRecord: what is stored is no frame table.
    """
    table = video.facts.get(Role.FRAME_TABLE.value)
    return None if table is None else array("d", read_table(store.read(asset_key(str(table))))["time_s"].to_pylist())
