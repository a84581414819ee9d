"""What model teams do with a pulled release, with their own tools and none of ours."""

import io
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import dask.dataframe
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image

from yuelu.base.canonical import sha256
from yuelu.base.errors import Misconfigured
from yuelu.datasets import Examples
from yuelu.datasets.labelled import Medium
from yuelu.datasets.pull import pull
from yuelu.datasets.selection import Selection

# Hugging Face's `datasets` is loaded elsewhere: in this checkout, `datasets` is a folder of ours.
_HUGGING_FACE = """
import json, sys
import pyarrow.parquet as pq
from datasets import Features, load_dataset
folder, cache = sys.argv[1:]
shown = {}
for table in ("items", "annotations", "assets", "evidence"):
    loaded = load_dataset("parquet", data_files=f"{folder}/{table}.parquet", split="train", cache_dir=cache)
    shown[table] = {"rows": len(loaded), "features": loaded.features.to_dict(), "first": loaded[0]}
    told = json.loads(pq.read_schema(f"{folder}/{table}.parquet").metadata[b"huggingface"])["info"]["features"]
    assert list(told) == list(loaded.features)
    assert Features.from_dict(told).arrow_schema == loaded.features.arrow_schema
print(json.dumps(shown, default=str))
"""


@pytest.fixture
def pulled(shop: Any, make: Any) -> Path:
    shop.publish([make.item(number) for number in range(4)])
    return Path(shop.pull())


