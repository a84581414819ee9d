"""The tallies of answers that were compared in parts, each by itself: those of all answers compared at once."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, chain

import numpy as np

from yuelu.quality.coded import Codes
from yuelu.quality.kinds.answers import Pairs
from yuelu.quality.kinds.compared import Compared, Labelled, Named, Samples


def joined(parts: Sequence[Compared], groups: Mapping[str, str]) -> Compared:
    """Return the parts as one; each holds all answers to its tasks, and the tasks rise in name from part to part.

    `groups` is by task. Row by row it is what comparing all the answers at once gives, so what is made of it is the same
    number, to the last bit.
    """
    rows = _starts(len(part.pairs.task) for part in parts)
    names = tuple(sorted(set(chain.from_iterable(part.labels.names for part in parts))))
    codes = [_codes(part.labels.names, names) for part in parts]
    return Compared(
        _pairs([part.pairs for part in parts], groups),
        {name: np.concatenate([part.counts[name] for part in parts]) for name in parts[0].counts},
        Labelled(
            names,
            _moved([part.labels.row for part in parts], rows),
            _together([code[part.labels.label] for code, part in zip(codes, parts, strict=True)]),
            np.concatenate([part.labels.both for part in parts]),
            np.concatenate([part.labels.marked for part in parts]),
        ),
        Named(
            _moved([part.named.row for part in parts], rows),
            _together([code[part.named.one] for code, part in zip(codes, parts, strict=True)]),
            _together([code[part.named.other] for code, part in zip(codes, parts, strict=True)]),
        ),
        {name: _samples([part.samples[name] for part in parts], rows) for name in parts[0].samples},
        sum((Counter(part.left_out) for part in parts), Counter()),
    )


def _pairs(parts: Sequence[Pairs], groups: Mapping[str, str]) -> Pairs:
    annotators = tuple(sorted(set(chain.from_iterable(part.annotators for part in parts))))
    who = [_codes(part.annotators, annotators) for part in parts]
    tasks = tuple(chain.from_iterable(part.tasks for part in parts))
    answers = _starts(len(part.said) for part in parts)
    return Pairs(
        tasks,
        annotators,
        np.unique(np.asarray([groups[task] for task in tasks], np.str_), return_inverse=True)[1],
        _moved([part.task for part in parts], _starts(len(part.tasks) for part in parts)),
        _together([code[part.one] for code, part in zip(who, parts, strict=True)]),
        _together([code[part.other] for code, part in zip(who, parts, strict=True)]),
        _moved([part.first for part in parts], answers),
        _moved([part.second for part in parts], answers),
        _together([part.said for part in parts]),
    )


def _starts(sizes: Iterable[int]) -> list[int]:
    return [0, *accumulate(sizes)][:-1]


def _codes(names: Sequence[str], among: Sequence[str]) -> Codes:
    place = {name: code for code, name in enumerate(among)}
    return np.asarray([place[name] for name in names], np.int64)


def _moved(codes: Sequence[Codes], by: Sequence[int]) -> Codes:
    return _together([each + start for each, start in zip(codes, by, strict=True)])


def _together(codes: Sequence[Codes]) -> Codes:
    return np.concatenate([np.zeros(0, np.int64), *codes]).astype(np.int64)


def _samples(parts: Sequence[Samples], rows: Sequence[int]) -> Samples:
    return Samples(np.concatenate([part.values for part in parts]), _moved([part.row for part in parts], rows))
