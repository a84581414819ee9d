"""Measures by kind of answer: published tables, other libraries, and what can be said by hand."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from kinds_said import C, answer, box, line, mask, value
from scipy import stats
from scipy.stats import kendalltau

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.records import (
    Choice,
    Ellipse,
    FrameRange,
    Keyframe,
    KeyPoint,
    Number,
    Polygon,
    Preference,
    Ranking,
    Rating,
    Region,
    Relation,
    Segment,
    Taxonomy,
    Text,
    TextSpan,
    Track,
)
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.report import Told, control_report
from yuelu.quality.kinds.scoring import TaskValues, by_label, by_task, confusions
from yuelu.quality.kinds.table import KINDS, agreement, kind_named, task_agreement
from yuelu.quality.resample import Sampling


def from_table(table: Sequence[Sequence[int]], made: Callable[[int], Region]) -> list[Answer]:
    """Return the answers of two raters from a table of counts, first rater by row."""
    pairs = [(row, column) for row, counts in enumerate(table) for column, count in enumerate(counts) for _ in range(count)]
    return [
        answer(f"{task:04}", who, made(label)) for task, pair in enumerate(pairs) for who, label in zip("ab", pair, strict=True)
    ]


def test_weighted_kappa_of_cohen_1960() -> None:
    # J. Cohen (1960), p. 45; weighted with squares by statsmodels: 0.4545.
    answers = from_table([[88, 14, 18], [10, 40, 10], [2, 6, 12]], lambda label: Rating(C, label + 1))
    assert value("ordinal", "weighted_kappa", *answers) == pytest.approx(0.4545, abs=5e-5)
    assert value("nominal", "cohen_kappa", *answers) == pytest.approx(0.492, abs=1e-3)
    named = from_table([[88, 14, 18], [10, 40, 10], [2, 6, 12]], lambda label: Choice(C, (("low", "mid", "top")[label],)))
    assert value("ordinal", "weighted_kappa", *named, order=("low", "mid", "top")) == pytest.approx(0.4545, abs=5e-5)
    with pytest.raises(InvalidRecord, match="label 'low' has no place on the scale"):
        agreement(named, Asked(C, "ordinal"))


def test_the_agreement_of_each_label() -> None:
    # PMC7222679: 130, 56, 9 and 5 answers; specific agreement (Dice 1945) is 2a / (2a + b + c).
    answers = from_table([[130, 56], [9, 5]], lambda label: Choice(C, (str(label),)))
    compared = kind_named("nominal").compare(answers, Asked(C, "nominal"))
    found = {part.names: part.score.value for part in by_label(compared, Sampling())}
    assert found == {("0",): pytest.approx(260 / 325), ("1",): pytest.approx(10 / 75)}
    assert [(each.one, each.other, each.count) for each in confusions(compared)] == [
        ("0", "0", 130),
        ("0", "1", 65),
        ("1", "1", 5),
    ]
    assert value("nominal", "gwet_ac1", *answers) == pytest.approx(0.5326, abs=5e-5)


def test_numbers_by_hand() -> None:
    answers = [
        answer(task, who, Number(C, number))
        for who, row in (("a", (1, 2, 4)), ("b", (2, 2, 1)))
        for task, number in enumerate(row)
    ]
    assert value("interval", "mean_difference", *answers) == pytest.approx(4 / 3)
    assert value("interval", "icc2", answers[0]) is None


def test_sets_by_hand() -> None:
    # R. Passonneau (2006): of {a, b} and {b} one holds the other (2/3) at Jaccard 1/2; of {a} and {c} nothing is shared.
    sets = [(("a", "b"), ("b",)), (("a",), ("c",))]
    answers = [answer(task, who, Choice(C, said)) for task, pair in enumerate(sets) for who, said in zip("xy", pair, strict=True)]
    assert value("multilabel", "jaccard", *answers) == pytest.approx((1 / 2 + 0) / 2)
    assert value("multilabel", "masi", *answers) == pytest.approx((2 / 3 * 1 / 2 + 0) / 2)
    # In a tree, what lies above is shared: {chest, chest/lung} and {chest, chest/heart} have one of three.
    places = [answer(0, who, Taxonomy(C, (("chest", organ),))) for who, organ in (("x", "lung"), ("y", "heart"))]
    assert value("taxonomy", "jaccard", *places) == pytest.approx(1 / 3)


def test_rankings_against_scipy() -> None:
    one, other = list("abcdef"), list("bacfde")
    answers = [answer(0, who, Ranking(C, (("best", tuple(items)),))) for who, items in (("x", one), ("y", other))]
    tau = kendalltau(range(6), [other.index(item) for item in one]).statistic
    assert value("ranking", "kendall_tau", *answers) == pytest.approx(tau)
    moved = answer(0, "y", Ranking(C, (("best", ("a", "b", "c")), ("rest", ("d", "e", "f")))))
    assert value("ranking", "same_bucket", answers[0], moved) == pytest.approx(3 / 6)


def test_texts_by_hand() -> None:
    # Kitten and sitting are three edits apart (Levenshtein 1966): two substituted, one inserted; each text is once the reference.
    answers = [answer(0, "x", Text(C, ("Kitten.",))), answer(0, "y", Text(C, ("sitting",)))]
    assert value("text", "cer", *answers) == pytest.approx(2 * 3 / (6 + 7))
    assert value("text", "cer_missing_or_extra", *answers) == pytest.approx(2 * 1 / (6 + 7))
    assert value("text", "wer", *answers) == pytest.approx(1)


# One answer of each kind, the same by everybody.
SAME: dict[str, tuple[Region, ...]] = {
    "nominal": (Choice(C, ("u",)),),
    "ordinal": (Rating(C, 3),),
    "interval": (Number(C, 2.5),),
    "ratio": (Number(C, 2.5),),
    "multilabel": (Choice(C, ("u", "v")),),
    "taxonomy": (Taxonomy(C, (("u", "v"),)),),
    "moment": (Choice(C, ("2026-01-01",)),),
    "preference": (Preference(C, "left"),),
    "ranking": (Ranking(C, ((C, ("u", "v", "w")),)),),
    "text": (Text(C, ("two words",)),),
    "box": (box("u", 0), box("v", 30, rotation_deg=20)),
    "outline": (Polygon(id="p", control=C, label="u", item=0, points_px=((0, 0), (9, 0), (4, 7))),
                Ellipse(id="e", control=C, label="v", item=0, x_px=50, y_px=9, radius_x_px=3, radius_y_px=5)),
    "polyline": (line((0, 0), (30, 10)),),
    "keypoint": tuple(KeyPoint(id=name, control=C, label=name, item=0, x_px=9.0 * at, y_px=float(at), width_px=1)
                      for at, name in enumerate("uvw")),
    "mask": (mask(np.eye(6, dtype=bool)),),
    "volume": (mask(np.eye(6, dtype=bool)),),
    "segment": (Segment(id="s", control=C, label="u", start_s=0, end_s=2),),
    "frame_range": (FrameRange(id="f", control=C, label="u", first_frame=2, last_frame=9),),
    "track": (Track(id="t", control=C, label="u", keyframes=(Keyframe(1, True, 0, 0, 9, 9),), frames=5),),
    "span": (TextSpan(id="s", control=C, label="u", start=0, end=4),),
    "relation": (box("u", 0, "1"), box("u", 30, "2"), Relation("1", "2")),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_equal_answers_agree_and_their_order_leaves_no_trace(kind: str) -> None:
    answers = [answer(task, who, *SAME[kind]) for task in range(3) for who in "abc"]
    asked = Asked(C, kind, spacing_mm=(1.0, 1.0, 1.0) if kind == "volume" else None)
    main = kind_named(kind).measures[0]
    report = control_report(answers, asked)
    assert {part.score.value for part in report.pairs if part.score.metric == main.name} == {0.0 if main.is_error else 1.0}
    shuffled = random.Random(1).sample(answers, len(answers))
    assert agreement(shuffled, asked) == agreement(answers, asked)
    assert set(task_agreement(answers, asked)) == {"0", "1", "2"}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_answered_twice_is_undefined_and_says_why(kind: str) -> None:
    for score in agreement([answer(0, "a", *SAME[kind])], Asked(C, kind)):
        assert score.value is None
        assert score.reason


def test_models_and_gold_stand_beside_the_people() -> None:
    answers = [
        answer(task, who, Choice(C, (label,)))
        for task, row in enumerate(("uuvu", "vvvv", "uvuu"))
        for who, label in zip(("a", "b", "m", "g"), row, strict=True)
    ]
    report = control_report(answers, Asked(C, "nominal"), Told(frozenset({"m"}), frozenset({"g"}), {"a": "K", "b": "L"}))
    assert next(score for score in report.scores if score.metric == "percent_agreement").value == pytest.approx(2 / 3)
    assert {part.names: part.score.value for part in report.models} == pytest.approx({("m",): 3 / 6})
    assert {part.names: part.score.value for part in report.gold} == pytest.approx({("g",): 5 / 6})
    assert [part.names for part in report.companies] == [("K", "L")]
    assert report.tasks.names == ("0", "1", "2")


def test_the_worst_tasks_come_first_and_those_alike_by_name() -> None:
    tasks = TaskValues("m", ("d", "c", "b", "a", "e"), np.asarray([0.5, 0.2, np.nan, 0.5, 0.9]), "why")
    assert tasks.worst(2, less_is_better=False) == [("c", 0.2), ("a", 0.5)]
    assert tasks.worst(9, less_is_better=True) == [("e", 0.9), ("a", 0.5), ("d", 0.5), ("c", 0.2)]
    assert tasks.known.tolist() == [0.5, 0.2, 0.5, 0.9]


def test_what_is_wrong_is_refused() -> None:
    with pytest.raises(Misconfigured, match="no agreement measure for 'smell'"):
        agreement([], Asked(C, "smell"))
    with pytest.raises(InvalidRecord, match="annotator 'a' answered task '0' twice"):
        agreement([answer(0, "a", box("u", 0))] * 2, Asked(C, "box"))
    with pytest.raises(InvalidRecord, match="task '0' is in two groups"):
        agreement([answer(0, "a", box("u", 0)), replace(answer(0, "b"), group="z")], Asked(C, "box"))


def test_tasks_without_a_pair_are_not_scored() -> None:
    compared = kind_named("box").compare([answer(0, "a", box("u", 0)), answer(1, "b")], Asked(C, "box"))
    assert by_task(compared, kind_named("box").measures) == {}


def test_bland_and_altmans_bias_has_the_interval_of_a_paired_t_test() -> None:
    # Two readers of ten lengths; bias and its interval as scipy's t-test of pairs gives them, limits by the formula of 1986.
    draw = np.random.default_rng(3)
    one, other = draw.normal(50, 9, 10), draw.normal(48, 9, 10)
    answers = [
        answer(n, who, Number(C, float(x)))
        for n, pair in enumerate(zip(one, other, strict=True))
        for who, x in zip("ab", pair, strict=True)
    ]
    found = {score.metric: score for score in agreement(answers, Asked(C, "interval"))}
    test = stats.ttest_rel(one, other)
    low, high = test.confidence_interval(0.95)
    bias = found["bias"]
    assert bias.value is not None
    assert [bias.value, bias.low, bias.high] == pytest.approx([(one - other).mean(), low, high])
    reach = 1.96 * np.std(one - other, ddof=1)
    ends = [found[f"limit_of_agreement_{side}"] for side in ("low", "high")]
    assert [end.value for end in ends] == pytest.approx([bias.value - reach, bias.value + reach])
    assert all(end.low < end.value < end.high for end in ends)  # type: ignore[operator]
    third = [answer(n, "c", Number(C, 1.0)) for n in range(10)]
    several = {score.metric: score for score in agreement([*answers, *third], Asked(C, "interval"))}
    assert (several["bias"].value, several["bias"].reason) == (None, "needs exactly two annotators, there are 3")
    report = control_report([*answers, *third], Asked(C, "interval"))
    assert {part.names: part.score.value for part in report.pairs if part.score.metric == "bias"}["a", "b"] == bias.value
