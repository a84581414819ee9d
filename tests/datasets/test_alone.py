"""`pip install yuelu` without extras opens, verifies, pulls, proves and describes: the rest is kept from being imported."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

from yuelu.datasets.signed.notices import Standing, post, tagged

ROOT = Path(__file__).resolve().parents[2]

_BLOCKED = """
import json, sys
from importlib.abc import MetaPathFinder
folder, store, key, blocked = sys.argv[1], sys.argv[2], sys.argv[3], set(json.loads(sys.argv[4]))

class Blocker(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in blocked or name.startswith(("yuelu.pipelines", "yuelu.annotate", "yuelu.quality", "yuelu.base.ledger")):
            raise ModuleNotFoundError(f"{name} is not installed", name=name)

sys.meta_path.insert(0, Blocker())
from click.testing import CliRunner
from yuelu.console.main import main

told = {}
for command in (
    ["releases", "list", "--from", store],
    ["releases", "log", "boards", "--from", store, "--key", key],
    ["releases", "show", "boards@stable", "--from", store],
    ["releases", "notices", "boards", "--from", store],
    ["releases", "diff", "boards@1.0.0", "boards@1.1.0", "--from", store],
    ["pull", "boards", folder, "--from", store, "--key", key, "--accept-terms"],
    ["verify", folder, "--key", key, "--from", store],
    ["prove", "boards", "--row", sys.argv[5], "--from", store, "--out", folder + ".proof.json"],
    ["verify", folder + ".proof.json", "--key", key],
    *(["releases", "render", folder, folder + "-" + kind, "--as", kind]
      for kind in ("croissant", "prov", "card", "dcat", "dossier", "listing")),
):
    done = CliRunner().invoke(main, command)
    told[" ".join(command[:2])] = [done.exit_code, done.output[-300:], repr(done.exception)]
told["imported"] = sorted(blocked & set(sys.modules))
print(json.dumps(told))
"""


def _blocked() -> list[str]:
    """The modules of every extra that is none of the packages that come along with the plain install."""
    known = {"pyyaml": "yaml", "pillow": "PIL", "opencv-python-headless": "cv2", "label-studio-sdk": "label_studio_sdk",
             "markdown-it-py": "", "psycopg": "psycopg", "scikit-image": "skimage", "pylibjpeg-libjpeg": "libjpeg"}  # fmt: skip
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {each.split("[")[0].split(">")[0].split("=")[0] for extra in ("quality", "platform") for each in extras[extra]}
    return sorted({known.get(name, name.replace("-", "_")) for name in names if name != "yuelu"} - {""})


def test_the_plain_install_does_all_that_a_model_team_needs(shop: Any, make: Any, tmp_path: Path) -> None:
    shop.publish([make.item(0)])
    shop.publish([make.item(0), make.item(1)])
    said = {"action": "tag", "version": "1.0.0", "tag": "stable", "owner": "c", "reason": "", "at": "", "log": {"tree_size": 0}}
    post(shop.store, "boards", None, tagged(Standing(), "stable", "1.0.0"), said, key=make.KEY)
    key = tmp_path / "publisher.pem"
    key.write_bytes(make.KEY.public.pem())
    blocked = _blocked()
    assert {"dask", "distributed", "sqlalchemy", "alembic", "numpy", "label_studio_sdk", "jinja2"} <= set(blocked)
    command = [sys.executable, "-c", _BLOCKED, str(tmp_path / "pulled"), str(shop.root / "store"), str(key)]
    command += [json.dumps(blocked), make.item(0).id]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    assert told.pop("imported") == []
    assert {name: code for name, (code, *_) in told.items() if code} == {}, told
    assert (tmp_path / "pulled-card/card-zh.html").is_file()
