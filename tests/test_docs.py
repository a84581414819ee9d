"""The examples of the documents run as printed: commands in `console` blocks, with the files of named blocks beside them."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from yuelu.quality.policy import load_policy

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"])
BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, kind: str) -> list[tuple[str, str]]:
    return [(name, text) for found, name, text in BLOCK.findall(page.read_text("utf-8")) if found == kind]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "console")], ids=lambda page: page.name)
def test_commands_run_as_printed(page: Path, tmp_path: Path) -> None:
    for kind in ("csv", "yaml"):
        for name, text in blocks(page, kind):
            (tmp_path / name).write_text(text, "utf-8")
    env = {**os.environ, "PATH": f"{sys.prefix}/bin:{os.environ['PATH']}", "YUELU_LANGUAGE": "en"}
    for _, transcript in blocks(page, "console"):
        for command, *expected in (part.splitlines() for part in transcript.split("$ ")[1:]):
            done = subprocess.run(shlex.split(command), cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            assert done.stdout.strip()
            if expected:
                assert done.stdout.splitlines() == expected
            if "--json" in command:
                assert json.loads(done.stdout)["scores"]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_python_runs_as_printed(page: Path) -> None:
    for _, text in blocks(page, "python"):
        exec(compile(text, str(page), "exec"), {})  # noqa: S102  the text is ours


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=lambda page: page.name)
def test_policies_that_are_shown_can_be_used(page: Path) -> None:
    for name, text in blocks(page, "yaml"):
        assert load_policy(text.encode(), name).task


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_are_named_exist(page: Path) -> None:
    from yuelu.console.main import COMMANDS  # noqa: PLC0415  only this test needs it

    named = re.findall(r"(?:^|`)(?:\$ )?(?:\./)?yuelu(?: -w \S+)? ([a-z]+)", page.read_text("utf-8"), re.MULTILINE)
    assert [name for name in named if name not in COMMANDS] == []


def test_both_readmes_say_the_same() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))
    assert english.count("\n## ") == chinese.count("\n## ")
    assert blocks(ROOT / "README.md", "csv") == blocks(ROOT / "README.zh-CN.md", "csv")
    assert blocks(ROOT / "README.md", "console") == blocks(ROOT / "README.zh-CN.md", "console")
    links = [set(re.findall(r"\]\((docs/[^)]+\.md|C[A-Z]+\.md)", text)) for text in (english, chinese)]
    assert links[0] == links[1]
