"""Alpha for unitizing: the worked example of its author, and what it says of answers of each kind of stretch."""

import pytest
from kinds_said import C, answer

from yuelu.base.records import FrameRange, Segment, TextSpan
from yuelu.quality.kinds.answers import Asked
from yuelu.quality.kinds.table import agreement
from yuelu.quality.score import Score
from yuelu.quality.unitizing import Disagreement, unitizing

# K. Krippendorff (2004), Content Analysis, 2nd ed., p. 254: two observers of a continuum from 150 to 450; the values as
# DKPro Statistics' Krippendorff2004Test has them.
FIRST = (("c", 225, 295), ("c", 370, 400), ("k", 180, 240), ("k", 300, 350))
SECOND = (("c", 220, 300), ("c", 355, 375), ("c", 400, 420), ("k", 180, 240), ("k", 300, 350))
BEGIN, LENGTH = 150, 300


def moved(said: tuple[tuple[str, int, int], ...]) -> list[tuple[str, float, float]]:
    return [(label, start - BEGIN, end - BEGIN) for label, start, end in said]


def test_the_worked_example() -> None:
    found = unitizing([moved(FIRST), moved(SECOND)], LENGTH)
    assert (found["c"].observed, found["c"].expected) == pytest.approx((0.0144, 0.0532), abs=1e-4)
    assert (found["k"].observed, found["k"].expected) == pytest.approx((0.0, 0.0490), abs=1e-4)
    assert found["c"].alpha == pytest.approx(0.7286, abs=1e-4)
    assert found["k"].alpha == 1
    assert (found["c"] + found["k"]).alpha == pytest.approx(0.8591, abs=5e-4)
    assert Disagreement(0.0, 0.0).alpha is None


def alpha_u(kind: str, *said: tuple[object, ...]) -> Score:
    answers = [answer(0, who, *regions) for who, regions in zip("abc", said, strict=False)]  # type: ignore[arg-type]
    return next(score for score in agreement(answers, Asked(C, kind)) if score.metric == "krippendorff_alpha_u")


def test_each_kind_of_stretch_is_counted_in_its_own_unit() -> None:
    ends = ("end", LENGTH - 1, LENGTH)  # both draw it, so that the continuum is as long as the author's
    spans = [
        tuple(TextSpan(id="s", control=C, label=n, start=int(a), end=int(b)) for n, a, b in [*moved(said), ends])
        for said in (FIRST, SECOND)
    ]
    frames = [
        tuple(FrameRange(id="f", control=C, label=each.label, first_frame=each.start + 1, last_frame=each.end) for each in said)
        for said in spans
    ]
    seconds = [
        tuple(Segment(id="s", control=C, label=each.label, start_s=each.start / 1000, end_s=each.end / 1000) for each in said)
        for said in spans
    ]
    found = [alpha_u(kind, *said) for kind, said in (("span", spans), ("frame_range", frames), ("segment", seconds))]
    assert [score.value for score in found] == pytest.approx([0.8591] * 3, abs=6e-4)
    assert {(score.tasks, score.annotators, score.annotations) for score in found} == {(1, 2, 11)}


def test_what_nobody_marked_has_no_alpha() -> None:
    assert alpha_u("span", (), ()).reason == "nobody marked anything, or chance cannot differ"
    assert alpha_u("span", (), ()).value is None
