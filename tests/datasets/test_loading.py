"""What model teams do with a pulled release, with their own tools and none of ours."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

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
    assert len(blocks) == 3
    for block in blocks[:2]:  # the third needs Hugging Face's library; it is the call tested above
        names: dict[str, Any] = {}
        exec(block, names)  # noqa: S102
        assert len(names["items"]) == 4


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
