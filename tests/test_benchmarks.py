"""The benchmarks can be started: each is found, imports what it measures, and takes the settings. None is run."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "scripts/benchmarks"
AREAS = {
    "ingest": ["images", "decode", "deid", "hashing", "audio", "video", "near", "flow", "whole"],
    "quality": ["agreement", "aggregation", "matching", "overlaps", "alignment"],
    "releases": ["releases_written", "releases_changed"],
    "annotate": ["answers", "dispatching", "into_ledger", "submissions"],
}
NAMES = [name for names in AREAS.values() for name in names]
FRAME = {"main", "measuring", "peers", "drawing_table_site"}


@pytest.mark.parametrize("area", AREAS)
def test_each_benchmark_is_listed_with_what_it_measures(area: str) -> None:
    asked = [sys.executable, str(FOLDER / "main.py"), area, "--list"]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[0] for line in told] == AREAS[area]
    assert all(len(line.split()) > 4 for line in told)


def test_no_module_stands_outside_the_frame() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - FRAME == set(NAMES)
    texts = [(FOLDER / f"{name}.py").read_text("utf-8") for name in NAMES]
    assert [
        name for name, text in zip(NAMES, texts, strict=True) if "def rows(settings: Settings) -> list[Row]:" not in text
    ] == []


@pytest.mark.parametrize("area", ["ingest", "quality", "releases"])  # the others start servers, or have no peer of their own
def test_peers_are_pinned(area: str) -> None:
    lines = [line for line in (FOLDER / f"peers-{area}.txt").read_text("utf-8").splitlines() if not line.startswith("#")]
    assert lines
    assert all(line.count("==") == 1 for line in lines)
