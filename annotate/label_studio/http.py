"""One conversation with a Label Studio server: tokens kept fresh, reads repeated, writes never repeated blindly."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO, TypeVar

import httpx

from yuelu.base.errors import Conflict, InvalidRecord, NotFound, OutcomeUnknown, ServiceUnavailable, YueluError

_FRESH_S = 240.0  # an access token lives 300 s
_TRIES = 5
_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 60.0  # what a server's Retry-After may ask of us
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REFUSALS: Mapping[int, type[YueluError]] = {400: InvalidRecord, 404: NotFound, 409: Conflict}
_T = TypeVar("_T")


class Conversation:
    """Requests to the server at `url` in the name of the user whose refresh token it was given."""

    def __init__(
        self,
        url: str,
        refresh_token: str,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout_s: float = 600.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url, self._refresh_token, self._sleep, self._clock = url.rstrip("/"), refresh_token, sleep, clock
        self._access, self._since = "", float("-inf")
        # The environment's proxies and .netrc have no say: the server is on a private network.
        self._http = httpx.Client(base_url=self.url, timeout=timeout_s, trust_env=False, transport=transport)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def read(self, path: str, params: Mapping[str, Any] | None = None) -> httpx.Response:
        """Return the answer to a GET, asking again while the server is in trouble. Raises ServiceUnavailable, NotFound."""
        return self._repeated(path, params, lambda response: response)

    def read_json(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        """Return what a GET answers, asking again also when it is no JSON (cut off, or a page of a proxy). Raises as `read`."""
        return self._repeated(path, params, lambda response: response.json())

    def _repeated(self, path: str, params: Mapping[str, Any] | None, take: Callable[[httpx.Response], _T]) -> _T:
        pause = 0.0
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(max(pause, _PAUSE_S * 2 ** (attempt - 1)))
            pause = 0.0
            try:
                response = self._send("GET", path, params=params)
                if response.status_code not in _PASSING:
                    return take(self._answer(response, "GET", path))
            except (httpx.TransportError, ValueError) as error:
                trouble = f"{type(error).__name__}: {error}"
            else:
                trouble, pause = f"HTTP {response.status_code}", _asked_pause(response)
        raise self._silent(path, trouble)

    def download(self, path: str, into: BinaryIO, params: Mapping[str, Any] | None = None) -> None:
        """Write the answer to a GET to `into` as it comes, going on where a broken connection left off. Raises as `read`."""
        trouble = ""
        for attempt in range(_TRIES):
            if attempt:
                self._sleep(_PAUSE_S * 2 ** (attempt - 1))
            try:
                if self._received(path, into, params):
                    return
                trouble = "a passing error"
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__}: {error}"
        raise self._silent(path, trouble)

    def _received(self, path: str, into: BinaryIO, params: Mapping[str, Any] | None) -> bool:
        have = into.tell()
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        with self._opened(path, headers, params) as response:
            if response.status_code in _PASSING:
                return False
            if not response.is_success:
                response.read()
            self._answer(response, "GET", path)
            if have and response.status_code != httpx.codes.PARTIAL_CONTENT:
                into.seek(0)
                into.truncate()
            for part in response.iter_bytes():
                into.write(part)
        return True

    @contextmanager
    def _opened(self, path: str, headers: Mapping[str, str], params: Mapping[str, Any] | None) -> Iterator[httpx.Response]:
        for attempt in range(2):
            if attempt or self._clock() - self._since > _FRESH_S:
                self._refresh()
            sent = {**headers, "Authorization": f"Bearer {self._access}"}
            with self._http.stream("GET", path, params=params, headers=sent) as response:
                if response.status_code != httpx.codes.UNAUTHORIZED or attempt:
                    yield response
                    return

    def _silent(self, path: str, trouble: str) -> ServiceUnavailable:
        problem = f"{self.url}{path} gave no answer in {_TRIES} tries ({trouble})"
        return ServiceUnavailable(problem, "see whether Label Studio runs")

    def write(self, method: str, path: str, body: Any, params: Mapping[str, Any] | None = None) -> httpx.Response:
        """Return the answer to one request that changes something; it is sent once.

        Raises OutcomeUnknown: no clear answer came, so read back before sending again. Raises ServiceUnavailable: it
        never reached the server. Raises Conflict, InvalidRecord, NotFound: the server refused it.
        """
        try:
            if isinstance(body, bytes):  # JSON that was made beforehand
                response = self._send(method, path, params=params, content=body)
            else:
                response = self._send(method, path, params=params, json=body)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise ServiceUnavailable(f"cannot reach {self.url}: {error}", "see whether Label Studio runs") from error
        except httpx.TransportError as error:
            raise OutcomeUnknown(f"{method} {path}: {type(error).__name__} {error}", "read back what is there") from error
        if response.status_code in _PASSING:
            raise OutcomeUnknown(f"{method} {path}: HTTP {response.status_code}", "read back what is there")
        return self._answer(response, method, path)

    def write_json(self, method: str, path: str, body: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return what one such request answers. Raises as `write`; an answer that is no JSON is an outcome unknown."""
        response = self.write(method, path, body, params)
        try:
            return response.json()
        except ValueError as error:
            raise OutcomeUnknown(f"{method} {path}: the answer is no JSON: {error}", "read back what is there") from error

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        for attempt in range(2):
            if attempt or self._clock() - self._since > _FRESH_S:
                self._refresh()
            headers = {"Authorization": f"Bearer {self._access}"}
            if "content" in request:
                headers["Content-Type"] = "application/json"
            response = self._http.request(method, path, headers=headers, **request)
            if response.status_code != httpx.codes.UNAUTHORIZED:
                break  # refused unread, so asking once more with a new token repeats nothing
        return response

    def _refresh(self) -> None:
        asked = self._clock()
        try:
            response = self._http.post("/api/token/refresh", json={"refresh": self._refresh_token})
        except httpx.TransportError as error:  # nothing was changed, so nothing is unknown
            raise httpx.ConnectError(f"no access token: {error}") from error
        if response.status_code in _PASSING:
            raise httpx.ConnectError(f"no access token: HTTP {response.status_code}")
        if response.status_code != httpx.codes.OK:
            raise ServiceUnavailable(
                f"{self.url} does not accept our token (HTTP {response.status_code})", "ensure the accounts again"
            )
        try:
            self._access, self._since = response.json()["access"], asked
        except (ValueError, KeyError) as error:
            raise httpx.ConnectError(f"no access token: {type(error).__name__}") from error

    def _answer(self, response: httpx.Response, method: str, path: str) -> httpx.Response:
        if response.is_success:
            return response
        kind = _REFUSALS.get(response.status_code, ServiceUnavailable)
        raise kind(f"{method} {path}: HTTP {response.status_code} {_detail(response)}", "see the server's log for the rest")


def server_time(response: httpx.Response) -> datetime:
    """Return the server's clock when it answered, in whole seconds."""
    return parsedate_to_datetime(response.headers["date"]).astimezone(UTC)


def _asked_pause(response: httpx.Response) -> float:
    """Return how many seconds the server asks us to wait; a date in that header counts as nothing asked."""
    asked = response.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_PAUSE_S) if asked.isdecimal() else 0.0


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return ""  # an HTML page
    return str(body.get("validation_errors") or body.get("detail") or body) if isinstance(body, dict) else str(body)
