import sys
from pathlib import Path

import pytest

from yuelu.base.errors import Misconfigured
from yuelu.base.settings import Settings


def test_nothing_set_is_the_embedded_workspace_in_this_folder() -> None:
    settings = Settings.from_env({})
    assert settings.workspace == Path.cwd() / "yuelu-workspace"
    assert (settings.ledger, settings.store, settings.language) == (None, None, "en")
    assert settings.label_studio == Path(sys.prefix + "-label-studio")


def test_the_environment_is_read_once() -> None:
    env = {"YUELU_WORKSPACE": "/w", "YUELU_LEDGER": "l", "YUELU_STORE": "s", "YUELU_LABEL_STUDIO": "/ls", "LANG": "zh_CN.UTF-8"}
    env |= {"HOME": "/home/li", "YUELU_STATE": "/state"}
    assert Settings.from_env(env) == Settings(Path("/w"), "l", "s", Path("/ls"), "zh", Path("/state"))
    del env["YUELU_STATE"]
    assert Settings.from_env(env).state == Path("/home/li/.local/state/yuelu")
    assert Settings.from_env({**env, "YUELU_LANGUAGE": "en"}).language == "en"


def test_an_unknown_language_is_named() -> None:
    with pytest.raises(Misconfigured, match="YUELU_LANGUAGE is 'fr'"):
        Settings.from_env({"YUELU_LANGUAGE": "fr"})
