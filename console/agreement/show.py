"""From a file to its report, shown as it was asked for: text, JSON, a page."""

from pathlib import Path

import click

from yuelu.base.errors import Misconfigured
from yuelu.console.agreement.measure import Options, Report, report_of_export, report_of_table, to_json
from yuelu.console.agreement.page import agreement_page
from yuelu.console.agreement.text import print_agreement
from yuelu.console.show import print_json
from yuelu.console.words import say


def show_report(
    language: str,
    files: tuple[Path | None, Path | None, Path | None],
    options: Options,
    page: tuple[Path | None, str | None],
    *,
    as_json: bool,
) -> None:
    """Print the report on a table or an export; `files` are table, export and configuration, `page` its file and its server."""
    report = _report(files, options)
    html, server = page
    if html is not None:
        try:
            html.write_text(agreement_page(report, language, server), "utf-8")
        except OSError as error:
            why = error.strerror or str(error)
            raise Misconfigured(f"cannot write {html}: {why}", "give a file in a folder that is there") from None
    if as_json:
        print_json(to_json(report))
        return
    print_agreement(report, language)
    if html is not None:
        click.echo(say(language, "The page is in {path}.", path=html))


def _report(files: tuple[Path | None, Path | None, Path | None], options: Options) -> Report:
    labels, export, config = files
    if labels is not None:
        return report_of_table(labels, options)
    if export is None:
        raise Misconfigured("neither a table nor an export", "give --table FILE or --export FILE")
    return report_of_export(export, None if config is None else config.read_text("utf-8"), options)
