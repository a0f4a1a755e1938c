"""The CRM's own events that are yet to be made out: what waits and why, tried again or dropped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flask import request, url_for

from plugin.console.bulk import BulkActs, BulkItem
from plugin.console.event_acts import carry_out, open_events
from plugin.errors import InputError
from plugin.events.inbox_by_hand import OPEN, STATE_WORDS, Does, InboxEntry, events_at, newest_kept
from plugin.ledger.audit import Actor
from plugin.web.console.access import ADMIN, CALLS
from plugin.web.console.acts import act_once, again_ids, query_of
from plugin.web.console.filters import address, chips, given, number
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show

_PAGE = 50
_TITLES: Mapping[str, str] = {"retry": "Разобрать ещё раз", "drop": "Отбросить"}


def event_list(services: ConsoleServices) -> Answer:
    """What is not over, or what the address asks for, the newest first."""
    filters = given(("state", "before"))
    before, state = number("Раньше", filters.pop("before", None)), filters.get("state")
    if state not in (None, *STATE_WORDS):
        raise InputError("Такого состояния нет", hint="Выберите из списка")
    with services.ledger.read() as connection:
        found = newest_kept(connection, (state,) if state else OPEN, _PAGE + 1, before=before)
    rows = found[:_PAGE]
    may_act = bool(rows) and state in (None, *OPEN)
    return show(
        "console/events.html",
        filters=filters,
        chips=chips("console.events", filters, {"state": STATE_WORDS.get(state or "", "")}),
        rows=rows,
        states=STATE_WORDS,
        is_first=before is None,
        more=address("console.events", filters, before=rows[-1].id) if len(found) > _PAGE else None,
        acts={does: address("console.event_plan", filters, act=does) for does in _TITLES} if may_act else {},
    )


def event_plan(services: ConsoleServices) -> Answer:
    """What the act would be done to."""
    return _plan(services)


def event_act(services: ConsoleServices) -> Answer:
    """Do it."""
    does = _does()

    def meant() -> tuple[int, Callable[[Actor], Sequence[BulkItem]]]:
        ids = [one.id for one in _meant(services, does)]
        return len(ids), lambda actor: carry_out(services.ledger, does, ids, actor, services.now)

    moved_on = "Пока вы смотрели, событий стало другое число. Проверьте план ещё раз."
    return act_once(services, f"events.{does}", _filters(), meant, lambda fault: _plan(services, fault), moved_on)


def _plan(services: ConsoleServices, fault: str | None = None) -> Answer:
    does = _does()
    found = _meant(services, does)
    return show(
        "console/event_plan.html",
        422 if fault else 200,
        fault=fault,
        act=does,
        title=_TITLES[does],
        rows=found,
        states=STATE_WORDS,
        act_id=BulkActs.new_id(),
        query=query_of(_filters() | {"act": does}),
        reason_text=request.form.get("reason", ""),
        back=url_for("console.events"),
    )


def _filters() -> dict[str, str]:
    return given(("state", "id", "again"))


def _meant(services: ConsoleServices, does: Does) -> list[InboxEntry]:
    filters = _filters()
    ids = again_ids(services, filters["again"], f"events.{does}") if "again" in filters else []
    if (one := number("Событие", filters.get("id"))) is not None:
        ids = [one]
    with services.ledger.read() as connection:
        if ids or "again" in filters:
            return events_at(connection, ids)
        return open_events(connection, filters.get("state"))


def _does() -> Does:
    given_act = request.args.get("act")
    if given_act == "retry":
        return "retry"
    if given_act == "drop":
        return "drop"
    raise InputError("Не сказано, что сделать", hint="Откройте список событий и выберите там")


ROUTES: Sequence[ConsoleRoute] = (
    ConsoleRoute("GET", "/events", "events", event_list, CALLS, "events", "События"),
    ConsoleRoute("GET", "/events/plan", "event_plan", event_plan, ADMIN, "events"),
    ConsoleRoute("POST", "/events/plan", "event_act", event_act, ADMIN, "events"),
)
