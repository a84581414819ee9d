"""From a release to the files of one description."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from yuelu.datasets.build import Built
from yuelu.datasets.passport.card import card_html, card_markdown
from yuelu.datasets.passport.croissant import croissant
from yuelu.datasets.passport.dossier import dossier, dossier_markdown, listing
from yuelu.datasets.passport.facts import Facts, facts_of_built
from yuelu.datasets.passport.linked import dcat, prov

LANGUAGES = ("en", "zh")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _named(stem: str, language: str, ending: str) -> str:
    return f"{stem}.{ending}" if language == "en" else f"{stem}-{language}.{ending}"


def _card(facts: Facts) -> dict[str, bytes]:
    found = {_named("card", each, "md"): card_markdown(facts, each).encode() for each in LANGUAGES}
    return found | {_named("card", each, "html"): card_html(facts, each).encode() for each in LANGUAGES}


def _dossier(facts: Facts) -> dict[str, bytes]:
    found = {_named("dossier", each, "md"): dossier_markdown(facts, each).encode() for each in LANGUAGES}
    return {"dossier.json": _json(dossier(facts)), **found}


def _listing(facts: Facts) -> dict[str, bytes]:
    return {"listing.json": _json(listing(facts)), "quality.json": _json(facts.document["quality"]), **_card(facts)}


# One screen holds every description; nothing registers itself on import.
KINDS: Mapping[str, Callable[[Facts], dict[str, bytes]]] = MappingProxyType(
    {
        "croissant": lambda facts: {"croissant.json": _json(croissant(facts))},
        "prov": lambda facts: {"prov.json": _json(prov(facts))},
        "card": _card,
        "dcat": lambda facts: {"dcat.jsonld": _json(dcat(facts))},
        "dossier": _dossier,
        "listing": _listing,
    }
)


def documents(document: Mapping[str, Any], built: Built) -> dict[str, bytes]:
    """Return the descriptions that travel with a release: made before it is signed, and listed in its manifest."""
    facts = facts_of_built(document, built)
    return {
        **KINDS["croissant"](facts),
        "card.md": card_markdown(facts).encode(),
        "card-zh.md": card_markdown(facts, "zh").encode(),
    }
