"""yuelu export: a release in the formats that training code and other tools read."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yuelu.base.errors import Misconfigured
from yuelu.base.settings import Settings
from yuelu.console.pulled import from_option, key_option, public_key, release_store
from yuelu.console.show import bar, json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.base.progress import Progress
    from yuelu.datasets.exports.report import ExportReport
    from yuelu.datasets.release import Release

_FORMATS = (
    "coco", "yolo", "yolo-obb", "yolo-segment", "voc", "webdataset", "rttm", "textgrid", "mot", "dicom-seg", "dicom-sr",
)  # fmt: skip


@click.command()
@click.argument("release", metavar="NAME[@VERSION]|FOLDER")
@click.argument("dest", type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "form", required=True, type=click.Choice(_FORMATS), help="The format to write.")
@click.option("--media/--no-media", default=True, help="Copy the media too. [default: yes]")
@click.option(
    "--series",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="For dicom-seg and dicom-sr: the folder of the de-identified objects that were labelled.",
)
@from_option
@key_option
@json_option
@click.pass_obj
def export(
    settings: Settings,
    release: str,
    dest: Path,
    form: str,
    media: bool,
    series: Path | None,
    root: str | None,
    key: Path | None,
    as_json: bool,
) -> None:
    """Write a release, or a folder it was pulled to, to the new folder DEST in another format. Says what that cannot carry."""
    from yuelu.datasets.exports.export import export as run
    from yuelu.datasets.release import open_folder, open_release

    folder, trusted = Path(release), public_key(key)
    if (folder / "manifest.json").is_file():
        found = open_folder(folder, key=trusted)
    else:
        found = open_release(release_store(settings, root), release, key=trusted)
    with bar("export", quiet=as_json) as progress:
        if form.startswith("dicom"):
            report = _dicom(settings, found, dest, form, series, progress)
        else:
            report = run(found, dest, form, media=media, progress=progress)
    if as_json:
        print_json(report.to_json())
        return
    _print(report, dest, settings.language)


def _dicom(
    settings: Settings, release: "Release", dest: Path, form: str, series: Path | None, progress: "Progress"
) -> "ExportReport":
    if series is None:
        raise Misconfigured(f"{form} refers to the series that was labelled", "give the folder that holds it with --series")
    try:
        from yuelu.pipelines.dicom_export.export import export_dicom
    except ImportError as error:
        raise Misconfigured(f"{form} needs {error.name}", "pip install 'yuelu[platform,dicom-export]'") from None
    return export_dicom(release, dest, form, _finder(settings, release.manifest.name, series), progress)


def _finder(settings: Settings, dataset: str, series: Path) -> Callable[[str], bytes | None]:
    """Return what gives the object for the keyed hash of its bytes; the key is the workspace's."""
    from yuelu.base.canonical import keyed, sha256
    from yuelu.base.workspace import open_workspace

    secret = open_workspace(settings).secret
    files = {
        keyed(secret, f"source:{dataset}", sha256(path.read_bytes())): path
        for path in sorted(series.rglob("*"))
        if path.is_file()
    }
    return lambda source: files[source].read_bytes() if source in files else None


def _print(report: "ExportReport", dest: Path, language: str) -> None:
    t, told = partial(say, language), report.to_json()
    said = {"title": report.title, "form": report.format, "dest": dest, "items": report.items, "files": report.files}
    click.echo(t("{title} as {form} in {dest}: {items} items, {files} files", **said))
    table("", (t("written"), t("count")), list(told["written"].items()))
    for name, title in (("changed", t("changed by the format")), ("left_out", t("left out by the format"))):
        if told[name]:
            rows = [(row["of"], t(row["reason"]), row["count"]) for row in told[name]]
            table("\n" + title, (t("column"), t("reason"), t("count")), rows)
