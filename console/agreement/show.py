"""A report, shown as it was asked for: text, JSON, a page."""

from pathlib import Path

import click

from yuelu.base.errors import Misconfigured
from yuelu.console.agreement.measure import Report, to_json
from yuelu.console.agreement.page import agreement_page
from yuelu.console.agreement.text import print_agreement
from yuelu.console.show import print_json
from yuelu.console.words import say


def show_report(report: Report, language: str, page: tuple[Path | None, str | None], *, as_json: bool) -> None:
    """Print the report; `page` is the file that it is also written to and the server its links lead to, where there are such."""
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
