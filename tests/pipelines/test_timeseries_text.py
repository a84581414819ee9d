"""Series written as text, as instruments, loggers and spreadsheets in three countries write them."""

import io
import json
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.recognise import recognise
from yuelu.pipelines.media.timeseries import text as timeseries_text

Contexts = Callable[..., Context]
ROWS = 60
TIMES = [number / 10 for number in range(ROWS)]
START = datetime(2024, 2, 1, 8, 59, 58)


def clock(style: str, at_s: float) -> str:
    return (START + timedelta(seconds=at_s)).strftime(style)[:-3]


def lines(first: list[str], row: Callable[[float], str]) -> str:
    return "\n".join([*first, *map(row, TIMES)]) + "\n"


def reading(text: str | bytes, context_for: Contexts, **limits: int) -> Reading:
    data = text if isinstance(text, bytes) else text.encode()
    assert recognise(data[:4096]) == "CSV"
    return timeseries_text.read(io.BytesIO(data), context_for(data, Limits(**limits)))


def comma(number: float) -> str:
    return f"{number:.3f}".replace(".", ",")


WRITTEN = {
    "seconds": lines(["time [s],speed [m/s]"], lambda t: f"{t},{np.sin(t):.5f}").encode(),
    "milliseconds in the name": lines(["time_ms|speed (m/s)"], lambda t: f"{t * 1000:.0f}|{np.sin(t):.5f}").encode(),
    "a row of units": lines(["Time\tspeed", "[ms]\t[m/s]"], lambda t: f"{t * 1000:.0f}\t{np.sin(t):.5f}").encode(),
    "German": lines(["Zeit;speed / m/s"], lambda t: f"{comma(t)};{comma(np.sin(t))}").encode("cp1252"),
    "Chinese": lines(["时间,speed(m/s)"], lambda t: f"{clock('%Y/%m/%d %H:%M:%S.%f', t)},{np.sin(t):.5f}").encode("gb18030"),
    "ISO 8601 with an offset": lines(
        ["timestamp,speed [m/s]"], lambda t: f"{clock('%Y-%m-%dT%H:%M:%S.%f', t)}+08:00,{np.sin(t):.5f}"
    ).encode(),
    "date and time apart": lines(
        ["Datum;Uhrzeit;speed [m/s]"], lambda t: f"01.02.2024;{clock('%H:%M:%S.%f', t)};{np.sin(t):.4f}"
    ).encode(),
    "time of day": lines(["t,speed [m/s]"], lambda t: f"{clock('%H:%M:%S.%f', t)},{np.sin(t):.5f}").encode(),
    "since 1970": lines(["t,speed [m/s]"], lambda t: f"{1_706_745_600_000 + round(t * 1000)},{np.sin(t):.5f}").encode(),
    "UTF-16 of a spreadsheet": lines(["time [s]\tspeed [m/s]"], lambda t: f"{t}\t{np.sin(t):.5f}").encode("utf-16"),
    "minutes, with a column of text": lines(
        ["time [min],who,speed [m/s]"], lambda t: f"{t / 60:.9f},Zhang San,{np.sin(t):.5f}"
    ).encode(),
}


@pytest.mark.parametrize("kind", WRITTEN)
def test_however_it_is_written_it_is_the_same_series(kind: str, context_for: Contexts) -> None:
    made = reading(WRITTEN[kind], context_for)
    facts = made.facts
    assert made.medium is Medium.TIMESERIES
    assert (facts["rows"], facts["channels"], facts["channel_names"], facts["channel_units"]) == (ROWS, 1, ["speed"], ["m/s"])
    assert facts["sampling_rate_hz"] == pytest.approx(10, rel=1e-6)
    assert facts["duration_s"] == pytest.approx(ROWS / 10, abs=1e-6)
    assert (facts["regular"], facts["gaps"]["count"]) == (True, 0)
    table = pq.read_table(io.BytesIO(made.derived[0].data))
    assert table["time_s"].to_pylist() == pytest.approx(TIMES, abs=1e-6)
    assert table["speed"].to_pylist() == pytest.approx(np.sin(TIMES), abs=6e-4)
    assert table.schema.field("speed").metadata == {b"unit": b"m/s"}
    shown = json.loads(made.derived[1].data)
    assert shown["time_s"] == table["time_s"].to_pylist()
    assert shown["ch0"] == pytest.approx(np.sin(TIMES), abs=6e-4)
    assert [part.role for part in made.derived] == [Role.DEIDENTIFIED, Role.PROXY, Role.THUMBNAIL]


@pytest.mark.parametrize(("delimiter", "decimal", "apart"), [(";", ",", "."), (",", ".", ","), (";", ".", ",")])
def test_thousands_set_apart(delimiter: str, decimal: str, apart: str, context_for: Contexts) -> None:
    def spreadsheet(t: float) -> str:
        value = f"{990 + 2 * t:,.2f}".translate(str.maketrans(",.", apart + decimal))
        return delimiter.join((f"{t:.1f}".replace(".", decimal), f'"{value}"' if delimiter == "," else value))

    made = reading(lines([f"time{delimiter}speed"], spreadsheet), context_for)
    assert (made.facts["channel_names"], made.facts["repeated_times"]) == (["speed"], 0)
    table = pq.read_table(io.BytesIO(made.derived[0].data))
    assert table["speed"].to_pylist() == pytest.approx([990 + 2 * t for t in TIMES])


