"""Terms and receipts: what a pull agrees to, and the small file by which the publisher learns of it, if it is sent."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yuelu.base.canonical import canonical, digest
from yuelu.base.errors import IntegrityFailure, InvalidRecord, YueluError
from yuelu.datasets import envelope
from yuelu.datasets.manifest import Manifest
from yuelu.datasets.places import open_regular
from yuelu.datasets.plain import replace_file
from yuelu.datasets.pull import PullReport
from yuelu.datasets.selection import Selection

RECEIPT = "receipt.json"
FORMAT = "yuelu-receipt/1"
_BINDING = ("grade", "license", "terms", "odrl_policy", "use_conditions")  # of the manifest's governance


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who accepted which terms of a publisher's dataset, and when (ISO 8601, UTC). `terms` is their digest."""

    name: str
    publisher: str
    terms: str
    by: str
    at: str


def terms_of(manifest: Manifest) -> dict[str, Any]:
    """Return what the manifest's governance binds users to."""
    governance = manifest.document["governance"]
    return {name: governance[name] for name in _BINDING if governance.get(name)}


def accept(manifest: Manifest, by: str, at: str) -> Acceptance:
    """Return the acceptance of the terms of `manifest`."""
    return Acceptance(manifest.name, manifest.publisher.key_id, digest(terms_of(manifest)), by, at)


def accepted(log: Path, manifest: Manifest) -> Acceptance | None:
    """Return the acceptance of these very terms that is in the log, None where there is none.

    Raises IntegrityFailure: the log cannot be read.
    """
    wanted = (manifest.name, manifest.publisher.key_id, digest(terms_of(manifest)))
    try:
        found = [Acceptance(**json.loads(line)) for line in log.read_text().splitlines()] if log.exists() else []
    except (ValueError, TypeError) as error:
        raise IntegrityFailure(f"{log} is damaged: {error}", "move it away; the terms are asked for again") from None
    return next((each for each in found if (each.name, each.publisher, each.terms) == wanted), None)


def log_acceptance(log: Path, acceptance: Acceptance) -> None:
    """Append to the log."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        file.write(canonical(_values(acceptance)) + b"\n")


def _values(acceptance: Acceptance) -> dict[str, str]:
    return {name: getattr(acceptance, name) for name in Acceptance.__slots__}


def write_receipt(
    dest: Path, report: PullReport, at: str, *, selection: Selection | None = None, acceptance: Acceptance | None = None
) -> Path:
    """Write what was pulled, when and under which terms beside it, and return the path. The same pull keeps its receipt."""
    said = {
        "format": FORMAT,
        "release": {"name": report.name, "version": report.version, "digest": report.digest},
        "selected": None if selection is None or selection.whole else selection.to_json(),
        "items": report.items,
        "terms": None if acceptance is None else _values(acceptance),
    }
    path = dest / RECEIPT
    if path.exists() and not any(receipt_problem(dest)):
        held = read_receipt(path)
        if {name: held[name] for name in said} == said:
            return path
    whole = {**said, "pulled_at": at}
    replace_file(dest, path, canonical({"receipt": whole, "sha256": digest(whole)}))
    return path


def read_receipt(path: Path) -> dict[str, Any]:
    """Return what a receipt says. Raises IntegrityFailure: altered or none. Raises NotFound."""
    with open_regular(path.parent, path.name) as opened:
        data = opened.read()
    try:
        whole = json.loads(data)
        envelope.only(whole, "receipt", "sha256")
        receipt = whole["receipt"]
        if canonical(whole) != data or digest(receipt) != whole["sha256"] or receipt["format"] != FORMAT:
            raise ValueError("its hash is another")
        envelope.only(receipt, "format", "release", "selected", "items", "terms", "pulled_at")
        envelope.only(receipt["release"], "name", "version", "digest")
    except (ValueError, KeyError, TypeError, InvalidRecord, RecursionError) as error:
        raise IntegrityFailure(f"{path.name} is damaged: {error}", "pull the release again") from None
    return dict(receipt)


def receipt_problem(folder: Path) -> list[str]:
    """Return what is wrong with the receipt in `folder`, an empty list where it is whole."""
    try:
        read_receipt(folder / RECEIPT)
    except YueluError as error:
        return [error.problem.removeprefix(f"{RECEIPT} ")]
    return []


def usage(receipts: Iterable[Mapping[str, Any]]) -> Sequence[dict[str, Any]]:
    """Return per release how often it was pulled, whole and in part, by whom and when last, from receipts that came back.

    A receipt that came twice counts once.
    """
    seen = {digest(dict(receipt)): receipt for receipt in receipts}
    found: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for receipt in seen.values():
        release = receipt["release"]
        found.setdefault((release["name"], release["version"], release["digest"]), []).append(receipt)
    return [
        {
            "release": f"{name}@{version}",
            "digest": hashed,
            "pulls": len(pulls),
            "in_part": sum(pull["selected"] is not None for pull in pulls),
            "accepted_by": sorted({pull["terms"]["by"] for pull in pulls if pull["terms"]}),
            "last": max(pull["pulled_at"] for pull in pulls),
        }
        for (name, version, hashed), pulls in sorted(found.items())
    ]
