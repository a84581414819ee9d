"""Opens a pulled release as a model team would; runs as a program of its own, outside the repository's folder.

Usage: python load.py FOLDER. Prints one JSON object with what each library read.
"""

import json
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

# Hugging Face's: this program never has our folder of that name on its path, but mypy has.
from datasets import load_dataset  # type: ignore[attr-defined]


def main(folder: Path) -> None:
    """Print how many rows each library reads from `items.parquet`, and by which columns."""
    plain = pq.read_table(folder / "items.parquet", page_checksum_verification=True)
    with tempfile.TemporaryDirectory() as cache:
        loaded = load_dataset("parquet", data_files=str(folder / "items.parquet"), split="train", cache_dir=cache)
        found = {"pyarrow": plain.num_rows, "datasets": loaded.num_rows, "columns": loaded.column_names}
    print(json.dumps({**found, "same": loaded.column_names == plain.column_names}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
