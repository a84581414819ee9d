"""The server's own editor on our pages: found in the wheel, and told what the server would tell it."""

import json
import re
from pathlib import Path

import httpx
import pytest

from yuelu.annotate.label_studio.site import Site
from yuelu.base.errors import ServiceUnavailable
from yuelu.console.gateway.editor import Editor, editor_module, find_editor, styles_module

pytestmark = pytest.mark.integration

DELETE_FILES = "ff_back_dev_4664_remove_storage_file_on_export_delete_29032023_short"


@pytest.fixture(scope="module")
def editor(label_studio_env: Path) -> Editor:
    return find_editor(label_studio_env)


def test_the_editor_is_told_what_the_server_would_tell_it(editor: Editor, label_studio: Site) -> None:
    admin = label_studio.accounts.admin
    with httpx.Client(base_url=label_studio.service.url, trust_env=False, follow_redirects=True) as http:
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', http.get("/user/login/").text)
        assert token
        fields = {"csrfmiddlewaretoken": token[1], "email": admin.email, "password": admin.password}
        page = http.post("/user/login/", data=fields, headers={"Referer": label_studio.service.url}).text
    flags = re.search(r"^ *feature_flags: (\{.*\}),$", page, re.MULTILINE)
    assert flags
    told = {name: value for name, value in json.loads(flags[1]).items() if not name.startswith("$")}
    assert len(told) > 200
    # We set this one on the embedded server, and no browser asks for it.
    assert {**editor.flags, DELETE_FILES: told[DELETE_FILES]} == told
    assert re.search(r"feature_flags_default_value: true,", page)


def test_the_editor_of_this_version_is_found(editor: Editor) -> None:
    """Numbers of the wheel of Label Studio 1.23.2, seen in its runtime.js and main.js."""
    assert (editor.chunks, editor.module, editor.styles) == ((502, 594, 288, 358), 41607, 97562)
    assert {"main.js", "runtime.js", "vendor.js", "358.css", "decode-audio.wasm"} <= set(editor.files)
    assert all(path.is_file() for path in [*editor.files.values(), *editor.fonts.values()])
    assert not [name for name in editor.files if name.endswith((".map", ".html", ".json", ".txt"))]


def test_front_ends_of_other_versions_are_named() -> None:
    with pytest.raises(ServiceUnavailable, match="loads no editor"):
        editor_module("Promise.all([n.e(1),n.e(2)]).then(n.bind(n,3))", {"1.js": "{3:(e,t,n)=>{}}", "2.js": ""})
    with pytest.raises(ServiceUnavailable, match="no style module"):
        styles_module("{1:(e,t,n)=>{}}")
