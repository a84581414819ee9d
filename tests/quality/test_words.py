import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.quality.speech.rover import rover
from yuelu.quality.speech.words import Edits, alignment, characters, edits, normalised, words


@pytest.mark.parametrize(
    ("reference", "other", "expected"),
    [
        # The textbook pair: two substitutions and one insertion.
        ("kitten", "sitting", Edits(2, 0, 1, 6)),
        ("saturday", "sunday", Edits(1, 2, 0, 8)),
        ("", "ab", Edits(0, 0, 2, 0)),
        ("ab", "", Edits(0, 2, 0, 2)),
    ],
)
def test_edits_of_known_pairs(reference: str, other: str, expected: Edits) -> None:
    assert edits(reference, other) == expected


def test_word_error_rate_by_hand() -> None:
    # "the cat sat on the mat" / "the cat sit on mat": 1 substituted, 1 deleted of 6 words.
    found = edits(words("The cat sat on the mat."), words("the cat sit on mat"))
    assert (found.substituted, found.deleted, found.inserted) == (1, 1, 0)
    assert found.rate == pytest.approx(2 / 6)


def test_nothing_said_has_no_rate() -> None:
    assert Edits().rate is None
    assert (edits("ab", "ab") + edits("cd", "ce")).rate == 0.25


def test_normaliser() -> None:
    assert normalised("  Don't stop\uff01 \uff21\uff22\uff11 – ok ") == "don't stop ab1 ok"
    assert words("今天2度, OK") == ("今", "天", "2", "度", "ok")
    assert characters("今天 好。") == ("今", "天", "好")


texts = st.text("abc", max_size=8)


@given(texts, texts)
def test_edits_are_a_distance(one: str, other: str) -> None:
    there, back = edits(one, other), edits(other, one)
    count = there.substituted + there.deleted + there.inserted
    assert count == back.substituted + back.deleted + back.inserted
    assert (count == 0) == (one == other)
    assert abs(len(one) - len(other)) <= count <= max(len(one), len(other))


@given(texts, texts)
def test_an_alignment_holds_both_texts(one: str, other: str) -> None:
    steps = alignment(one, other)
    assert [a for a, _ in steps if a is not None] == list(range(len(one)))
    assert [b for _, b in steps if b is not None] == list(range(len(other)))


def test_rover_outvotes_each_error() -> None:
    right = ["we", "will", "meet", "at", "noon"]
    voted = rover(
        [["we", "will", "meat", "at", "noon"], ["we", "will", "meet", "noon"], ["we", "we", "will", "meet", "at", "noon"]]
    )
    assert list(voted.words) == right
    assert voted.shares == pytest.approx((1, 1, 2 / 3, 2 / 3, 1))


def test_rover_does_not_depend_on_order() -> None:
    three = [["a", "b", "c"], ["a", "x", "c"], ["a", "b", "d"]]
    assert {rover([three[i] for i in order]).words for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0))} == {("a", "b", "c")}


def test_rover_of_one_and_of_none() -> None:
    assert rover([["a", "b"]]).words == ("a", "b")
    assert rover([]).words == rover([[], []]).words == ()
