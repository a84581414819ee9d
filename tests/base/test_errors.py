import pickle

import pytest

from yuelu.base import errors
from yuelu.base.errors import YueluError


def family(kind: type[YueluError]) -> list[type[YueluError]]:
    return [kind, *(member for child in kind.__subclasses__() for member in family(child))]


@pytest.mark.parametrize("kind", family(YueluError))
def test_errors_survive_the_trip_from_a_worker(kind: type[YueluError]) -> None:
    back = pickle.loads(pickle.dumps(kind("what", "fix")))  # noqa: S301  our own bytes
    assert (type(back), back.problem, back.hint, str(back)) == (kind, "what", "fix", "what\n  try: fix")


def test_an_error_without_a_hint_is_its_problem() -> None:
    assert str(YueluError("what")) == "what"


def test_exit_codes_are_those_of_the_design() -> None:
    codes = {kind.__name__: kind.exit_code for kind in family(YueluError)}
    assert {code: name for name, code in codes.items() if name in vars(errors)}.keys() == {1, 2, 3, 4, 5, 6}
    assert (codes["GateNotPassed"], codes["IntegrityFailure"], codes["KeyTaken"], codes["OutcomeUnknown"]) == (3, 4, 5, 6)
