"""The promises of the house, checked over its files."""

import ast
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("base", "annotate", "quality", "datasets", "pipelines", "console")
MAY_IMPORT = {
    "base": {"base"},
    "annotate": {"base", "annotate"},
    "quality": {"base", "quality"},
    "datasets": {"base", "datasets"},
    "pipelines": {"base", "annotate", "quality", "datasets", "pipelines"},
    "console": set(ROOMS),
}
# What only one room may know: Dask and codecs in pipelines; Hugging Face's `datasets` has our folder's name.
ONLY_IN = {
    "dask": {"pipelines"},
    "distributed": {"pipelines"},
    "pydicom": {"pipelines", "console"},
    "av": {"pipelines", "console"},
    "cv2": {"pipelines"},
    "PIL": {"pipelines", "console"},
    "soundfile": {"pipelines", "console"},
    "label_studio_sdk": {"annotate"},
    "scripts": set(),
    "tests": set(),
}


def files(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Every module that the file names in an import, however it is spelled."""
    room = path.relative_to(ROOT).parts
    package = ["yuelu", *room[:-1]]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in (
            "import_module",
            "__import__",
        ):
            yield from (arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str))


def wrong(path: Path, room: str) -> Iterator[str]:
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "yuelu" and (len(parts) == 1 or parts[1] not in MAY_IMPORT[room]):
            yield name
        if parts[0] in ROOMS:
            yield name
        if room not in ONLY_IN.get(parts[0], {room}):
            yield name


@pytest.mark.parametrize("room", ROOMS)
def test_imports_follow_the_arrows(room: str) -> None:
    known_exceptions = {("console/demo/load.py", "datasets.load_dataset")}
    found = {(str(path.relative_to(ROOT)), name) for path in files(room) for name in wrong(path, room)}
    assert found - known_exceptions == set()


@pytest.mark.parametrize(
    ("room", "line", "refused"),
    [
        ("quality", "import yuelu.datasets.pull", True),
        ("quality", "from yuelu import datasets", True),
        ("quality", "from ..datasets import pull", True),
        ("quality", "from yuelu.base import records", False),
        ("quality", "from . import score", False),
        ("datasets", "import importlib; importlib.import_module('yuelu.quality')", True),
        ("base", "from yuelu.console.main import main", True),
        ("annotate", "import dask.bag", True),
        ("pipelines", "import dask.bag", False),
        ("pipelines", "import scripts", True),
    ],
)
def test_the_check_sees_every_spelling(
    room: str, line: str, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / room / "x.py"
    path.parent.mkdir()
    path.write_text(line)
    assert bool(list(wrong(path, room))) == refused


def test_every_package_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    present = {".".join(["yuelu", *path.parent.relative_to(ROOT).parts]) for room in ROOMS for path in files(room)}
    assert listed == present


def test_files_stay_small() -> None:
    tracked = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert {name: count for name in tracked if (count := len((ROOT / name).read_text().splitlines())) > 400} == {}


def test_no_lock_names_a_registry() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        lines = lock.read_text().splitlines()
        assert [line for line in lines if "://" in line or line.startswith("--index")] == []
        assert any("--hash=sha256:" in line for line in lines)


def test_the_readme_names_the_two_commands() -> None:
    for name in ("README.md", "README.zh-CN.md"):
        text = (ROOT / name).read_text()
        assert "./scripts/demo" in text
        assert "./scripts/test" in text
