"""Label Studio's own editor, as files of its installation: which of them pages need, and how the editor is told to start.

The server's front end is one webpack build. The editor is a module of it (the one that sets `window.LabelStudio`) in chunks of
its own; the application around it starts from `main.js`. Our page loads the modules of `main.js` without that start.
"""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yuelu.annotate.label_studio.environment import VERSION, find
from yuelu.base.errors import ServiceUnavailable

TYPES: Mapping[str, str] = MappingProxyType(
    {
        ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".wasm": "application/wasm",
        ".svg": "image/svg+xml", ".png": "image/png", ".ttf": "font/ttf",
    }
)  # fmt: skip
FONTS = frozenset({"Figtree-Regular.ttf", "Figtree-SemiBold.ttf"})
_SETS = "window.LabelStudio="
_STYLES = "tailwindcss v3"  # the module that holds the utility classes; the application writes them into its page
_LOADS = re.compile(r"Promise\.all\(\[((?:n\.e\(\d+\),?)+)\]\)\.then\(n\.bind\(n,(\d+)\)\)")
_MODULE = re.compile(r"[,{](\d+):\(e,t,n\)=>\{")


@dataclass(frozen=True, slots=True)
class Editor:
    """The editor's files by name, what a page must load to start it, and the flags that the server would set for it."""

    files: Mapping[str, Path]
    fonts: Mapping[str, Path]
    chunks: tuple[int, ...]
    module: int
    styles: int
    flags: Mapping[str, Any]


def find_editor(env: Path) -> Editor:
    """Return the editor of the Label Studio environment. Raises ServiceUnavailable: it is not there, or not as in 1.23.2."""
    find(env)
    (packages,) = env.glob("lib/python3*/site-packages")
    dist, package = packages / "web" / "dist" / "apps" / "labelstudio", packages / "label_studio"
    files = {path.name: path for path in sorted(dist.iterdir()) if path.suffix in TYPES}
    main = files["main.js"].read_text(encoding="utf-8")
    numbered = {name: path.read_text(encoding="utf-8") for name, path in files.items() if re.fullmatch(r"\d+\.js", name)}
    chunks, module = editor_module(main, numbered)
    return Editor(
        files=MappingProxyType(files),
        fonts=MappingProxyType({name: package / "core" / "static" / "fonts" / name for name in FONTS}),
        chunks=chunks,
        module=module,
        styles=styles_module(main),
        flags=MappingProxyType(
            feature_flags(
                json.loads((package / "feature_flags.json").read_text(encoding="utf-8")),
                stale_flags((package / "core" / "feature_flags" / "stale_feature_flags.py").read_text(encoding="utf-8")),
            )
        ),
    )


def editor_module(main: str, chunks: Mapping[str, str]) -> tuple[tuple[int, ...], int]:
    """Return the chunks that main.js loads for the editor, and the module in them that sets `window.LabelStudio`."""
    for asked, module in _LOADS.findall(main):
        numbers = tuple(int(number) for number in re.findall(r"\d+", asked))
        texts = [chunks.get(f"{number}.js", "") for number in numbers]
        if any(_SETS in text and re.search(rf"[,{{]{module}:\(", text) for text in texts):
            return numbers, int(module)
    raise ServiceUnavailable("main.js loads no editor", f"this is not the front end of Label Studio {VERSION}")


def styles_module(main: str) -> int:
    """Return the module of main.js that holds the utility classes of the editor."""
    found = list(_MODULE.finditer(main, 0, max(0, main.find(_STYLES))))
    if not found:
        raise ServiceUnavailable("main.js has no style module", f"this is not the front end of Label Studio {VERSION}")
    return int(found[-1][1])


def feature_flags(file: Mapping[str, Any], stale: Mapping[str, bool]) -> dict[str, Any]:
    """Return what the server would tell a browser: LaunchDarkly's file without targeting, and the flags that are settled."""
    told = {}
    for name, flag in file["flags"].items():
        variation = flag["fallthrough"].get("variation", 0) if flag["on"] else flag["offVariation"]
        told[name] = flag["variations"][variation]
    return {**told, **stale}


def stale_flags(source: str) -> dict[str, bool]:
    """Return the literal of stale_feature_flags.py; the module itself is never run by us."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign):
            flags: dict[str, bool] = ast.literal_eval(node.value)
            return flags
    raise ServiceUnavailable("no settled feature flags", f"this is not Label Studio {VERSION}")
