"""What people are told to do next stands in their language."""

import ast
import json
from pathlib import Path

import yuelu.console
import yuelu.pipelines


def _hints() -> set[str]:
    """Return the literal hints of all reasons that a file can be refused for."""
    files = [file for folder in ("media", "deid") for file in Path(yuelu.pipelines.__path__[0], folder).rglob("*.py")]
    calls = [node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    refused = [call for call in calls if getattr(call.func, "id", "") == "Refused" and len(call.args) > 1]
    hints = [call.args[1] for call in refused]
    return {hint.value for hint in hints if isinstance(hint, ast.Constant) and isinstance(hint.value, str)}


def test_every_next_step_of_a_refusal_has_its_chinese_words() -> None:
    words = json.loads(Path(yuelu.console.__path__[0], "zh.json").read_text(encoding="utf-8"))
    hints = _hints()
    assert len(hints) > 20
    assert hints - words.keys() == set()
