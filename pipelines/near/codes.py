"""The fingerprints of assets as arrays: each distinct code once, who has it, and what was left out and why."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from yuelu.base.errors import Conflict
from yuelu.pipelines.near.search import Codes, Index

KINDS = ("picture", "sound")
MOST_CODES = 20_000_000  # of one kind in one workspace: about 2 GB while they are searched
_CODE = re.compile("[0-9a-f]{16}")

# A picture's code has 32 bits set, half of them, unless many frequencies are missing. Then it is nearly flat or made of
# stripes, black and blank frames among them, and equals the code of every other such picture.
LEAST_BITS: Mapping[str, int] = MappingProxyType({"picture": 24, "sound": 4})
UNREADABLE, PLAIN = "not 16 hex digits", "too little structure to tell it from others"


@dataclass(frozen=True, slots=True)
class Holdings:
    """Which asset holds which code: asset `asset[k]` holds `codes[code[k]]`, each such pair once, in order of asset.

    `codes` are distinct and sorted; `left_out` counts the fingerprints that are not among them, by reason.
    """

    codes: Codes
    asset: Index
    code: Index
    left_out: Mapping[str, int]


def holdings(fingerprints: Iterable[Any], kind: str) -> Holdings:
    """Return the codes of one kind; the n-th of `fingerprints` are the fact of that name of asset n.

    Facts come from a decoder that read untrusted bytes, so what is no code is counted and passed over. Raises Conflict: more
    codes than memory holds.
    """
    owners, found, left_out = list[int](), list[int](), Counter[str]()
    for number, fact in enumerate(fingerprints):
        texts = fact.get(kind) if isinstance(fact, Mapping) else None
        if not isinstance(texts, list | tuple):
            continue
        good = {int(text, 16) for text in texts if isinstance(text, str) and _CODE.fullmatch(text)}
        left_out[UNREADABLE] += sum(not isinstance(text, str) or not _CODE.fullmatch(text) for text in texts)
        found.extend(sorted(good))
        owners.extend([number] * len(good))
    asset, codes = np.array(owners, np.int64), np.array(found, np.uint64)
    if len(codes) > MOST_CODES:
        raise Conflict(
            f"{len(codes)} {kind} fingerprints are more than the {MOST_CODES} that are compared in memory",
            "keep collections that cannot have duplicates in common in workspaces of their own",
        )
    ones = np.bitwise_count(codes)
    told = (ones >= LEAST_BITS[kind]) & (ones <= 64 - LEAST_BITS[kind])
    left_out[PLAIN] += int((~told).sum())
    distinct, code = np.unique(codes[told], return_inverse=True)
    return Holdings(distinct, asset[told], code.astype(np.int64), {why: count for why, count in left_out.items() if count})
