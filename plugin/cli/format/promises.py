"""How ``optout promises`` tells what was promised and how far it is: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from plugin.cli.format.calls import phone_json, phone_text
from plugin.common.moments import clock, clock_or_dash, iso
from plugin.common.terminal import wrapped
from plugin.delivery.words import STATES as DELIVERY_STATES
from plugin.promise.promise_words import STATES, THROUGH

if TYPE_CHECKING:
    from datetime import datetime

    from plugin.promise.promise_list import Promise, PromisedReminder

EMPTY = "Таких обещаний нет."


def table(found: Sequence[Promise], zone: ZoneInfo, full: bool, *, more: bool) -> str:
    """One row a promise."""
    if not found:
        return EMPTY
    lines = [f"{'№':>6}  {'Исполнить до':16}  {'Состояние':16}  {'Телефон':13} Оператор"]
    for one in found:
        phone = phone_text(one.phone, full)
        operator = (one.operator or "—")[:20]
        row = f"{one.call:>6}  {clock(one.deadline_at, zone)}  {STATES[one.state]:16}  {phone:13} {operator}"
        lines.append(row.rstrip())
    if more:
        lines.append(f"Дальше: --after {found[-1].call}")
    return "\n".join(lines)


def page(promise: Promise, reminders: Sequence[PromisedReminder], zone: ZoneInfo, full: bool) -> str:
    """One promise with its reminders."""
    ended = f" ({clock(promise.ended_at, zone)})" if promise.ended_at else ""
    lines = [
        f"Обещание по звонку № {promise.call}: {STATES[promise.state]}{ended}",
        f"  Звонок:       {clock(promise.called_at, zone)}, оператор {promise.operator or '—'}",
        f"  Телефон:      {phone_text(promise.phone, full)}",
        f"  Исполнить до: {clock(promise.deadline_at, zone)}",
        f"  Всё записано: {clock_or_dash(promise.written_at, zone)}",
    ]
    if promise.is_purged:
        lines.append("  Личные данные звонка удалены.")
    for one in reminders:
        lines += ["", f"Напоминание № {one.delivery}, {one.role or '—'}"]
        for said in _told(one, zone):
            lines += wrapped(said, 2)
    return "\n".join(lines)


def _told(one: PromisedReminder, zone: ZoneInfo) -> Iterator[str]:
    if one.is_done:
        by = f" ({one.done_by})" if one.done_by else ""
        how = THROUGH.get(one.done_through or "", "")
        yield f"Исполнено {clock_or_dash(one.done_at, zone)}{by}, {how}".rstrip(", ")
    elif one.delivery_state == "done":
        yield f"Не исполнено; CRM спрошена {clock_or_dash(one.looked_at, zone)}"
    else:
        yield f"В CRM его ещё нет: {DELIVERY_STATES[one.delivery_state].name}"
    if one.is_missing:
        yield "Удалено в CRM"
    if one.is_reassigned:
        yield f"Передано в CRM другому: {one.person or '—'}"
    if one.is_postponed:
        yield "Перенесено в CRM за обещанный срок"


def promise_json(one: Promise, zone: ZoneInfo, full: bool) -> dict[str, Any]:
    """A promise for programs."""
    return {
        "call": one.call,
        "call_id": one.call_id,
        "source": one.source,
        "script": one.script,
        "outcome": one.outcome,
        "phone": phone_json(one.phone, full),
        "operator": one.operator,
        "state": one.state,
        "called_at": iso(one.called_at, zone),
        "deadline_at": iso(one.deadline_at, zone),
        "written_at": _iso(one.written_at, zone),
        "ended_at": _iso(one.ended_at, zone),
    }


def details_json(promise: Promise, reminders: Sequence[PromisedReminder], zone: ZoneInfo, full: bool) -> dict[str, Any]:
    """A promise with its reminders for programs."""
    told = [
        {
            "delivery": one.delivery,
            "role": one.role,
            "delivery_state": one.delivery_state,
            "done": one.is_done,
            "done_by": one.done_by,
            "done_at": _iso(one.done_at, zone),
            "done_through": one.done_through,
            "looked_at": _iso(one.looked_at, zone),
            "missing": one.is_missing,
            "reassigned": one.is_reassigned,
            "postponed": one.is_postponed,
        }
        for one in reminders
    ]
    return promise_json(promise, zone, full) | {"reminders": told}


def _iso(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return iso(moment, zone) if moment else None
