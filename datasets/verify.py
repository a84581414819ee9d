"""Checking a release, offline: the signature, every byte, the counts, the splits, and the Merkle root over its rows."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from yuelu.base.errors import IntegrityFailure, NotFound, YueluError
from yuelu.base.signing import Trust
from yuelu.base.store.address import open_store
from yuelu.base.store.port import Store
from yuelu.datasets.chain import rows_problems
from yuelu.datasets.heads import heads_problems, store_problem
from yuelu.datasets.layout import MANIFEST, File
from yuelu.datasets.manifest import Manifest
from yuelu.datasets.plain import PLAIN, pulled_left_out
from yuelu.datasets.receipt import RECEIPT, receipt_problem
from yuelu.datasets.recomputed import Recomputed, recompute
from yuelu.datasets.release import Release, history, manifest_in, open_release, opened
from yuelu.datasets.schemas import TABLES
from yuelu.datasets.selected_chain import selected_problems
from yuelu.datasets.signed.notices import Standing

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and with which file."""

    path: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. `authentic` is None when no key was given: then nothing shows who published the release.

    `items` and `scores` count what was worked out again from the shipped votes, `not_shown` scores of which the release holds
    too few of the votes. `left_out`: the rows (by table) and columns that the pull left out, which nobody has looked at;
    empty: nothing.
    """

    ok: bool
    checked: int
    problems: tuple[Problem, ...]
    authentic: bool | None
    items: int = 0
    scores: int = 0
    not_shown: int = 0
    left_out: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        problems = [{"path": each.path, "problem": each.problem} for each in self.problems]
        votes = {"items": self.items, "scores": self.scores, "not_shown": self.not_shown}
        said = {"ok": self.ok, "checked": self.checked, "problems": problems, "authentic": self.authentic, "recomputed": votes}
        return said | ({"left_out": dict(self.left_out)} if self.left_out else {})


def verify(
    path: Path, key: Trust | None = None, standing: Standing | None = None, store_differs: str | None = None
) -> Verification:
    """Return whether the release pulled to `path` is whole and unaltered; `checked` counts files.

    Without `key` the signature is checked with the key that travels with the release, which finds damage and not forgery.
    `standing` is what the publisher's notices say by now: a version that was withdrawn is not in order;
    `store_differs` is how the store it was pulled from contradicts it (`heads.store_problem`).

    A bad release raises nothing: every problem names its file.
    """
    try:
        manifest, signed = manifest_in(path, key=key)
    except YueluError as error:
        return Verification(False, 1, (Problem(MANIFEST, error.problem),), None if key is None else False)
    authentic = None if key is None else True
    try:
        release, left_out = opened(path, manifest, signed), pulled_left_out(path)
    except YueluError as error:
        return Verification(False, 2, (Problem(PLAIN, error.problem.removeprefix(f"{PLAIN} ")),), authentic)
    listed, problems, again = _files_problems(release, left_out)
    listed |= {PLAIN} if release.plain else set()
    if (path / RECEIPT).exists():
        listed.add(RECEIPT)
        problems += [Problem(RECEIPT, problem) for problem in receipt_problem(path)]
    problems += _strangers(path, listed)
    problems += _withdrawn(manifest, standing)
    problems += [Problem(MANIFEST, store_differs)] if store_differs else []
    return replace(_found(len(listed) + 1, problems, authentic, again), left_out=left_out)


def _withdrawn(manifest: Manifest, standing: Standing | None) -> Iterator[Problem]:
    found = standing.withdrawn.get(str(manifest.version)) if standing else None
    if found:
        yield Problem(MANIFEST, f"{manifest.title} was withdrawn: {found.reason}; use {found.instead or 'none of it'}")


def verify_stored(
    place: Store | Path | str,
    name: str,
    version: str | None = None,
    key: Trust | None = None,
    *,
    known: Manifest | None = None,
) -> Verification:
    """Return whether a release in a store is whole, and every release before it in place and linked to the next.

    The heads of the log that the releases name must continue one another. `known` is a release that somebody got from this store
    before: a store that was rolled back, or forked, does not have it.

    Raises NotFound: no such release.
    """
    store = open_store(str(place)) if isinstance(place, str | Path) else place
    folder = f"datasets/{name.partition('@')[0]}/versions"
    try:
        release = open_release(store, name, version, key=key, withdrawn="to verify it")
        log = [each.manifest for each in history(store, release.manifest.name, key=key)]
    except NotFound:
        raise
    except YueluError as error:
        return Verification(False, 1, (Problem(folder, error.problem),), None if key is None else False)
    listed, problems, again = _files_problems(release)
    problems += [Problem(folder, f"{title}: {problem}") for title, problem in heads_problems(log)]
    if known is not None and (problem := store_problem(store, known)):
        problems.append(Problem(folder, problem))
    return _found(len(listed) + 1, problems, None if key is None else True, again)


def _found(checked: int, problems: list[Problem], authentic: bool | None, again: Recomputed) -> Verification:
    return Verification(not problems, checked, tuple(problems), authentic, again.items, again.scores, again.not_shown)


def _files_problems(release: Release, left_out: Mapping[str, Any] | None = None) -> tuple[set[str], list[Problem], Recomputed]:
    """Return the paths of the release's files, what is wrong with them, and what the votes say again when nothing is.

    `left_out`: what a selective pull told of it; then the votes are not all there, and say nothing.
    """
    tables = [part.file for table in TABLES for part in release.parts(table)]
    first = [*tables, *release.manifest.documents]
    problems = [problem for file in first if (problem := _file_problem(release, file))]
    listed = {file.path for file in first}
    whole = {release.source.label(file) for file in tables}.isdisjoint(problem.path for problem in problems)
    assets = {release.source.label(part.file) for part in release.parts("assets")}
    if assets.isdisjoint(problem.path for problem in problems):
        try:
            for file in release.media():
                listed.add(file.path)
                if problem := _file_problem(release, file):
                    problems.append(problem)
        except YueluError as error:
            return listed, [*problems, Problem(min(assets), error.problem)], Recomputed()
    if whole:
        problems += [Problem(path, problem) for path, problem in _rows_problems(release, left_out or {})]
    again = Recomputed() if problems or not release.selection.whole else recompute(release)
    return listed, [*problems, *(Problem(path, problem) for path, problem in again.problems)], again


def _rows_problems(release: Release, left_out: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if release.selection.whole:
        return rows_problems(release)
    return selected_problems(release, release.selection, left_out)


def _file_problem(release: Release, file: File) -> Problem | None:
    label = release.source.label(file)
    hashed, size = hashlib.sha256(), 0
    try:
        with release.source.open(file) as opened:
            while chunk := opened.read(_CHUNK):
                hashed.update(chunk)
                size += len(chunk)
    except NotFound:
        return Problem(label, "is missing")
    except YueluError as error:
        return Problem(label, error.problem.removeprefix(f"{label} "))
    except OSError as error:
        return Problem(label, f"cannot be read: {error}")
    if size != file.bytes:
        return Problem(label, f"has {size} bytes, not {file.bytes}")
    if hashed.hexdigest() != file.sha256:
        return Problem(label, f"was altered: its SHA-256 is {hashed.hexdigest()}, not {file.sha256}")
    return None


def _strangers(root: Path, listed: set[str]) -> Iterator[Problem]:
    """Yield the files and empty folders that the release does not list.

    Media are not judged while the table that lists them is damaged.
    """
    media_known = any(path.startswith("media/") for path in listed)
    folders = {str(parent) for name in listed for parent in PurePosixPath(name).parents}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_dir() and not path.is_symlink() and (name in folders or any(path.iterdir())):
            continue  # a folder with something in it is told of by what is in it
        if name in listed or name == MANIFEST or (name.startswith("media/") and not media_known):
            continue
        yield Problem(name, "is not part of the release")


def raise_unless_ok(verification: Verification) -> None:
    """Return when all is well. Raises IntegrityFailure: names the first problem and how many there are."""
    if not verification.ok:
        first = verification.problems[0]
        more = f" ({len(verification.problems)} problems in all)" if len(verification.problems) > 1 else ""
        raise IntegrityFailure(f"{first.path} {first.problem}{more}", "pull the release again; it replaces damaged files")
