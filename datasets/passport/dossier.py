"""The dossier for the registration of data rights, and the package for a listing on an exchange.

A registry asks for the same things everywhere: subject, kind of right, legality of the sources, size, schema, digest,
contributors. What only the registry can give (its number) is a blank to fill in, and is named as such.
"""

from functools import partial
from typing import Any

from yuelu.datasets.manifest import manifest_digest
from yuelu.datasets.passport.facts import Facts
from yuelu.datasets.passport.words import say

_BLANK = ("registration number", "kind of right", "applicant")  # what the release does not know


def dossier(facts: Facts) -> dict[str, Any]:
    """Return the dossier as JSON."""
    document, identity = facts.document, facts.document["identity"]
    return {
        "subject": {"identifier": facts.title, "id": identity["id"], "digest": f"sha256:{manifest_digest(document)}"},
        "publisher": identity["publisher"],
        "to_fill_in": list(_BLANK),
        "size": {"items": facts.items, "answers": facts.answers, **document["content"]["media"]},
        "grade": document["governance"]["grade"],
        "terms": document["governance"]["terms"],
        "sources": [
            {name: source[name] for name in ("collection", "owner", "legal_basis", "grade", "terms", "assets") if name in source}
            for source in document["sources"]
        ],
        "contributors": {"annotators": facts.annotators, "known_as": "pseudonyms of this dataset"},
        "schema": {table.name: {field.name: str(field.type) for field in table.schema} for table in facts.tables},
        "files": {
            f"{table.name}.parquet": {"sha256": table.sha256, "bytes": table.bytes, "rows": table.rows} for table in facts.tables
        },
        "quality": document["quality"],
        "merkle_root": document["content"]["merkle"]["root"],
        "published_at": facts.published_at,
    }


def dossier_markdown(facts: Facts, language: str = "en") -> str:
    """Return the dossier for people to read and to fill in."""
    t, told = partial(say, language), dossier(facts)
    pairs = [
        (t("identifier"), told["subject"]["identifier"]),
        (t("digest"), told["subject"]["digest"]),
        (t("publisher"), f"{told['publisher']['name'] or '-'} ({told['publisher']['key_id']})"),
        *((t(blank), "__________") for blank in _BLANK),
        (t("items"), str(told["size"]["items"])),
        (t("grade"), told["grade"]),
        (t("terms"), facts.terms),
        *(
            (f"{t('source')} {each['collection']}", f"{each.get('owner', '-')}; {each.get('legal_basis', '-')}")
            for each in told["sources"]
        ),
        (t("annotators"), str(facts.annotators)),
        *((name, f"SHA-256 {each['sha256']}, {each['rows']}") for name, each in told["files"].items()),
    ]
    lines = [f"# {t('Registration dossier')}: {facts.title}", "", "| | |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {value} |" for name, value in pairs), ""])


def listing(facts: Facts) -> dict[str, Any]:
    """Return the sheet of a listing: what is offered, under which terms, and how it was checked."""
    document = facts.document
    return {
        "product": facts.title,
        "digest": f"sha256:{manifest_digest(document)}",
        "description": {"items": facts.items, "labels": facts.labels, "media": document["content"]["media"]},
        "terms": document["governance"]["terms"],
        "grade": document["governance"]["grade"],
        "quality_report": document["quality"],
        "delivery": "yuelu pull; checked with 'yuelu verify' and the publisher's public key",
    }
