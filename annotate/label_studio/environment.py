"""Label Studio's own environment: where it is, what its processes are told, and the migrated database they start from."""

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yuelu.annotate.label_studio.subnets import banned
from yuelu.base.errors import ServiceUnavailable
from yuelu.base.progress import Progress, silent
from yuelu.base.signing import write_secret

VERSION = "1.23.2"
DATABASE = "label_studio.sqlite3"
PROGRAMS = Path(__file__).with_name("server")
_HINT = "run './scripts/setup demo', or set YUELU_LABEL_STUDIO to an environment that has it"
_COLD_S = 600  # all migrations take about a minute on a quiet machine
# What a process needs from ours; anything else could be a proxy, a credential or a setting that Label Studio reads.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment that Label Studio 1.23.2 and gunicorn are installed in."""

    root: Path

    @property
    def python(self) -> Path:
        """The interpreter."""
        return self.root / "bin" / "python"


def find(root: Path) -> Environment:
    """Return the environment at `root`. Raises ServiceUnavailable: it is missing, or holds another version."""
    if not (root / "bin" / "python").exists():
        raise ServiceUnavailable(f"no Label Studio environment at {root}", _HINT)
    packages = root.glob("lib/python3*/site-packages/label_studio-*.dist-info")
    found = sorted(path.name.removeprefix("label_studio-").removesuffix(".dist-info") for path in packages)
    if found != [VERSION]:
        raise ServiceUnavailable(f"{root} has Label Studio {', '.join(found) or 'not at all'}, not {VERSION}", _HINT)
    if not any(root.glob("lib/python3*/site-packages/gunicorn")):
        raise ServiceUnavailable(f"{root} has no gunicorn", _HINT)
    return Environment(root)


def variables(data: Path, media_root: Path | None, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the whole environment of a Label Studio process. Every name here undoes a default we cannot accept.

    Without `media_root` no local file is served. Nothing may be written outside `data`, hence the home folders.
    """
    kept = {name: inherited[name] for name in _INHERITED if name in inherited}
    homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"), str(data / "home"))
    return {
        **kept,
        **homes,
        "PYTHONUNBUFFERED": "1",
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "DJANGO_DB": "sqlite",
        "DEBUG": "false",
        "LOG_LEVEL": "WARNING",
        "DISABLE_SIGNUP_WITHOUT_LINK": "true",  # the default lets anybody in
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "CORS_ALLOW_ALL_ORIGINS": "false",
        "COLLECT_ANALYTICS": "false",  # the default posts e-mail, address and requests to the vendor
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "false",
        "USE_DEFAULT_BANNED_SUBNETS": "false",  # it bans the one address that webhooks go to
        "USER_ADDITIONAL_BANNED_SUBNETS": banned(),
        "LOCAL_FILES_SERVING_ENABLED": "true" if media_root else "false",
        "LOCAL_FILES_DOCUMENT_ROOT": str(media_root or data / "no-media"),  # the default is /
    }


def run(
    environment: Environment,
    program: str,
    data: Path,
    *,
    stdin: str = "",
    timeout_s: float = _COLD_S,
    told: Mapping[str, str] | None = None,
) -> str:
    """Run one of our programs under Label Studio's Python; return what it printed. Raises ServiceUnavailable.

    `told` are its variables, by default those of an embedded server without media.
    """
    (data / "home").mkdir(parents=True, exist_ok=True)
    command = [str(environment.python), "-W", "ignore", str(PROGRAMS / program)]
    told = variables(data, None, os.environ) if told is None else told
    try:
        done = subprocess.run(
            command, input=stdin, env=dict(told), cwd=data, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise ServiceUnavailable(f"{program} did not end in {timeout_s:.0f} s", "look at the load of the machine") from None
    if done.returncode:
        raise ServiceUnavailable(f"{program} failed: {done.stderr.strip()[-2000:]}", _HINT)
    return done.stdout


def prepare(env: Path, cache: Path | None = None, progress: Progress = silent) -> Path:
    """Return the folder of the migrated template database, making it the first time (about a minute).

    It lies below `cache` (by default the environment itself) and holds nobody's data: no user, no organisation, no key.
    """
    environment = find(env)
    template = (cache or env) / f"yuelu-template-{VERSION}"
    if not (template / DATABASE).exists():
        progress(0, 1)
        template.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".yuelu-template-", dir=template.parent) as scratch:
            _migrate(environment, Path(scratch), template)
        progress(1, 1)
    return template


def _migrate(environment: Environment, scratch: Path, template: Path) -> None:
    data, made = scratch / "data", scratch / "template"
    data.mkdir(mode=0o700)
    _write_key(data)
    run(environment, "migrate.py", data)
    made.mkdir()
    shutil.copyfile(data / DATABASE, made / DATABASE)
    try:
        made.rename(template)  # appears whole or not at all
    except OSError:
        if not (template / DATABASE).exists():  # another process was first: fine
            raise


def fill(env: Path, data: Path, cache: Path | None = None, progress: Progress = silent) -> Environment:
    """Make `data` a data folder that Label Studio can start from; an existing database or key stays as it is."""
    environment = find(env)
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    data.chmod(0o700)
    (data / "home").mkdir(exist_ok=True)
    _write_key(data)
    if not (data / DATABASE).exists():
        part = data / f".{DATABASE}.{os.getpid()}"
        shutil.copyfile(prepare(env, cache, progress) / DATABASE, part)
        try:
            os.link(part, data / DATABASE)
        except FileExistsError:
            pass  # made meanwhile by another process
        finally:
            part.unlink()
    return environment


def _write_key(data: Path) -> None:
    # The tokens of all users are signed with it: it stays the same over restarts. Label Studio reads it from here itself.
    if (data / ".env").exists():
        return  # a key that is there stays; `write_secret` keeps the first of two that are written at once
    write_secret(data / ".env", f"SECRET_KEY={secrets.token_urlsafe(48)}\n".encode())
