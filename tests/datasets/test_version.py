import pytest

from yuelu.base.errors import Misconfigured
from yuelu.datasets.version import Changes, Version, Wanted, next_version, parse_selector


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (Changes(added=5, removed=1), "2.0.0"),
        (Changes(added=0, meaning=True), "2.0.0"),
        (Changes(added=5, changed=2), "1.3.0"),
        (Changes(added=0, changed=2), "1.2.4"),
        (Changes(added=0), "1.2.4"),
    ],
)
def test_what_changed_decides_the_number(changes: Changes, expected: str) -> None:
    assert str(next_version(Version(1, 2, 3), changes)) == expected


def test_the_first_is_one() -> None:
    assert str(next_version(None, Changes(added=7))) == "1.0.0"


def test_versions_are_ordered_as_numbers() -> None:
    assert Version.parse("1.10.0") > Version.parse("1.9.9")


@pytest.mark.parametrize(
    ("text", "low", "below"),
    [("^1.0", "1.0.0", "2.0.0"), ("^2", "2.0.0", "3.0.0"), ("^1.2.3", "1.2.3", "2.0.0"), ("1.2.0", "1.2.0", "1.2.1")],
)
def test_ranges(text: str, low: str, below: str) -> None:
    assert Wanted.parse(text) == Wanted(Version.parse(low), Version.parse(below))


@pytest.mark.parametrize(
    ("text", "low", "below"),
    [  # as printed in the README of node-semver
        ("~1.2.3", "1.2.3", "1.3.0"), ("~1.2", "1.2.0", "1.3.0"), ("~1", "1.0.0", "2.0.0"), ("~0.2.3", "0.2.3", "0.3.0"),
        ("^0.2.3", "0.2.3", "0.3.0"), ("^0.0.3", "0.0.3", "0.0.4"), ("^0.0", "0.0.0", "0.1.0"),
    ],
)  # fmt: skip
def test_ranges_are_those_of_node_semver(text: str, low: str, below: str) -> None:
    assert Wanted.parse(text) == Wanted(Version.parse(low), Version.parse(below))


def test_selectors() -> None:
    assert parse_selector("boards") == ("boards", None)
    assert parse_selector("boards@1.2.0") == ("boards", Wanted.parse("1.2.0"))


@pytest.mark.parametrize("text", ["1.2", "01.2.3", "v1.2.3", "", "^", "~", "latest"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="is not a version"):
        Wanted.parse(text)
