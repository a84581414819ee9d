"""The command line. Thin: a command calls a room and prints what it returned; nothing heavy is imported before it is needed."""

import importlib
import json
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click

from yuelu.base.errors import YueluError
from yuelu.base.settings import Settings
from yuelu.console.words import translate_help

# Every command, and the module under yuelu.console.commands that holds it under the same name ("-" becomes "_").
COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "demo",
        "init": "workspace",
        "up": "workspace",
        "down": "workspace",
        "status": "workspace",
        "doctor": "workspace",
        "ingest": "ingest",
        "assets": "assets",
        "report": "report",
        "templates": "templates",
        "project": "project",
        "company": "people",
        "annotator": "people",
        "site": "site",
        "predictions": "predictions",
        "dispatch": "dispatch",
        "serve": "serve",
        "forward": "serve",
        "packet": "packets",
        "sync": "sync",
        "answers": "packets",
        "annotations": "annotations",
        "agreement": "quality",
        "consensus": "consensus",
        "lot": "lot",
        "gate": "gate",
        "waiver": "gate",
        "review": "review",
        "gold": "review",
        "signals": "signals",
        "publish": "releases",
        "releases": "releases",
        "pull": "pull",
        "export": "export",
        "verify": "verify",
        "prove": "verify",
        "keys": "keys",
        "withdraw": "withdraw",
        "fsck": "upkeep",
        "gc": "upkeep",
    }
)


class Doors(click.Group):
    """The group of all commands: loads one when it is called, and turns our errors into text and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command, in the language of the settings."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"yuelu.console.commands.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return translate_help(command, Settings.from_env(os.environ).language)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of ours, or of the system, ends it with its text and exit code."""
        try:
            return super().invoke(ctx)
        except YueluError as error:
            _tell(error)
            ctx.exit(error.exit_code)
        except BrokenPipeError:  # whoever read us has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
            ctx.exit(YueluError.exit_code)
        except OSError as error:  # a full disk, a folder that is none, a file we may not read
            _tell(YueluError(f"{error.filename or 'the system'}: {error.strerror or error}", "check the path and the rights"))
            ctx.exit(YueluError.exit_code)


def _tell(error: YueluError) -> None:
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": error.problem, "hint": error.hint, "exit_code": error.exit_code}))
    else:
        click.secho(f"yuelu: {error}", fg="red", err=True)


@click.group(cls=Doors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="yuelu")
@click.option("--workspace", "-w", metavar="FOLDER", help="The workspace. [env YUELU_WORKSPACE; default ./yuelu-workspace]")
@click.pass_context
def main(context: click.Context, workspace: str | None) -> None:
    """Yuelu: raw media in, signed Parquet datasets out, people labelling in Label Studio between.

    Exit codes: 0 done, 1 error, 2 usage, 3 gate not passed, 4 integrity failure, 5 conflict, 6 outcome unknown.
    """
    env = {**os.environ, "YUELU_WORKSPACE": workspace} if workspace else os.environ
    context.obj = Settings.from_env(env)


def run() -> None:
    """Run the program. The language is read before anything can be said in it."""
    try:
        Settings.from_env(os.environ)
    except YueluError as error:
        _tell(error)
        sys.exit(error.exit_code)
    main()
