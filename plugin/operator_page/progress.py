"""How far the deliveries of a confirmed end have got, in words for the operator, and what to do if they are late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, select

from plugin.config.settings import Settings
from plugin.deciding.ruleset import Role
from plugin.delivery.reasons import russian_reason
from plugin.delivery.words import KINDS, STATES
from plugin.ledger.schema import calls, deliveries
from plugin.ledger.states import DeliveryState
from plugin.operator_page.preview import person

#: Usually everything is written within seconds; after so long the operator is told not to wait for it.
SLOW = timedelta(seconds=20)

#: In the genitive, as dates are read.
MONTHS = (
    *("января", "февраля", "марта", "апреля", "мая", "июня", "июля"),
    *("августа", "сентября", "октября", "ноября", "декабря"),
)

_CALL = select(calls.c.id, calls.c.call_id, calls.c.deadline_at, calls.c.outcome, calls.c.dry_run).where(
    calls.c.id == bindparam("call")
)
_DELIVERIES = (
    select(
        deliveries.c.id,
        deliveries.c.decision_ref,
        deliveries.c.why,
        deliveries.c.kind,
        deliveries.c.role,
        deliveries.c.state,
        deliveries.c.withdraws,
        deliveries.c.due_at,
        deliveries.c.created_at,
        deliveries.c.finished_at,
    )
    .where(deliveries.c.call_ref == bindparam("call"))
    .order_by(deliveries.c.id)
)


def delivery_progress(
    connection: Connection, call: int, roles: Mapping[str, Role], settings: Settings, now: datetime
) -> dict[str, Any]:
    """``{"deliveries", "over", "late", "words", "advice", "deadline_at"}`` of a call in the ledger.

    Each delivery has ``what`` and ``to``, ``state``, its ``words``, and ``at`` (when it was done); ``standing``: it is
    of the decision that counts now, and was not cancelled. ``over``: nothing will change any more.
    """
    row = connection.execute(_CALL, {"call": call}).one()
    found = connection.execute(_DELIVERIES, {"call": call}).all()
    standing = [one for one in found if one.state != "cancelled"]
    undone = [one for one in standing if one.state != "done"]
    zone = settings.timezone
    verdict = _verdict(undone, row.deadline_at, now)
    newest = max((one.decision_ref for one in found), default=None)
    words = {
        "none": "Записывать нечего." if not standing else "Всё записано и отправлено.",
        "going": "Записывается…",
        "slow": "Задерживается: CRM или почта пока не отвечает.",
        "parked": f"Записано не всё: {_why_parked(undone)}. Администратор уже знает.",
        "late": "Не записано в срок, который обещали клиенту. Администратор уже знает.",
    }[verdict]
    advice = {
        "slow": "Ждать у экрана не нужно: всё сохранено и уйдёт само, страницу можно закрыть. "
        f"Крайний срок — {_spoken(row.deadline_at, zone)}.",
        "parked": "Клиенту ничего говорить не нужно. Если "
        f"к {_spoken(row.deadline_at, zone)} запись не появится, позвоните координатору.",
        "late": "Позвоните координатору и передайте просьбу клиента.",
    }.get(verdict)
    if row.dry_run:
        words, advice = "Пробный режим: ничего не отправляется.", None
    return {
        "deliveries": [_shown(one, roles, now, newest) for one in found],
        "over": not undone or row.dry_run,
        "late": verdict in ("slow", "parked", "late"),
        "words": words,
        "advice": advice,
        "outcome": row.outcome,
        "deadline_at": row.deadline_at.isoformat(),
    }


def _verdict(undone: Sequence[Any], deadline: datetime, now: datetime) -> str:
    if not undone:
        return "none"
    if now > deadline:
        return "late"
    if any(one.state == "parked" for one in undone):
        return "parked"
    return "slow" if any(now - one.created_at > SLOW for one in undone) else "going"


def _why_parked(undone: Sequence[Any]) -> str:
    """Why the first one that was parked was, in words."""
    reasons = (russian_reason(one.why) for one in undone if one.state == DeliveryState.PARKED and one.why)
    return next(reasons, "часть записей остановлена")


def _spoken(moment: datetime, zone: ZoneInfo) -> str:
    """«13:24 30 ноября»: by the deployment's clocks, as people say it."""
    there = moment.astimezone(zone)
    return f"{there:%H:%M} {there.day} {MONTHS[there.month - 1]}"


def _shown(one: Any, roles: Mapping[str, Role], now: datetime, newest: int | None) -> dict[str, Any]:
    who = person(one.role, roles)
    mail = one.kind.endswith("_email")
    what = "Письмо об отмене" if mail and one.withdraws is not None else KINDS[one.kind].page
    done = one.state == "done"
    return {
        "id": one.id,
        "what": what,
        "to": who["to"] if one.role else None,
        "address": who["address"] if mail else None,
        "state": one.state,
        "standing": one.state != DeliveryState.CANCELLED and one.decision_ref == newest,
        "words": KINDS[one.kind].page_done if done else STATES[one.state].page,
        "slow": not done and one.state != "cancelled" and now - one.created_at > SLOW,
        "due_at": one.due_at and one.due_at.isoformat(),
        "at": one.finished_at.isoformat() if done and one.finished_at else None,
    }
