"""yuelu assets series: are the slices of each image series all there?"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.pipelines.ingest.image_series import ImageSeries


@click.command()
@click.option("--collection", metavar="NAME", help="Only this collection.")
@json_option
@click.pass_obj
def series(settings: Settings, collection: str | None, as_json: bool) -> None:
    """List the image series: slices, spacing, what is missing, doubled or mixed. Slices are ordered by where they lie."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.ingest.image_series import image_series
    from yuelu.pipelines.ingest.labelled import labelled_facts

    with open_workspace(settings).ledger.reading() as session:
        found = image_series(labelled_facts(session, collection, "application/dicom"))
    if as_json:
        print_json([one.to_json() for one in found])
        return
    columns = ("series", "modality", "slices", "spacing (mm)", "missing", "doubled", "remarks")
    table("", [say(settings.language, name) for name in columns], [_row(one, settings.language) for one in found])


def _row(one: "ImageSeries", language: str) -> Sequence[object]:
    return (
        one.series[:12],
        one.modality,
        one.slices,
        one.spacing_mm,
        one.missing,
        one.duplicates,
        "; ".join(_remarks(one, language)),
    )


def _remarks(one: "ImageSeries", language: str) -> list[str]:
    remarks = [
        (bool(one.gaps), say(language, "gap after {places} mm", places=", ".join(f"{gap.after_mm:g}" for gap in one.gaps[:3]))),
        (one.passes > 1, say(language, "each place {count} times", count=one.passes)),
        (one.orientations > 1, say(language, "{count} orientations", count=one.orientations)),
        (one.sizes > 1, say(language, "{count} picture sizes", count=one.sizes)),
        (one.spacings > 1, say(language, "{count} pixel spacings", count=one.spacings)),
        (one.unplaced > 0, say(language, "{count} without a position", count=one.unplaced)),
        (one.unspaced > 0, say(language, "{count} without pixel spacing", count=one.unspaced)),
    ]
    return [text for applies, text in remarks if applies]
