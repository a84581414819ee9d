"""Croissant 1.1 with the fields of RAI 1.0: the description that search engines and loaders of datasets read.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html and croissant-rai-spec.html.
"""

from typing import Any

import pyarrow as pa

from yuelu.datasets.passport.facts import Facts, TableFacts, last_scores
from yuelu.datasets.schemas import KEYS

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "odrl": "http://www.w3.org/ns/odrl/2/",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_ABOUT = {
    "items": "One row per labelled item: its media, split, labels, probability and decision.",
    "annotations": "Every answer that counts, by pseudonym and day.",
    "assets": "One row per media file.",
    "evidence": "Digests that lead from each item to the answers and decisions behind it.",
}


def croissant(facts: Facts) -> dict[str, Any]:
    """Return the description as JSON-LD; its paths are those of a pulled folder."""
    identity = facts.document["identity"]
    publisher = identity["publisher"]["name"] or identity["publisher"]["key_id"]
    dates = {"datePublished": facts.published_at} if facts.published_at else {}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "@id": identity["id"],
        "name": identity["name"],
        "description": _description(facts),
        "version": identity["version"],
        "license": facts.terms,
        "creator": {"@type": "sc:Organization", "name": publisher},
        "publisher": {"@type": "sc:Organization", "name": publisher},
        "url": identity["id"],
        "citeAs": f"{facts.title}, {identity['id']}",
        "isLiveDataset": False,
        **dates,
        **_rai(facts),
        "distribution": [_file(table) for table in facts.tables],
        "recordSet": [_records(table) for table in facts.tables],
    }


def _description(facts: Facts) -> str:
    splits = ", ".join(f"{split} {part['items']}" for split, part in facts.document["splits"]["parts"].items())
    media = facts.document["content"]["media"]["files"]
    return (
        f"{facts.items} labelled items ({splits}), {media} media files, {facts.answers} answers of {facts.annotators} annotators."
    )


def _rai(facts: Facts) -> dict[str, Any]:
    """Return the RAI fields that the manifest can answer; what it does not know is left out and not made up."""
    document = facts.document
    projects, gates = document["labelling"]["projects"], document["quality"].get("gates", ())
    tools = sorted({f"{tool['name']} {tool['version']}" for project in projects for tool in project.get("tools", ())})
    told: dict[str, Any] = {
        "rai:dataAnnotationProtocol": [
            f"{each['name']}: {each['overlap']} independent answers per item; task description version "
            f"{each['task_description']['version']} (SHA-256 {each['task_description']['digest']}), configuration "
            f"{each['label_config']['name']} {each['label_config']['version']}"
            for each in projects
        ],
        "rai:dataAnnotationPlatform": tools,
        "rai:dataAnnotationAnalysis": [_score(score) for score in last_scores(document)]
        + [f"gate {gate['policy']}: batches {gate['batches']}, tasks {gate['tasks']}" for gate in gates],
        "rai:annotationsPerItem": f"{facts.answers / facts.items:.2f}" if facts.items else None,
        "rai:annotatorDemographics": f"{facts.annotators} annotators, known outside by a pseudonym of this dataset alone",
        "rai:dataCollectionTimeFrame": [day for day in (facts.first_day, facts.last_day) if day],
        "rai:personalSensitiveInformation": f"grade: {document['governance']['grade']}",
        "rai:dataLimitations": [str(issue) for issue in document["quality"].get("known_issues", ())],
        "rai:dataReleaseMaintenancePlan": "Versions are immutable; corrections and withdrawals are new versions, told of "
        "by signed notices beside them.",
    }
    return {name: value for name, value in told.items() if value}


def _score(score: dict[str, Any]) -> str:
    value = f"undefined ({score['reason']})" if score["value"] is None else f"{score['value']:.3f}"
    where = f"{score.get('project', '')} round {score['round']}"
    return f"{score['control']} {score['metric']} {value}, {score['tasks']} tasks, {where}"


def _file(table: TableFacts) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": f"{table.name}.parquet",
        "name": f"{table.name}.parquet",
        "description": _ABOUT[table.name],
        "contentUrl": f"{table.name}.parquet",
        "contentSize": f"{table.bytes} B",
        "encodingFormat": "application/vnd.apache.parquet",
        "sha256": table.sha256,
    }


def _records(table: TableFacts) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": table.name,
        "name": table.name,
        "description": _ABOUT[table.name],
        "key": [{"@id": f"{table.name}/{key}"} for key in KEYS[table.name]],
        "field": [_field(table.name, field) for field in table.schema],
    }


def _field(table: str, field: pa.Field) -> dict[str, Any]:
    kind, repeated = field.type, False
    if pa.types.is_list(kind):
        kind, repeated = kind.value_type, True
    source = {"fileObject": {"@id": f"{table}.parquet"}, "extract": {"column": field.name}}
    told: dict[str, Any] = {
        "@type": "cr:Field",
        "@id": f"{table}/{field.name}",
        "name": field.name,
        "description": _unit(field) or f"column {field.name} of {table}",
        "source": source,
    }
    if table == "annotations" and field.name == "annotator_pid":
        told["equivalentProperty"] = "prov:wasAttributedTo"
    if field.name == "split":
        told["dataType"] = ["sc:Text", "cr:Split"]
    elif pa.types.is_struct(kind):
        members = ", ".join(f"{member.name} ({member.type})" for member in kind)
        told["description"] = f"structs of {members}"
        told["dataType"] = "sc:Text"
    else:
        told["dataType"] = _type(kind)
    return {**told, "repeated": True} if repeated else told


def _unit(field: pa.Field) -> str:
    return ((field.metadata or {}).get(b"unit") or b"").decode()


def _type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Date" if pa.types.is_date(kind) else "sc:Text"
