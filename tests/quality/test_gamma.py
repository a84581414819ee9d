import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.quality.gamma import Unit, Weights, disorder, gamma

NAMES = (
    "01_two_annotators_simple", "02_unequal_counts", "03_identical_perfect", "04_three_annotators",
    "05_larger_two_annotators", "06_weighted_alpha3_beta2",
)  # fmt: skip


def load(fixtures: Path, name: str) -> dict[str, Any]:
    path = fixtures / "pygamma" / "dkpro_fixtures" / "pygamma" / f"fixture_{name}.json"
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def units(rows: Sequence[Mapping[str, Any]]) -> list[list[Unit]]:
    people: dict[str, list[Unit]] = {}
    for row in rows:
        people.setdefault(row["annotator"], []).append((row["category"], row["start"], row["end"]))
    return [people[name] for name in sorted(people)]


def weights(told: Mapping[str, Any]) -> Weights:
    return Weights(told["params"]["alpha"], told["params"]["beta"], told["params"]["deltaEmpty"])


@pytest.mark.parametrize("name", NAMES)
def test_disorder_is_that_of_pygamma_agreement(fixtures: Path, name: str) -> None:
    told = load(fixtures, name)
    assert disorder(units(told["continuum"]), weights(told)) == pytest.approx(told["tier1"]["bestAlignmentDisorder"], abs=1e-5)
    for sample in told["tier2"]["sampledContinua"]:
        found = disorder(units(sample["units"]), weights(told))
        assert found == pytest.approx(sample["bestAlignmentDisorder"], abs=1e-5)


@pytest.mark.parametrize("name", ["01_two_annotators_simple", "03_identical_perfect"])
def test_gamma_is_near_that_of_pygamma_agreement(fixtures: Path, name: str) -> None:
    # Its continua are drawn by another rule (statistics of the units, not shifts), so the values only lie near each other.
    told = load(fixtures, name)
    found = gamma(units(told["continuum"]), weights(told))
    assert found.value == pytest.approx(told["tier3"]["gamma"], abs=0.1)


def test_identical_units_agree_perfectly() -> None:
    one: list[Unit] = [("a", 0, 2), ("b", 3, 7), ("a", 8, 9)]
    found = gamma([one, one, one], precision=0.3)
    assert (found.value, found.observed) == (1, 0)


def test_it_repeats_by_its_seed() -> None:
    people: list[list[Unit]] = [[("a", 0, 2), ("b", 3, 7)], [("a", 1, 2), ("b", 4, 7)]]
    found = gamma(people, precision=0.2, seed=3)
    assert found == gamma(people, precision=0.2, seed=3)
    assert found.expected != gamma(people, precision=0.2, seed=4).expected


def test_undefined() -> None:
    assert gamma([[], []]).reason == "nobody marked anything"
    assert gamma([[], []]).value is None


def test_refused() -> None:
    with pytest.raises(InvalidRecord, match="1 annotators' units"):
        gamma([[("a", 0, 1)]])
    with pytest.raises(InvalidRecord, match="end after they start"):
        gamma([[("a", 1, 1)], []])
    with pytest.raises(Misconfigured, match="precision of 2"):
        gamma([[("a", 0, 1)], []], precision=2)
