from collections.abc import Iterable
from pathlib import Path

import pytest

from yuelu.base.errors import InvalidRecord
from yuelu.quality.speech.diarization import Diarization, Turn, diarization


def read(path: Path) -> dict[str, list[Turn]]:
    """Return the turns of an RTTM file by recording."""
    found: dict[str, list[Turn]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        part = line.split()
        if part and part[0] == "SPEAKER":
            start = float(part[3])
            found.setdefault(part[1], []).append((part[7], start, start + float(part[4])))
    return found


def total(pairs: Iterable[tuple[list[Turn], list[Turn]]]) -> Diarization:
    whole = Diarization()
    for reference, other in pairs:
        whole += diarization(reference, other)
    return whole


def test_dscore_sample(fixtures: Path) -> None:
    # README of the fixtures: dscore's own figure for its sample.
    folder = fixtures / "rttm_diarization" / "dscore"
    reference, other = read(folder / "ref.rttm"), read(folder / "sys.rttm")
    assert total((reference[name], other.get(name, [])) for name in reference).der == pytest.approx(0.26393, abs=5e-6)


def test_ami_in_two_conventions(fixtures: Path) -> None:
    folder = fixtures / "rttm_diarization"
    files = sorted((folder / "ami_word_and_vocalsounds_test").glob("*.rttm"))
    pairs = []
    for path in files:
        ((_, reference),) = read(path).items()
        ((_, other),) = read(folder / "ami_only_words_test" / path.name).items()
        pairs.append((reference, other))
    assert len(pairs) == 16
    assert total(pairs).der == pytest.approx(0.0283, abs=5e-5)


REFERENCE: list[Turn] = [("A", 0, 10), ("B", 8, 20)]


def test_names_of_speakers_do_not_matter() -> None:
    other: list[Turn] = [("x", 8, 20), ("y", 0, 10)]
    found = diarization(REFERENCE, other)
    assert (found.der, found.jer, found.reference) == (0, 0, 22)


def test_each_kind_of_error_by_hand() -> None:
    # 0-8 right; 8-10 both speak, one is heard: 2 s missed; 10-12 B is taken for A: 2 s confused; 20-21 is extra.
    found = diarization(REFERENCE, [("y", 0, 12), ("x", 12, 21)])
    assert (found.missed, found.confused, found.extra) == (2, 2, 1)
    assert found.der == pytest.approx(5 / 22)
    # A: 10 shared of 12; B: 8 of 13.
    assert found.jer == pytest.approx(((1 - 10 / 12) + (1 - 8 / 13)) / 2)


def test_a_collar_forgives_boundaries() -> None:
    late: list[Turn] = [("A", 0.2, 10.2), ("B", 8, 20)]
    assert diarization(REFERENCE, late, collar_s=0.25).der == 0
    assert diarization(REFERENCE, late).der == pytest.approx(0.4 / 22)


def test_turns_of_one_speaker_that_overlap_count_once() -> None:
    assert diarization([("A", 0, 6), ("A", 4, 10)], [("A", 0, 10)]).der == 0


def test_no_speech_has_no_rate() -> None:
    assert diarization([], []).der is diarization([], []).jer is None
    nothing = diarization([], [("A", 0, 1)])
    assert (nothing.der, nothing.extra) == (None, 1)
    assert diarization(REFERENCE, []).der == 1


def test_an_empty_turn_is_refused() -> None:
    with pytest.raises(InvalidRecord, match=r"a turn from 3 to 3 s"):
        diarization([("A", 3, 3)], [])
