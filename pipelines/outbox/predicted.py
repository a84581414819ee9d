"""Predictions on their way to a server: with the task when it is sent, or after it. Only those that annotators may see."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, tuple_, update
from sqlalchemy.orm import Session

from yuelu.annotate.configurations import configuration_of
from yuelu.annotate.predictions import SHOWN, as_prediction, items_of, server_form
from yuelu.base.errors import OutcomeUnknown
from yuelu.base.ledger.places import OutboxRow, PredictionRow
from yuelu.base.ledger.work import BatchRow, TaskRow
from yuelu.pipelines.outbox.arriving import ACTOR
from yuelu.pipelines.outbox.placing import Route

_PAGE = 200
_TRIES = 3
_CHUNK = 400  # keys in one query


def predictions_with(route: Route, keys: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Return what to send along with those tasks, by key."""
    found: dict[str, list[dict[str, Any]]] = {}
    with route.ledger.reading() as session:
        template = configuration_of(session, session.get_one(BatchRow, route.batch))
        for start in range(0, len(keys), _CHUNK):
            some = PredictionRow.item_key.in_(keys[start : start + _CHUNK])
            rows = list(session.scalars(select(PredictionRow).where(some, PredictionRow.shown == SHOWN)))
            for row in rows:
                items = items_of(session, session.get_one(TaskRow, row.item_key))
                found.setdefault(row.item_key, []).append(server_form(as_prediction(row), template, items))
    return found


def send_predictions(route: Route) -> int:
    """Bring predictions to tasks that are on the server without them; return how many were added there. Safe to repeat."""
    added, after = 0, ("", "", "")
    while True:
        with route.ledger.reading() as session:
            page = _waiting(route, session, after)
        for row, server_task, form in page:
            added += _added(route, server_task, form)
            after = (row.item_key, row.model, row.version)
        with route.ledger.transaction(ACTOR) as t:
            for row, _, _ in page:
                this = (
                    PredictionRow.item_key == row.item_key,
                    PredictionRow.model == row.model,
                    PredictionRow.version == row.version,
                )
                t.session.execute(update(PredictionRow).where(*this).values(sent=True))
        if len(page) < _PAGE:
            return added


def _waiting(route: Route, session: Session, after: tuple[str, str, str]) -> list[tuple[PredictionRow, int, dict[str, Any]]]:
    order = (PredictionRow.item_key, PredictionRow.model, PredictionRow.version)
    query = (
        select(PredictionRow, OutboxRow.server_task)
        .join(OutboxRow, OutboxRow.item_key == PredictionRow.item_key)
        .where(OutboxRow.batch == route.batch, OutboxRow.site == route.site, OutboxRow.state == "sent")
        .where(PredictionRow.shown == SHOWN, PredictionRow.sent.is_(False), tuple_(*order) > after)
    )
    rows = session.execute(query.order_by(*order).limit(_PAGE)).all()
    if not rows:
        return []
    template = configuration_of(session, session.get_one(BatchRow, route.batch))
    found = []
    for row, server_task in rows:
        task = session.get_one(TaskRow, row.item_key)
        found.append((row, server_task or 0, server_form(as_prediction(row), template, items_of(session, task))))
    session.expunge_all()
    return found


def _added(route: Route, server_task: int, form: Mapping[str, Any]) -> int:
    """Add a prediction to a server task unless one of that model and version is there; return how many were added."""
    for attempt in range(_TRIES):
        there = route.client.read_json("/api/predictions/", {"task": server_task})
        if any(each["model_version"] == form["model_version"] for each in there):
            return min(attempt, 1)  # it came with the task, or an unclear POST added it
        try:
            route.client.write("POST", "/api/predictions/", {"task": server_task, **form})
        except OutcomeUnknown:
            continue  # the list tells
        return 1
    raise OutcomeUnknown(f"a prediction of server task {server_task} never arrived", "dispatch again")
