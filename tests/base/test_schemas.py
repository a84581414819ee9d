import pyarrow as pa
import pytest

from yuelu.base.errors import SchemaMismatch
from yuelu.base.schemas import LABELS, SEGMENTS, conform


def test_columns_are_put_in_order_and_type() -> None:
    table = pa.table({"label": pa.array(["x"]).dictionary_encode(), "annotator": ["a"], "task": ["t"]})
    assert conform(table, LABELS).schema.equals(LABELS, check_metadata=True)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"task": ["t"], "annotator": ["a"]}, r"missing columns \['label'\]"),
        ({"task": ["t"], "annotator": ["a"], "label": ["l"], "why": [1]}, r"unexpected columns \['why'\]"),
        ({"task": ["t"], "annotator": ["a"], "label": [None]}, "a value does not fit"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(table: dict[str, list[object]], message: str) -> None:
    with pytest.raises(SchemaMismatch, match=message):
        conform(pa.table(table), LABELS)


def test_a_lossy_cast_is_refused() -> None:
    table = pa.table({"task": ["t"], "annotator": ["a"], "label": ["l"], "start": ["soon"], "end": ["late"]})
    with pytest.raises(SchemaMismatch, match="soon"):
        conform(table, SEGMENTS)


def test_units_stand_in_the_schema() -> None:
    assert SEGMENTS.field("start").metadata == {b"unit": b"s"}
