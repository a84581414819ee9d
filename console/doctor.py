"""Is everything there that the work needs? Each finding says what was checked, what was found, and what to do."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from yuelu.base import merkle
from yuelu.base.errors import YueluError
from yuelu.base.ledger import log
from yuelu.base.settings import Settings
from yuelu.base.store.address import single_winner
from yuelu.base.workspace import Workspace, open_workspace
from yuelu.datasets.release import history, names
from yuelu.pipelines.isolation import sandbox
from yuelu.pipelines.media.formats import formats

_PACKAGES = {"pydicom": "platform", "cv2": "platform", "av": "platform", "dask": "platform", "soundfile": "platform",
             "nibabel": "platform", "onnxruntime": "ocr", "rapidocr": "ocr"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and its result."""

    check: str
    ok: bool
    found: str
    hint: str = ""

    @property
    def mark(self) -> str:
        """A sign that a reader sees at once."""
        return "ok" if self.ok else "!!"

    def to_json(self) -> dict[str, Any]:
        """Return the finding as JSON."""
        return asdict(self)


def examine(settings: Settings) -> list[Finding]:
    """Return the findings, the workspace first; nothing is changed but one small object under `probe/` in the store."""
    findings = [*_packages(), _isolation(), _formats(), _syntaxes(), _label_studio(settings)]
    try:
        workspace = open_workspace(settings)
    except YueluError as error:
        return [Finding("workspace", False, error.problem, error.hint), *findings]
    checks = {"log": _log, "store": _store, "releases": _releases}
    return [
        Finding("workspace", True, str(workspace.root)),
        *(_guarded(name, check, workspace) for name, check in checks.items()),
        *findings,
    ]


def _guarded(name: str, check: Callable[[Workspace], Finding], workspace: Workspace) -> Finding:
    try:
        return check(workspace)
    except YueluError as error:
        return Finding(name, False, error.problem, error.hint)


def _log(workspace: Workspace) -> Finding:
    with workspace.ledger.reading() as session:
        problems, size = list(log.broken(session)), len(log.leaves(session))
    hint = "" if not problems else "restore the ledger from a backup; the log was changed behind our back"
    return Finding("log", not problems, "; ".join(problems) or f"{size} events, unbroken", hint)


def _releases(workspace: Workspace) -> Finding:
    """Compare the head of the log that each release was made under with the log as it is now."""
    with workspace.ledger.reading() as session:
        leaves = log.leaves(session)
    wrong, count = [], 0
    for name in names(workspace.store):
        for release in history(workspace.store, name):
            head, count = release.manifest.document["proof"]["log"], count + 1
            if merkle.root(leaves[: head["tree_size"]]).hex() != head["root"] or len(leaves) < head["tree_size"]:
                wrong.append(release.manifest.title)
    hint = "" if not wrong else "the log or the release was changed behind our back; compare both with a backup"
    found = f"not made under this log: {', '.join(wrong)}" if wrong else f"{count} made under this log"
    return Finding("releases", not wrong, found, hint)


def _store(workspace: Workspace) -> Finding:
    if single_winner(workspace.store):
        return Finding("store", True, f"{workspace.store.address}: of racing writers one wins")
    hint = "publish from one process at a time, or use a store that honours If-None-Match"
    return Finding("store", False, f"{workspace.store.address}: several racing writers won", hint)


def _label_studio(settings: Settings) -> Finding:
    python = settings.label_studio / "bin" / "python"
    hint = "" if python.exists() else "run ./scripts/setup demo, or set YUELU_LABEL_STUDIO"
    return Finding("Label Studio", python.exists(), str(settings.label_studio), hint)


def _isolation() -> Finding:
    missing = sandbox.examine()
    held = ", ".join(name for name in sandbox.LAYERS if name not in missing)
    found = "; ".join(
        [f"decoders are confined by {held}" if held else "decoders are not confined", *map(": ".join, missing.items())]
    )
    # Either of the two keeps a decoder off the network; only one keeps it off the files.
    safe = "files" not in missing and ("network" not in missing or "calls" not in missing)
    return Finding(
        "isolation", safe, found, "" if safe else "run workers in containers, or on a kernel with Landlock and seccomp"
    )


def _syntaxes() -> Finding:
    """Which DICOM can be decoded; the rest would go to quarantine."""
    try:
        from yuelu.pipelines.media.dicom.syntaxes import syntaxes
    except ImportError as error:
        return Finding("DICOM transfer syntaxes", False, str(error), "pip install 'yuelu[platform]'")
    known = syntaxes()
    missing = [one for one in known if not one.decodable]
    found = f"{len(known) - len(missing)} of {len(known)} can be decoded"
    if not missing:
        return Finding("DICOM transfer syntaxes", True, found)
    hints = "; ".join(dict.fromkeys(one.hint for one in missing))
    return Finding("DICOM transfer syntaxes", False, f"{found}, not {', '.join(one.name for one in missing)}", hints)


def _formats() -> Finding:
    """Which formats have a decoder; MDF's comes with an extra that few need, so it may be missing."""
    known = [one for one in formats() if one.media_type is not None]
    missing = [one for one in known if not one.read]
    found = f"{len(known) - len(missing)} of {len(known)} can be read" + "".join(f", not {one.name}" for one in missing)
    wrong = [one for one in missing if one.name != "MDF"]
    hints = "; ".join(dict.fromkeys(one.hint for one in missing))
    return Finding("formats", not wrong, found, hints or "'yuelu doctor --formats' lists them, and those without a reader")


def _packages() -> Iterator[Finding]:
    for name, extra in _PACKAGES.items():
        try:
            module = import_module(name)
        except ImportError as error:
            yield Finding(name, False, str(error), f"pip install 'yuelu[{extra}]'")
        else:
            yield Finding(name, True, getattr(module, "__version__", "present"))
