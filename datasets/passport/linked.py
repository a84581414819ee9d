"""PROV-JSON, and a DCAT entry with an ODRL offer, for catalogues and for those who follow where data came from.

Sources: https://www.w3.org/submissions/prov-json/, https://www.w3.org/TR/vocab-dcat-3/, https://www.w3.org/TR/odrl-model/.
"""

from typing import Any

from yuelu.datasets.passport.facts import Facts


def prov(facts: Facts) -> dict[str, Any]:
    """Return PROV-JSON: the release, what it was made of, by which work, and by whom."""
    document, identity = facts.document, facts.document["identity"]
    release, work = f"yuelu:{facts.title}", f"yuelu:labelling-of-{facts.title}"
    sources = {
        f"yuelu:collection-{source['collection']}": {
            "prov:type": "prov:Collection",
            "yuelu:assets": source.get("assets", 0),
            "yuelu:grade": source["grade"],
        }
        for source in document["sources"]
    }
    before = {} if identity["previous"] is None else {f"yuelu:sha256-{identity['previous']}": {"prov:type": "yuelu:Release"}}
    tools = {
        f"yuelu:tool-{tool['name'].replace(' ', '-')}-{tool['version']}": {
            "prov:type": "prov:SoftwareAgent",
            "prov:label": tool["name"],
        }
        for project in document["labelling"]["projects"]
        for tool in project.get("tools", ())
    }
    publisher = f"yuelu:publisher-{identity['publisher']['key_id']}"
    agents = {publisher: {"prov:type": "prov:Organization", "prov:label": identity["publisher"]["name"]}}
    people = {"yuelu:annotators": {"prov:type": "prov:Person", "yuelu:count": facts.annotators}}
    made = {"prov:type": "yuelu:Release", "yuelu:merkleRoot": document["content"]["merkle"]["root"], "yuelu:items": facts.items}
    return {
        "prefix": {"yuelu": "urn:yuelu:", "prov": "http://www.w3.org/ns/prov#"},
        "entity": {release: made, **sources, **before},
        "activity": {work: {"prov:type": "yuelu:Labelling", "yuelu:answers": facts.answers}},
        "agent": {**agents, **people, **tools},
        "wasGeneratedBy": {"_:g": {"prov:entity": release, "prov:activity": work}},
        "used": {f"_:u{at}": {"prov:activity": work, "prov:entity": name} for at, name in enumerate(sources)},
        "wasDerivedFrom": {
            f"_:d{at}": {"prov:generatedEntity": release, "prov:usedEntity": name} for at, name in enumerate([*sources, *before])
        },
        "wasAssociatedWith": {
            f"_:a{at}": {"prov:activity": work, "prov:agent": name} for at, name in enumerate([*people, *tools])
        },
        "wasAttributedTo": {"_:t": {"prov:entity": release, "prov:agent": publisher}},
    }


def dcat(facts: Facts) -> dict[str, Any]:
    """Return a DCAT 3 dataset with one distribution per table, under an ODRL offer that carries the owners' terms."""
    document, identity = facts.document, facts.document["identity"]
    issued = {"dct:issued": {"@type": "xsd:dateTime", "@value": facts.published_at}} if facts.published_at else {}
    return {
        "@context": {
            "dcat": "http://www.w3.org/ns/dcat#",
            "dct": "http://purl.org/dc/terms/",
            "foaf": "http://xmlns.com/foaf/0.1/",
            "odrl": "http://www.w3.org/ns/odrl/2/",
            "spdx": "http://spdx.org/rdf/terms#",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
        },
        "@id": f"{identity['id']}:{identity['version']}",
        "@type": "dcat:Dataset",
        "dct:identifier": facts.title,
        "dct:title": identity["name"],
        "dcat:version": identity["version"],
        "dct:publisher": {
            "@type": "foaf:Organization",
            "foaf:name": identity["publisher"]["name"] or identity["publisher"]["key_id"],
        },
        **issued,
        "dct:accessRights": document["governance"]["grade"],
        "dct:extent": f"{facts.items} items",
        "odrl:hasPolicy": {
            "@type": "odrl:Offer",
            "@id": f"{identity['id']}:{identity['version']}:offer",
            "odrl:assigner": identity["publisher"]["name"] or identity["publisher"]["key_id"],
            "odrl:permission": [
                {
                    "odrl:target": f"{identity['id']}:{identity['version']}",
                    "odrl:action": {"@id": "odrl:use"},
                    "odrl:duty": [{"odrl:action": {"@id": "odrl:reviewPolicy"}, "dct:description": term}],
                }
                for term in document["governance"]["terms"]
            ],
        },
        "dcat:distribution": [
            {
                "@type": "dcat:Distribution",
                "dct:title": f"{table.name}.parquet",
                "dcat:mediaType": "application/vnd.apache.parquet",
                "dcat:byteSize": table.bytes,
                "spdx:checksum": {"spdx:algorithm": "spdx:checksumAlgorithm_sha256", "spdx:checksumValue": table.sha256},
            }
            for table in facts.tables
        ],
    }
