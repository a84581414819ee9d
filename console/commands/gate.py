"""yuelu gate, waiver: deciding what was answered by a policy, and answering for what a gate holds back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from yuelu.base.errors import GateNotPassed
from yuelu.base.settings import Settings
from yuelu.console.commands.quality import print_scores
from yuelu.console.show import bar, computing_options, json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.pipelines.regate import Replay
    from yuelu.quality.gate import Verdict

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.argument("project")
@click.option("--policy", type=_FILE, help="The gate policy. [default: the one that the project was made with]")
@click.option("--dry-run", is_flag=True, help="Decide nothing; only show what the policy would make of the answers.")
@click.option("--replay", is_flag=True, help="Decide nothing; show where the policy would have decided otherwise in the past.")
@computing_options
@json_option
@click.pass_obj
def gate(
    settings: Settings,
    project: str,
    policy: Path | None,
    dry_run: bool,
    replay: bool,
    scheduler: str | None,
    workers: int | None,
    as_json: bool,
) -> None:
    """Score a project's answered tasks and decide each: accept, rework or review. Exit code 3 when the batch does not pass."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.policy import read_policy
    from yuelu.pipelines.policies import policy_of
    from yuelu.pipelines.regate import regate
    from yuelu.pipelines.score import score

    workspace = open_workspace(settings)
    chosen = policy_of(workspace, project) if policy is None else read_policy(policy)
    if replay:
        found = regate(workspace, project, chosen)
        print_json(found.to_json()) if as_json else _print_replay(found, settings.language)
        return
    with bar("gate", quiet=as_json) as progress:
        report = score(workspace, project, chosen, progress, dry_run=dry_run, scheduler=scheduler, workers=workers or 1)
    if as_json:
        print_json(report.to_json())
    else:
        for each in (*report.earlier, report):
            print_scores(each.scores, as_json=False)
            _print_checks(each.batch, settings.language)
            click.echo(
                ", ".join(f"{count} {outcome}" for outcome, count in each.outcomes.items()) or "no task waits for a decision"
            )
            click.echo(f"batch: {each.batch.outcome} ({each.batch.rule})")
    if not all(each.batch.accepted for each in (*report.earlier, report)):
        click.get_current_context().exit(GateNotPassed.exit_code)


def _print_checks(verdict: "Verdict", language: str) -> None:
    """Print what the policy's checks read: they are of no control."""
    rows = [(e.rule, e.value, e.bound, say(language, "yes" if e.passed else "no"), e.reason) for e in verdict.evidence]
    checks = [row for row, e in zip(rows, verdict.evidence, strict=True) if not e.control and e.metric != "answers"]
    heads = ("check", "value", "bound", "passed", "why")
    if checks:
        table("", [say(language, head) for head in heads], checks, long=("why",))


def _print_replay(found: "Replay", language: str) -> None:
    heads = [say(language, head) for head in ("of", "recorded", "with this policy", "count")]
    rows = [
        (say(language, kind), *(say(language, outcome) for outcome in pair), count)
        for kind, counts in (("batch", found.batches), ("task", found.tasks))
        for pair, count in sorted(counts.items())
    ]
    table("", heads, rows)
    if not found.different:
        click.echo(say(language, "no decision would have been another"))
        return
    heads = [say(language, head) for head in ("of", "id", "round", "recorded", "by rule", "with this policy", "by rule")]
    told = [
        (
            say(language, d.kind),
            d.subject[:12],
            d.round,
            say(language, d.before),
            d.rule_before,
            say(language, d.after),
            d.rule_after,
        )
        for d in found.different
    ]
    table("", heads, told)


@click.group()
def waiver() -> None:
    """Answer for a batch that its gate does not accept: with a name, a reason, and a day on which that ends."""


@waiver.command()
@click.argument("batch")
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--reason", required=True, help="Why.")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The day on which it ends, at 0:00 UTC.")
@json_option
@click.pass_obj
def grant(settings: Settings, batch: str, owner: str, reason: str, until: datetime, as_json: bool) -> None:
    """Let out what the last decision about BATCH holds back; a new decision ends it."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.waive import grant as run

    key = run(open_workspace(settings), batch, owner=owner, reason=reason, expires_at=until.replace(tzinfo=UTC))
    told = say(settings.language, "waiver {id} until {day}", id=key[:12], day=f"{until:%Y-%m-%d}")
    print_json({"waiver": key}) if as_json else click.echo(told)


@waiver.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List all waivers, the newest first: which stand, and which have ended."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.settled import waivers

    ledger = open_workspace(settings).ledger
    with ledger.reading() as session:
        rows = waivers(session, ledger.now())
    names = ("waiver", "project", "rule", "owner", "reason", "until", "state")
    if as_json:
        print_json(rows)
        return
    shown = [[row[name] for name in names] for row in rows]
    table("", names, [[row[0][:12], *row[1:-1], say(settings.language, row[-1])] for row in shown], long=("reason", "rule"))


@waiver.command()
@click.argument("waiver")
@click.option("--owner", required=True, help="Who ends it.")
@json_option
@click.pass_obj
def revoke(settings: Settings, waiver: str, owner: str, as_json: bool) -> None:
    """End a waiver before its day."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.waive import revoke as run

    stood = run(open_workspace(settings), waiver, by=owner)
    told = say(settings.language, "revoked" if stood else "was revoked before")
    print_json({"revoked": stood}) if as_json else click.echo(told)
