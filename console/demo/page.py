"""The page that the demonstration ends with: what went in, what came out, where things are, what to try next."""

import shutil
import sys
from pathlib import Path

from rich.console import Console

from yuelu.annotate.label_studio.accounts import read_accounts
from yuelu.base.workspace import Workspace
from yuelu.console.demo.job import DATASET, Folders
from yuelu.console.demo.run import DemoReport
from yuelu.console.words import say


def print_page(report: DemoReport, workspace: Workspace, folders: Folders, language: str, out: Console) -> None:
    """Print the page."""
    out.print()
    for title, lines in _page(report, workspace, folders, language):
        out.print(say(language, title), style="bold", markup=False)
        for line in lines:
            out.print(f"  {line}", markup=False)


def _page(report: DemoReport, workspace: Workspace, folders: Folders, language: str) -> list[tuple[str, list[str]]]:
    pulled = report.pulled.folder
    (collection,) = report.overview.collections
    media = ", ".join(f"{say(language, name)} {count}" for name, count in collection.media.items())
    came_out = f"{DATASET}@{report.release.version}: {report.release.rows} {say(language, 'rows')}, {pulled}"
    yuelu = program()
    try_next = [
        f"{yuelu} -w {near(folders.workspace)} status",
        f"{yuelu} verify {near(folders.damaged)}",
        f"{yuelu} -w {near(folders.workspace)} releases diff {DATASET}@1.0.0 {DATASET}@1.1.0",
    ]
    return [
        ("What went in", [f"{collection.listed} {say(language, 'files listed')}: {media}", str(folders.media)]),
        ("What came out", [came_out, f"digest {report.release.digest}"]),
        ("Where things are", [*_places(report, workspace, language)]),
        ("Try next", try_next),
    ]


def program() -> str:
    """Return how the reader can call this program again: by name where the shell finds it, else by its path."""
    return "yuelu" if shutil.which("yuelu") else near(Path(sys.executable).with_name("yuelu"))


def near(path: Path) -> str:
    """Return the path as it can be typed here: short where it lies below the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _places(report: DemoReport, workspace: Workspace, language: str) -> list[str]:
    places = [f"{say(language, 'Console')}: {report.page}"]
    if report.url is None:
        return [*places, "Label Studio: " + say(language, "stopped; --keep-running leaves it up")]
    accounts = read_accounts(workspace.label_studio_data)
    signed = say(language, "sign in as {email} with {password}", email=accounts.admin.email, password=accounts.admin.password)
    return [*places, f"Label Studio: {report.url}  ({signed})"]
