"""What Label Studio's processes are told, and what is said when it is not there."""

from pathlib import Path

import pytest

from yuelu.annotate.label_studio.accounts import read_accounts
from yuelu.annotate.label_studio.environment import find, variables
from yuelu.annotate.label_studio.service import running_service, start
from yuelu.annotate.people import Annotator
from yuelu.base.errors import InvalidRecord, NotFound, ServiceUnavailable


def installed(root: Path, version: str = "1.23.2", gunicorn: bool = True) -> Path:
    packages = root / "lib" / "python3.11" / "site-packages"
    (packages / f"label_studio-{version}.dist-info").mkdir(parents=True)
    if gunicorn:
        (packages / "gunicorn").mkdir()
    (root / "bin").mkdir()
    (root / "bin" / "python").touch()
    return root


def test_an_environment_that_fits(tmp_path: Path) -> None:
    assert find(installed(tmp_path)).python == tmp_path / "bin" / "python"


def test_what_is_missing_is_named_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(ServiceUnavailable, match=r"no Label Studio environment at .*\n.*\./scripts/setup demo"):
        start(tmp_path / "none", tmp_path / "data", tmp_path / "media")
    with pytest.raises(ServiceUnavailable, match=r"has Label Studio 1\.22\.0, not 1\.23\.2"):
        find(installed(tmp_path / "old", "1.22.0"))
    with pytest.raises(ServiceUnavailable, match="has no gunicorn"):
        find(installed(tmp_path / "bare", gunicorn=False))


def test_nothing_of_our_environment_leaks_in(tmp_path: Path) -> None:
    ours = {"PATH": "/bin", "HTTPS_PROXY": "p", "SECRET_KEY": "s", "LABEL_STUDIO_PASSWORD": "x", "DJANGO_DB": "default"}
    told = variables(tmp_path / "data", tmp_path / "media", ours)
    assert (told["PATH"], told["DJANGO_DB"]) == ("/bin", "sqlite")
    assert not {"HTTPS_PROXY", "SECRET_KEY", "LABEL_STUDIO_PASSWORD"} & set(told)
    assert told["LOCAL_FILES_DOCUMENT_ROOT"] == str(tmp_path / "media")
    assert told["DISABLE_SIGNUP_WITHOUT_LINK"] == "true"


def test_without_media_no_file_is_served(tmp_path: Path) -> None:
    told = variables(tmp_path, None, {})
    assert told["LOCAL_FILES_SERVING_ENABLED"] == "false"
    assert told["LOCAL_FILES_DOCUMENT_ROOT"] != "/"


@pytest.mark.parametrize("record", ["", "{}", '{"url": "u", "pid": 1, "started": "0", "media_root": "m"}', "[1]"])
def test_a_record_of_no_living_server_is_no_server(tmp_path: Path, record: str) -> None:
    """Process 1 lives, but it did not start at tick 0 of another boot: a pid alone proves nothing."""
    (tmp_path / "server.json").write_text(record, encoding="utf-8")
    assert running_service(tmp_path) is None


@pytest.mark.parametrize("name", ["", "Ann", "admin", "a b", "../a", "x" * 41])
def test_ids_that_annotators_cannot_have(name: str) -> None:
    with pytest.raises(InvalidRecord, match="annotator id"):
        Annotator(name, "ash")


def test_accounts_before_there_are_any(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no accounts"):
        read_accounts(tmp_path)
