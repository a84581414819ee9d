"""Random damage to a pulled release: all of it is found, and a release without damage is never accused.

`YUELU_MUTATIONS=5000` runs the full number; a run without it does some hundred, with the same seed.
"""

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest

from yuelu.base.canonical import canonical
from yuelu.datasets.verify import verify

COUNT = int(os.environ.get("YUELU_MUTATIONS", "60"))


class Folder:
    """A pulled release to damage, its untouched bytes, and older signed manifests of the same dataset."""

    def __init__(self, root: Path, older: list[bytes]) -> None:
        self.root, self.older = root, older
        self.files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        self.whole = {name: (root / name).read_bytes() for name in self.files}

    def write(self, name: str, data: bytes) -> None:
        (self.root / name).write_bytes(data)

    def restore(self) -> None:
        for name, data in self.whole.items():
            path = self.root / name
            if not path.is_file() or path.read_bytes() != data:
                path.write_bytes(data)
        for path in self.root.rglob("*"):
            if path.is_file() and path.relative_to(self.root).as_posix() not in self.whole:
                path.unlink()


def flip(folder: Folder, draw: random.Random) -> None:
    name = draw.choice(folder.files)
    data = bytearray(folder.whole[name])
    for _ in range(draw.choice((1, 1, 1, 8))):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    if bytes(data) == folder.whole[name]:  # eight flips may undo one another
        data[0] ^= 1
    folder.write(name, bytes(data))


def truncate(folder: Folder, draw: random.Random) -> None:
    name = draw.choice(folder.files)
    folder.write(name, folder.whole[name][: draw.randrange(len(folder.whole[name]))])


def lengthen(folder: Folder, draw: random.Random) -> None:
    name = draw.choice(folder.files)
    folder.write(name, folder.whole[name] + draw.randbytes(draw.randrange(1, 64)))


def zero(folder: Folder, draw: random.Random) -> None:
    name = draw.choice(folder.files)
    data = bytearray(folder.whole[name])
    at, size = draw.randrange(len(data)), draw.randrange(1, 512)
    data[at : at + size] = bytes(len(data[at : at + size]))
    if bytes(data) == folder.whole[name]:
        data = data[:-1]
    folder.write(name, bytes(data))


def swap(folder: Folder, draw: random.Random) -> None:
    while True:
        one, other = draw.sample(folder.files, 2)
        if folder.whole[one] != folder.whole[other]:
            break
    folder.write(one, folder.whole[other])
    folder.write(other, folder.whole[one])


def remove(folder: Folder, draw: random.Random) -> None:
    (folder.root / draw.choice(folder.files)).unlink()


def stranger(folder: Folder, draw: random.Random) -> None:
    folder.write(f"media/{draw.randbytes(32).hex()}.png", draw.randbytes(20))


def edit(folder: Folder, draw: random.Random) -> None:
    """Change one value somewhere in the manifest, and keep it canonical JSON."""
    document = json.loads(folder.whole["manifest.json"])
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, each in inside:
            places.append((value, key))
            walk(each)

    walk(document)
    holder, key = draw.choice(places)
    old = holder[key]
    if isinstance(old, str):
        holder[key] = f"{old}x" if draw.random() < 0.5 else old[:-1] + chr(ord(old[-1]) ^ 1) if old else "x"
    elif isinstance(old, bool) or old is None:
        holder[key] = not old
    elif isinstance(old, int | float):
        holder[key] = old + draw.choice((-1, 1))
    elif draw.random() < 0.5 and isinstance(holder, dict):
        del holder[key]
    else:
        holder[key] = [*old, 1] if isinstance(old, list) else {**old, "more": 1}
    folder.write("manifest.json", canonical(document))


def replay(folder: Folder, draw: random.Random) -> None:
    folder.write("manifest.json", draw.choice(folder.older))


MUTATIONS = (flip, truncate, lengthen, zero, swap, remove, stranger, edit, edit, replay)


@pytest.fixture
def folder(shop: Any, make: Any) -> Folder:
    older = []
    for count in range(1, 7):
        older.append(shop.publish([make.item(number) for number in range(count)]).release.signed)
    return Folder(Path(shop.pull()), older[:-1])


def test_all_damage_is_found_and_nothing_else(folder: Folder, make: Any) -> None:
    draw = random.Random(20261122)
    missed, false_alarms = [], []
    for number in range(COUNT):
        mutation = draw.choice(MUTATIONS)
        mutation(folder, draw)
        if verify(folder.root, make.KEY.public).ok:
            missed.append((number, mutation.__name__))
        folder.restore()
        if not verify(folder.root, make.KEY.public).ok:
            false_alarms.append(number)
    assert (missed, false_alarms) == ([], [])
