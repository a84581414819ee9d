"""The README that travels with a release: what it is, and the ways to load it."""

from collections.abc import Mapping
from typing import Any


def readme(document: Mapping[str, Any]) -> str:
    """Return the text, made from the manifest alone."""
    identity, content = document["identity"], document["content"]
    splits = ", ".join(f"{split} {part['items']}" for split, part in document["splits"]["parts"].items())
    return _TEXT.format(
        title=f"{identity['name']} {identity['version']}",
        items=content["merkle"]["leaves"],
        splits=splits or "none",
        files=content["media"]["files"],
        grade=document["governance"]["grade"],
        terms="; ".join(document["governance"]["terms"]),
    )


_TEXT = """# {title}

{items} labelled items ({splits}), {files} media files. Grade: {grade}. Terms: {terms}.

| file | what is in it |
|---|---|
| items.parquet | one row per item: media, split, labels, probability |
| annotations.parquet | every answer that counts, by pseudonym and day |
| assets.parquet | one row per media file |
| evidence.parquet | digests that lead from each item to the answers and decisions behind it |
| media/ | the media, named by their SHA-256 |
| manifest.json | the signed passport of this release |

Rows of one group (a patient, a device, a recording) are all in one split. Times of answers are given to the day, because
exact times would tell who the annotators are. Check everything, offline: `yuelu verify . --key publisher.pem`.

## Load it

With Arrow:

```python
import pyarrow.parquet as pq

items = pq.read_table("items.parquet")
```

With pandas:

```python
import pandas as pd

items = pd.read_parquet("items.parquet")
train = items[items["split"] == "train"]
```

With Hugging Face datasets:

```python
from datasets import load_dataset

items = load_dataset("parquet", data_files="items.parquet", split="train")
train = items.filter(lambda row: row["split"] == "train")
```

With Polars, and with DuckDB:

```python
import polars as pl

items = pl.read_parquet("items.parquet")
train = items.filter(pl.col("split") == "train")
```

```python
import duckdb

items = duckdb.sql("SELECT id, split, unnest(boxes, recursive := true) FROM 'items.parquet'")
```

With PyTorch (`pip install yuelu torch`):

```python
from torch.utils.data import DataLoader
from yuelu.datasets import Examples

train = DataLoader(Examples(".", split="train"), batch_size=8, shuffle=True, num_workers=2, collate_fn=list)
```

`media[0].path` of a row is the path of its first file from this folder (its bytes are `media[0]["data"]` of an example); a
box stands on the file at its `item`, from 0. Boxes are in pixels, times in seconds, frames count from 1; the units stand in
the metadata of each Parquet column. A folder with `plain.json` may hold a part of the release: it tells what was left out.
Pulled with `--embed`, `items.parquet` has the pictures and sound in it, as Hugging Face decodes them.
"""
