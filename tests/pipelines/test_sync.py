import pytest

from yuelu.pipelines.reading.judge import mismatch


@pytest.mark.parametrize(
    ("named", "sent_as", "reason"),
    [
        ("one", "one", None),
        ("other", "one", "server task 22 was dispatched as another task"),
        (None, "one", "server task 22 was dispatched as another task"),
        ("one", None, "server task 22 was never dispatched"),
    ],
)
def test_a_server_task_must_be_the_one_that_was_dispatched(named: str | None, sent_as: str | None, reason: str | None) -> None:
    assert mismatch(22, named, sent_as) == reason
