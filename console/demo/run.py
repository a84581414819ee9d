"""The whole main job, step by step. Every step may be repeated: killed anywhere, the next run goes on and ends the same."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from yuelu.annotate.label_studio.service import stop
from yuelu.annotate.label_studio.site import Site, open_site
from yuelu.annotate.packets import lease
from yuelu.annotate.people import Annotator
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import batch_id, create_tasks
from yuelu.annotate.templates import load_template
from yuelu.base.errors import YueluError
from yuelu.base.ledger.work import TaskRow
from yuelu.base.progress import Progress
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.console.demo.annotators import ANNOTATORS
from yuelu.console.demo.job import COLLECTION, MAX_ROUNDS, OVERLAP, PROJECTS, SECRET, SIGNING_SEED, SITE, Folders
from yuelu.console.demo.labelling import answer_all
from yuelu.console.demo.releasing import Pulled, damage, publish_all, pull_both, settle
from yuelu.console.demo.sample import build_sample
from yuelu.console.demo.stage import Stage
from yuelu.console.overview import Overview, overview
from yuelu.console.page.render import latest, write_pages
from yuelu.console.service import stop as stop_left_over
from yuelu.console.words import say_reason
from yuelu.datasets.verify import Verification
from yuelu.pipelines.dispatch import dispatch
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.policies import keep_policy
from yuelu.pipelines.publish import PublishReport
from yuelu.pipelines.score import ScoreReport, score
from yuelu.pipelines.sources.folder import folder
from yuelu.pipelines.sync import SyncReport, sync
from yuelu.quality.policy import Policy, load_policy

STEPS = 9
_ACTOR = "demo"


@dataclass(frozen=True, slots=True)
class DemoReport:
    """How the demonstration ended: what the workspace holds, what was published, what the checks said."""

    overview: Overview
    release: PublishReport
    pulled: Pulled
    damaged: Verification
    url: str | None
    page: str

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {**asdict(self), "damaged": self.damaged.to_json()}


def run(settings: Settings, folders: Folders, stage: Stage, *, keep_running: bool) -> DemoReport:
    """Run what is left to run. With `keep_running` Label Studio stays up when it ends, and also when it fails."""
    workspace = _prepare(settings, stage)
    _ingest(workspace, settings, folders, stage)
    site = _label(workspace, settings, stage, keep_running=keep_running)
    release = _publish(workspace, stage)
    pulled, damaged = _use(workspace, folders, stage)
    with workspace.ledger.reading() as session:
        view = overview(session, workspace.ledger.now())
    page = write_pages(workspace, folders.pages)
    url = site.service.url if site is not None and keep_running else None
    return DemoReport(view, release, pulled, damaged, url, str(page))


def _prepare(settings: Settings, stage: Stage) -> Workspace:
    with stage.step("Workspace") as step:
        workspace = init(settings, secret=SECRET, signing_seed=SIGNING_SEED)
        step.found = str(workspace.root)
    return workspace


def _ingest(workspace: Workspace, settings: Settings, folders: Folders, stage: Stage) -> None:
    with stage.step("Ingest real media through Dask") as step:
        build_sample(folders.media, settings.label_studio)
        report = ingest(workspace, [folder(folders.media)], Collection(**COLLECTION), progress=step.progress)
        step.found = stage.say(
            "{listed} listed = {accepted} accepted + {duplicate} duplicate + {quarantined} quarantined",
            listed=report.listed,
            accepted=report.accepted,
            duplicate=report.duplicate,
            quarantined=report.quarantined,
        )
        step.notes.extend(f"{say_reason(stage.language, reason)}: {count}" for reason, count in report.reasons.items())


def _label(workspace: Workspace, settings: Settings, stage: Stage, *, keep_running: bool) -> Site | None:
    with _site(workspace, settings, stage, keep_running=keep_running) as site:
        with stage.step("Projects and tasks") as step:
            step.found = stage.say(
                "{tasks} tasks in {projects} projects", tasks=_create(workspace, step.progress), projects=len(PROJECTS)
            )
        with stage.step("Scripted annotators answer in Label Studio; what fails its gate comes back") as step:
            step.found = _rounds(workspace, site, stage, step.progress, step.notes)
        with stage.step("Agreement, consensus, gates") as step:
            step.found = _agreement(workspace, stage, step.notes)
        return site


@contextmanager
def _site(workspace: Workspace, settings: Settings, stage: Stage, *, keep_running: bool) -> Iterator[Site | None]:
    """Yield Label Studio with an account for each annotator; None when all work is done and nobody wants to look."""
    with stage.step("Label Studio, on this machine only") as step:
        if _finished(workspace) and not keep_running:
            stop_left_over(workspace)  # of a run that was killed
            step.found = stage.say("not needed: every task is decided")
            site = None
        else:
            people = [Annotator(person.id, person.company, scripted=True) for person in ANNOTATORS]
            site = open_site(
                workspace.ledger,
                settings.label_studio,
                workspace.label_studio_data,
                workspace.media_root,
                name=SITE,
                annotators=people,
                progress=step.progress,
            )
            step.found = stage.say("{url}, {people} annotators", url=site.service.url, people=len(people))
    try:
        yield site
    finally:
        if site is not None and not keep_running:
            stop(site.service)


def demo_policy() -> Policy:
    """Return the gate policy of the demonstration: a file, as everybody's is."""
    return load_policy(Path(__file__).with_name("policy.yaml").read_bytes(), "policy.yaml")


