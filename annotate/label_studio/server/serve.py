"""Serve Label Studio with gunicorn: `serve.py RECORD LISTENING_FD LOCK_FD THREADS`.

The process writes its own pid and start time to RECORD before anything else, so that a parent that is killed right
after starting it leaves no server that nobody can find. The lock behind LOCK_FD stays held as long as it lives.
"""

import json
import os
import sys
from pathlib import Path

from boot import set_up_path

# Without it the file of a deleted snapshot stays, with all that it holds. No setting reaches this flag of 1.23.2.
DELETE_FILES = "ff_back_dev_4664_remove_storage_file_on_export_delete_29032023_short"


def started_at(pid: int) -> str:
    """Return the kernel's start time of a process: with it a pid is never mistaken for a later one."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    return stat.rpartition(")")[2].split()[19]  # field 22, counted from behind the name, which may hold blanks


def write_record(path: Path) -> None:
    """Add who we are to the record that the parent prepared, whole or not at all."""
    known = json.loads(path.with_suffix(".starting").read_text(encoding="utf-8"))
    part = path.with_suffix(".part")
    part.write_text(json.dumps({**known, "pid": os.getpid(), "started": started_at(os.getpid())}), encoding="utf-8")
    part.replace(path)


def main() -> None:
    """Become the leader of a process group of our own, say who we are, and serve."""
    record, listening, _, threads = sys.argv[1:]
    os.setsid()
    write_record(Path(record))
    from gunicorn.app.wsgiapp import run  # noqa: PLC0415  the record comes first

    here = Path(__file__).parent
    options = f"--bind fd://{listening} --workers 1 --worker-class gthread --threads {threads} --timeout 600 --graceful-timeout 5"
    sys.argv = ["gunicorn", *options.split(), "--no-control-socket", "--chdir", str(here), "serve:application()"]
    run()


def application() -> object:
    """Return the WSGI application (gunicorn calls this in its worker)."""
    set_up_path()
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415  importable only now

    served = get_wsgi_application()
    from core.feature_flags.stale_feature_flags import STALE_FEATURE_FLAGS  # noqa: PLC0415  importable only once Django is up

    STALE_FEATURE_FLAGS[DELETE_FILES] = True
    return served


if __name__ == "__main__":
    main()
