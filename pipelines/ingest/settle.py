"""How findings become outcomes and assets. Pure: the same findings in the same order give the same rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from yuelu.base.canonical import keyed
from yuelu.base.records import Asset, Medium, Outcome, Role, asset_key
from yuelu.pipelines.ingest.records import Found, Part
from yuelu.pipelines.sources.port import Listed


@dataclass(frozen=True, slots=True)
class Settled:
    """One object with its outcome; `assets` are those to add, the source first. Empty unless accepted."""

    listed: Listed
    outcome: Outcome
    sha256: str | None
    reason: str | None = None
    assets: tuple[Asset, ...] = ()
    hint: str | None = None


def settle(
    findings: Iterable[Found], accepted: Mapping[str, tuple[str, str]], roles: Mapping[str, Role], secret: bytes
) -> list[Settled]:
    """Return the outcomes of `findings`, in order.

    `accepted` tells which object (source, path) was accepted with these bytes before; `roles` what the ledger already
    knows these bytes as.
    """
    first, known, settled = dict(accepted), dict(roles), []
    for found in findings:
        one = _settle_one(found, first, known, secret)
        if one.outcome is Outcome.ACCEPTED and found.sha256 is not None:
            first[found.sha256] = found.listed.key
            known |= {asset.sha256: asset.role for asset in reversed(one.assets) if asset.sha256 not in known}
        settled.append(one)
    return settled


def _settle_one(found: Found, first: Mapping[str, tuple[str, str]], known: Mapping[str, Role], secret: bytes) -> Settled:
    listed, digest = found.listed, found.sha256
    if found.reason is not None or digest is None:
        return Settled(listed, Outcome.QUARANTINED, digest, found.reason or "its bytes could not be read", hint=found.hint)
    if first.get(digest, listed.key) != listed.key:
        source, path = first[digest]
        place = path if source == listed.source else f"{source}/{path}"
        return Settled(listed, Outcome.DUPLICATE, digest, f"same bytes as {place}")
    if (role := known.get(digest, Role.SOURCE)) is not Role.SOURCE:
        return Settled(listed, Outcome.QUARANTINED, digest, f"these bytes are the {role} of another asset")
    return Settled(listed, Outcome.ACCEPTED, digest, None, assets_of(found, digest, secret))


def assets_of(found: Found, digest: str, secret: bytes) -> tuple[Asset, ...]:
    """Return the source asset and all that derive from it. Links by facts: `deidentified`, `proxy`, `thumbnail`…

    An object that is shown as several pictures (slices, pages, tiles) names all of them, in order, as `frames`, and the
    middle one as its `proxy`. Two objects may share a proxy, byte for byte, and one asset has one origin; so it is the
    labelled asset that says which proxy is its own.
    """
    said = found.listed.group  # by who delivered it, who knows better than the bytes
    group = said or keyed(secret, "group", found.subject if found.subject is not None else digest)
    links = _links(found.parts)
    copy = next((part for part in found.parts if part.role is Role.DEIDENTIFIED), None)
    known = {**found.facts, **links}
    facts = {"uri": found.uri, **known} if copy is None else {"uri": found.uri, Role.DEIDENTIFIED.value: copy.sha256}
    source = Asset(digest, found.medium, found.media_type, found.bytes, Role.SOURCE, group, facts=facts)
    assets = [source]
    if copy is not None:
        assets.append(_derived(copy, digest, group, known))
    labelled = assets[-1].sha256
    shown = (part for part in found.parts if part.role is not Role.DEIDENTIFIED)
    return (*assets, *(_derived(part, labelled, group, part.facts) for part in shown))


def _links(parts: Sequence[Part]) -> dict[str, object]:
    links: dict[str, object] = {part.role.value: part.sha256 for part in parts if part.role is not Role.DEIDENTIFIED}
    frames = [part.sha256 for part in parts if part.role is Role.PROXY]
    return links if len(frames) < 2 else {**links, "frames": frames, Role.PROXY.value: frames[len(frames) // 2]}


def _derived(part: Part, origin: str, group: str, facts: Mapping[str, object]) -> Asset:
    medium = Medium(part.medium)
    return Asset(part.sha256, medium, part.media_type, part.bytes, part.role, group, origin, asset_key(part.sha256), dict(facts))
