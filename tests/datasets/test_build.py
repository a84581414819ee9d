import random
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.base.errors import IntegrityFailure, InvalidRecord, SchemaMismatch
from yuelu.datasets.fields import FIELD_ID
from yuelu.datasets.regions import region_columns
from yuelu.datasets.rows import rows_of
from yuelu.datasets.schemas import TABLES, schema_digest
from yuelu.datasets.tables import ROW_GROUP, TableWriter, open_table, read_rows


def _shuffled(item: Any, seed: int) -> Any:
    """The same item as another run would meet it: other order, other ids from browsers."""
    draw = random.Random(seed)

    def rename(regions: Any) -> Any:
        renamed = [{**region, "id": f"id-{draw.random()}"} if "id" in region else region for region in regions]
        draw.shuffle(renamed)
        return tuple(renamed)

    answers = [replace(answer, regions=rename(answer.regions)) for answer in item.answers]
    draw.shuffle(answers)
    return replace(item, answers=tuple(answers), judgement=replace(item.judgement, regions=rename(item.judgement.regions)))


@pytest.mark.parametrize("seed", range(5))
def test_order_and_ids_of_regions_do_not_reach_the_bytes(make: Any, seed: int) -> None:
    regions = (make.choice(), make.box(support=1.0), make.box(x=90.0, support=0.5), make.box("dent", support=0.5))
    items = [make.item(number, regions) for number in range(6)]
    first, second = make.built(items), make.built([_shuffled(item, seed) for item in items])
    assert [table.data for table in first.tables] == [table.data for table in second.tables]
    assert first.merkle_root == second.merkle_root


def test_another_label_is_another_root(make: Any) -> None:
    one, other = make.built([make.item(0)]), make.built([make.item(0, (make.choice("bad"),))])
    assert one.merkle_root != other.merkle_root


def test_an_id_twice_is_refused(make: Any) -> None:
    with pytest.raises(SchemaMismatch, match=r"items: row .* comes after"):
        make.built([make.item(0), make.item(0)])


def test_one_file_told_in_two_ways_is_refused(make: Any) -> None:
    odd = replace(make.medium(0), facts={"width_px": 65})
    with pytest.raises(IntegrityFailure, match="they differ in width_px, height_px"):
        make.built([make.item(0), make.item(1, media=(odd,))])


def test_a_file_of_two_items_is_listed_once(make: Any) -> None:
    twin = replace(make.medium(0), source="f" * 64)  # another source that looks the same
    built = make.built([make.item(0), make.item(1, media=(twin, make.medium(1)))])
    assert (built.media_files, built.media_bytes) == (2, len(make.media_bytes(0)) + len(make.media_bytes(1)))


def test_an_item_without_media_is_refused(make: Any) -> None:
    with pytest.raises(InvalidRecord, match="has no media"):
        make.item(0, media=())


def test_a_group_in_two_splits_is_refused(make: Any) -> None:
    with pytest.raises(IntegrityFailure, match=r"is in test and in train|is in train and in test"):
        make.built([make.item(0, split="train"), make.item(1, split="test")])


def test_facts_that_have_no_column_stay_inside(make: Any) -> None:
    (asset,) = rows_of(make.item(0)).assets
    assert "never goes out" not in str(asset)
    assert (asset["width_px"], asset["height_px"], asset["duration_s"]) == (64, 48, None)


def test_frame_rate_gives_times(make: Any) -> None:
    # frames 31..60 of an NTSC video, 30000/1001 Hz: 30 frames are 1.001 s
    ranges = ({"kind": "frame_range", "id": "r", "control": "event", "label": "fall", "first_frame": 31, "last_frame": 60},)
    video = replace(make.medium(0), facts={"frame_rate_hz": "30000/1001"})
    (row,) = rows_of(make.item(0, ranges, media=(video,))).item["frame_ranges"]
    assert (row["start_s"], row["end_s"]) == (pytest.approx(1.001), pytest.approx(2.002))


