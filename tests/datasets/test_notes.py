"""Release notes and the drift of classes that they tell."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco
from scipy.special import rel_entr

from yuelu.datasets.diff import diff
from yuelu.datasets.drift import ONLY_NEW, drift, total
from yuelu.datasets.overlap import mask_iou
from yuelu.datasets.release import open_release


def test_drift_is_the_symmetrised_divergence_that_scipy_finds() -> None:
    before, after = (
        Counter({("c", "a"): 80, ("c", "b"): 15, ("c", "d"): 5}),
        Counter({("c", "a"): 60, ("c", "b"): 30, ("c", "d"): 10}),
    )
    old, new = np.array([0.8, 0.15, 0.05]), np.array([0.6, 0.3, 0.1])
    parts = drift(before, after)
    assert total(parts) == pytest.approx(float((rel_entr(old, new) + rel_entr(new, old)).sum()))
    assert [part.psi for part in parts] == pytest.approx((rel_entr(old, new) + rel_entr(new, old)).tolist())


def test_a_class_that_one_release_lacks_has_no_number() -> None:
    one, other = drift({("c", "a"): 4}, {("c", "a"): 3, ("c", "b"): 1})
    assert (other.psi, other.reason, other.after) == (None, ONLY_NEW, 1)
    assert total((one, other)) is None


def _mask(cells: np.ndarray[Any, Any]) -> dict[str, Any]:
    told = coco.encode(np.asfortranarray(cells.astype(np.uint8)))
    return {"size": list(cells.shape), "counts": told["counts"].decode()}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools and NumPy 2
def test_masks_overlap_as_pycocotools_says() -> None:
    draw = np.random.default_rng(7)
    for _ in range(50):
        one, other = draw.random((2, 9, 6)) < draw.random()
        one[0, 0] = True  # pycocotools gives two empty masks 0
        here, there = _mask(one), _mask(other)
        assert mask_iou(here, there) == pytest.approx(coco.iou([here], [there], [0])[0, 0])


def _texts(shop: Any) -> dict[str, str]:
    release = open_release(shop.store, "boards")
    return {file.path: release.read(file).decode() for file in release.manifest.documents}


def test_the_notes_of_a_version_tell_what_changed(shop: Any, make: Any) -> None:
    gate = {"policy": "default", "batches": {"accept": 1}, "tasks": {"accept": 3, "rework": 1}, "waivers": [
        {"batch": "b1", "outcome": "reject", "rule": "alpha", "owner": "Li <Wei>", "reason": "a | b"},
    ]}  # fmt: skip
    quality = {"scores": [], "gates": [gate]}
    shop.publish([make.item(n) for n in range(4)], quality=quality)
    first = _texts(shop)["NOTES.md"]
    assert first.startswith("# boards@1.0.0\n\nThe first version: 4 items.\n")
    assert "| quality | good | 4 |" in first

    moved = make.item(1, (make.choice(probability=0.9), make.box(x=25.0, support=1.0)))  # of 30 px width, moved by 15: 1/3
    changed = make.item(0, (make.choice("bad"), make.box(support=1.0)))
    settled = changed.judgement.__class__(changed.judgement.regions, 3, corrected=True, adjudicator_pid="pid-9")
    items = [make.item(0, judgement=settled), moved, make.item(2), make.item(4)]
    shop.publish(items, quality=quality)
    notes = _texts(shop)
    for line in (
        "# boards@2.0.0",
        "4 items. Since boards@1.0.0:",
        "- items added: 1",
        "- items removed: 1",
        "- items changed: 2",
        "- labels changed: 1",
        "- regions moved: 1; mean overlap (IoU) 0.33",
        "| quality | good | bad | 1 |",
        "| pid-9 | 1 |",
        "| quality | bad | 0 | 1 | - (only the new release has it) |",
        "| default | tasks | accept 3, rework 1 |",
        "| b1 | reject | alpha | Li &lt;Wei> | a \\| b |",
    ):
        assert line in notes["NOTES.md"].splitlines(), line
    for line in ("- 新增条目：1", "- 区域移动：1；平均重叠（IoU）0.33", "| quality | bad | 0 | 1 | - (仅新版本有) |", "## 豁免"):
        assert line in notes["NOTES_zh.md"].splitlines(), line


def test_every_kind_of_change_is_told(shop: Any, make: Any) -> None:
    def rating(stars: int) -> dict[str, Any]:
        return {"kind": "rating", "control": "stars", "stars": stars, "region_id": None, "item": None}

    def relation(label: str) -> dict[str, Any]:
        return {"kind": "relation", "from_id": "one", "to_id": "two", "direction": "right", "labels": [label]}

    def regions(stars: int, label: str) -> tuple[dict[str, Any], ...]:
        return make.box(id="one"), make.box(x=60.0, id="two"), rating(stars), relation(label)

    shop.publish([make.item(0, regions(3, "causes"))])
    before = open_release(shop.store, "boards")
    shop.publish([make.item(0, regions(4, "shows"))])
    found = diff(before, open_release(shop.store, "boards"))
    assert [(each.what, each.before, each.after) for each in found.relabelled] == [
        ("stars", ('{"stars":3}',), ('{"stars":4}',))
    ]  # fmt: skip
    assert [(each.what, each.label, each.added) for each in found.redrawn] == [
        ("relation boxes/0 right boxes/1", "causes", False),
        ("relation boxes/0 right boxes/1", "shows", True),
    ]
