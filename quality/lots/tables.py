"""The master tables of single sampling, GB/T 2828.1-2012 (ISO 2859-1:1999) tables 1, 2-A, 2-B and 2-C.

The acceptance numbers lie on diagonals: a cell's letter and AQL are both steps of a geometric scale, so what is on the
diagonal `letter + AQL` is the same plan one size on. That is how the tables are held here: one number per diagonal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from yuelu.base.errors import Misconfigured

State: TypeAlias = Literal["normal", "tightened", "reduced"]
STATES: tuple[State, ...] = ("normal", "tightened", "reduced")

LETTERS = "ABCDEFGHJKLMNPQRS"  # S is met in one cell of tightened inspection only
LEVELS = ("S-1", "S-2", "S-3", "S-4", "I", "II", "III")
# Percent nonconforming up to 10; above, only nonconformities per 100 items make sense.
AQLS = (0.010, 0.015, 0.025, 0.040, 0.065, 0.10, 0.15, 0.25, 0.40, 0.65, 1.0, 1.5, 2.5, 4.0, 6.5, 10.0,
        15.0, 25.0, 40.0, 65.0, 100.0, 150.0, 250.0, 400.0, 650.0, 1000.0)  # fmt: skip
LARGEST_SHARE_AQL = 10.0

# Table 1: the largest lot of each row, and its letter at the levels in the order of LEVELS.
_SIZES = (
    (8, "AAAAAAB"), (15, "AAAAABC"), (25, "AABBBCD"), (50, "ABBCCDE"), (90, "BBCCCEF"), (150, "BBCDDFG"),
    (280, "BCDEEGH"), (500, "BCDEFHJ"), (1200, "CCEFGJK"), (3200, "CDEGHKL"), (10000, "CDFGJLM"), (35000, "CDFHKMN"),
    (150000, "DEGJLNP"), (500000, "DEGJMPQ"), (None, "DEHKNQR"),
)  # fmt: skip

_SAMPLES: Mapping[State, tuple[int, ...]] = MappingProxyType(
    {
        "normal": (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000),
        "tightened": (2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800, 1250, 2000, 3150),
        "reduced": (2, 2, 2, 3, 5, 8, 13, 20, 32, 50, 80, 125, 200, 315, 500, 800),
    }
)
# The acceptance number of each diagonal; the last two of each are printed for the letters A to E only.
_ACCEPTANCE: Mapping[State, Mapping[int, int]] = MappingProxyType(
    {
        "normal": {14: 0, 17: 1, 18: 2, 19: 3, 20: 5, 21: 7, 22: 10, 23: 14, 24: 21, 25: 30, 26: 44},
        "tightened": {15: 0, 18: 1, 19: 2, 20: 3, 21: 5, 22: 8, 23: 12, 24: 18, 25: 27, 26: 41},
        "reduced": {14: 0, 18: 1, 19: 2, 20: 3, 21: 5, 22: 6, 23: 8, 24: 10, 25: 14, 26: 21},
    }
)
# Diagonals whose arrow points down, to larger samples; every other empty cell points up.
_DOWN: Mapping[State, frozenset[int]] = MappingProxyType(
    {
        "normal": frozenset({*range(14), 16}),
        "tightened": frozenset({*range(15), 16, 17}),
        "reduced": frozenset({*range(14), 16, 17}),
    }
)
_FEW_ITEMS = {0: 17, 1: 18}  # reduced, rows A and B: from this diagonal on the numbers are their own
_FEW_ACCEPTANCE = (1, 2, 3, 5, 7, 10, 14, 21, 30)
_SHORT_DIAGONALS, _SHORT_LETTERS = (25, 26), range(5)
_S, _S_AQL = 16, 2  # the cell that only tightened inspection has: letter S at AQL 0.025


@dataclass(frozen=True, slots=True)
class Plan:
    """A single sampling plan: draw `n` items; accept the lot when no more than `ac` do not conform.

    `letter` follows from lot size and level; `code` is the letter of the row that the arrows of the table lead to.
    """

    state: State
    letter: str
    aql: float
    code: str
    n: int
    ac: int

    @property
    def re(self) -> int:
        """The rejection number: this many, and the lot is not accepted."""
        return self.ac + 1


def code_letter(lot_size: int, level: str = "II") -> str:
    """Return the sample size code letter (table 1). Raises Misconfigured: no such level, or a lot of fewer than 2 items."""
    if level not in LEVELS:
        raise Misconfigured(f"no inspection level {level!r}", f"levels: {', '.join(LEVELS)}")
    if lot_size < 2:
        raise Misconfigured(f"a lot of {lot_size} items cannot be sampled", "inspect it whole, or join it to another lot")
    return next(letters[LEVELS.index(level)] for largest, letters in _SIZES if largest is None or lot_size <= largest)


def plan_of(letter: str, aql: float, state: State = "normal") -> Plan:
    """Return the plan of one cell of the master table, arrows followed. Raises Misconfigured: no such letter, AQL or state."""
    row, column = _row(letter, state), aql_column(aql)
    step = 1 if row + column in _DOWN[state] else -1
    for way in (step, -step):  # a walk that leaves the table turns round
        at = row
        while 0 <= at < len(_SAMPLES[state]):
            if (ac := _printed(at, column, state)) is not None:
                return Plan(state, letter, AQLS[column], LETTERS[at], _SAMPLES[state][at], ac)
            at += way
    raise AssertionError(f"no plan in column {aql}")  # every column of the standard has one


def aql_column(aql: float) -> int:
    """Return the position of the AQL in the table. Raises Misconfigured: not one of the preferred values."""
    if aql not in AQLS:
        raise Misconfigured(f"{aql:g} is not a preferred AQL", f"AQLs: {', '.join(f'{one:g}' for one in AQLS)}")
    return AQLS.index(aql)


def master_table(state: State) -> list[Plan]:
    """Return the plans of every printed letter and AQL, row by row."""
    return [plan_of(letter, aql, state) for letter in LETTERS[: len(_SAMPLES["normal"])] for aql in AQLS]


def _row(letter: str, state: State) -> int:
    if state not in STATES:
        raise Misconfigured(f"no state of inspection {state!r}", f"states: {', '.join(STATES)}")
    if len(letter) != 1 or letter not in LETTERS[: len(_SAMPLES[state])]:
        raise Misconfigured(f"no code letter {letter!r} in {state} inspection", f"letters: {LETTERS[: len(_SAMPLES[state])]}")
    return LETTERS.index(letter)


def _printed(row: int, column: int, state: State) -> int | None:
    """Return the acceptance number that stands in the cell; None where the table has an arrow or nothing."""
    diagonal = row + column
    if row == _S:
        return 1 if column == _S_AQL else None
    if state == "reduced" and (first := _FEW_ITEMS.get(row)) is not None and diagonal >= first:
        return _FEW_ACCEPTANCE[diagonal - first] if diagonal - first < len(_FEW_ACCEPTANCE) else None
    if diagonal in _SHORT_DIAGONALS and row not in _SHORT_LETTERS:
        return None
    return _ACCEPTANCE[state].get(diagonal)
