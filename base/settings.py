"""Where things are, said once: built from the environment by the command line and passed down."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from yuelu.base.errors import Misconfigured

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one run.

    `ledger` and `store` are None for the embedded ones inside the workspace. `label_studio` is the environment (a
    folder with `bin/python`) that Label Studio is installed in. `state`: where one person's accepted terms are noted.
    """

    workspace: Path
    ledger: str | None = None
    store: str | None = None
    label_studio: Path = Path(f"{sys.prefix}-label-studio")
    language: str = "en"
    state: Path = Path("yuelu-state")

    @staticmethod
    def from_env(env: Mapping[str, str]) -> "Settings":
        """Read YUELU_WORKSPACE, YUELU_LEDGER, YUELU_STORE, YUELU_LABEL_STUDIO, YUELU_LANGUAGE (or LANG), YUELU_STATE.

        Where the last is not set: `yuelu` in XDG_STATE_HOME or ~/.local/state, as the XDG base directories have it.
        """
        language = env.get("YUELU_LANGUAGE") or ("zh" if env.get("LANG", "").startswith("zh") else "en")
        if language not in LANGUAGES:
            raise Misconfigured(f"YUELU_LANGUAGE is {language!r}", f"use one of {', '.join(LANGUAGES)}")
        return Settings(
            workspace=Path(env.get("YUELU_WORKSPACE", "yuelu-workspace")).absolute(),
            ledger=env.get("YUELU_LEDGER"),
            store=env.get("YUELU_STORE"),
            label_studio=Path(env.get("YUELU_LABEL_STUDIO", f"{sys.prefix}-label-studio")),
            language=language,
            state=Path(env.get("YUELU_STATE") or f"{env.get('XDG_STATE_HOME') or env.get('HOME', '.') + '/.local/state'}/yuelu"),
        )
