"""A logbook: numbered pages under one prefix of a store. Each is signed, names the page before it, and is written once.

A page is the commit point of what it says: two writers of one page have one winner, as two publishers of one version.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict, IntegrityFailure, KeyTaken, NotFound, OutcomeUnknown
from yuelu.base.signing import PublicKey, SigningKey
from yuelu.base.store.port import Store
from yuelu.datasets.signed.document import read, sign

_KIND = "page"
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Page:
    """One page. `said` is all of it; `signers` are the keys that it names and that did sign it; `data` is its file."""

    number: int
    said: Mapping[str, Any]
    signers: tuple[PublicKey, ...]
    data: bytes

    @property
    def log_size(self) -> int:
        """How many entries the publisher's log had when this was written."""
        return int(self.said["log"]["tree_size"])


def write_page(book: str, number: int, before: Page | None, said: Mapping[str, Any], *keys: SigningKey) -> bytes:
    """Return the signed file of page `number` of `book`, which says `said` and follows `before`."""
    before_sha256 = sha256(before.data) if before else None
    page = {**said, "book": book, "number": number, "previous": before_sha256}
    return sign(_KIND, f"{book}/{number}", page, *keys)


def read_page(data: bytes) -> Page:
    """Return the page in a signed file, checked with the keys that it names. Raises IntegrityFailure: altered."""
    said, signers = read(_KIND, data)
    try:
        page = Page(int(said["number"]), said, signers, data)
        if page.log_size < 0:
            raise ValueError(f"{page.log_size} entries of a log")
    except (KeyError, TypeError, ValueError) as error:
        raise IntegrityFailure(f"a signed page is damaged: {error!r}", "get it again from the store") from None
    return page


def page_key(book: str, number: int) -> str:
    """Return the key of a page."""
    return f"{book}/{number:06}.json"


def page_numbers(store: Store, book: str) -> list[int]:
    """Return the numbers of the pages there are, rising."""
    names = (entry.key.removeprefix(f"{book}/").removesuffix(".json") for entry in store.list(f"{book}/"))
    numbers = (int(name) for name in names if name.isascii() and name.isdigit())
    return sorted(number for number in numbers if number > 0)


def read_pages(store: Store, book: str) -> tuple[Page, ...]:
    """Return all pages of a book. Raises IntegrityFailure: one is missing, altered, of another book, or does not follow."""
    pages = [read_page(store.read(page_key(book, number))) for number in page_numbers(store, book)]
    check_chain(book, pages)
    return tuple(pages)


def newest_page(store: Store, book: str) -> Page | None:
    """Return the last page of a book, None where there is none. Raises IntegrityFailure: altered, or of another place."""
    numbers = page_numbers(store, book)
    if not numbers:
        return None
    page = read_page(store.read(page_key(book, numbers[-1])))
    if (page.said["book"], page.number) != (book, numbers[-1]):
        raise IntegrityFailure(f"{page_key(book, numbers[-1])} is another page", "restore it from a copy")
    return page


def check_chain(book: str, pages: Sequence[Page]) -> None:
    """Return when the pages are those of `book`, from the first on, each following the one before. Raises IntegrityFailure."""
    before: Page | None = None
    for place, page in enumerate(pages, 1):
        expected = (book, place, sha256(before.data) if before else None)
        if (page.said["book"], page.number, page.said["previous"]) != expected:
            raise IntegrityFailure(f"{page_key(book, place)} is missing, or does not follow the page before", "restore it")
        if before and page.log_size < before.log_size:
            raise IntegrityFailure(
                f"{page_key(book, place)} knows {page.log_size} entries of the log, the page before it {before.log_size}",
                "the log went back: it was restored from a copy, or the page is forged",
            )
        before = page


def append(store: Store, book: str, before: Page | None, said: Mapping[str, Any], *keys: SigningKey) -> Page:
    """Write the page after `before`. Raises Conflict: somebody else wrote it. Raises OutcomeUnknown: no clear answer."""
    number = before.number + 1 if before else 1
    data, key = write_page(book, number, before, said, *keys), page_key(book, number)
    for _ in range(_ATTEMPTS):
        try:
            store.create(key, data)
        except (KeyTaken, OutcomeUnknown):
            try:
                standing = store.read(key)
            except NotFound:  # nothing landed
                continue
            if standing != data:
                raise Conflict(f"{key} was written by somebody else meanwhile", "run the command again") from None
        return read_page(data)
    raise OutcomeUnknown(f"no clear answer about {key}", "run the command again: it finds out what stands in the store")
