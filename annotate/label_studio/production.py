"""A Label Studio for production as files of one folder: PostgreSQL, gunicorn behind nginx, every default undone that is not safe.

Nothing is started here: `gunicorn.conf.py`, `label-studio.service` and `nginx.conf` are for the system's own service manager
and nginx. Written again, secrets that are there stay.
"""

import ipaddress
import json
import os
import re
import secrets
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from yuelu.annotate.label_studio import environment
from yuelu.annotate.label_studio.files import gunicorn_conf, nginx_conf, systemd_unit
from yuelu.base.errors import Misconfigured
from yuelu.base.signing import write_secret

SERVICE_USER = "service@yuelu.invalid"
ENV_FILE, TOKEN_FILE, KEY_FILE = "label-studio.env", "token", "secret-key"
_PRIVATE = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "::1/128")


@dataclass(frozen=True, slots=True)
class Production:
    """Where a server lies and how it is reached.

    `database` is postgresql://USER[:PASSWORD]@HOST[:PORT]/NAME. `listen` is nginx's address, a private one. `allowed` are the
    networks that Yuelu and its gateway come from. Without a certificate the server speaks plain HTTP, for loopback only.
    """

    folder: Path
    env: Path
    database: str = field(repr=False)
    host: str
    listen: str = "127.0.0.1:8090"
    allowed: tuple[str, ...] = ("127.0.0.1",)
    workers: int = 2
    certificate: Path | None = None
    key: Path | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", self.host):
            raise Misconfigured(f"host {self.host!r}", "give the name or address that Yuelu will use for it")
        address, _, port = self.listen.rpartition(":")
        private = _is_within(address.strip("[]"), _PRIVATE)
        if not port.isdecimal() or not private:
            raise Misconfigured(
                f"listen {self.listen!r}", "give ADDRESS:PORT on loopback or a private network; people use the gateway"
            )
        if (self.certificate is None) != (self.key is None):
            raise Misconfigured("a certificate needs its key", "give both, or none")
        if self.certificate is None and not _is_within(address.strip("[]"), ("127.0.0.0/8", "::1/128")):
            raise Misconfigured(f"{self.listen} without TLS", "give a certificate and its key, or listen on loopback")
        for network in self.allowed:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise Misconfigured(f"{network!r} is no network", "give addresses or networks such as 10.0.0.0/24") from None

    @property
    def url(self) -> str:
        """The address that `yuelu site add` takes."""
        port = self.listen.rpartition(":")[2]
        return f"{'https' if self.certificate else 'http'}://{self.host}:{port}"

    @property
    def data(self) -> Path:
        """Label Studio's data folder."""
        return self.folder / "data"

    @property
    def command(self) -> tuple[str, ...]:
        """What starts the server, in the foreground, with the variables of `ENV_FILE`."""
        programs = str(self.folder / "programs")
        gunicorn = ("-W", "ignore", "-m", "gunicorn", "-c", str(self.folder / "gunicorn.conf.py"))
        return (str(self.env / "bin" / "python"), *gunicorn, "--chdir", programs, "serve:application()")


def write(production: Production) -> None:
    """Write the folder: variables and key (mode 600), programs, and the files for gunicorn, systemd and nginx."""
    environment.find(production.env)
    folder = production.folder
    for part in (folder, production.data, production.data / "home", folder / "programs", folder / "run"):
        part.mkdir(parents=True, exist_ok=True)
    production.data.chmod(0o700)
    if not (folder / KEY_FILE).exists():
        write_secret(folder / KEY_FILE, secrets.token_urlsafe(48).encode())
    for name in ("boot.py", "serve.py"):
        shutil.copyfile(environment.PROGRAMS / name, folder / "programs" / name)
    told = variables(production, (folder / KEY_FILE).read_text(encoding="ascii"))
    _private(folder / ENV_FILE, "".join(f"{name}={_quoted(value)}\n" for name, value in sorted(told.items())))
    facts = {"folder": str(folder), "host": production.host, "listen": production.listen}
    (folder / "gunicorn.conf.py").write_text(gunicorn_conf(str(folder), production.workers), encoding="utf-8")
    (folder / "label-studio.service").write_text(systemd_unit(str(folder), production.command), encoding="utf-8")
    tls = (str(production.certificate), str(production.key)) if production.certificate else None
    (folder / "nginx.conf").write_text(nginx_conf(**facts, allowed=production.allowed, tls=tls), encoding="utf-8")


def variables(production: Production, secret_key: str) -> dict[str, str]:
    """Return what the server's processes are told, all of it; each name undoes a default that we cannot accept."""
    where = urlsplit(production.database)
    if where.scheme != "postgresql" or not where.hostname or not where.path.strip("/"):
        raise Misconfigured("the database is no PostgreSQL", "give postgresql://USER[:PASSWORD]@HOST[:PORT]/NAME")
    tls = production.certificate is not None
    return {
        **environment.variables(production.data, None, {"PATH": os.defpath}),
        "SECRET_KEY": secret_key,
        "DJANGO_DB": "default",
        "POSTGRE_HOST": where.hostname,
        "POSTGRE_PORT": str(where.port or 5432),
        "POSTGRE_NAME": where.path.strip("/"),
        "POSTGRE_USER": unquote(where.username or ""),
        "POSTGRE_PASSWORD": unquote(where.password or ""),
        "ALLOWED_HOSTS": production.host,
        "LABEL_STUDIO_HOST": production.url,
        "CSRF_TRUSTED_ORIGINS": production.url,
        "SESSION_COOKIE_SECURE": "1" if tls else "0",  # without TLS only loopback is served, and a browser would drop the cookie
        "CSRF_COOKIE_SECURE": "1" if tls else "0",
        "SSRF_PROTECTION_ENABLED": "true",
        "USE_DEFAULT_BANNED_SUBNETS": "true",
        "ENABLE_LOCAL_FILES_STORAGE": "false",  # the gateway serves the media
    }


def provision(production: Production) -> Path:
    """Return the file (mode 600) with the token of the service user, the only account on the migrated database."""
    target = production.folder / TOKEN_FILE
    token = target.read_text(encoding="ascii").strip() if target.exists() else None
    request = {
        "organization": "Yuelu",
        "admin": {"email": SERVICE_USER, "password": None},
        "users": [],
        "tokens": {SERVICE_USER: token} if token else {},
    }
    told = read_variables(production.folder)
    found = environment.find(production.env)
    printed = environment.run(found, "accounts.py", production.data, stdin=json.dumps(request), told=told)
    _private(target, json.loads(printed.strip().splitlines()[-1])["users"][SERVICE_USER]["token"] + "\n")
    return target


def read_variables(folder: Path) -> dict[str, str]:
    """Return the variables of `ENV_FILE`."""
    lines = (folder / ENV_FILE).read_text(encoding="utf-8").splitlines()
    return {name: json.loads(value) for name, _, value in (line.partition("=") for line in lines)}


def _quoted(value: str) -> str:
    """Return the value as systemd and a shell read it: in double quotes."""
    if re.search(r'[\n\r"\\$`]', value):
        raise Misconfigured("a value with a quote, backslash, dollar sign or line break", "choose another password")
    return f'"{value}"'


def _private(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    part.replace(path)


def _is_within(address: str, networks: tuple[str, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(network) for network in networks)
