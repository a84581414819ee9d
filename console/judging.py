"""What the commands of judgement make of a table of labels. Nothing of the platform is needed."""

from pathlib import Path

from yuelu.base.errors import InvalidRecord
from yuelu.quality.signals.catalogue import Answers, signals
from yuelu.quality.signals.record import Looked
from yuelu.quality.tables import read_labels


def signals_of_table(path: Path) -> tuple[Looked, ...]:
    """Return the signals of a table of labels; the columns company, seconds and gold are read where they are there.

    Raises InvalidRecord: a time that is no number, and what `read_labels` and `signals` raise.
    """
    read = read_labels(path)
    rows = read.table.to_pylist()
    try:
        seconds = {(str(row["task"]), str(row["annotator"])): float(row["seconds"]) for row in rows if row.get("seconds")}
    except ValueError as error:
        raise InvalidRecord(f"{path.name}: column seconds: {error}", "give the time of each answer in seconds") from None
    companies = {str(row["annotator"]): str(row["company"]) for row in rows if row.get("company")}
    gold = {str(row["task"]): str(row["gold"]) for row in rows if row.get("gold")}
    return signals(Answers(read.labels, seconds, companies, gold))
