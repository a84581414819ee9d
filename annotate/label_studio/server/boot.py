"""What each of these programs does first: make Label Studio's modules importable, under the names it uses itself."""

import importlib.util
import os
import sys
from pathlib import Path


def set_up_path() -> None:
    """Put Label Studio's folder on the path of this process only.

    In PYTHONPATH its `sitecustomize.py` would run in every child and complain about a missing coverage package.
    """
    found = importlib.util.find_spec("label_studio")
    if found is None or found.origin is None:
        raise SystemExit("label_studio is not installed in this environment")
    sys.path.insert(0, str(Path(found.origin).parent))
    os.environ["DJANGO_SETTINGS_MODULE"] = "core.settings.label_studio"
