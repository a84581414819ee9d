"""Splits and near-duplicates: what hangs together goes together, and what went out stays."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published import PROXY, RAW, SECRET, Filled
from sqlalchemy import select, update

from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict, GateNotPassed
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.near import ClusterRow, HomeRow
from yuelu.base.ledger.work import TaskRow
from yuelu.datasets.release import open_release
from yuelu.datasets.split import assign_split
from yuelu.pipelines.near.homes import Homes, fix_homes, joined, leaks, pass_leaks
from yuelu.pipelines.publish import publish
from yuelu.pipelines.released_gate import Waiver

groups = st.sampled_from([f"g{number}" for number in range(12)])
bonds = st.lists(st.tuples(groups, st.sampled_from("ABCDEF")), max_size=25)
WAIVER = Waiver("li", "both splits are internal")


def splits_of(homes: Homes, names: list[str]) -> dict[str, str]:
    return {name: assign_split(homes.of(name), SECRET, {"train": 5000, "test": 5000}) for name in names}


def hang_together(pairs: list[tuple[str, str]], one: str) -> set[str]:
    """By plain repetition, as a check."""
    found = {one}
    for _ in pairs:
        clusters = {cluster for group, cluster in pairs if group in found}
        found |= {group for group, cluster in pairs if cluster in clusters}
    return found


@settings(deadline=None)
@given(bonds)
def test_no_component_spans_two_splits(pairs: list[tuple[str, str]]) -> None:
    homes = Homes(joined(pairs), {})
    names = [f"g{number}" for number in range(12)]
    splits = splits_of(homes, names)
    for name in names:
        together = hang_together(pairs, name)
        assert set(homes.together.get(name, (name,))) == together
        assert {splits[other] for other in together} == {splits[name]}
    assert not leaks(homes, splits)


@settings(deadline=None)
@given(bonds, st.sets(groups, min_size=1), bonds)
def test_what_went_out_stays_in_its_split_whatever_comes(
    before: list[tuple[str, str]], went_out: set[str], later: list[tuple[str, str]]
) -> None:
    first = Homes(joined(before), {})
    fixed = {name: first.of(name) for name in went_out}
    then = Homes(joined(before + later), fixed)
    names = sorted({name for name, _ in before + later} | went_out)
    old, new = splits_of(first, names), splits_of(then, names)
    assert {name: new[name] for name in went_out} == {name: old[name] for name in went_out}
    found = leaks(then, new)
    torn = {name for name in names if len({new[other] for other in hang_together(before + later, name)}) > 1}
    assert {name for leak in found for name in leak.groups} >= torn  # every leak is named
    for leak in found:  # and none without two homes that were fixed
        assert len({fixed[name] for name in hang_together(before + later, leak.groups[0]) if name in fixed}) > 1


def test_a_new_group_joins_the_home_of_what_went_out() -> None:
    homes = Homes(joined([("a", "X"), ("m", "X"), ("z", "X")]), {"m": "m"})
    assert [homes.of(name) for name in ("a", "m", "z", "lonely")] == ["m", "m", "m", "lonely"]


def test_a_leak_needs_somebody_who_answers_for_it() -> None:
    homes = Homes(joined([("a", "X"), ("b", "X")]), {"a": "a", "b": "b"})
    (leak,) = leaks(homes, {"a": "train", "b": "test", "c": "test"})
    assert (leak.groups, leak.splits) == (("a", "b"), ("test", "train"))
    assert not leaks(homes, {"a": "train", "c": "test"})  # b is in no item of this release
    pass_leaks([leak], waived=True)
    with pytest.raises(GateNotPassed, match="2 groups hang together and are in test and train"):
        pass_leaks([leak], waived=False)


def cluster(filled: Filled, *raw: int, name: str = "X") -> None:
    rows = [{"asset": RAW[number], "cluster": name, "kind": "picture", "nearest": RAW[raw[0]]} for number in raw]
    with filled.workspace.ledger.transaction("test") as t:
        t.add_new(ClusterRow, [{**row, "distance_bits": 2, "shared": 1} for row in rows])


def regroup(filled: Filled, homes: list[str]) -> None:
    """Give the four raw files groups of their own."""
    with filled.workspace.ledger.transaction("test") as t:
        for raw, home in zip(RAW, homes, strict=True):
            t.session.execute(update(AssetRow).where(AssetRow.sha256 == raw).values(group=home))
            for task in t.session.scalars(select(TaskRow)):
                if task.items[0] == raw:
                    task.group = home


def apart() -> tuple[str, str]:
    """Two groups that are in different splits by their own keys, the first of them the greater."""
    names = [f"patient {number}" for number in range(200)]
    train = [name for name in names if assign_split(name, SECRET) == "train"]
    return train[-1], next(name for name in names if assign_split(name, SECRET) == "test" and name < train[-1])


def items(filled: Filled) -> dict[str, Any]:
    rows = open_release(filled.workspace.store, "all").rows("items")
    return {row["media"][0]["sha256"]: row for row in rows}


def test_a_release_keeps_near_duplicates_in_one_split(filled: Filled) -> None:
    train, test = apart()
    regroup(filled, [train, test, "third", "fourth"])
    cluster(filled, 0, 1)
    report = publish(filled.workspace, "all", ["ct", "boards"])
    found = items(filled)
    one, other = found[sha256(PROXY[0])], found[sha256(PROXY[1])]
    assert (one["split"], other["split"]) == ("test", "test")  # the least of the two groups chose
    assert one["group"] == other["group"]
    assert {row.group: row.home for row in filled.read(select(HomeRow))}[train] == test
    assert publish(filled.workspace, "all", ["ct", "boards"]).digest == report.digest  # twice the same


def test_a_duplicate_that_comes_too_late_moves_nothing_and_is_named(filled: Filled) -> None:
    train, test = apart()
    regroup(filled, [train, test, "third", "fourth"])
    first = publish(filled.workspace, "all", ["ct", "boards"])
    before = items(filled)
    cluster(filled, 0, 1)
    with pytest.raises(GateNotPassed, match=r"near-duplicates in more than one split: 2 groups .* test and train"):
        publish(filled.workspace, "all", ["ct", "boards"])
    second = publish(filled.workspace, "all", ["ct", "boards"], waiver=WAIVER)
    after = items(filled)
    assert {name: row["split"] for name, row in after.items()} == {name: row["split"] for name, row in before.items()}
    assert after[sha256(PROXY[0])]["split"] != after[sha256(PROXY[1])]["split"]
    assert (second.added, second.removed, second.changed) == (0, 0, 0)
    assert second.digest != first.digest
    (issue,) = open_release(filled.workspace.store, "all").manifest.document["quality"]["known_issues"]
    assert issue == {
        "issue": "near-duplicates in more than one split", "groups": 2, "splits": ["test", "train"],
        "owner": "li", "reason": "both splits are internal",
    }  # fmt: skip
    publish(filled.workspace, "all", ["ct", "boards"], waiver=WAIVER)
    (event,) = filled.read(select(EventRow).where(EventRow.action == "gate.waive"))
    assert (event.actor, event.role, event.reason) == ("li", "curator", "both splits are internal")


def test_another_publisher_may_not_choose_another_home(filled: Filled) -> None:
    ledger = filled.workspace.ledger
    with ledger.transaction("test") as t:
        fix_homes(t, {"a": "a", "b": "a"})
    with ledger.transaction("test") as t:
        fix_homes(t, {"a": "a"})  # the same again
    with pytest.raises(Conflict, match="the split of group b was fixed by another publisher"), ledger.transaction("test") as t:
        fix_homes(t, {"b": "b", "c": "b"})
    assert {row.group: row.home for row in filled.read(select(HomeRow))} == {"a": "a", "b": "a"}
    assert len(filled.read(select(EventRow).where(EventRow.action == "groups.fixed"))) == 1