def test_nothing_that_could_name_somebody_gets_out(context_for: Contexts) -> None:
    head = ["Operator;Zhang San", "Patient;P-20240201", ""]
    head += ["Zeit [s];Druck;zhang.san@example.org;13800138000;Raum 2024-02-01;Operator ID;电话"]
    text = lines(head, lambda t: f"{t};{np.sin(t):.4f};1;2;{t:.2f};4711815;13900139000")
    made = reading(text, context_for)
    assert made.facts["channel_names"] == ["Druck", "channel 2", "channel 3", "channel 4"]
    out = json.dumps(dict(made.facts)).encode() + b"".join(part.data for part in made.derived)
    for planted in (b"Zhang", b"zhang", b"P-2024", b"13800138000", b"2024"):
        assert planted not in out
    table = pq.read_table(io.BytesIO(made.derived[0].data))
    assert not {4711815.0, 13900139000.0} & {value for column in table.columns for value in column.to_pylist()}
    dated = reading(WRITTEN["ISO 8601 with an offset"], context_for)
    assert b"2024" not in json.dumps(dict(dated.facts)).encode() + b"".join(part.data for part in dated.derived[:2])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lines(["x,y"], lambda t: f"{np.sin(t):.3f},1"), "no column tells the time"),
        (lines(["when,speed"], lambda t: f"03/04/2024 {t},{t}"), "no column tells the time"),  # the third of April, or of March?
        (
            lines(["time,speed"], lambda t: f"2024-02-01 08:{t * 10:02.0f}:00 PM,{t}"),
            "no time can be read from the column 'time'",
        ),
        (lines(["time,speed"], lambda t: f"{10 - t},{t}"), "time runs backwards 59 times in 60 rows"),
        (lines(["time,speed"], lambda t: f"5,{t}"), "time stands still"),
        (lines(["time,note"], lambda t: f"{t},{'ok' if t > 1 else 3}"), "0 channels of numbers and 60 rows"),
        ("time,speed\n1,2\n2,3\n3,4\n", "1 channels of numbers and 3 rows"),
        (lines(["time," + ",".join("c" * 65)], lambda t: ",".join([f"{t}"] * 66)), "65 channels; at most 64"),
        (lines(["time,speed"], lambda t: f"{t},1" if int(t * 10) % 7 or t < 1 else f"{t}"), "rows have not 2 cells"),
    ],
)
def test_what_is_no_series_is_refused_by_its_fault(text: str, reason: str, context_for: Contexts) -> None:
    with pytest.raises(Refused, match=reason):
        reading(text, context_for)


def test_limits_hold_before_anything_is_parsed(context_for: Contexts) -> None:
    with pytest.raises(Refused, match="61 x 2 values are more than the limit of 100"):
        reading(WRITTEN["time of day"], context_for, cells=100)
    with pytest.raises(Refused, match="more than 99 bytes in one series"):
        reading(WRITTEN["time of day"], context_for, series_bytes=99)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"Dear colleague,\nplease find, as agreed, 3 files;\n1, 2, 3 go\n" * 5, "text"),
        (b'{"a": [1, 2]}\n' * 9, "text"),
        (b"1. first\n2. second\n3. third\n4. fourth\n", "text"),
        (b"x,y\n\0,1\n1,2\n2,3\n3,4\n", "unknown content"),
    ],
)
def test_other_text_is_no_series(head: bytes, name: str) -> None:
    assert recognise(head) == name


def test_a_coarse_clock_is_spread_and_told(context_for: Contexts) -> None:
    """Loggers that write ten rows a second stamp them with whole seconds."""
    made = reading(lines(["Time,speed"], lambda t: f"{clock('%Y-%m-%d %H:%M:%S.%f', t)[:19]},{t}"), context_for)
    assert made.facts["repeated_times"] == ROWS - 6  # 8:59:58 to 9:00:03 are six different seconds
    assert made.facts["sampling_rate_hz"] == pytest.approx(10, rel=0.01)


def test_late_rows_find_their_place(context_for: Contexts) -> None:
    rows = [f"{t},{t}" for t in TIMES]
    rows[10], rows[11] = rows[11], rows[10]
    made = reading("\n".join(["time [s],speed", *rows]), context_for)
    assert made.facts["unordered_rows"] == 1
    assert pq.read_table(io.BytesIO(made.derived[0].data))["speed"].to_pylist() == TIMES


@pytest.mark.parametrize("flawed", [1, 2, 3], ids=lambda row: f"word in row {row}")
def test_a_word_among_the_first_values_is_a_missing_value_and_no_header(flawed: int, context_for: Contexts) -> None:
    rows = [f"{row},{'Zhang San' if row in (1, flawed) else row * 2}" for row in range(ROWS)]
    found = reading("\n".join(["time [s],speed [m/s]", *rows]), context_for)
    stored = pq.read_table(io.BytesIO(found.derived[0].data))
    assert stored.column_names == ["time_s", "speed"]
    assert stored.num_rows == ROWS
    assert stored["speed"].null_count == len({1, flawed})
