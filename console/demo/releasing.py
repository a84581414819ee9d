"""The last steps: publish, correct, publish again, pull, verify, load, compare, and show that damage is found."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from yuelu.annotate.tasks import batch_id
from yuelu.base.errors import YueluError
from yuelu.base.ledger.judgement import CorrectionRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.progress import Progress
from yuelu.base.workspace import Workspace
from yuelu.console.demo.job import COLLECTION, CURATOR, DATASET, PROJECTS, Folders
from yuelu.console.demo.labelling import task_truth, truth_by_asset
from yuelu.datasets.diff import Diff, diff
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_folder
from yuelu.datasets.verify import Verification, raise_unless_ok, verify
from yuelu.pipelines.correct import correct
from yuelu.pipelines.publish import PublishReport, publish

FIRST, SECOND = "1.0.0", "1.1.0"


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a model team has after pulling both versions, and what their own tools read."""

    folder: Path
    rows: int
    media: int
    loaded: dict[str, Any]
    differences: Diff


def publish_all(workspace: Workspace, progress: Progress) -> PublishReport:
    """Publish what is accepted in all projects."""
    return publish(workspace, DATASET, tuple(PROJECTS), progress)


def settle(workspace: Workspace) -> int:
    """Let the curator settle what is in review, and correct the item that the truth names; return how many are new."""
    new = 0
    with workspace.ledger.reading() as session:
        truths = truth_by_asset(session, COLLECTION["name"])
        batches = [batch_id(project) for project in PROJECTS]
        settled = set(session.scalars(select(CorrectionRow.item_key)))
        known = select(TaskRow).where(TaskRow.batch.in_(batches), TaskRow.state.in_(("review", "accepted", "published")))
        tasks = [
            (task.item_key, task.state, [truths[item] for item in task.items])
            for task in session.scalars(known.order_by(TaskRow.item_key))
        ]
    for item_key, state, found in tasks:
        wanted = state == "review" or any(truth.corrected_later for truth in found)
        if wanted and item_key not in settled:
            reason = "the annotators do not agree; decided by the source" if state == "review" else "labels reported as wrong"
            new += correct(workspace, item_key, task_truth(found), owner=CURATOR, reason=reason)
    return new


def pull_both(workspace: Workspace, folders: Folders, progress: Progress) -> Pulled:
    """Pull both versions, verify them with nothing but the public key, load the newer one, compare the two."""
    key = workspace.signing_key.public
    for version in (FIRST, SECOND):
        pull(workspace.store, DATASET, version, folders.pulled(version), key=key, progress=progress)
        raise_unless_ok(verify(folders.pulled(version), key))
    newest = open_folder(folders.pulled(SECOND), key=key)
    return Pulled(
        folders.pulled(SECOND),
        newest.manifest.rows,
        sum(1 for _ in newest.media()),
        load_elsewhere(folders.pulled(SECOND)),
        diff(open_folder(folders.pulled(FIRST), key=key), newest),
    )


def load_elsewhere(folder: Path) -> dict[str, Any]:
    """Return what pyarrow and Hugging Face `datasets` read, in a process that sees nothing of ours but the folder."""
    program = Path(__file__).with_name("load.py")
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-P", str(program), str(folder)]
    done = subprocess.run(command, cwd=folder.parent, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise YueluError(f"the release did not load: {done.stderr.strip().splitlines()[-1:]}", f"run: {program} {folder}")
    loaded: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return loaded


def damage(folders: Folders, workspace: Workspace) -> Verification:
    """Copy the pulled release, flip one bit of one byte of one file in the copy, and return what `verify` says of it."""
    shutil.rmtree(folders.damaged, ignore_errors=True)
    shutil.copytree(folders.pulled(SECOND), folders.damaged)
    victim = folders.damaged / "annotations.parquet"
    victim.chmod(0o644)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    return verify(folders.damaged, workspace.signing_key.public)
