"""Sites: names, secrets that stay outside the ledger, and production servers that listen where nobody else is."""

import re
from pathlib import Path
from typing import Any

import pytest

from yuelu.annotate.label_studio.files import CLOSED, nginx_conf
from yuelu.annotate.label_studio.production import Production, variables
from yuelu.annotate.label_studio.sites import add_site, read_token, remove_site, site_row
from yuelu.base.errors import Conflict, InvalidRecord, Misconfigured, NotFound
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.work import SiteRow


def added(books: Any, **changed: Any) -> bool:
    terms = {"name": "north", "url": "https://ls.example:8443/", "token_from": "env:T", "weight": 2, **changed}
    return add_site(books.ledger, "op", **terms)


def test_a_site_is_added_once_and_changed_in_place(books: Any) -> None:
    assert added(books)
    assert not added(books)
    assert not added(books, weight=3)
    with books.ledger.reading() as session:
        row = site_row(session, "north")
        assert (row.url, row.kind, row.weight, row.token_from) == ("https://ls.example:8443", "external", 3, "env:T")
        assert [event.action for event in session.query(EventRow)] == ["site.added", "site.changed"]
        with pytest.raises(NotFound, match="no site 'south'"):
            site_row(session, "south")


@pytest.mark.parametrize(
    "wrong",
    [{"name": "North"}, {"url": "ls.example"}, {"url": "https://user:secret@ls.example"}, {"url": "ftp://x"}, {"weight": 0}],
)
def test_what_is_no_site_is_refused(books: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match=r"is no name|address"):
        added(books, **wrong)


def test_our_own_site_cannot_be_replaced_or_removed(books: Any) -> None:
    with pytest.raises(Conflict, match="site site is embedded"):
        added(books, name="site")
    with pytest.raises(Conflict, match="workspace's own"):
        remove_site(books.ledger, "op", "site")
    assert added(books)
    remove_site(books.ledger, "op", "north")
    with books.ledger.reading() as session:
        assert [row.name for row in session.query(SiteRow)] == ["site"]
        assert session.query(PlaceRow).all() == []


def test_tokens_come_from_a_private_file_or_a_variable(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("abc\n")
    file.chmod(0o644)
    with pytest.raises(Misconfigured, match=r"may be read by others \(mode 644\)"):
        read_token(f"file:{file}", {})
    file.chmod(0o600)
    assert read_token(f"file:{file}", {}) == "abc"
    assert read_token("env:T", {"T": " xyz "}) == "xyz"
    with pytest.raises(Misconfigured, match="variable T holds no token"):
        read_token("env:T", {})
    with pytest.raises(Misconfigured, match="No such file"):
        read_token(f"file:{tmp_path / 'none'}", {})
    file.write_text("")
    with pytest.raises(Misconfigured, match="is empty"):
        read_token(f"file:{file}", {})


def production(tmp_path: Path, **changed: Any) -> Production:
    terms = {"folder": tmp_path, "env": tmp_path, "database": "postgresql://u:p%40w@db:5433/ls", "host": "ls.example", **changed}
    return Production(**terms)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"listen": "0.0.0.0:80"}, "listen"),
        ({"listen": "8.8.8.8:443"}, "listen"),
        ({"listen": "10.0.0.5:8443"}, "without TLS"),
        ({"host": "ls example; return 200"}, "host"),
        ({"allowed": ("all",)}, "no network"),
        ({"certificate": Path("/c")}, "needs its key"),
    ],
)
def test_a_server_that_others_could_reach_is_refused(tmp_path: Path, wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(Misconfigured, match=why):
        production(tmp_path, **wrong)


def test_every_default_that_is_not_safe_is_undone(tmp_path: Path) -> None:
    """The names and defaults are those of reliability's list, read in Label Studio 1.23.2's settings."""
    tls = {"listen": "10.0.0.5:8443", "certificate": Path("/c"), "key": Path("/k")}
    told = variables(production(tmp_path, **tls), "s" * 64)
    assert {name: told[name] for name in told if name.startswith("POSTGRE")} == {
        "POSTGRE_HOST": "db", "POSTGRE_PORT": "5433", "POSTGRE_NAME": "ls", "POSTGRE_USER": "u", "POSTGRE_PASSWORD": "p@w",
    }  # fmt: skip
    safe = {
        "DISABLE_SIGNUP_WITHOUT_LINK": "true", "SECRET_KEY": "s" * 64, "ALLOWED_HOSTS": "ls.example", "DEBUG": "false",
        "CORS_ALLOW_ALL_ORIGINS": "false", "CSRF_TRUSTED_ORIGINS": "https://ls.example:8443", "SESSION_COOKIE_SECURE": "1",
        "CSRF_COOKIE_SECURE": "1", "COLLECT_ANALYTICS": "false", "LATEST_VERSION_CHECK": "false", "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "", "LOCAL_FILES_SERVING_ENABLED": "false", "ENABLE_LOCAL_FILES_STORAGE": "false",
        "SSRF_PROTECTION_ENABLED": "true", "USE_DEFAULT_BANNED_SUBNETS": "true", "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "false",
    }  # fmt: skip
    assert {name: told.get(name) for name in safe} == safe
    assert told["LOCAL_FILES_DOCUMENT_ROOT"].startswith(str(tmp_path))
    with pytest.raises(Misconfigured, match="no PostgreSQL"):
        variables(production(tmp_path, database="sqlite:///x"), "s")
    assert "p%40w" not in repr(production(tmp_path))


def test_nginx_closes_what_nobody_needs() -> None:
    text = nginx_conf(folder="/srv/ls", host="ls.example", listen="10.0.0.5:8443", allowed=("10.0.0.0/24",), tls=("/c", "/k"))
    for path in CLOSED:
        assert f"location ^~ {path} {{ return 403; }}" in text
    assert "/user/signup" in CLOSED
    for line in (
        "client_max_body_size 200m;",
        "proxy_read_timeout 600s;",
        "allow 10.0.0.0/24;",
        "deny all;",
        "proxy_next_upstream off;",
    ):
        assert line in text
    assert not re.search(r"\balias\b", text)  # GHSA-cpmr-mw4j-99r7
    assert text.count("{") == text.count("}")
