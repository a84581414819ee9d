"""Bringing what people submitted to every site that work lies on, for commands."""

from pathlib import Path

from yuelu.base.errors import ServiceUnavailable
from yuelu.base.progress import Progress, silent
from yuelu.base.workspace import Workspace
from yuelu.console.gateway.serve import senders
from yuelu.pipelines.forward import ForwardReport, forward, sites


def forward_all(workspace: Workspace, label_studio: Path, progress: Progress = silent) -> ForwardReport:
    """Forward to each site; one that is down does not keep the others. Raises ServiceUnavailable: none took anything."""
    report, trouble = ForwardReport(), []
    for site in sites(workspace.ledger):
        try:
            report += forward(workspace, site, senders(workspace, label_studio, site), progress)
        except ServiceUnavailable as error:
            trouble.append(error)
    if trouble and report == ForwardReport():
        raise trouble[0]
    return report
