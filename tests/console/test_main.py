"""The command line: what it offers, what it costs to start, how it ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from yuelu.console.main import COMMANDS, main
from yuelu.console.words import chinese

HEAVY = {
    "sqlalchemy",
    "pyarrow",
    "numpy",
    "scipy",
    "dask",
    "distributed",
    "boto3",
    "pydicom",
    "cv2",
    "av",
    "httpx",
    "jinja2",
    "rich",
}


def walk(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            child = command.get_command(click.Context(command), name)
            assert child is not None
            yield from walk(child, *path, name)


ALL = list(walk(main))


def test_help_imports_nothing_heavy() -> None:
    # The import of the commands' own modules is what --help needs; what they work with must wait.
    program = (
        "import sys; sys.argv = ['yuelu', '--help']\n"
        "from yuelu.console.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(sorted(m for m in sys.modules if '.' not in m), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True, cwd="/")
    assert "Exit codes" in done.stdout
    loaded = set(json.loads(done.stderr.replace("'", '"')))
    assert "click" in loaded
    assert loaded & HEAVY == set()


def test_the_main_help_names_every_command() -> None:
    shown = CliRunner().invoke(main, ["--help"]).output
    assert [name for name in COMMANDS if f"\n  {name}" not in shown] == []


@pytest.mark.parametrize(("path", "command"), ALL, ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_every_command_explains_itself(path: tuple[str, ...], command: click.Command) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"])
    assert shown.exit_code == 0
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    if not isinstance(command, click.Group):
        assert "--json" in shown.output


@pytest.mark.parametrize(("path", "command"), ALL[1:], ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")
def test_every_help_text_has_its_chinese(path: tuple[str, ...], command: click.Command) -> None:
    texts = [" ".join((command.help or "").split())]
    texts += [option.help or "" for option in command.params if isinstance(option, click.Option) and option.name != "help"]
    assert [text for text in texts if text not in chinese()] == []


def test_an_error_is_one_text_and_an_exit_code(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.prefix + "/bin/yuelu", "-w", tmp_path / "nowhere", "status"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr == f"yuelu: no workspace at {tmp_path / 'nowhere'}\n  try: run 'yuelu init' there, or set YUELU_WORKSPACE\n"
    )
    done = subprocess.run(
        [sys.prefix + "/bin/yuelu", "-w", tmp_path / "nowhere", "status", "--json"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"] == f"no workspace at {tmp_path / 'nowhere'}"


def test_a_usage_error_ends_with_2() -> None:
    assert CliRunner().invoke(main, ["ingest"]).exit_code == 2
    assert CliRunner().invoke(main, ["no-such-command"]).exit_code == 2


def test_the_language_can_be_chosen() -> None:
    shown = CliRunner(env={"YUELU_LANGUAGE": "zh"}).invoke(main, ["init", "--help"]).output
    assert "工作区" in shown
