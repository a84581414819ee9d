"""Gamma of two and three annotators, against pygamma-agreement."""

from functools import partial

import numpy as np
from measuring import Row, Settings
from peers import ask, found_by_peers, turns_rows

from yuelu.quality.gamma import Unit, Weights, disorder

# Both find the best alignment of the same continuum, which is what gamma does for each drawn continuum.
_PEER = """
import contextlib, io
with contextlib.redirect_stdout(io.StringIO()):
    from pygamma_agreement import CombinedCategoricalDissimilarity, Continuum
    from pyannote.core import Segment
    continuum = Continuum()
    for who, label, start, end in zip(given["who"], given["label"], given["start"], given["end"]):
        continuum.add(str(who), Segment(float(start), float(end)), str(label))
    dissimilarity = CombinedCategoricalDissimilarity(alpha=1, beta=1, delta_empty=1)
    found = timed("pygamma-agreement 0.5.9", lambda: continuum.get_best_alignment(dissimilarity).disorder)
told["pygamma-agreement 0.5.9"][2] = float(found)
"""


def rows(settings: Settings) -> list[Row]:
    """Return the best alignment of 20 (and 50) units each."""
    made: list[Row] = []
    for people, units in ((2, 20), (3, 20)) if settings.quick else ((2, 20), (2, 100), (3, 20), (3, 50)):
        annotators = _annotators(people, units, settings.seed)
        rows_ = [(f"a{who}", *unit) for who, one in enumerate(annotators) for unit in one]
        who, label, start, end = (np.asarray(column) for column in zip(*rows_, strict=True))
        ours = partial(disorder, annotators, Weights())
        told = ask(settings, _PEER, ours, who=who, label=label, start=start, end=end)
        same = ours()
        assert all(abs(found - same) < 1e-4 for found in found_by_peers(told)), "the disorders differ"
        made += turns_rows(f"best alignment of {people} annotators x {units} units", "yuelu", 1, told)
    return made


def _annotators(people: int, units: int, seed: int) -> list[list[Unit]]:
    draw = np.random.default_rng(seed)
    starts = np.sort(draw.uniform(0, units * 5, units))
    labels = draw.choice(["a", "b", "c"], units)
    made = []
    for _ in range(people):
        off, lasts = draw.normal(0, 0.5, units), draw.uniform(1, 4, units)
        made.append([(str(b), float(s + o), float(s + o + d)) for b, s, o, d in zip(labels, starts, off, lasts, strict=True)])
    return made
