"""The units of a check that need no ledger: each dataset of a store, and the list of keys."""

from collections.abc import Iterator

from yuelu.base.errors import YueluError
from yuelu.base.signing import Trust
from yuelu.base.store.port import Store
from yuelu.datasets.layout import version_key
from yuelu.datasets.release import Release, load, names, version_numbers
from yuelu.datasets.signed.keys import BOOK, keys_in
from yuelu.datasets.signed.logbook import page_key, page_numbers
from yuelu.datasets.signed.notices import Standing, book_of, notices, standing_in
from yuelu.datasets.upkeep.fsck import CORRUPT, EXTRA, MISSING, UNREFERENCED, Finding, Unit
from yuelu.datasets.upkeep.references import Expected, files_of, is_known, sha256_of_key


def dataset_unit(store: Store, name: str, trust: Trust | None) -> Unit:
    """Return the unit of one dataset: its history, its notices, and every object that a version refers to."""
    return Unit(
        name=f"dataset {name}",
        prefix=f"datasets/{name}/",
        expected=lambda: _expected(store, name, trust),
        problems=lambda: _problems(store, name, trust),
        stray=_stray,
    )


def keys_unit(store: Store) -> Unit:
    """Return the unit of the list of keys."""

    def problems() -> Iterator[Finding]:
        try:
            keys_in(store)
        except YueluError as error:
            yield Finding(CORRUPT, f"{BOOK}/", error.problem)

    return Unit("keys", f"{BOOK}/", lambda: iter(()), problems, lambda key: None if is_known(key) else EXTRA)


def dataset_units(store: Store, trust: Trust | None) -> tuple[Unit, ...]:
    """Return the units of all datasets in the order of their names, and that of the keys."""
    return (*(dataset_unit(store, name, trust) for name in names(store)), keys_unit(store))


def _stray(key: str) -> str | None:
    if sha256_of_key(key):
        return UNREFERENCED
    return None if is_known(key) else EXTRA


def _releases(store: Store, name: str, trust: Trust | None) -> Iterator[Release | Finding]:
    numbers = version_numbers(store, name)
    for number in range(1, max(numbers, default=0) + 1):
        if number not in numbers:
            yield Finding(MISSING, version_key(name, number), "is missing")
            continue
        try:
            yield load(store, name, number, trust)
        except YueluError as error:
            yield Finding(CORRUPT, version_key(name, number), error.problem)


def _problems(store: Store, name: str, trust: Trust | None) -> Iterator[Finding]:
    before: Release | None = None
    for found in _releases(store, name, trust):
        if isinstance(found, Finding):
            yield found
            before = None
            continue
        if before is not None and found.manifest.previous != before.manifest.digest:
            problem = f"does not follow {before.manifest.title}"
            yield Finding(CORRUPT, version_key(name, found.manifest.number), problem)
        before = found
    try:
        notices(store, name, trust)
    except YueluError as error:
        yield Finding(CORRUPT, f"{book_of(name)}/", error.problem)


def _standing(store: Store, name: str) -> Standing:
    try:
        return standing_in(store, name)[0]
    except YueluError:
        return Standing()  # told of as a problem


def _expected(store: Store, name: str, trust: Trust | None) -> Iterator[Expected]:
    standing = _standing(store, name)
    releases = [release for release in _releases(store, name, trust) if isinstance(release, Release)]
    found = dict[str, Expected]()
    seen = set[str]()
    for release in sorted(releases, key=lambda each: str(each.manifest.version) in standing.withdrawn):  # living ones first
        gone = standing.deleted if str(release.manifest.version) in standing.withdrawn else frozenset[str]()
        try:
            for file in files_of(release, seen):
                if file.sha256 not in gone:
                    found[file.key] = Expected(file.key, file.sha256, file.bytes)
        except YueluError:
            pass  # the damaged table is found by its own bytes; what it lists cannot be known
        key = version_key(name, release.manifest.number)
        found[key] = Expected(key, None, len(release.signed))
    for number in page_numbers(store, book_of(name)):
        key = page_key(book_of(name), number)
        found[key] = Expected(key, None, None)
    yield from (found[key] for key in sorted(found))