def _states(workspace: Workspace) -> Counter[str]:
    with workspace.ledger.reading() as session:
        batches = [batch_id(project) for project in PROJECTS]
        return Counter(session.scalars(select(TaskRow.state).where(TaskRow.batch.in_(batches))))


def _finished(workspace: Workspace) -> bool:
    states = _states(workspace)
    return bool(states) and not any(states[state] for state in ("new", "dispatched", "submitted"))


def _create(workspace: Workspace, progress: Progress) -> int:
    policy = demo_policy()
    keep_policy(workspace, policy)
    for done, (project, template) in enumerate(PROJECTS.items()):
        create_project(
            workspace.ledger,
            _ACTOR,
            name=project,
            collection=COLLECTION["name"],
            template=load_template(template),
            overlap=OVERLAP,
            policy=policy.name,
            policy_digest=policy.digest,
        )
        create_tasks(workspace.ledger, _ACTOR, project)
        progress(done + 1, len(PROJECTS))
    with workspace.ledger.reading() as session:
        count = select(func.count(func.distinct(TaskRow.subject))).where(TaskRow.batch.in_([batch_id(p) for p in PROJECTS]))
        return session.scalar(count) or 0


def _rounds(workspace: Workspace, site: Site | None, stage: Stage, progress: Progress, notes: list[str]) -> str:
    """Dispatch, answer, sync and score until nothing waits; return what happened in all."""
    answers = synced = 0
    for _ in range(MAX_ROUNDS):
        if _finished(workspace) or site is None:
            break
        for project in PROJECTS:
            lease(workspace.ledger, _ACTOR, project, [person.id for person in ANNOTATORS])
            with site.admin() as client:
                sent = dispatch(workspace, project, client, SITE)
                again = dispatch(workspace, project, client, SITE)
                if again.created:
                    raise YueluError(f"dispatching {project} twice made {again.created} tasks twice", "please report this")
                answers += answer_all(workspace, project, site, progress)
                got: SyncReport = sync(workspace, project, client, SITE)
            synced += got.new
            report = score(workspace, project, demo_policy())
            if sent.total:
                notes.append(_round_note(project, report, got, stage))
    states = _states(workspace)
    if states["new"] or states["dispatched"] or states["submitted"]:
        raise YueluError(f"after {MAX_ROUNDS} rounds tasks still wait: {dict(states)}", "run the demonstration again")
    return stage.say(
        "{answers} answers given, {synced} synced; {rework} tasks were sent back, {review} went to review",
        answers=answers,
        synced=synced,
        rework=states["rework"],
        review=states["review"],
    )


def _round_note(project: str, report: ScoreReport, got: SyncReport, stage: Stage) -> str:
    outcomes = ", ".join(f"{stage.say(outcome)} {count}" for outcome, count in report.outcomes.items())
    return stage.say(
        "{project}, round {round}: {new} answers, tasks: {outcomes}; batch: {batch}",
        project=project,
        round=report.round,
        new=got.new,
        outcomes=outcomes,
        batch=stage.say(report.batch.outcome),
    )


def _agreement(workspace: Workspace, stage: Stage, notes: list[str]) -> str:
    shown = ("krippendorff_alpha", "f1@0.50", "mean_iou")
    with workspace.ledger.reading() as session:
        view = overview(session, workspace.ledger.now())
    for project in view.projects:
        for entry in latest(project):
            if entry.metric in shown:
                value = f"{entry.value:.3f}" if entry.value is not None else f"- ({entry.reason})"
                interval = f" [{entry.low:.3f}, {entry.high:.3f}]" if entry.low is not None and entry.high is not None else ""
                notes.append(f"{project.name:14} {entry.control:8} {entry.metric:19} {value}{interval}")
    outcomes = Counter({name: sum(p.outcomes.get(name, 0) for p in view.projects) for name in ("accept", "rework", "review")})
    return ", ".join(f"{stage.say(name)} {count}" for name, count in outcomes.items())


def _publish(workspace: Workspace, stage: Stage) -> PublishReport:
    with stage.step("Publish, correct, publish again") as step:
        first = publish_all(workspace, step.progress)
        corrected = settle(workspace)
        release = publish_all(workspace, step.progress)
        for each in dict.fromkeys((first, release)):
            step.notes.append(f"{each.dataset}@{each.version}  {each.rows} {stage.say('rows')}  {each.digest}")
        step.found = stage.say("{corrected} corrections by a curator", corrected=corrected)
    return release


def _use(workspace: Workspace, folders: Folders, stage: Stage) -> tuple[Pulled, Verification]:
    with stage.step("Pull, verify offline, load, compare") as step:
        pulled = pull_both(workspace, folders, step.progress)
        step.found = stage.say(
            "{rows} rows and {media} media files verified; pyarrow reads {pyarrow}, Hugging Face datasets {datasets}",
            rows=pulled.rows,
            media=pulled.media,
            pyarrow=pulled.loaded["pyarrow"],
            datasets=pulled.loaded["datasets"],
        )
        step.notes.extend(pulled.differences.sentences(stage.say))
    with stage.step("Flip one bit: verify must name the file") as step:
        damaged = damage(folders, workspace)
        if damaged.ok:
            raise YueluError("a damaged file was not noticed", "please report this")
        step.found = "; ".join(f"{problem.path}: {problem.problem}" for problem in damaged.problems)
    return pulled, damaged
