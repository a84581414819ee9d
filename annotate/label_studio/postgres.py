"""Label Studio's database on PostgreSQL, made from a migrated template: seconds instead of a minute."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from yuelu.annotate.label_studio import environment
from yuelu.base.errors import ServiceUnavailable
from yuelu.base.progress import Progress, silent

TEMPLATE = f"yuelu_label_studio_{environment.VERSION.replace('.', '_')}"
_LOCK = 0x9E_75_1A  # any number that only we use


def ensure_database(url: str, told: Mapping[str, str], env: Path, data: Path, progress: Progress = silent) -> bool:
    """Make the database that `url` names unless it is there; return whether it is new.

    It is copied from the template, which is migrated the first time (about a minute). The user of `url` must be allowed to
    create databases for that; an empty database that somebody made is migrated where it is. `told` are the server's
    variables. Raises ServiceUnavailable.
    """
    found, name = environment.find(env), urlsplit(url).path.strip("/")
    if _exists(url, name):
        if not _has_tables(url):
            _migrate(found, data, told, name, progress)
        return False
    with _connected(url, "postgres") as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])  # until the connection closes
        if not _exists(url, TEMPLATE):
            part = f"{TEMPLATE}_part"
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(part)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(part)))
            _migrate(found, data, told, part, progress)
            rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")  # appears whole or not at all
            connection.execute(rename.format(sql.Identifier(part), sql.Identifier(TEMPLATE)))
        copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        connection.execute(copy.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    return True


def _migrate(found: environment.Environment, data: Path, told: Mapping[str, str], database: str, progress: Progress) -> None:
    progress(0, 1)
    environment.run(found, "migrate.py", data, told={**told, "POSTGRE_NAME": database})
    progress(1, 1)


def _connected(url: str, database: str) -> psycopg.Connection[tuple[object, ...]]:
    try:
        return psycopg.connect(urlsplit(url)._replace(path=f"/{quote(database)}").geturl(), autocommit=True)
    except psycopg.OperationalError as error:
        raise ServiceUnavailable(
            f"PostgreSQL refuses: {str(error).strip()}", "check the address, the user and the rights"
        ) from None


def _exists(url: str, database: str) -> bool:
    with _connected(url, "postgres") as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is not None


def _has_tables(url: str) -> bool:
    with _connected(url, urlsplit(url).path.strip("/")) as connection:
        return connection.execute("SELECT 1 FROM pg_tables WHERE tablename = 'django_migrations'").fetchone() is not None
