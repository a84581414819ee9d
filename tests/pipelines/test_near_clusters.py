"""From codes to clusters: what counts as a near-duplicate, and what is left out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yuelu.base.canonical import keyed
from yuelu.base.errors import Conflict
from yuelu.pipelines.near import codes as near_codes
from yuelu.pipelines.near import link
from yuelu.pipelines.near.clusters import Search, search
from yuelu.pipelines.near.codes import PLAIN, UNREADABLE
from yuelu.pipelines.near.link import COMMON, chance_of

DRAW = np.random.default_rng(11)
CODES = [sum(1 << int(bit) for bit in DRAW.choice(64, 32, replace=False)) for _ in range(400)]  # as a picture's: 32 bits set
SECRET = b"s" * 32


def picture(*codes: int) -> dict[str, Any]:
    return {"picture": [f"{code:016x}" for code in codes]}


def sound(*codes: int) -> dict[str, Any]:
    return {"sound": [f"{code:016x}" for code in codes]}


def found(**assets: Any) -> Search:
    return search(list(assets.items()), SECRET)


def clusters(**assets: Any) -> list[set[str]]:
    together: dict[str, set[str]] = {}
    for member in found(**assets).members:
        together.setdefault(member.cluster, set()).add(member.asset)
    return sorted(together.values(), key=sorted)


def test_pictures_within_four_bits_hang_together() -> None:
    one, other = CODES[:2]
    assert clusters(a=picture(one), b=picture(one ^ 0b1111), c=picture(one ^ 0b11111 << 20), d=picture(other)) == [{"a", "b"}]
    assert clusters(a=picture(one), b=picture(one ^ 0b11), c=picture(one ^ 0b111111)) == [{"a", "b", "c"}]  # through b


def test_a_cluster_names_its_nearest_and_is_named_by_its_least() -> None:
    members = {
        member.asset: member for member in found(b=picture(CODES[0]), a=picture(CODES[0] ^ 7), c=picture(CODES[0])).members
    }
    assert {member.cluster for member in members.values()} == {keyed(SECRET, "cluster", "a")[:32]}
    assert [(one.nearest, one.distance_bits, one.shared, one.kind) for one in members.values()] == [
        ("b", 3, 1, "picture"), ("c", 0, 1, "picture"), ("b", 0, 1, "picture"),
    ]  # fmt: skip


def test_a_larger_distance_finds_more() -> None:
    assets = [("a", picture(CODES[0])), ("b", picture(CODES[0] ^ 0xFF))]
    assert not search(assets, SECRET).members
    assert {member.distance_bits for member in search(assets, SECRET, 8).members} == {8}


def test_a_still_of_a_video_is_its_near_duplicate() -> None:
    assert clusters(film=picture(*CODES[:16]), still=picture(CODES[9] ^ 1), other=picture(CODES[20])) == [{"film", "still"}]


def test_videos_must_share_several_frames() -> None:
    film = CODES[:10]
    logo = picture(CODES[0], CODES[1], *CODES[20:28])
    cut = picture(*(code ^ 3 for code in CODES[4:8]))
    assert clusters(film=picture(*film), logo=logo, cut=cut) == [{"cut", "film"}]
    (first, _) = found(film=picture(*film), cut=cut).members
    assert (first.distance_bits, first.shared) == (2, 4)


def test_one_frame_that_many_of_the_other_resemble_counts_once() -> None:
    still = picture(*(CODES[0] ^ (1 << bit) for bit in range(6)), *CODES[30:34])  # a scene that hardly moves
    assert clusters(a=still, b=picture(CODES[0], *CODES[40:48])) == []


def test_short_videos_must_share_all_they_have() -> None:
    assert clusters(a=picture(*CODES[:2]), b=picture(*CODES[:10])) == [{"a", "b"}]
    assert clusters(a=picture(*CODES[:2]), b=picture(*CODES[1:10])) == []


def test_sounds_share_half_of_the_shorter() -> None:
    long = sound(*CODES[:40])
    assert clusters(long=long, cut=sound(*CODES[10:20]), jingle=sound(*CODES[:4], *CODES[100:110])) == [{"cut", "long"}]
    assert {member.kind for member in found(long=long, cut=sound(*CODES[10:20])).members} == {"sound"}


def test_equal_videos_are_one_cluster_however_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MOST_HOLDERS", 3)
    same = {f"v{number}": picture(*CODES[:8]) for number in range(9)}
    assert clusters(**same) == [set(same)]


def test_what_too_many_videos_share_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MOST_HOLDERS", 3)
    opening = CODES[:4]
    shows = {f"v{number}": picture(*opening, *CODES[10 * number + 10 : 10 * number + 14]) for number in range(5)}
    result = found(**shows)
    assert not result.members
    assert result.left_out == {f"picture: {COMMON}": 4}


def test_codes_that_tell_nothing_are_left_out_and_counted() -> None:
    black, grey, chess_board = 0, 1 << 63, 0x8055005500550055  # of scikit-image's chessboard_GRAY.png
    result = found(
        a=picture(black), b=picture(black), c=picture(grey), d=picture(grey), e={"picture": ["xyz", 7]}, f=picture(chess_board)
    )
    assert not result.members
    assert result.left_out == {f"picture: {PLAIN}": 5, f"picture: {UNREADABLE}": 2}


@pytest.mark.parametrize("fact", [None, [], "text", {"picture": None}, {"picture": "0123456789abcdef"}, {"other": ["1"]}])
def test_facts_of_another_shape_are_passed_over(fact: Any) -> None:
    assert not found(a=fact, b=fact).members


def test_more_codes_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_codes, "MOST_CODES", 3)
    with pytest.raises(Conflict, match="4 picture fingerprints are more than the 3"):
        found(a=picture(*CODES[:4]))


def test_a_million_equal_pictures_make_no_billion_pairs() -> None:
    assets = [(f"{number:06}", picture(CODES[0])) for number in range(20_000)]
    result = search(assets, SECRET)
    assert len(result.members) == 20_000
    assert result.clusters == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=5), min_size=2, max_size=12),
    st.randoms(use_true_random=False),
)
def test_the_order_of_assets_changes_nothing(holders: list[list[tuple[int, int]]], random: Any) -> None:
    assets = [(f"{number:02}", picture(*(CODES[code] ^ flip for code, flip in held))) for number, held in enumerate(holders)]
    mixed = list(assets)
    random.shuffle(mixed)
    assert search(assets, SECRET) == search(mixed, SECRET)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 63), st.integers(0, 63)), max_size=40))
def test_pictures_cluster_as_comparing_all_pairs_would(made: list[tuple[int, int, int]]) -> None:
    codes = [CODES[seed] ^ (1 << one) ^ (1 << other) for seed, one, other in made]
    assets = {f"{number:02}": picture(code) for number, code in enumerate(codes)}
    home = list(range(len(codes)))  # the least name of each cluster, by plain repetition
    for _ in codes:
        for here, code in enumerate(codes):
            home[here] = min(home[there] for there, other in enumerate(codes) if (code ^ other).bit_count() <= 4)
    wanted = {name: {f"{at:02}" for at, each in enumerate(home) if each == home[int(name)]} for name in assets}
    assert clusters(**assets) == sorted({frozenset(group) for group in wanted.values() if len(group) > 1}, key=sorted)


def test_chance_is_counted_exactly() -> None:
    # 64 choose 32 codes of 32 bits set; 32 * 32 of them are 2 bits from a given one.
    assert chance_of(0) == pytest.approx(1 / 1832624140942590534)
    assert chance_of(3) == pytest.approx(1025 / 1832624140942590534)
    assert chance_of(64) == pytest.approx(1)
