"""What was done about people when an asset was derived. The same bytes have one copy, whatever collection they are in."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from yuelu.base.ledger.media import AssetRow
from yuelu.base.records import Role
from yuelu.pipelines.ingest.records import Found

Treatment = tuple[tuple[str, ...], tuple[str, ...]]  # options of the profile, detectors
_CHECKED = "113101"  # depends on what is installed, and is no choice of a collection's
_REASON = "these bytes are there already, de-identified with other options"
_HINT = "use the options of the collection that has them, or another workspace"


def treatment(facts: Mapping[str, Any]) -> Treatment:
    """Return what the facts of a labelled asset tell of it."""
    profile = str((facts.get("deid") or {}).get("profile", ""))
    return tuple(code for code in profile.split("+") if code != _CHECKED), tuple(sorted(facts.get("detected") or ()))


def with_other_treatment_refused(session: Session, findings: Sequence[Found]) -> list[Found]:
    """Return the findings; one whose bytes are there with another treatment has a reason instead of parts.

    Its collection asked for more or less to be kept than the copy that would stand for it does.
    """
    there = _there(session, {found.sha256 for found in findings if found.sha256 is not None and found.reason is None})
    return [
        found
        if found.reason is not None or there.get(str(found.sha256), treatment(found.facts)) == treatment(found.facts)
        else replace(found, reason=_REASON, hint=_HINT, parts=())
        for found in findings
    ]


def _there(session: Session, hashes: set[str]) -> dict[str, Treatment]:
    source, labelled = aliased(AssetRow), aliased(AssetRow)
    copy = func.coalesce(source.facts[Role.DEIDENTIFIED.value].as_string(), source.sha256)
    asked = (
        select(source.sha256, labelled.facts["deid"]["profile"].as_string(), labelled.facts["detected"])
        .join(labelled, labelled.sha256 == copy)
        .where(source.sha256.in_(hashes), source.role == Role.SOURCE)
    )
    return {
        sha256: treatment({"deid": {"profile": profile or ""}, "detected": detected})
        for sha256, profile, detected in session.execute(asked)
    }
