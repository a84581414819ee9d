"""A site's health: whether it answers, whether it is the version we know, and which dangerous settings show from outside."""

from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.environment import VERSION
from yuelu.base.errors import ServiceUnavailable, YueluError
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.work import SiteRow

UP, DOWN, REFUSED = "up", "down", "refused"
IDLE = "idle"  # the embedded one while no command needs it
_TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Health:
    """What a look at a site found. `problem` says why it is down or refused; `insecure` are settings to be changed there."""

    state: str
    version: str = ""
    user_id: int | None = None
    problem: str | None = None
    insecure: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """All that is wrong."""
        return (*((self.problem,) if self.problem else ()), *self.insecure)


def look(client: Client) -> Health:
    """Return the health of the client's site. Nothing is changed there, and nothing is raised: trouble is what is found."""
    with httpx.Client(base_url=client.url, trust_env=False, timeout=_TIMEOUT_S) as http:
        try:
            version = _version(http)
            if version != VERSION:
                return Health(REFUSED, version, problem=f"it runs Label Studio {version or 'of no known version'}, not {VERSION}")
            insecure = _insecure(http, client.url)
        except httpx.HTTPError as error:
            return Health(DOWN, problem=f"it does not answer: {type(error).__name__} {error}")
        except (ValueError, KeyError, TypeError):
            return Health(REFUSED, problem="what answers there is no Label Studio")
    try:
        user, settings = client.whoami(), client.read_json("/api/jwt/settings")
    except YueluError as error:
        return Health(REFUSED, version, problem=f"our token does not work there: {error.problem}", insecure=insecure)
    if settings.get("legacy_api_tokens_enabled"):
        insecure = (*insecure, "legacy tokens are on: they never expire, and every user can read theirs")
    return Health(UP, version, user, insecure=insecure)


def check_site(ledger: Ledger, name: str, health: Health) -> None:
    """Write what a look at the site found to the ledger; an event only when its state or version changed."""
    with ledger.transaction("operator") as t:
        row = t.session.get_one(SiteRow, name)
        if (row.state, row.version) != (health.state, health.version or row.version):
            t.event(f"site.{health.state}", name, before=row.state, after=health.version or None, reason=health.problem)
        row.state, row.problems = health.state, list(health.problems)
        if health.state not in (DOWN, IDLE):
            row.seen_at, row.version = ledger.now(), health.version or row.version
        if health.user_id is not None:
            row.user_id = health.user_id


def refuse_unfit(health: Health, name: str) -> None:
    """Raise ServiceUnavailable unless work may be sent there."""
    if health.state not in (UP, IDLE):
        raise ServiceUnavailable(f"site {name} is {health.state}: {health.problem}", f"see 'yuelu site check {name}'")


def _version(http: httpx.Client) -> str:
    answer = http.get("/api/version/")
    answer.raise_for_status()
    told = answer.json()
    return str(told.get("label-studio-os-package", {}).get("version") or told.get("release") or "")


def _insecure(http: httpx.Client, url: str) -> tuple[str, ...]:
    """Return the dangerous settings that anybody can see from outside."""
    found: Sequence[tuple[bool, str]] = (
        (_sign_up_is_open(http, url), "sign-up is open: set DISABLE_SIGNUP_WITHOUT_LINK=true"),
        (_any_origin(http), "pages of any origin may ask it: set CORS_ALLOW_ALL_ORIGINS=false"),
        (_any_host(http), "it answers to any host name: set ALLOWED_HOSTS"),
        (url.startswith("http://") and not _is_near(url), "it is reached without TLS"),
        (
            url.startswith("https://") and not _secure_cookies(http),
            "its cookies may travel without TLS: set SESSION_COOKIE_SECURE=1",
        ),
    )
    return tuple(problem for wrong, problem in found if wrong)


def _sign_up_is_open(http: httpx.Client, url: str) -> bool:
    """Ask for an account without saying for whom: a closed server refuses (403), an open one asks for the rest."""
    http.get("/user/login/")
    form = {"email": "", "password": "", "csrfmiddlewaretoken": http.cookies.get("csrftoken", "")}
    return http.post("/user/signup/", data=form, headers={"Referer": url}).status_code == httpx.codes.OK


def _any_origin(http: httpx.Client) -> bool:
    answer = http.get("/api/version/", headers={"Origin": "https://elsewhere.invalid"})
    return answer.headers.get("access-control-allow-origin") in ("*", "https://elsewhere.invalid")


def _any_host(http: httpx.Client) -> bool:
    try:
        return http.get("/api/version/", headers={"Host": "elsewhere.invalid"}).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False  # a proxy that hangs up on names it does not know


def _secure_cookies(http: httpx.Client) -> bool:
    return all("secure" in cookie.lower() for cookie in http.get("/user/login/").headers.get_list("set-cookie"))


def _is_near(url: str) -> bool:
    host = httpx.URL(url).host
    return host in ("localhost", "::1") or host.startswith("127.")