def test_hugging_face_datasets_loads_every_table(pulled: Path, tmp_path: Path) -> None:
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "HOME": str(tmp_path), "HF_DATASETS_OFFLINE": "1"}
    command = [sys.executable, "-c", _HUGGING_FACE, str(pulled), str(tmp_path / "cache")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert [shown[table]["rows"] for table in ("items", "annotations", "assets", "evidence")] == [4, 12, 4, 4]
    features = shown["items"]["features"]
    assert features["probability"] == {"dtype": "float64", "_type": "Value"}
    assert features["boxes"]["_type"] == "List"
    assert features["boxes"]["feature"]["x_px"] == {"dtype": "float64", "_type": "Value"}
    assert features["choices"]["feature"]["labels"]["_type"] == "List"
    assert shown["items"]["first"]["choices"][0]["labels"] == ["good"]
    assert shown["annotations"]["features"]["answered_on"] == {"dtype": "date32", "_type": "Value"}
    assert shown["annotations"]["first"]["answered_on"] == "2026-05-06"


def test_pandas_loads_it(pulled: Path) -> None:
    items = pd.read_parquet(pulled / "items.parquet")
    assert list(items["project"]) == ["boards"] * 4
    assert items["boxes"][0][0]["width_px"] == 30.0


def test_arrow_loads_it_with_units_and_ids(pulled: Path) -> None:
    table = pq.read_table(pulled / "items.parquet", page_checksum_verification=True)
    assert table.schema.field("entropy").metadata[b"unit"] == b"bit, of the votes"
    assert table.schema.field("id").metadata[b"PARQUET:field_id"] == b"1"
    box = table.schema.field("boxes").type.value_type
    assert box.field("x_px").metadata[b"unit"] == b"px of the released file"
    assert (pulled / table["media"][0][0]["path"].as_py()).is_file()


def test_arrow_finds_rows_by_statistics(pulled: Path, make: Any) -> None:
    dataset = pads.dataset(pulled / "annotations.parquet")
    assert dataset.to_table(filter=pads.field("item") == make.item(2).id).num_rows == 3


def test_the_readme_says_what_works(pulled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (pulled / "README.md").read_text()
    assert text.startswith("# boards 1.0.0\n\n4 labelled items")
    monkeypatch.chdir(pulled)
    blocks = [block.split("```")[0] for block in text.split("```python\n")[1:]]
    assert len(blocks) == 6
    for block in (blocks[0], blocks[1], blocks[3], blocks[4]):  # the others need Hugging Face's library, tested above, or torch
        names: dict[str, Any] = {}
        exec(block, names)  # noqa: S102
        assert len(names["items"]) == 4


def _picture(number: int) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (64, 48), (number, 2 * number, 3 * number)).save(written, "PNG")
    return written.getvalue()


def _sound(number: int) -> bytes:
    written = io.BytesIO()
    soundfile.write(written, np.full(800, number / 100), 8000, format="FLAC")
    return written.getvalue()


@pytest.fixture
def media(shop: Any, make: Any) -> Any:
    """A shop with a release of 6 pictures and 2 recordings."""
    kinds = [("image", "image/png", _picture)] * 6 + [("audio", "audio/flac", _sound)] * 2
    items = []
    for number, (medium, media_type, made) in enumerate(kinds):
        data = made(number + 1)
        shop.known[sha256(data)] = data
        one = Medium(sha256(data), medium, media_type, len(data), sha256(data[::-1]), False, {})
        items.append(make.item(number, media=(one,), medium=medium))
    shop.publish(items)
    return shop


_STREAMED = """
import io, json, sys
import soundfile
from datasets import Audio, load_dataset
folder, cache = sys.argv[1:]
call = dict(path="parquet", data_files=f"{folder}/items.parquet", split="train", cache_dir=cache)
mapped = load_dataset(**call)
rows = [dict(row) for row in load_dataset(**call, streaming=True).cast_column("audio", Audio(decode=False))]
shown = {
    "features": [type(mapped.features[name]).__name__ for name in ("image", "audio")],
    "pixels": [row["image"].getpixel((0, 0)) for row in rows if row["image"]],
    "rates": [soundfile.info(io.BytesIO(row["audio"]["bytes"])).samplerate for row in rows if row["audio"]],
    "mapped": sorted(row["image"].size for row in mapped.remove_columns("audio") if row["image"]),
    "splits": sorted(row["split"] for row in rows),
}
print(json.dumps(shown))
"""


def test_hugging_face_streams_and_decodes_embedded_media(media: Any, tmp_path: Path) -> None:
    folder = tmp_path / "embedded"
    pull(media.store, "boards", None, folder, selection=Selection(embed=True))
    environment = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "HOME": str(tmp_path), "HF_DATASETS_OFFLINE": "1"}
    command = [sys.executable, "-c", _STREAMED, str(folder), str(tmp_path / "cache")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["features"] == ["Image", "Audio"]
    assert sorted(shown["pixels"]) == [[number, 2 * number, 3 * number] for number in range(1, 7)]
    assert shown["mapped"] == [[64, 48]] * 6
    assert shown["rates"] == [8000, 8000]
    assert len(shown["splits"]) == 8


def test_polars_duckdb_and_dask_load_it(pulled: Path) -> None:
    path = str(pulled / "items.parquet")
    items = pl.read_parquet(path)
    assert items["boxes"].list.len().to_list() == [1] * 4
    widths = pl.scan_parquet(path).explode("boxes").select(pl.col("boxes").struct.field("width_px")).collect()
    assert widths["width_px"].to_list() == [30.0] * 4
    with duckdb.connect() as base:
        base.read_parquet(path).create_view("items")
        base.read_parquet(str(pulled / "annotations.parquet")).create_view("annotations")
        base.execute("SELECT label, count(*) FROM (SELECT unnest(boxes, recursive := true) FROM items) GROUP BY label")
        assert base.fetchall() == [("scratch", 4)]
        base.execute("SELECT i.project, count(*) FROM items i JOIN annotations a ON a.item = i.id GROUP BY 1")
        assert base.fetchall() == [("boards", 12)]
    frame = dask.dataframe.read_parquet(path, columns=["id", "split", "probability"])
    assert frame["probability"].mean().compute(scheduler="synchronous") == pytest.approx(0.9)


@pytest.mark.parametrize("embed", [False, True])
def test_a_map_style_dataset_has_every_item_and_its_bytes(media: Any, tmp_path: Path, embed: bool) -> None:
    folder = tmp_path / "folder"
    pull(media.store, "boards", None, folder, selection=Selection(embed=embed))
    everything = pickle.loads(pickle.dumps(Examples(folder)))  # noqa: S301  # as loaders send it to their workers
    assert len(everything) == 8
    assert [sha256(row["media"][0]["data"]) for row in everything] == [row["media"][0]["sha256"] for row in everything]
    assert everything[-1]["id"] == everything[7]["id"] == max(row["id"] for row in everything)
    with pytest.raises(IndexError):
        everything[8]
    train = Examples(folder, split="train", transform=lambda row: row["split"])
    assert list(train) == ["train"] * len(train)
    with pytest.raises(Misconfigured, match="has no split 'dev'"):
        Examples(folder, split="dev")


def test_pytorch_loads_it(media: Any, tmp_path: Path) -> None:
    loaders = pytest.importorskip("torch.utils.data")
    folder = tmp_path / "folder"
    pull(media.store, "boards", None, folder)
    batches = list(loaders.DataLoader(Examples(folder), batch_size=3, num_workers=1, collate_fn=list))
    assert [len(batch) for batch in batches] == [3, 3, 2]


_BARE = """
import sys
for absent in ("numpy", "pandas", "sqlalchemy", "alembic", "dask", "distributed", "scipy", "httpx", "cv2", "av", "pydicom"):
    sys.modules[absent] = None  # as if it were not installed
from pathlib import Path
from yuelu.base.store.local import LocalStore
from yuelu.datasets.diff import diff
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_folder, open_release
from yuelu.datasets.verify import verify
import yuelu.datasets.commit
store, dest = LocalStore(Path(sys.argv[1])), Path("bare")
pull(store, "boards", None, dest)
assert verify(dest).ok
assert open_folder(dest).table("items").num_rows == 4
assert not diff(open_release(store, "boards"), open_folder(dest)).changed
"""


def test_core_dependencies_are_enough_to_pull_verify_and_diff(shop: Any, pulled: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", _BARE, str(shop.root / "store")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert pulled.is_dir()
