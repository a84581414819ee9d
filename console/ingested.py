"""The report of an ingest: as text, as JSON, and as pages."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.console.show import print_json, size, table
from yuelu.console.words import say, say_class

if TYPE_CHECKING:
    from yuelu.base.workspace import Workspace
    from yuelu.pipelines.ingest.records import IngestReport
    from yuelu.pipelines.ingest.summary import Summary


def show_run(workspace: "Workspace", report: "IngestReport", language: str, folder: Path | None, *, as_json: bool) -> None:
    """Print how a run ended and what the collection holds now; write the pages if a folder is given."""
    from yuelu.pipelines.ingest.summary import summary

    with workspace.ledger.reading() as session:
        found = summary(session, report.collection)
    run = run_of(report)
    page = None if folder is None else _pages(workspace, found, folder, run)
    if as_json:
        print_json({**run, "summary": found.to_json(), **({"page": str(page)} if page else {})})
        return
    click.echo(run_line(language, run))
    say_summary(found, language)
    _say_slowest(run, language)
    if page:
        click.echo("\n" + say(language, "The report as a page: {page}", page=page))


def show_collection(workspace: "Workspace", collection: str, language: str, folder: Path | None, *, as_json: bool) -> None:
    """Print what a collection holds now; write the pages if a folder is given. Raises NotFound: no such collection."""
    from yuelu.pipelines.ingest.summary import summary

    with workspace.ledger.reading() as session:
        found = summary(session, collection)
    page = None if folder is None else _pages(workspace, found, folder, None)
    if as_json:
        print_json({**found.to_json(), **({"page": str(page)} if page else {})})
        return
    say_summary(found, language)
    if page:
        click.echo("\n" + say(language, "The report as a page: {page}", page=page))


def _pages(workspace: "Workspace", found: "Summary", folder: Path, run: Mapping[str, Any] | None) -> Path:
    from yuelu.console.page.ingest import write_report

    return write_report(workspace, found, folder, run)


def run_of(report: "IngestReport") -> dict[str, Any]:
    """Return the numbers of a run, with its throughput over what was read; None where nothing was read."""
    read = report.listed - report.already
    some = read > 0 and report.seconds > 0
    files = round(read / report.seconds, 3) if some else None
    return {
        **report.to_json(),
        "read": read,
        "files_per_s": files,
        "mb_per_s": round(report.read_bytes / 1e6 / report.seconds, 3) if some else None,
    }


def run_line(language: str, run: Mapping[str, Any]) -> str:
    """Return how a run ended, and on a line of its own how fast it was where it read something."""
    counts = "{listed} listed = {accepted} accepted + {duplicate} duplicate + {quarantined} quarantined"
    told = say(language, counts, **{name: run[name] for name in ("listed", "accepted", "duplicate", "quarantined")})
    known = say(language, "{already} known before, {seconds} s", already=run["already"], seconds=f"{run['seconds']:.1f}")
    return f"{told}  ({known}){_rate(language, run)}"


def _rate(language: str, run: Mapping[str, Any]) -> str:
    if run["files_per_s"] is None:
        return ""
    return "\n" + say(language, "{files} files/s, {mb} MB/s", files=f"{run['files_per_s']:.1f}", mb=f"{run['mb_per_s']:.1f}")


def _say_slowest(run: Mapping[str, Any], language: str) -> None:
    if run["slowest"]:
        columns = [say(language, "seconds"), say(language, "file")]
        rows = [(f"{one['seconds']:.2f}", one["path"]) for one in run["slowest"]]
        table("\n" + say(language, "Slowest files of this run"), columns, rows, long=columns[1:])


def say_summary(found: "Summary", language: str) -> None:
    """Print what a collection holds."""
    t = partial(say, language)
    kinds = [f"{t(name)} {count}" for name, count in found.media.items()]
    kinds += [f"{name} {count}" for name, count in found.modalities.items()]
    click.echo()
    lines = [
        (t("collection"), f"{found.collection} ({t('grade')}: {found.terms['grade']})"),
        (t("owner"), found.terms["owner"]),
        (t("legal basis"), found.terms["legal_basis"]),
        (t("terms"), found.terms["terms"]),
        *_chosen(found.terms, language),
        (t("files"), f"{found.listed} ({size(found.bytes)}): "
         + ", ".join(f"{t(name)} {count}" for name, count in found.outcomes.items() if count)),
        (t("media"), ", ".join(kinds) or "-"),
        (t("near-duplicates"), near_line(found, language)),
    ]  # fmt: skip
    table("", ("", ""), lines)
    if found.quarantine:
        columns = [t(name) for name in ("files", "why", "next step", "such as")]
        rows = [(one.files, say_class(language, one.reason, one.details, one.kinds), t(one.next_step), one.examples[0])
                for one in found.quarantine]  # fmt: skip
        table("\n" + t("In quarantine"), columns, rows, long=columns[1:])
    if found.alarms:
        columns = [t(name) for name in ("files", "alarm", "limit", "such as")]
        rows = [(one.files, f"{t(one.medium)}: {t(one.name)}", one.limit, one.examples[0]) for one in found.alarms]
        table("\n" + t("Worth a look before labelling"), columns, rows, long=columns[3:])
    if found.largest:
        columns = [t(name) for name in ("bytes", "file")]
        table("\n" + t("Largest files"), columns, [(size(one.bytes), one.path) for one in found.largest], long=columns[1:])


def _chosen(terms: Mapping[str, str | None], language: str) -> list[tuple[str, str]]:
    """Return what was chosen about people and said about the kind of data, as rows; what was not, is left out."""
    from yuelu.pipelines.deid.options import names_of

    named = {"category": terms["category"], "DICOM profile": names_of(terms["deid"] or ""), "searched for": terms["detect"]}
    return [(say(language, name), value) for name, value in named.items() if value]


def near_line(found: "Summary", language: str) -> str:
    """Return one line about near-duplicates."""
    near = found.near
    if near.searched_at is None:
        return say(language, "not searched: no asset has a fingerprint")
    text = "{clusters} clusters of {assets} assets; {joining} of them join groups that would else be apart"
    return say(language, text, clusters=near.clusters, assets=near.assets, joining=near.joining_groups)
