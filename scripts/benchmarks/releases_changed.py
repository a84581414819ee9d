"""Bytes that a version writes when 1 % of the rows change: clustered, scattered, appended and deleted, against Lance."""

import shutil
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from measuring import OURS, PEER, Row, Settings, timed
from peers import ask
from releases_written import NAME, items, published

from yuelu.base.store.local import LocalStore
from yuelu.datasets.build import build
from yuelu.datasets.labelled import LabelledItem
from yuelu.datasets.release import open_release

_LANCE = """
import lance, os, pyarrow.parquet as pq, shutil
def size(folder):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names)
for name in [str(each) for each in given["names"]]:
    shutil.rmtree("lance", ignore_errors=True)
    data = lance.write_dataset(pq.read_table("before.parquet"), "lance")
    before, new = size("lance"), pq.read_table(name + ".parquet")
    def change(name=name, new=new):
        if name == "delete":
            for start in range(0, len(new), 1000):
                data.delete("id in (" + ",".join(f"'{one}'" for one in new["id"].to_pylist()[start:start + 1000]) + ")")
        elif name == "append":
            lance.write_dataset(new, "lance", mode="append")
        else:
            data.merge_insert("id").when_matched_update_all().execute(new)
    timed(name, change, once=True)
    told[name][2] = size("lance") - before
"""
_SHARE = 100  # one in so many rows changes


def rows(settings: Settings) -> list[Row]:
    """Return the bytes of each change as a note: of all four tables and the manifest, and of `items` alone as Lance holds it."""
    count = 10_000 if settings.quick else 100_000
    base = settings.folder / "base"
    published(LocalStore(base), build(items(count, settings.seed)))
    pq.write_table(open_release(LocalStore(base), NAME).table("items"), settings.folder / "before.parquet")
    made: dict[str, Row] = {}
    for name, change in _changes(count, settings.seed).items():
        made[name] = _ours(settings, name, change, count)
    theirs = ask(settings, _LANCE, names=np.array(list(made)))
    found = []
    for name, row in made.items():
        found.append(row)
        if name in theirs:
            told = theirs[name]
            note = f"{told.found} bytes"
            found.append(Row(row.job, "Lance, items alone", PEER, row.items, told.cpu_s, told.wall_s, told.found, note=note))
    return found


def _changes(count: int, seed: int) -> dict[str, Callable[[], Iterator[LabelledItem]]]:
    part, start = count // _SHARE, count // 3
    scattered = frozenset(np.random.default_rng(seed).choice(count, part, replace=False).tolist())
    return {
        "clustered": lambda: items(count, seed, frozenset(range(start, start + part))),
        "scattered": lambda: items(count, seed, scattered),
        "append": lambda: chain(items(count, seed), items(part, seed, first=count)),
        "delete": lambda: (item for number, item in enumerate(items(count, seed)) if number not in scattered),
    }


def _ours(settings: Settings, name: str, change: Callable[[], Iterator[LabelledItem]], count: int) -> Row:
    folder = settings.folder / name
    shutil.copytree(settings.folder / "base", folder)
    store, built = LocalStore(folder), build(change())
    before, old = _size(folder), open_release(store, NAME)
    spent = timed(lambda: published(store, built))
    grown, new = _size(folder) - before, open_release(store, NAME)
    known = {part.file.sha256 for part in old.manifest.parts}
    written = sum(part.file.bytes for part in new.manifest.layers("items") if part.file.sha256 not in known)
    pq.write_table(_told(name, old.table("items"), new.table("items")), settings.folder / f"{name}.parquet")
    shutil.rmtree(folder)
    note = f"{written} bytes of items, {grown} of all tables, notes and manifest"
    return Row(f"1 % of {count} items: {name}", "yuelu publish", OURS, count // _SHARE, *spent, written, note=note)


def _told(name: str, old: pa.Table, new: pa.Table) -> pa.Table:
    """Return what Lance is told: the rows that are new or changed, or those that went."""
    if name == "delete":
        return old.filter(pc.invert(pc.is_in(old["id"], value_set=new["id"].combine_chunks())))
    if name == "append":
        return new.filter(pc.invert(pc.is_in(new["id"], value_set=old["id"].combine_chunks())))
    same = [one == other for one, other in zip(old["choices"].to_pylist(), new["choices"].to_pylist(), strict=True)]
    return new.filter(pc.invert(pa.array(same)))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
