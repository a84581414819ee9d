"""Notices beside the versions of a dataset: tags, deprecations, withdrawals, deletions. The newest tells what stands now.

A version never changes; what is said of it does. Each notice is a signed page that carries all that stands after it, so a
reader needs the newest page alone, and the pages before it tell who changed what, when and why.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from yuelu.base.canonical import digest
from yuelu.base.errors import IntegrityFailure, Misconfigured, NotAllowed, NotFound
from yuelu.base.signing import PublicKey, SigningKey, Trust
from yuelu.base.store.port import Store
from yuelu.datasets.signed.logbook import Page, append, newest_page, read_page, read_pages

_TAG = re.compile(r"[a-z][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Why a version must not be used any more, and which one to use instead; None: there is none."""

    reason: str
    instead: str | None
    notice: int

    @staticmethod
    def of(told: Mapping[str, Any]) -> "Withdrawn":
        """Return the record in its JSON form."""
        return Withdrawn(str(told["reason"]), told["instead"], int(told["notice"]))


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands: tags (name -> version), deprecated versions (-> why), withdrawn ones, and deleted objects' SHA-256."""

    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    deprecated: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    withdrawn: Mapping[str, Withdrawn] = field(default_factory=lambda: MappingProxyType({}))
    deleted: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        withdrawn = {
            version: {"reason": each.reason, "instead": each.instead, "notice": each.notice}
            for version, each in self.withdrawn.items()
        }
        return {
            "tags": dict(self.tags),
            "deprecated": dict(self.deprecated),
            "withdrawn": withdrawn,
            "deleted": sorted(self.deleted),
        }

    @staticmethod
    def of(told: Mapping[str, Any]) -> "Standing":
        """Return the record in its JSON form."""
        withdrawn = {str(version): Withdrawn.of(each) for version, each in told["withdrawn"].items()}
        return Standing(dict(told["tags"]), dict(told["deprecated"]), withdrawn, frozenset(told["deleted"]))

    def refuse_withdrawn(self, title: str, version: str, reason: str | None) -> None:
        """Return when the version may be used, because it stands or because `reason` says why it is used all the same.

        Raises NotAllowed: it was withdrawn.
        """
        found = self.withdrawn.get(version)
        if found is None or (reason and reason.strip()):
            return
        hint = f"use {found.instead}" if found.instead else "ask the publisher"
        raise NotAllowed(f"{title} was withdrawn: {found.reason}", f"{hint}; or give --withdrawn with the reason you need it for")


def book_of(name: str) -> str:
    """Return the book of a dataset's notices."""
    return f"datasets/{name}/notices"


def standing_in(store: Store, name: str, trust: Trust | None = None) -> tuple[Standing, Page | None]:
    """Return what stands about a dataset, and the notice that says so. Raises IntegrityFailure: it is not the publisher's."""
    page = newest_page(store, book_of(name))
    return (Standing(), None) if page is None else (_standing(page, trust), page)


def notices(store: Store, name: str, trust: Trust | None = None) -> tuple[Page, ...]:
    """Return all notices about a dataset, oldest first. Raises IntegrityFailure: one is missing, altered or not theirs."""
    pages = read_pages(store, book_of(name))
    for page in pages:
        _standing(page, trust)
    return pages


def read_notice(data: bytes, name: str, trust: Trust | None = None) -> Standing:
    """Return what stands by a notice that was kept in a file. Raises IntegrityFailure: altered, or of another dataset."""
    page = read_page(data)
    if page.said["book"] != book_of(name):
        raise IntegrityFailure(f"the notice is not about {name}", "give the notice of this dataset")
    return _standing(page, trust)


def _standing(page: Page, trust: Trust | None) -> Standing:
    signer = _signer(page)
    if trust is not None and trust.key_for(signer, page.log_size, digest(page.said)) != signer:
        raise IntegrityFailure(
            f"{page.said['book']}: notice {page.number} is signed by {signer.key_id}, which is not trusted here",
            "it is not the publisher's, or the key was rotated: give the list of keys",
        )
    try:
        return Standing.of(page.said["standing"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityFailure(f"notice {page.number} is damaged: {error!r}", "ask the publisher") from None


def _signer(page: Page) -> PublicKey:
    if len(page.signers) != 1:
        raise IntegrityFailure(f"notice {page.number} has {len(page.signers)} signatures, not one", "ask the publisher")
    return page.signers[0]


def post(store: Store, name: str, before: Page | None, standing: Standing, said: Mapping[str, Any], *, key: SigningKey) -> Page:
    """Write the notice `said` (action, reason, owner, log, at), after which `standing` holds. Raises Conflict, OutcomeUnknown."""
    return append(store, book_of(name), before, {**said, "standing": standing.to_json()}, key)


def tagged(standing: Standing, tag: str, version: str | None) -> Standing:
    """Return the standing with a tag set to a version, or taken away. Raises Misconfigured: no name of a tag."""
    if not _TAG.fullmatch(tag):
        raise Misconfigured(f"{tag!r} is no name for a tag", "use a-z, 0-9, '.', '_' and '-', and begin with a letter")
    others = {name: at for name, at in standing.tags.items() if name != tag}
    return replace(standing, tags=others if version is None else {**others, tag: version})


def deprecated(standing: Standing, version: str, reason: str | None) -> Standing:
    """Return the standing with a version deprecated for a reason, or no more (None)."""
    others = {name: why for name, why in standing.deprecated.items() if name != version}
    return replace(standing, deprecated=others if reason is None else {**others, version: reason})


def is_tag(text: str) -> bool:
    """Return whether the text after the @ of a selector names a tag and not a version."""
    return bool(_TAG.fullmatch(text))


def version_of(standing: Standing, name: str, tag: str) -> str:
    """Return the version that a tag points to. Raises NotFound."""
    if tag not in standing.tags:
        raise NotFound(f"{name} has no tag {tag!r}", f"it has {', '.join(sorted(standing.tags)) or 'none'}")
    return standing.tags[tag]
