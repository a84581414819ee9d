"""What the commands of judgement make of a plain file: a table of labels, or an export. Nothing of the platform is needed."""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from yuelu.pipelines.judge import batch_scores
from yuelu.quality.export import read_export
from yuelu.quality.labels import Level, label_scores
from yuelu.quality.score import Score
from yuelu.quality.tables import read_labels

_MEASURED = ("support", "probability")  # what `review show` tells of a region of the consensus; no part of an answer
Scores = Mapping[str, tuple[Score, ...]]


def scores_of_table(path: Path, level: str) -> Scores:
    """Return the agreement of a table of labels."""
    read = read_labels(path)
    return {"label": label_scores(read.labels, read.groups, level=cast("Level", level))}


def scores_of_export(path: Path) -> Scores:
    """Return the agreement of a Label Studio export, by control."""
    return batch_scores(read_export(path))
