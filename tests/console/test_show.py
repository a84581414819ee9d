import pytest

from yuelu.console.show import table


def test_names_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    table("", ("path", "bytes"), [("new\nline\x1b[31m.png", 3), ("岳麓 [bold].png", 4)])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["path", "new\ufffdline\ufffd[31m.png", "岳麓"]
    assert "[bold].png" in lines[2]
