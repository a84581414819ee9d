"""A PACS over DICOMweb as a source: QIDO-RS finds the instances, WADO-RS fetches one.

Source: DICOM PS3.18, sections 10.4 (retrieve) and 10.6 (search).

An instance never changes under its UID (PS3.3 C.12.1.1.1), so its address alone says whether it must be read again.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx

from yuelu.base.errors import Misconfigured, NotFound, ServiceUnavailable
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.multipart import boundary_of, only_part
from yuelu.pipelines.sources.port import Listed, Opened
from yuelu.pipelines.sources.spool import spooled

_PAGE = 100
_ATTEMPTS = 5
_LONGEST_WAIT_S = 30.0
_CHUNK = 1 << 18
_BUSY = (429, 502, 503, 504)
_ACCEPT = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_UID = re.compile(r"[0-9.]{1,64}")  # and nothing that could lead elsewhere in a URL
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)

# What the ledger keeps of a server must not name a patient, so filters are no part of its address. Which level takes which
# filter: PS3.18 table 10.6.1-5, PS3.4 C.6.2.1.
FILTERS = {
    "PatientID": "studies", "PatientName": "studies", "AccessionNumber": "studies", "StudyDate": "studies",
    "StudyTime": "studies", "StudyID": "studies", "StudyInstanceUID": "studies", "StudyDescription": "studies",
    "ModalitiesInStudy": "studies", "ReferringPhysicianName": "studies",
    "Modality": "series", "SeriesInstanceUID": "series", "SeriesNumber": "series", "SeriesDescription": "series",
    "BodyPartExamined": "series", "PerformedProcedureStepStartDate": "series",
    "SOPInstanceUID": "instances", "SOPClassUID": "instances", "InstanceNumber": "instances",
}  # fmt: skip
_KEYS = {"studies": "0020000D", "series": "0020000E", "instances": "00080018"}


@dataclass(frozen=True, slots=True)
class DicomwebSource:
    """The instances of a server that match the filters. Their sizes are known only when they are fetched."""

    root: str  # http(s)://host/path, without a slash behind it
    filters: tuple[tuple[str, str], ...] = ()
    authorization: str | None = field(default=None, repr=False)  # a header's value; it is in no address

    def __post_init__(self) -> None:
        for name, _ in self.filters:
            if name not in FILTERS:
                raise Misconfigured(f"{name!r} is no filter of a DICOMweb source", f"use {', '.join(FILTERS)}")

    @property
    def address(self) -> str:
        """`dicomweb+http(s)://host/path`."""
        return f"dicomweb+{self.root}"

    def listed(self) -> Iterator[Listed]:
        """Yield every instance once, study by study. Raises NotFound, ServiceUnavailable, Misconfigured: it lets nobody in."""
        for study in self._found("studies", ""):
            for series in self._found("series", f"/studies/{study}"):
                place = f"/studies/{study}/series/{series}"
                for instance in sorted(self._found("instances", place)):
                    path = f"{study}/{series}/{instance}"
                    yield Listed(self.address, path, f"{place}/instances/{instance}".encode(), 0, 0)

    def _found(self, level: str, below: str) -> Iterator[str]:
        """Yield the UIDs of one level, page by page; one that is met again because pages shifted, only once."""
        filters = [(name, value) for name, value in self.filters if FILTERS[name] == level]
        if level == "studies":  # spares asking for the series of studies that have none of that modality
            filters += [("ModalitiesInStudy", value) for name, value in self.filters if name == "Modality"]
        seen, offset = set[str](), 0
        while True:
            parameters = [*filters, ("limit", str(_PAGE)), ("offset", str(offset))]
            answer = self._ask(f"{below}/{level}", parameters)
            page = [_uid(match, _KEYS[level]) for match in _matches(answer)]
            fresh = [uid for uid in dict.fromkeys(page) if uid not in seen]
            seen.update(fresh)
            yield from fresh
            offset += len(page)
            # A server may give less than was asked for and then says so (PS3.18, 8.3.4.4: code 299).
            if not fresh or (len(page) < _PAGE and not answer.headers.get("warning", "").startswith("299")):
                return

    def _ask(self, path: str, parameters: Sequence[tuple[str, str]]) -> httpx.Response:
        with self._answer(path, "application/dicom+json", parameters) as answer:
            if answer.status_code == 404:
                raise NotFound(f"{self.address} has no {path}", "check the path of the server's DICOMweb root")
            if answer.status_code not in (200, 204):
                raise ServiceUnavailable(
                    f"{self.address} answers {answer.status_code} to {path}", "check the address and the filters"
                )
            try:
                answer.read()
            except httpx.TransportError as error:
                raise self._silent(error) from None
            return answer

    @contextmanager
    def _answer(self, path: str, accept: str, parameters: Sequence[tuple[str, str]] = ()) -> Iterator[httpx.Response]:
        """Yield an answer that is not "come again later". Raises ServiceUnavailable, Misconfigured."""
        headers = {"Accept": accept, **({"Authorization": self.authorization} if self.authorization else {})}
        request = _client().build_request("GET", self.root + path, params=dict(parameters), headers=headers, timeout=_TIMEOUT)
        answer = self._sent(request)
        try:
            if answer.status_code in (401, 403):
                raise Misconfigured(
                    f"{self.address} answers {answer.status_code}: it lets us not in",
                    "set YUELU_DICOMWEB_TOKEN, or YUELU_DICOMWEB_USER and YUELU_DICOMWEB_PASSWORD",
                )
            yield answer
        finally:
            answer.close()

    def _sent(self, request: httpx.Request) -> httpx.Response:
        why: object = None
        for attempt in range(_ATTEMPTS):
            wait = 0.5 * 2**attempt
            try:
                answer = _client().send(request, stream=True)
            except httpx.TransportError as error:
                why = error
            else:
                if answer.status_code not in _BUSY:
                    return answer
                answer.close()
                why, wait = f"it says {answer.status_code}", _asked_wait(answer, wait)
            if attempt < _ATTEMPTS - 1:
                time.sleep(wait)
        raise self._silent(why)

    def _silent(self, why: object) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"{self.address} does not answer: {why}", "when it does, run again: it goes on where it stopped"
        )

    @contextmanager
    def opened(self, listed: Listed) -> Iterator[Opened]:
        """Yield the instance as it is stored. Raises Refused: it is gone, or cannot be had. Raises ServiceUnavailable."""
        with self._answer(listed.location.decode(), _ACCEPT) as answer:
            if answer.status_code in (404, 410):
                raise Refused("no longer there")
            if answer.status_code != 200:
                raise Refused(f"cannot be read: the server answers {answer.status_code}")
            kind = answer.headers.get("content-type", "")
            boundary, chunks = boundary_of(kind), self._body(answer)
            if boundary is None and not kind.startswith("application/dicom"):
                raise Refused(f"the server's answer is {kind or 'of no known type'}, not DICOM")
            with spooled(chunks if boundary is None else only_part(chunks, boundary)) as opened:
                yield opened

    def _body(self, answer: httpx.Response) -> Iterator[bytes]:
        try:
            yield from answer.iter_bytes(_CHUNK)
        except httpx.TransportError as error:
            self._ask("/studies", [("limit", "1")])  # raises if the whole server is gone; otherwise it is this instance
            raise Refused(f"the server breaks off its answer: {type(error).__name__}") from None

    def uri(self, listed: Listed) -> str:
        """Return the WADO-RS address of the instance."""
        return self.root + listed.location.decode()


@cache
def _client() -> httpx.Client:
    return httpx.Client(limits=httpx.Limits(max_connections=64, max_keepalive_connections=16))


def _asked_wait(answer: httpx.Response, otherwise: float) -> float:
    asked = answer.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_WAIT_S) if asked.isdigit() else otherwise


def _matches(answer: httpx.Response) -> list[Any]:
    if answer.status_code == 204:
        return []
    try:
        found = answer.json()
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise ServiceUnavailable(f"{answer.url.host} answers a search with no list", "check the path of its DICOMweb root")
    return found


def _uid(match: Any, tag: str) -> str:
    try:
        uid = match[tag]["Value"][0]
    except (KeyError, IndexError, TypeError):
        uid = None
    if not isinstance(uid, str) or not _UID.fullmatch(uid):
        raise ServiceUnavailable(f"the server finds something without a UID ({tag}): {uid!r}", "check the server")
    return uid
