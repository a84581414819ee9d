"""Predictions: read from both kinds of file, kept as they are, and blind to the same share whoever asks."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from yuelu.annotate.prediction_files import read_predictions
from yuelu.annotate.predictions import blind_tasks, import_predictions, predictions_for, who_sees
from yuelu.annotate.projects import create_project
from yuelu.annotate.tasks import create_tasks
from yuelu.annotate.templates import load_template
from yuelu.base.errors import InvalidRecord
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.records import Choice

CHOICE = [{"from_name": "scene", "to_name": "image", "type": "choices", "value": {"choices": ["medical"]}}]


@pytest.fixture
def filled(books: Any) -> Any:
    for number in range(4):
        source = books.asset(f"source {number}", width_px=200, height_px=100)
        books.asset(f"proxy {number}", role="proxy", source=source, width_px=200, height_px=100)
    terms: dict[str, Any] = {"name": "p", "collection": "c", "overlap": 1, "policy": "y", "policy_digest": "d"}
    create_project(books.ledger, "op", template=load_template("image-boxes"), **terms)
    create_tasks(books.ledger, "op", "p")
    return books


def tasks(books: Any) -> list[Any]:
    with books.ledger.reading() as session:
        rows = list(session.query(TaskRow).order_by(TaskRow.item_key))
        session.expunge_all()
    return rows


def taken(books: Any, path: Path, content: Any, *, lines: bool = True, **changed: Any) -> Any:
    path.write_text("\n".join(json.dumps(each) for each in content) if lines else json.dumps(content), encoding="utf-8")
    how = {"model": "m", "version": "1", "policy": "show", **changed}
    return import_predictions(books.ledger, "op", "p", read_predictions(path, frozenset({"1", "m 1"})), **how)


def test_by_key_by_asset_typed_or_not(filled: Any, tmp_path: Path) -> None:
    one, two, three, _ = tasks(filled)
    regions = [{"kind": "choice", "control": "scene", "labels": ["medical"], "region_id": None}]
    content = [
        {"item_key": one.item_key, "result": CHOICE, "score": 0.5},
        {"asset": two.items[0], "result": CHOICE},
        {"item_key": three.item_key, "regions": regions, "score": 1},
    ]
    done = taken(filled, tmp_path / "f", content)
    assert (done.new, done.shown, done.refused) == (3, 3, ())
    with filled.ledger.reading() as session:
        found = {row.item_key: predictions_for(session, row.item_key) for row in (one, two, three)}
        assert session.query(EventRow).filter_by(action="predictions.imported").count() == 1
    assert [each[0].score for each in found.values()] == [0.5, None, 1.0]
    assert {each[0].regions for each in found.values()} == {(Choice("scene", ("medical",)),)}


def test_label_studios_own_form(filled: Any, tmp_path: Path) -> None:
    one, two, *_ = tasks(filled)
    content = [
        {"data": {"item_key": one.item_key}, "predictions": [{"model_version": "m 1", "score": 0.25, "result": CHOICE}]},
        {"data": {"item_key": two.item_key}, "predictions": [{"model_version": "other", "result": CHOICE}, {"result": CHOICE}]},
        {"data": {"item_key": two.item_key}},
    ]
    done = taken(filled, tmp_path / "f", content, lines=False)
    assert done.new == 2
    assert [(each.line, each.reason) for each in done.refused] == [
        (2, "its model_version is 'other', not 1 or m 1"),
        (3, "no task with data and predictions"),
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"result": CHOICE}, "needs an item_key, or the hash of an asset"),
        ({"item_key": "k"}, "needs a result"),
        ({"item_key": "nothing", "result": CHOICE}, "no task of p for it"),
        ({"item_key": 0, "result": [{"from_name": "?"}]}, r"\?|control"),
        ({"item_key": 0, "result": CHOICE, "score": 1.5}, "score 1.5"),
        ({"item_key": 0, "result": CHOICE, "score": float("nan")}, "score nan"),
        ({"item_key": 0, "result": "x"}, "not a list"),
        ({"item_key": 0, "regions": {}}, "regions is no list"),
        ("text", "not an object"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_line(filled: Any, tmp_path: Path, line: Any, reason: str) -> None:
    if isinstance(line, dict) and line.get("item_key") == 0:
        line = {**line, "item_key": tasks(filled)[0].item_key}
    done = taken(filled, tmp_path / "f", [line])
    (refused,) = done.refused
    assert (done.new, refused.line) == (0, 1)
    assert re.search(reason, refused.reason)


def test_a_prediction_never_changes(filled: Any, tmp_path: Path) -> None:
    key = tasks(filled)[0].item_key
    one = [{"item_key": key, "result": CHOICE, "score": 0.5}]
    assert taken(filled, tmp_path / "f", one).new == 1
    assert taken(filled, tmp_path / "f", one).unchanged == 1
    assert "another one" in taken(filled, tmp_path / "f", [{**one[0], "score": 0.6}]).refused[0].reason
    assert "another policy" in taken(filled, tmp_path / "f", one, policy="hide").refused[0].reason
    assert taken(filled, tmp_path / "f", [{**one[0], "score": 0.6}], version="2", policy="hide").hidden == 1
    with filled.ledger.reading() as session:
        assert [each.version for each in predictions_for(session, key)] == ["1"]
        assert blind_tasks(session, "p") == frozenset()


def test_the_blind_share_is_what_was_asked_and_the_same_for_all_models() -> None:
    keys = [f"{number}" for number in range(20_000)]
    blind = {key for key in keys if who_sees("blind:5%", key) == "blind"}
    assert len(blind) / len(keys) == pytest.approx(0.05, abs=0.0062)  # four standard deviations of a binomial share
    assert {who_sees("show", key) for key in keys} == {"shown"}
    assert {who_sees("hide", key) for key in keys} == {"hidden"}
    for wrong in ("blind", "blind:100%", "blind:5", "all"):
        with pytest.raises(InvalidRecord, match="use show, hide or blind"):
            who_sees(wrong, "k")