def test_a_choice_about_a_region_names_its_place(make: Any) -> None:
    regions = [make.box(x=50.0, id="right"), make.box(x=1.0, id="left"), make.choice("deep", region_id="right")]
    columns = region_columns(regions, judged=False)
    assert [box["x_px"] for box in columns["boxes"]] == [1.0, 50.0]
    assert columns["choices"] == [{"control": "quality", "labels": ["deep"], "region": "boxes/1", "item": None}]


def test_a_choice_about_no_region_is_refused(make: Any) -> None:
    with pytest.raises(InvalidRecord, match="about region 'gone'"):
        region_columns([make.choice(region_id="gone")], judged=True)


def test_an_unknown_kind_of_region_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="unknown kind of region 'scent'"):
        region_columns([{"kind": "scent"}], judged=True)


def test_parquet_has_what_the_format_promises(make: Any) -> None:
    for table in make.built([make.item(number) for number in range(3)]).tables:
        file = pq.ParquetFile(pa.BufferReader(table.data))
        column = file.metadata.row_group(0).column(0)
        assert column.compression == "ZSTD"
        assert column.has_offset_index
        assert column.has_column_index
        assert file.metadata.row_group(0).sorting_columns
        assert b"huggingface" in file.schema_arrow.metadata
        assert schema_digest(file.schema_arrow) == table.schema_hash


def test_page_checksums_find_a_flipped_byte(make: Any) -> None:
    data = bytearray(make.built([make.item(number) for number in range(3)]).table("items").data)
    data[200] ^= 1  # in the first data pages
    with pytest.raises(IntegrityFailure, match="items cannot be read"):
        list(read_rows(open_table(pa.BufferReader(bytes(data)), "items"), "items"))


@pytest.mark.parametrize("table", TABLES)
def test_field_ids_are_unique(table: str) -> None:
    def ids(field: Any) -> list[bytes]:
        inner = [field.type.field(place) for place in range(field.type.num_fields)]
        return [field.metadata[FIELD_ID], *(found for member in inner for found in ids(member))]

    found = [number for field in TABLES[table] for number in ids(field)]
    assert len(found) == len(set(found))


def test_row_groups_have_a_fixed_size() -> None:
    writer = TableWriter("evidence")
    for number in range(2 * ROW_GROUP + 1):
        digests = dict.fromkeys(("item", "task", "leaf"), "d") | dict.fromkeys(("consensus", "correction", "decision"))
        writer.add({"id": f"{number:08}", "assets": [], "annotations": [], **digests})
    metadata = pq.read_metadata(pa.BufferReader(writer.finish().data))
    assert [metadata.row_group(place).num_rows for place in range(metadata.num_row_groups)] == [ROW_GROUP, ROW_GROUP, 1]


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(SchemaMismatch, match="columns missing or unexpected"):
        TableWriter("evidence").add({"id": "1"})


def test_null_where_none_may_be_is_refused(make: Any) -> None:
    with pytest.raises(SchemaMismatch, match="a value does not fit"):
        make.built([make.item(0, project=None)])


_coordinates = st.floats(min_value=0, max_value=4000, allow_nan=False)


@given(st.lists(st.tuples(st.sampled_from("abc"), _coordinates, _coordinates), max_size=8), st.randoms())
def test_columns_do_not_depend_on_order(places: list[tuple[str, float, float]], draw: random.Random) -> None:
    def region(place: tuple[str, float, float], number: int) -> dict[str, Any]:
        label, x, y = place
        sides = {"x_px": x, "y_px": y, "width_px": 1.0, "height_px": 1.0, "rotation_deg": 0.0}
        return {"kind": "box", "id": str(number), "control": "c", "label": label, "item": 0, **sides}

    mixed = draw.sample(places, len(places))
    one = region_columns([region(place, number) for number, place in enumerate(places)], judged=True)
    assert one == region_columns([region(place, number) for number, place in enumerate(mixed)], judged=True)
