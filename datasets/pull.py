"""Pulling a release, or a part of it, into a folder: only what is missing, every byte checked as it is written, resumable."""

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from yuelu.base.errors import Conflict, YueluError
from yuelu.base.progress import Progress, silent
from yuelu.base.signing import Trust
from yuelu.base.store.port import Store, checked_key
from yuelu.datasets.assemble import Assembly
from yuelu.datasets.fetch import PARTS, fetch
from yuelu.datasets.layout import MANIFEST, File
from yuelu.datasets.plain import layered, replace_file
from yuelu.datasets.release import Release, open_folder, open_release, opened
from yuelu.datasets.schemas import TABLES
from yuelu.datasets.selecting import ASIDE, Selecting
from yuelu.datasets.selection import Selection

_WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class PullReport:
    """What a pull did. `fetched` files were missing or damaged, `kept` ones were right; `removed` are of another version.

    `items`: how many the folder holds.
    """

    name: str
    version: str
    digest: str
    fetched: int
    kept: int
    removed: int
    bytes: int
    items: int


def pull(
    store: Store | Path | str,
    name: str,
    version: str | None,
    dest: Path,
    *,
    key: Trust | None = None,
    selection: Selection | None = None,
    progress: Progress = silent,
    threads: int = 4,
    withdrawn: str | None = None,
) -> PullReport:
    """Write a release to `dest`: manifest.json, README.md, four tables, media/. Run again, it does what is left to do.

    `selection`: the part of it that is wanted; `plain.json` then says what was left out.

    A folder that holds another version of the same dataset becomes this version: files of the other version alone are
    removed, anything else is left alone. The manifest is written last: a folder without it is not complete. `withdrawn` is
    the reason to pull a version that was withdrawn.

    Raises NotFound (also: nothing is selected), Misconfigured, IntegrityFailure. Raises NotAllowed: the version was withdrawn.
    Raises Conflict: `dest` holds something else, or another pull writes to it.
    """
    release = open_release(store, name, version, key=key, withdrawn=withdrawn)
    wanted = selection or Selection()
    wanted.check(release.manifest)
    _check(dest)
    manifest = release.manifest
    with _alone(dest):
        selecting = None if wanted.whole else _chosen(release, dest, wanted)
        _prepare(dest, release)
        counted = _Counted(release, dest, progress, threads)
        counted.fetch(manifest.documents)
        if selecting is None:
            layers = layered(manifest)
            counted.fetch(part.file for part in manifest.parts if part.table not in layers)
            counted.make(layers, Assembly(release, dest))
        else:
            counted.select(selecting)
        here = opened(dest, manifest, release.signed)
        counted.fetch(here.media())
        removed = _remove_stale(dest, counted.paths)
        with suppress(OSError):  # no file of media is left in it, or it is not there
            (dest / "media").rmdir()
        _complete(dest, release)
    return PullReport(
        manifest.name, str(manifest.version), manifest.digest,
        counted.fetched, counted.done - counted.fetched, removed, counted.bytes, here.parts("items")[-1].total,
    )  # fmt: skip


def _chosen(release: Release, dest: Path, selection: Selection) -> Selecting:
    """Return the tables to write. What lies in `dest` is as it was when nothing is selected."""
    selecting = Selecting(release, dest, selection)
    try:
        selecting.choose()
    except YueluError:
        shutil.rmtree(dest / ASIDE, ignore_errors=True)
        raise
    return selecting


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

    def select(self, selecting: Selecting) -> None:
        """Make the tables of a selection, which are right already or have been chosen."""
        paths = [f"{table}.parquet" for table in TABLES]
        _note(self.dest, paths)
        self.paths.update(paths)
        if not selecting.there:
            self.fetch(selecting.inside())
            selecting.write()
            shutil.rmtree(self.dest / ASIDE)
        self.done, self.fetched = self.done + len(paths), self.fetched + len(paths) * (not selecting.there)
        self.bytes += selecting.fetched
        self.total = self.done + selecting.outside()
        self.progress(self.done, self.total)


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
