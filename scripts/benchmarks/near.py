"""All pairs of 64-bit codes within 3 bits, among 10^5 and 10^6: ours, comparing all, and faiss.

Codes are uniform, with 2% of near pairs planted. Comparing all pairs of 10^6 would take hours: it, and faiss's flat index, are
measured on some of the codes as queries, and the time is multiplied (the note says so).
"""

import json
import subprocess

import numpy as np
from measuring import OURS, PEER, Row, Settings, memory_mb, timed
from numpy.typing import NDArray

from yuelu.pipelines.near.search import near_pairs

RADIUS = 3
_QUERIES = 200

# Runs in the peers' environment. IndexBinaryMultiHash with 4 maps of 16 bits finds the same pairs as ours.
_FAISS = """
import json, sys, time
import faiss, numpy as np
faiss.omp_set_num_threads(1)
codes, radius, queries = np.load(sys.argv[1]).view(np.uint8).reshape(-1, 8), int(sys.argv[2]), int(sys.argv[3])
told = {}
for name, index, asked in (
    ("faiss IndexBinaryFlat", faiss.IndexBinaryFlat(64), codes[:queries]),
    ("faiss IndexBinaryMultiHash(64, 4, 16)", faiss.IndexBinaryMultiHash(64, 4, 16), codes),
):
    cpu, wall = time.process_time(), time.perf_counter()
    index.add(codes)
    limits, _, found = index.range_search(asked, radius + 1)  # its radius is exclusive
    spent = time.process_time() - cpu, time.perf_counter() - wall
    told[name] = (*spent, (len(found) - len(asked)) // 2, len(asked))
print(json.dumps(told))
"""


def rows(settings: Settings) -> list[Row]:
    """Return ours, comparing all and, where the peers are installed, faiss."""
    made: list[Row] = []
    for count in (100_000,) if settings.quick else (100_000, 1_000_000):
        job, codes = f"pairs within {RADIUS} bits of {count:.0e} codes", _codes(count, settings.seed)
        ours = _ours(job, codes, settings.rounds)
        made += [ours, _all_pairs(job, codes)]
        if settings.peers:
            peers = _faiss(job, codes, settings)
            assert ours.note in {peer.note for peer in peers}, "faiss finds another number of pairs"
            made += peers
    return made


def _codes(count: int, seed: int) -> NDArray[np.uint64]:
    draw = np.random.default_rng(seed)
    codes = draw.integers(0, 2**64, count * 98 // 100, np.uint64)
    planted = codes[: count // 50] ^ (np.uint64(1) << draw.integers(0, 64, count // 50).astype(np.uint64))
    return np.unique(np.concatenate([codes, planted]))


def _ours(job: str, codes: NDArray[np.uint64], rounds: int) -> Row:
    found = [0]

    def search() -> None:
        found[0] = sum(len(pairs.left) for pairs in near_pairs(codes, RADIUS))

    cpu, wall = min(timed(search) for _ in range(rounds))
    return Row(job, "yuelu near_pairs", OURS, len(codes), cpu, wall, memory_mb=memory_mb(), note=f"{found[0]} pairs")


def _all_pairs(job: str, codes: NDArray[np.uint64]) -> Row:
    def compare() -> None:
        for code in codes[:_QUERIES]:
            np.flatnonzero(np.bitwise_count(codes ^ code) <= RADIUS)

    cpu, wall = timed(compare)
    times = len(codes) / _QUERIES / 2  # each pair once
    note = f"numpy; {_QUERIES} queries, times {times:.0f}"
    return Row(job, "comparing all", PEER, len(codes), cpu * times, wall * times, note=note)


def _faiss(job: str, codes: NDArray[np.uint64], settings: Settings) -> list[Row]:
    path = settings.folder / f"{len(codes)}.npy"
    np.save(path, codes)
    command = [str(settings.peers), "-c", _FAISS, str(path), str(RADIUS), str(_QUERIES)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    made = []
    for way, (cpu, wall, pairs, asked) in told.items():
        times = len(codes) / asked
        note = f"{pairs} pairs" if asked == len(codes) else f"{asked} queries, times {times:.0f}"
        made.append(Row(job, way, PEER, len(codes), cpu * times, wall * times, note=note))
    return made
