"""yuelu demo: the main job on sample media."""

from dataclasses import replace
from pathlib import Path

import click

from yuelu.base.settings import LANGUAGES, Settings
from yuelu.console.show import json_option, print_json


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("yuelu-demo"),
    show_default=True,
    help="Where media, workspace and pulled releases go.",
)
@click.option("--keep-running", is_flag=True, help="Leave Label Studio up at the end, so that you can open it and label.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of the output. [default: from YUELU_LANGUAGE or LANG]")
@json_option
@click.pass_obj
def demo(settings: Settings, folder: Path, keep_running: bool, lang: str | None, as_json: bool) -> None:
    """Run the whole main job on sample media: ingest, label in a real Label Studio, score, publish, pull, verify."""
    from rich.console import Console

    from yuelu.base.workspace import open_workspace
    from yuelu.console.demo.job import Folders
    from yuelu.console.demo.page import print_page
    from yuelu.console.demo.run import STEPS, run
    from yuelu.console.demo.stage import Stage

    folders = Folders(folder.absolute())
    settings = replace(settings, workspace=folders.workspace, ledger=None, store=None, language=lang or settings.language)
    out = Console(stderr=as_json, highlight=False, soft_wrap=True)
    report = run(settings, folders, Stage(STEPS, settings.language, out), keep_running=keep_running)
    if as_json:
        print_json(report.to_json())
        return
    print_page(report, open_workspace(settings), folders, settings.language, out)
