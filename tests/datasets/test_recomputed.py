"""What is worked out again from shipped votes, and the heads of the log. Expected values: published tables, RFC 6962 vectors."""

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from yuelu.base import merkle
from yuelu.datasets.heads import head_of, head_problem
from yuelu.datasets.labelled import Answer
from yuelu.datasets.layout import version_key
from yuelu.datasets.recomputed import gate_problems, krippendorff_alpha, percent_agreement
from yuelu.datasets.release import open_folder, open_release
from yuelu.datasets.verify import verify, verify_stored


def test_percent_agreement_is_the_share_of_agreeing_pairs() -> None:
    # Fleiss (1971), table 1, first two patients: all six agree; three pairs of three, 3 + 3 of 15 pairs
    assert percent_agreement([Counter(d=6), Counter(b=3, e=3)]) == pytest.approx((1 + 6 / 15) / 2)
    assert percent_agreement([]) is None


def test_alpha_is_that_of_krippendorff_2011() -> None:
    # section C: four observers, twelve units, five values; 0.743
    columns = ["123321412...", "1233224125.3", ".3332342251.", "12332441251."]
    units = [Counter(row[unit] for row in columns if row[unit] != ".") for unit in range(12)]
    assert krippendorff_alpha([unit for unit in units if unit.total() > 1]) == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha([Counter(a=3)]) is None


def voted(make: Any, number: int, *labels: str, said: float | None = None) -> Any:
    answers = tuple(
        Answer(f"answer-{number}-{place}", f"pid-{place}", 1, date(2026, 5, 6), None, (make.choice(label),))
        for place, label in enumerate(labels)
    )
    top, votes = Counter(labels).most_common(1)[0]
    share = votes / len(labels) if said is None else said
    item = make.item(number, (make.choice(top, probability=share),))
    return replace(item, answers=answers, judgement=replace(item.judgement, answers=len(labels)))


def quality(value: float, tasks: int = 2, decided: Any = None, **more: Any) -> dict[str, Any]:
    score = {"project": "boards", "batch": "b", "round": 1, "control": "quality", "metric": "percent_agreement", "value": value}
    gate = {"policy": "p", "digest": "d", "tasks": decided or {"accept": 2}, "batches": {"accept": 1}, "waivers": [], **more}
    return {"scores": [{**score, "tasks": tasks}], "gates": [gate], "consensus": "majority"}


def test_votes_that_say_what_the_release_says(shop: Any, make: Any) -> None:
    items = [voted(make, 0, "good", "good", "bad"), voted(make, 1, "bad", "bad", "bad")]
    shop.publish(items, quality=quality((1 / 3 + 1) / 2))
    found = verify(shop.pull(), make.KEY.public)
    assert (found.ok, found.items, found.scores, found.not_shown) == (True, 2, 1, 0)
    shop.publish(items, quality=quality(0.1, tasks=5))  # three tasks did not go out: nothing can be said
    assert (verify(shop.pull()).ok, verify(shop.pull()).not_shown) == (True, 1)


@pytest.mark.parametrize(
    ("said", "told", "problem"),
    [
        ({"said": 0.9}, quality((1 / 3 + 1) / 2), "quality says 0.9000, and the votes 0.6667"),
        ({}, quality(0.95), "percent_agreement of quality is said to be 0.950000, and the votes say 0.666667"),
        ({}, quality(2 / 3, batches={"rework": 1}), "did not accept 1 batches, and 0 are waived by name"),
        ({}, quality(2 / 3, decided={"accept": 1}), "2 items were decided 'accept', and the gates count 1"),
    ],
)
def test_a_signed_release_that_its_own_votes_contradict(shop: Any, make: Any, said: Any, told: Any, problem: str) -> None:
    shop.publish([voted(make, 0, "good", "good", "bad", **said), voted(make, 1, "bad", "bad", "bad")], quality=told)
    found = verify(shop.pull(), make.KEY.public)
    assert [problem in each.problem for each in found.problems] == [True]


def test_answers_that_are_not_shipped_are_missed(shop: Any, make: Any) -> None:
    item = voted(make, 0, "good", "good", "bad")
    shop.publish([replace(item, answers=item.answers[:2])])
    assert "counts 3 answers, and 2 are shipped" in verify(shop.pull()).problems[0].problem


def test_a_gate_is_waived_by_name_alone() -> None:
    gate = {"policy": "p", "tasks": {}, "batches": {"rework": 1}, "waivers": [{"owner": " ", "reason": "x"}]}
    assert list(gate_problems([gate], {}))
    named = {**gate, "waivers": [{"owner": "curator", "reason": "urgent"}]}
    assert not list(gate_problems([named], {}))


LEAVES = [bytes.fromhex(leaf) for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
HASHED = [merkle.leaf_hash(leaf) for leaf in [*LEAVES, bytes.fromhex("606162636465666768696a6b6c6d6e6f")]]


def test_a_log_that_goes_on_is_taken_and_any_other_is_not() -> None:
    two, eight = head_of(HASHED[:2]), head_of(HASHED, 2)
    # the tree heads of the vectors of RFC 6962's reference implementation
    assert two["root"].startswith("fac54203")
    assert eight["root"].startswith("5dc9da79")
    assert head_problem(two, eight) is None
    assert head_problem(None, eight) is None
    assert "went back, from 8 entries to 2" in str(head_problem(eight, two))
    assert "two roots of 2 entries" in str(head_problem(two, {**two, "root": eight["root"]}))
    assert "the log forked" in str(head_problem(two, {**eight, "root": two["root"]}))
    other = head_of([HASHED[0], HASHED[0], *HASHED[2:]], 2)
    assert "the log forked: its 2 entries are not the first of its 8" in str(head_problem(two, other))
    assert "damaged" in str(head_problem(two, {**eight, "consistency": {"tree_size": 2, "proof": ["x"]}}))


def test_a_store_that_went_back_or_forked_is_noticed_by_who_holds_a_release(shop: Any, make: Any, tmp_path: Any) -> None:
    shop.publish([make.item(0)])
    other = type(shop)(tmp_path / "other")
    other.publish([make.item(0)])
    shop.publish([make.item(0), make.item(1)])
    other.publish([make.item(0), make.item(2)])
    known = open_folder(shop.pull()).manifest
    assert verify_stored(shop.store, "boards", key=make.KEY.public, known=known).ok
    forked = verify_stored(other.store, "boards", key=make.KEY.public, known=known)
    assert "the store forked: its number 2" in forked.problems[0].problem
    shop.store.delete(version_key("boards", 2))
    back = verify_stored(shop.store, "boards", key=make.KEY.public, known=known)
    assert "the store went back: it has no number 2 of boards" in back.problems[0].problem
    assert open_release(shop.store, "boards").manifest.number == 1  # by itself it looks whole
