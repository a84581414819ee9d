"""Expected values: GB/T 2828.1-2012 tables 1 and 2-A."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from yuelu.console.main import main


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, ["lot", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_plan_as_json() -> None:
    plan = json.loads(run("plan", "--size", "5000", "--aql", "1.5", "--json"))
    assert {name: plan[name] for name in ("letter", "code", "n", "ac", "re", "state")} == {
        "letter": "L", "code": "L", "n": 200, "ac": 7, "re": 8, "state": "normal",
    }  # fmt: skip
    assert plan["tighter_ac"] == 5
    assert plan["curve"][1] == {"p": pytest.approx(0.0201, abs=5e-5), "accepted": 0.95}


def test_plan_as_text() -> None:
    said = run("plan", "--size", "100", "--aql", "0.65", "--state", "tightened")
    assert "draw 32 of 100 items (code letter G); accept with 0 or fewer that fail" in said
    assert "inspect every item" in run("plan", "--size", "8", "--aql", "0.65")


def test_limiting_quality() -> None:
    said = json.loads(run("plan", "--size", "5000", "--limit", "2", "--json"))
    assert [(plan["n"], plan["ac"]) for plan in said["plans"]][:3] == [(113, 0), (191, 1), (261, 2)]
    assert "draw  accept with up to" in run("plan", "--size", "5000", "--limit", "2")


def test_tables_as_csv() -> None:
    rows = list(csv.DictReader(run("tables").splitlines()))
    assert len(rows) == 3 * 16 * 26
    assert {"state": "reduced", "letter": "Q", "aql": "0.025", "code": "N", "n": "200", "ac": "0", "re": "1"} in rows


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--size", "100"), 2, "give one of --aql and --limit"),
        (("--size", "100", "--aql", "2"), 2, "2 is not a preferred AQL"),
        (("--size", "100", "--aql", "40"), 2, "AQL 40 is more than 10 %"),
        (("--size", "5", "--limit", "1"), 2, "no sample of 5 items shows 1 %"),
    ],
)
def test_what_cannot_be_planned(arguments: tuple[str, ...], code: int, message: str) -> None:
    result = CliRunner().invoke(main, ["lot", "plan", *arguments])
    assert (result.exit_code, message in result.output) == (code, True)


def test_a_reader_that_stops_is_no_error() -> None:
    yuelu = Path(sys.executable).with_name("yuelu")
    with subprocess.Popen([yuelu, "lot", "tables"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
