"""What the commands of judgement make of a table of labels. Nothing of the platform is needed."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pyarrow as pa

from yuelu.quality.consensus import Method, consensus_labels
from yuelu.quality.score import Score
from yuelu.quality.tables import read_labels

_MEASURED = ("support", "probability")  # what `review show` tells of a region of the consensus; no part of an answer
Scores = Mapping[str, tuple[Score, ...]]


def consensus_of_table(path: Path, method: str) -> pa.Table:
    """Return the consensus of a table of labels: task, label, probability."""
    return consensus_labels(read_labels(path).labels, cast("Method", method))
