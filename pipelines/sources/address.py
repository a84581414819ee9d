"""From what people write to a source: one literal table of the kinds."""

import base64
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import parse_qsl, unquote, urlsplit

from yuelu.base.errors import Misconfigured, NotFound
from yuelu.pipelines.sources.port import Source

KINDS = (
    "a folder, an archive (.zip, .tar, .tar.gz, .tar.xz, .tar.bz2), a DICOMDIR file, s3://bucket/prefix, "
    "or dicomweb+https://host/dicom-web?StudyDate=20260101-20260131"
)


def open_sources(texts: Iterable[str], environment: Mapping[str, str]) -> list[Source]:
    """Return the sources, each once. Raises Misconfigured: two differ only in what the ledger does not keep of them."""
    sources: dict[str, Source] = {}
    for text in texts:
        source = open_source(text, environment)
        if sources.setdefault(source.address, source) != source:
            raise Misconfigured(f"{source.address} is named twice, with different filters", "ingest one after the other")
    return list(sources.values())


def open_source(text: str, environment: Mapping[str, str]) -> Source:
    """Return the source that the text names. Raises Misconfigured, NotFound; nothing is connected to yet."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        return _path(Path(text))
    if scheme.lower() not in _SCHEMES:
        raise Misconfigured(f"no source at {_shown(text)!r}: unknown kind {scheme!r}", f"give {KINDS}")
    return _SCHEMES[scheme.lower()](text, environment)


def _path(path: Path) -> Source:
    from yuelu.pipelines.sources.archive import SUFFIXES, archive  # noqa: PLC0415  each kind loads what it needs
    from yuelu.pipelines.sources.dicomdir import dicomdir  # noqa: PLC0415
    from yuelu.pipelines.sources.folder import folder  # noqa: PLC0415

    if path.is_dir():
        return folder(path)
    if not path.exists():
        raise NotFound(f"nothing at {path}", f"give {KINDS}")
    if path.name.upper() == "DICOMDIR":
        return dicomdir(path)
    if path.name.lower().endswith(SUFFIXES):
        return archive(path)
    raise Misconfigured(f"{path} is neither a folder nor an archive nor a DICOMDIR", "give the folder that it lies in")


def _file(text: str, environment: Mapping[str, str]) -> Source:
    return _path(Path(unquote(urlsplit(text).path)))


def _s3(text: str, environment: Mapping[str, str]) -> Source:
    from yuelu.pipelines.sources.s3 import S3Source  # noqa: PLC0415

    place, _, query = text.partition("?endpoint=")  # a key may hold any other "?"
    bucket, _, prefix = place.partition("://")[2].partition("/")
    if not bucket or "@" in bucket:
        raise Misconfigured(f"no bucket in {_shown(text)!r}", "write s3://bucket/prefix; credentials come from the environment")
    endpoint = query or environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return S3Source(bucket, prefix.rstrip("/"), endpoint or None)


def _dicomweb(text: str, environment: Mapping[str, str]) -> Source:
    from yuelu.pipelines.sources.dicomweb import DicomwebSource  # noqa: PLC0415

    parts = urlsplit(text.partition("+")[2])
    if not parts.hostname:
        raise Misconfigured(f"no server in {_shown(text)!r}", "write dicomweb+https://host/dicom-web")
    if "@" in parts.netloc:
        raise Misconfigured(
            f"{_shown(text)!r} holds a password, which the ledger would keep",
            "set YUELU_DICOMWEB_USER and YUELU_DICOMWEB_PASSWORD instead",
        )
    filters = tuple(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    root = f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"
    return DicomwebSource(root, filters, _authorization(environment))


def _authorization(environment: Mapping[str, str]) -> str | None:
    if token := environment.get("YUELU_DICOMWEB_TOKEN"):
        return f"Bearer {token}"
    if user := environment.get("YUELU_DICOMWEB_USER"):
        pair = f"{user}:{environment.get('YUELU_DICOMWEB_PASSWORD', '')}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
    return None


def _shown(text: str) -> str:
    """Return the address as an error may print it: without what stands before an @."""
    scheme, separator, rest = text.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}" if separator else text


_SCHEMES: Mapping[str, Callable[[str, Mapping[str, str]], Source]] = MappingProxyType(
    {"file": _file, "s3": _s3, "dicomweb+http": _dicomweb, "dicomweb+https": _dicomweb}
)
