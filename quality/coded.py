"""Columns of text as small integers, which is what everything fast works on."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.schemas import LABELS, conform

Codes: TypeAlias = NDArray[np.int64]
Repeats: TypeAlias = Literal["refuse", "first", "last", "keep"]
REPEATS = ("refuse", "first", "last", "keep")


@dataclass(frozen=True, slots=True)
class Coded:
    """Answers as row-aligned codes into the names they stand for. Annotators and labels are in the order of their text."""

    tasks: pa.Array
    annotators: tuple[str, ...]
    labels: tuple[str, ...]
    task: Codes
    annotator: Codes
    label: Codes


def encode(column: pa.ChunkedArray | pa.Array) -> tuple[pa.Array, Codes]:
    """Return the distinct values of `column` in order of appearance, and the code of every row."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = whole.dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def encode_sorted(column: pa.ChunkedArray | pa.Array) -> tuple[pa.Array, Codes]:
    """Return the distinct values of `column` in sorted order, and the code of every row: the order of rows leaves no trace."""
    names, codes = encode(column)
    order = pc.sort_indices(names).to_numpy(zero_copy_only=False)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return names.take(pa.array(order)), rank[codes]


def code_labels(labels: pa.Table, repeats: Repeats = "refuse") -> Coded:
    """Return `labels` (schema LABELS) as codes.

    `repeats` says what a second answer of one annotator to one task is: "refuse" an error, "first" or "last" the row to
    use, "keep" an answer of its own.
    Raises SchemaMismatch; InvalidRecord: a repeated answer; Misconfigured: unknown `repeats`.
    """
    if repeats not in REPEATS:
        raise Misconfigured(f"unknown way to treat repeats {repeats!r}", f"use one of {', '.join(REPEATS)}")
    labels = conform(labels, LABELS)
    tasks, task = encode(labels["task"])
    annotators, annotator = encode_sorted(labels["annotator"])
    names, label = encode_sorted(labels["label"])
    kept = slice(None) if repeats == "keep" else _one_each(tasks, annotators, task, annotator, repeats)
    return Coded(
        tasks, tuple(annotators.to_pylist()), tuple(names.to_pylist()), task[kept], annotator[kept], label[kept]
    )  # fmt: skip


def _one_each(tasks: pa.Array, annotators: pa.Array, task: Codes, annotator: Codes, repeats: Repeats) -> Codes | slice:
    key = task * max(len(annotators), 1) + annotator
    repeated = first_repeat(key)
    if repeated is None:
        return slice(None)
    if repeats == "refuse":
        who, what = annotators[int(annotator[repeated])], tasks[int(task[repeated])]
        raise InvalidRecord(
            f"annotator {str(who)!r} answered task {str(what)!r} more than once",
            "keep one answer per task and annotator, or say which counts: first or last",
        )
    if repeats == "first":
        return np.sort(np.unique(key, return_index=True)[1])
    return np.sort(len(key) - 1 - np.unique(key[::-1], return_index=True)[1])


def first_repeat(key: Codes) -> int | None:
    """Return the row where a key appears for the second time, or None."""
    if len(key) == 0:
        return None
    if key.max() < 16 * len(key) + 1024:  # counting beats sorting while the keys are dense
        if np.bincount(key).max() == 1:
            return None
    elif len(np.unique(key)) == len(key):
        return None
    firsts = np.zeros(len(key), bool)
    firsts[np.unique(key, return_index=True)[1]] = True
    return int(np.flatnonzero(~firsts)[0])
