"""Stretches of sound: RTTM for who speaks when, Praat TextGrids for labels and what was said."""

from collections.abc import Iterator
from pathlib import Path

from yuelu.datasets.exports.pictures import LABELS, Reader
from yuelu.datasets.exports.report import Tally
from yuelu.datasets.exports.shapes import labels
from yuelu.datasets.tables import Row


def rttm(reader: Reader, dest: Path, tally: Tally, *, media: bool) -> Iterator[str]:
    """Write `<split>.rttm`, and `<split>.uem` with what was listened to, yielding the id of each item.

    Times to the microsecond; channels from 1; blanks in a label are `_`, for fields end at blanks. The file's name is the item's
    id. Source: NIST, The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan, appendix A.
    """
    dest.mkdir(parents=True, exist_ok=True)
    if media:
        (dest / "audio").mkdir()
    for row in reader.items():
        tally.leave(row, LABELS, ["segments"], "RTTM has no place for it")
        with (dest / f"{row['split']}.rttm").open("a", encoding="utf-8") as file:
            for segment in row["segments"]:
                file.writelines(_speakers(row["id"], segment, tally))
        duration = reader.facts(row["media"][0])["duration_s"]
        if duration:
            with (dest / f"{row['split']}.uem").open("a") as file:
                file.write(f"{row['id']} 1 0.000000 {duration:.6f}\n")
        if media:
            _copy(reader, row, dest / "audio")
        yield row["id"]


def _speakers(name: str, segment: Row, tally: Tally) -> Iterator[str]:
    tally.written["segments"] += 1
    channel = 1 if segment["channel"] is None else segment["channel"] + 1
    for label in labels(segment):
        spelled = "_".join(label.split()) or "NA"
        if spelled != label:
            tally.changed["segments", "blanks in a label are '_'"] += 1
        span = f"{segment['start_s']:.6f} {segment['end_s'] - segment['start_s']:.6f}"
        yield f"SPEAKER {name} {channel} {span} <NA> <NA> {spelled} <NA> <NA>\n"


def _copy(reader: Reader, row: Row, folder: Path) -> None:
    for place, medium in enumerate(row["media"]):
        number = f"-{place}" if len(row["media"]) > 1 else ""
        (folder / f"{row['id']}{number}.{medium['path'].rpartition('.')[2]}").write_bytes(reader.read(row, place))


def textgrid(reader: Reader, dest: Path, tally: Tally, *, media: bool) -> Iterator[str]:
    """Write `<split>/<item>.TextGrid` in long form, the sound beside it, yielding the id of each item.

    A tier for each control; segments that overlap go to further tiers of it. What was written about a segment stands in a tier of
    its own control. Source: https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html.
    """
    for row in reader.items():
        about = [text for text in row["texts"] if str(text["region"]).startswith("segments/")]
        tally.leave(row, LABELS, ["segments", "texts"], "a TextGrid has no place for it")
        if len(row["texts"]) > len(about):
            tally.left_out["texts", "not about a segment"] += len(row["texts"]) - len(about)
        tally.written["segments"] += len(row["segments"])
        tally.written["texts"] += len(about)
        if channels := sum(segment["channel"] is not None for segment in row["segments"]):
            tally.changed["segments", "without its channel"] += channels
        folder = dest / row["split"]
        folder.mkdir(parents=True, exist_ok=True)
        spans = [*_labelled(row), *_written(row, about)]
        duration = reader.facts(row["media"][0])["duration_s"] or 0.0
        end = max([duration, *(span[2] for span in spans)])
        (folder / f"{row['id']}.TextGrid").write_text(_grid(spans, end), "utf-8")
        if media:
            _copy(reader, row, folder)
        yield row["id"]


Span = tuple[str, float, float, str]  # tier, start, end, text


def _labelled(row: Row) -> list[Span]:
    return [(each["control"], each["start_s"], each["end_s"], each["label"] or "") for each in row["segments"]]


def _written(row: Row, about: list[Row]) -> list[Span]:
    spans = []
    for text in about:
        segment = row["segments"][int(text["region"].partition("/")[2])]
        spans.append((text["control"], segment["start_s"], segment["end_s"], "\n".join(text["texts"])))
    return spans


def _tiers(spans: list[Span]) -> dict[str, list[Span]]:
    """Return the spans by tier, none of which has two at a time."""
    tiers: dict[str, list[Span]] = {}
    for span in sorted(spans, key=lambda span: (span[0], span[1], span[2], span[3])):
        number = 1
        while (name := span[0] if number == 1 else f"{span[0]} {number}") in tiers and tiers[name][-1][2] > span[1]:
            number += 1
        tiers.setdefault(name, []).append(span)
    return tiers


def _grid(spans: list[Span], end: float) -> str:
    tiers = _tiers(spans)
    head = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end!r}"]
    lines = [*head, f"tiers? {'<exists>' if tiers else '<absent>'}"]
    if tiers:
        lines += [f"size = {len(tiers)}", "item []:"]
    for number, (name, members) in enumerate(tiers.items(), 1):
        intervals = list(_filled(members, end))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_quoted(name)}"]
        lines += ["        xmin = 0", f"        xmax = {end!r}", f"        intervals: size = {len(intervals)}"]
        for place, (start, stop, text) in enumerate(intervals, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {start!r}", f"            xmax = {stop!r}"]
            lines.append(f"            text = {_quoted(text)}")
    return "\n".join([*lines, ""])


def _filled(members: list[Span], end: float) -> Iterator[tuple[float, float, str]]:
    """Yield the intervals of a tier without gaps: what nothing was said about has an empty text."""
    at = 0.0
    for _, start, stop, text in members:
        if start > at:
            yield at, start, ""
        yield start, stop, text
        at = stop
    if at < end:
        yield at, end, ""


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'
