"""Run the benchmarks of an area, print a table with ratios, write JSON."""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import asdict, replace
from importlib import import_module
from itertools import groupby
from pathlib import Path

from measuring import OURS, PARTS, Row, Settings
from rich.console import Console
from rich.table import Table

# Modules of this folder, each with `rows(settings)`.
AREAS = {
    "ingest": ("images", "decode", "deid", "hashing", "audio", "video", "near", "flow", "whole"),
    "quality": ("agreement", "aggregation", "matching", "overlaps", "alignment"),
    "releases": ("releases_written", "releases_changed"),
    "annotate": ("answers", "dispatching", "into_ledger", "submissions"),
}


def main() -> None:
    """Measure what the command line asks for."""
    options = _options()
    names = [name for name in AREAS[options.area] if not options.only or name in options.only.split(",")]
    if not names:
        sys.exit(f"nothing to measure: {options.area} has {', '.join(AREAS[options.area])}")
    if options.list:
        for name in names:
            print(f"{name:11} {(import_module(name).__doc__ or '').splitlines()[0]}")
        return
    peers = Path(f"build/bench-env-{options.area}/bin/python").absolute() if options.peers else None
    rows, started = list[Row](), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="yuelu-bench-") as folder:
        settings = Settings(Path(folder), 1 if options.quick else options.rounds, options.quick, peers=peers)
        for name in names:
            place = settings.folder / name
            place.mkdir()
            rows += import_module(name).rows(replace(settings, folder=place))
            print(f"{name}: {time.monotonic() - started:.0f} s since the start", file=sys.stderr)
    _show(rows)
    if options.json:
        told = {
            "machine": _machine(),
            "quick": options.quick,
            "rows": [{**asdict(row), "per_cpu_s": round(row.per_cpu_s, 3)} for row in rows],
        }
        Path(options.json).write_text(json.dumps(told, indent=1) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("area", choices=sorted(AREAS))
    parser.add_argument("--only", default="", help="names of benchmarks, with commas between")
    parser.add_argument("--rounds", type=int, default=3, help="how often each job is repeated (default: 3)")
    parser.add_argument("--quick", action="store_true", help="one round of less of each job, in about two minutes")
    parser.add_argument("--list", action="store_true", help="name the benchmarks instead of running them")
    parser.add_argument("--peers", action="store_true", help="also measure what is installed in build/bench-env-AREA")
    parser.add_argument("--json", metavar="FILE", help="write the figures to FILE")
    return parser.parse_args()


def _machine() -> dict[str, str]:
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), ""
    )
    load = " ".join(f"{one:.1f}" for one in os.getloadavg())
    return {
        "processor": model,
        "cores": str(os.cpu_count()),
        "load": load,
        "python": platform.python_version(),
        "system": platform.platform(),
    }


def _show(rows: list[Row]) -> None:
    table = Table(title="per second of one processor; ratio: ours to this way (above 1: ours is faster)")
    for name in ("job", "way", "items/CPU s", "MB/CPU s", "ours : this", "memory MB", "note"):
        table.add_column(name, justify="left" if name in ("job", "way", "note") else "right")
    for job, group in groupby(rows, key=lambda row: row.job):
        alike = list(group)
        ours = next((row.per_cpu_s for row in alike if row.kind == OURS), None)
        for row in alike:
            ratio = f"{ours / row.per_cpu_s:.2f}" if ours and row.per_cpu_s and row.kind != OURS else ""
            rate = f"{row.bytes / 1e6 / row.cpu_s:.1f}" if row.bytes and row.cpu_s else ""
            memory = "" if row.memory_mb is None else f"{row.memory_mb:.0f}"
            style = "bold" if row.kind == OURS else "dim" if row.kind == PARTS else ""
            table.add_row(job, row.way, f"{row.per_cpu_s:.1f}", rate, ratio, memory, row.note, style=style)
        table.add_section()
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
