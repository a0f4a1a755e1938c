"""How ``optout deliveries`` lays out a list, a plan and what came of it: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.cli.format.calls import phone_json, plain
from plugin.cli.format.delivery_page import hanging
from plugin.cli.format.delivery_words import PLAN_ONLY
from plugin.common import terminal
from plugin.common.clock import local_time
from plugin.common.log import mask_phone, mask_text
from plugin.common.moments import iso
from plugin.delivery.reasons import reason_in
from plugin.ledger.states import DeliveryState
from plugin.operations.deliveries import NAMED, CalledOffPromise, OperationPlan
from plugin.operations.transitions import Refusal, TransitionKind
from plugin.operations.words import REFUSALS, SHORT_KINDS, STATES, TRANSITIONS, kinds_counted

_LATE = "! — обещанный клиенту срок прошёл раньше, чем это было сделано."
_TITLES = {"retry": "Повторить", "cancel": "Отменить"}
_DONE = {"retry": "Поставлено на повтор", "cancel": "Отменено и остановлено"}


def table(found: Sequence[Mapping[str, Any]], zone: ZoneInfo, now: datetime, language: str = "ru") -> str:
    """One row a delivery; a reason, in the admins' ``language``, that is too long goes on in the next line."""
    number = max(1, *(len(str(row["id"])) for row in found))
    widths = [number, 15, 12, 16, 12]
    widths.append(terminal.WIDTH - sum(widths) - len(widths))
    rows = [
        [
            str(row["id"]),
            f"{row['deadline_at'].astimezone(zone):%d.%m.%y %H:%M}{'!' if _is_late(row, now) else ''}",
            row["call_id"],
            SHORT_KINDS.get(row["kind"], row["kind"]),
            STATES.get(row["state"], row["state"]),
            mask_text(reason_in(language, row["why"] or "")),
        ]
        for row in found
    ]
    head = ["№", "Обещано", "Звонок", "Что", "Состояние", "Причина"]
    lines = list(terminal.table(head, rows, widths, wrap={5}))
    if any(_is_late(row, now) for row in found):
        lines += ["", _LATE]
    return "\n".join(lines)


def plan_told(plan: OperationPlan, *, done: bool, zone: ZoneInfo) -> str:
    """What an act would come to, or came to."""
    lines = [f"{(_DONE if done else _TITLES)[plan.act]}: {plan.count}"]
    lines += [
        line
        for kind in TransitionKind
        if plan.steps[kind]
        for line in hanging(f"{plan.steps[kind]} — {TRANSITIONS[kind]}", 2)
    ]
    if plan.refused:
        lines.append(f"{'Не тронуто' if done else 'Не трогать'}: {plan.refused.total()}")
        lines += [f"  {plan.refused[why]} — {REFUSALS[why]}" for why in Refusal if plan.refused[why]]
    lines += _promises(plan, zone)
    if plan.kept_reminders:
        text = f"Напоминания, которые решение отозвало, останутся в силе: {plan.kept_reminders}"
        lines += ["", *hanging(text)]
    if not done and plan.count:
        lines += PLAN_ONLY
    elif not plan.count:
        lines += ["", "Менять нечего."]
    return "\n".join(lines)


def _promises(plan: OperationPlan, zone: ZoneInfo) -> Iterator[str]:
    if not plan.promises:
        return
    yield ""
    yield from hanging(f"Обещания клиентам, которые этим нарушаются, звонков: {len(plan.promises)}")
    for promise in list(plan.promises.values())[:NAMED]:
        yield from hanging(_promise(promise, zone), 2)
    if len(plan.promises) > NAMED:
        yield f"  и ещё: {len(plan.promises) - NAMED}"


def _promise(promise: CalledOffPromise, zone: ZoneInfo) -> str:
    kinds = kinds_counted(promise.kinds)
    phone = f", {mask_phone(promise.phone)}" if promise.phone else ""
    when = local_time(promise.deadline, zone)
    return f"звонок № {promise.call} ({promise.call_id}{phone}): обещано до {when}; не уйдёт: {kinds}"


# --- for programs ---------------------------------------------------------------------------------


def row_json(row: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> dict[str, Any]:
    """A delivery of the list."""
    names = ("id", "kind", "role", "state", "attempts", "cancel", "remote_id", "withdraws", "dry_run")
    times = ("created_at", "deadline_at", "due_at", "not_before", "sent_at", "finished_at")
    return {
        **{name: row[name] for name in names},
        "call": row["call_id"],
        "call_number": row["call_ref"],
        "namespace": row["namespace"],
        "late": _is_late(row, now),
        "why": row["why"] and mask_text(row["why"]),
        **{name: row[name] and iso(row[name], zone) for name in times},
    }


def delivery_json(row: Mapping[str, Any], zone: ZoneInfo, full: bool) -> dict[str, Any]:
    """All about one delivery; ``tries`` are its attempts."""
    found: dict[str, Any] = plain(row, zone, full)
    return found | {"phone": phone_json(row["phone"], full)}


def plan_json(plan: OperationPlan, *, done: bool, zone: ZoneInfo) -> dict[str, Any]:
    """A plan, or what came of it (``done``)."""
    return {
        "act": plan.act,
        "done": done,
        "count": plan.count,
        "steps": {kind.value: count for kind, count in plan.steps.items()},
        "refused": {why.value: count for why, count in plan.refused.items()},
        "promises": [
            {
                "call_number": promise.call,
                "call": promise.call_id,
                "deadline": iso(promise.deadline, zone),
                "kinds": dict(promise.kinds),
            }
            for promise in plan.promises.values()
        ],
    }


def _is_late(row: Mapping[str, Any], now: datetime) -> bool:
    if row["state"] == DeliveryState.CANCELLED:
        return False
    ended: datetime = row["finished_at"] if row["state"] == DeliveryState.DONE and row["finished_at"] else now
    return bool(ended > row["deadline_at"])
