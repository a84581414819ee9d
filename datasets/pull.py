"""Pulling a release into a folder: only what is missing, every byte checked while it is written, resumable."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from yuelu.base.errors import Conflict, YueluError
from yuelu.base.progress import Progress, silent
from yuelu.base.signing import Trust
from yuelu.base.store.port import Store, checked_key
from yuelu.datasets.assemble import Assembly
from yuelu.datasets.fetch import PARTS, fetch
from yuelu.datasets.layout import MANIFEST, File
from yuelu.datasets.places import FolderSource
from yuelu.datasets.plain import layered, read_plain, replace_file
from yuelu.datasets.release import Release, open_folder, open_release
from yuelu.datasets.schemas import TABLES

_WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did. `fetched` files were missing or damaged, `kept` ones were right; `removed` are of another version."""

    name: str
    version: str
    digest: str
    fetched: int
    kept: int
    removed: int
    bytes: int


def pull(
    store: Store | Path | str,
    name: str,
    version: str | None,
    dest: Path,
    *,
    key: Trust | None = None,
    progress: Progress = silent,
    threads: int = 4,
    withdrawn: str | None = None,
) -> PullReport:
    """Write a release to `dest`: manifest.json, README.md, four tables, media/. Run again, it does what is left to do.

    A folder that holds another version of the same dataset becomes this version: files of the other version alone are
    removed, anything else is left alone. The manifest is written last: a folder without it is not complete. `withdrawn` is
    the reason to pull a version that was withdrawn.

    Raises NotFound, IntegrityFailure. Raises NotAllowed: the version was withdrawn. Raises Conflict: `dest` holds something
    else, or another pull writes to it.
    """
    release = open_release(store, name, version, key=key, withdrawn=withdrawn)
    _check(dest)
    manifest = release.manifest
    layers = layered(manifest)
    with _alone(dest):
        _prepare(dest, release)
        counted = _Counted(release, dest, progress, threads)
        counted.fetch([*(part.file for part in manifest.parts if part.table not in layers), *manifest.documents])
        counted.make(layers, Assembly(release, dest))
        here = replace(release, source=FolderSource(dest), plain=read_plain(dest, manifest))
        counted.fetch(here.media())
        removed = _remove_stale(dest, counted.paths)
        _complete(dest, release)
    return PullReport(
        manifest.name, str(manifest.version), manifest.digest,
        counted.fetched, counted.done - counted.fetched, removed, counted.bytes,
    )  # fmt: skip


def _check(dest: Path) -> None:
    parts, old = dest / PARTS, dest / MANIFEST
    if dest.exists() and not dest.is_dir():
        raise Conflict(f"{dest} is a file", "give a folder")
    if dest.is_dir() and not old.exists() and not parts.is_dir() and any(dest.iterdir()):
        raise Conflict(f"{dest} holds files and no release", "give a new or an empty folder")


@contextmanager
def _alone(dest: Path) -> Iterator[None]:
    """Make the folder for unfinished files and hold its lock. Raises Conflict: another pull holds it."""
    parts = dest / PARTS
    parts.mkdir(parents=True, exist_ok=True)
    folder = os.open(parts, os.O_RDONLY | os.O_DIRECTORY)
    busy = Conflict(f"another pull into {dest} is running", "wait until it has ended, or give another folder")
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        # the pull before may have removed the folder after it was opened here: then this lock guards nothing
        if not parts.exists() or not os.path.samestat(os.fstat(folder), parts.stat()):
            raise busy
        try:
            yield
        finally:
            with suppress(OSError):  # refused before anything was written: leave no trace
                parts.rmdir()
    finally:
        os.close(folder)


def _prepare(dest: Path, release: Release) -> None:
    """Note what another version wrote, and take that version's manifest away."""
    if (dest / MANIFEST).exists():
        _note(dest, _paths_of(dest, release.manifest.name))
        (dest / MANIFEST).unlink()  # not complete from here on


def _paths_of(dest: Path, name: str) -> list[str]:
    try:
        held = open_folder(dest)
        if held.manifest.name == name:
            return [file.path for file in held.files()]
    except YueluError:
        return []  # damaged: what it listed is not known, so nothing will be removed
    raise Conflict(f"{dest} holds {held.manifest.title}", "give each dataset a folder of its own")


def _note(dest: Path, paths: Iterable[str]) -> None:
    with (dest / PARTS / _WRITTEN).open("a") as file:
        file.writelines(f"{path}\n" for path in paths)
        file.flush()
        os.fsync(file.fileno())


class _Counted:
    """Fetches files, some at a time, and counts them."""

    def __init__(self, release: Release, dest: Path, progress: Progress, threads: int) -> None:
        self.release, self.dest, self.progress, self.threads = release, dest, progress, threads
        content = release.manifest.document["content"]
        self.total = len(TABLES) + len(release.manifest.documents) + content["media"]["files"]
        self.done = self.fetched = self.bytes = 0
        self.paths: set[str] = set()

    def fetch(self, files: Iterable[File]) -> None:
        with ThreadPoolExecutor(self.threads) as pool:
            for group in _groups(iter(files), 16 * self.threads):
                paths = [file.path for file in group]
                _note(self.dest, paths)
                self.paths.update(paths)
                for file, new in zip(group, pool.map(lambda file: fetch(self.release, file, self.dest), group), strict=True):
                    self.done, self.fetched, self.bytes = self.done + 1, self.fetched + new, self.bytes + new * file.bytes
                    self.progress(self.done, self.total)

    def make(self, tables: Iterable[str], assembly: Assembly) -> None:
        """Make the files of the tables that are in layers."""
        for table in tables:
            path = self.release.manifest.layers(table)[0].file.path
            _note(self.dest, [path])
            self.paths.add(path)
            size = assembly.make(table)
            self.done, self.fetched, self.bytes = self.done + 1, self.fetched + (size is not None), self.bytes + (size or 0)
            self.progress(self.done, self.total)
        assembly.complete(self.release.manifest)


def _groups(files: Iterator[File], count: int) -> Iterator[list[File]]:
    while group := list(islice(files, count)):
        yield group


def _remove_stale(dest: Path, current: set[str]) -> int:
    written = set((dest / PARTS / _WRITTEN).read_text().splitlines())
    stale = [dest / checked_key(path) for path in sorted(written - current)]
    there = [path for path in stale if path.is_file()]
    for path in there:
        path.unlink()
    return len(there)


def _complete(dest: Path, release: Release) -> None:
    replace_file(dest / PARTS, dest / MANIFEST, release.signed)
    shutil.rmtree(dest / PARTS, ignore_errors=True)
