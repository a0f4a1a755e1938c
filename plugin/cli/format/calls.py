"""How ``optout calls`` lays out a list of calls, and calls for programs: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.common import terminal
from plugin.common.log import mask_phone, mask_text
from plugin.common.moments import iso
from plugin.ledger.history import CallHistory, CallSummary
from plugin.ledger.states import DeliveryState

EMPTY = "Журнал пуст: звонков ещё не было."
NOTHING_FOUND = "Под эти условия звонков нет."
UNFINISHED = "не завершён"
_LATE = "! — с опозданием: обещанный клиенту срок прошёл раньше, чем всё было сделано."
#: Digits enough to be taken for phone numbers, and none.
_NO_PHONES = frozenset({"key", "digest", "revision", "ruleset", "id", "event_id", "remote_id"})


def phone_text(phone: str | None, full: bool) -> str:
    """A phone number, masked unless asked for in full."""
    return "—" if not phone else phone if full else mask_phone(phone)


def phone_json(phone: str | None, full: bool) -> str | None:
    """The same for programs: null where there is none."""
    return phone if full or not phone else mask_phone(phone)


def masked(text: str, full: bool) -> str:
    """A text, the phone numbers in it masked unless asked for in full."""
    return text if full else mask_text(text)


# --- the list --------------------------------------------------------------------------------------


def table(found: Sequence[CallSummary], labels: Sequence[str | None], zone: ZoneInfo, full: bool) -> str:
    """One row a call; an outcome with its operator that is too long for its column goes on in the next line."""
    number = max(1, *(len(str(call.id)) for call in found))
    widths = [number, 15, 12, 12, 0, 15]
    widths[4] = terminal.WIDTH - sum(widths) - (len(widths) - 1)
    head = ["№", "Время", "Звонок", "Телефон", "Итог (оператор)", "Доставка"]
    rows = [
        [
            str(call.id),
            f"{call.occurred_at.astimezone(zone):%d.%m.%y %H:%M}{'!' if call.late else ''}",
            call.call_id,
            phone_text(call.phone, full),
            f"{label or UNFINISHED}{f' ({call.operator})' if call.operator else ''}",
            "проба" if call.dry_run else progress(call.states),
        ]
        for call, label in zip(found, labels, strict=True)
    ]
    lines = list(terminal.table(head, rows, widths, wrap={4}))
    if any(call.late for call in found):
        lines += ["", _LATE]
    return "\n".join(lines)


def goes_on(last: CallSummary) -> str:
    """How the next page of a list is asked for."""
    return f"\nЭто не все: дальше — с теми же условиями и --after {last.id}"


def progress(states: Mapping[str, int]) -> str:
    """The deliveries in one word: how many of them are done, and the state of the worst."""
    total = sum(number for state, number in states.items() if state != DeliveryState.CANCELLED)
    if not total:
        return "отменено" if states else "—"
    done = states.get(DeliveryState.DONE, 0)
    word = "остановлено" if states.get(DeliveryState.PARKED) else "сделано" if done == total else "в работе"
    return f"{done}/{total} {word}"


def summary_json(call: CallSummary, label: str | None, zone: ZoneInfo, full: bool) -> dict[str, Any]:
    """A call of the list for programs."""
    return {
        "id": call.id,
        "namespace": call.namespace,
        "call": call.call_id,
        "occurred_at": iso(call.occurred_at, zone),
        "phone": phone_json(call.phone, full),
        "operator": call.operator,
        "card_id": call.card,
        "script": call.script,
        "outcome": call.outcome,
        "label": label,
        "ruleset": call.revision,
        "deadline": iso(call.deadline_at, zone),
        "late": call.late,
        "deliveries": dict(call.states),
        "dry_run": call.dry_run,
    }


# --- for programs ---------------------------------------------------------------------------------


def history_json(history: CallHistory, words: ScriptLabels, zone: ZoneInfo, full: bool) -> dict[str, Any]:
    """All about one call for programs."""
    summary = history.summary
    named = words.outcome(summary.outcome, summary.revision) if summary.outcome else None
    body = summary_json(summary, named, zone, full)
    call = history.call
    card = {name: call[f"card_{name}"] for name in ("type", "id", "name", "url")} if call["card_id"] else None
    received = [{name: value for name, value in event.items() if name != "answer"} for event in history.events]
    more = {
        "generation": call["generation"],
        "card": card,
        "operator": call["operator"],
        "note": call["note"],
        "events": received,
        "decisions": history.decisions,
        "deliveries": history.deliveries,
        "acts": history.acts,
        "purged_at": call["purged_at"],
    }
    return body | {name: plain(value, zone, full) for name, value in more.items()}


def plain(value: Any, zone: ZoneInfo, full: bool) -> Any:
    """A value of the ledger as JSON: times by the deployment's clocks, phones masked unless asked for in full."""
    if isinstance(value, datetime):
        return iso(value, zone)
    if isinstance(value, str):
        return masked(value, full)
    if isinstance(value, Mapping):
        return {name: inner if name in _NO_PHONES else plain(inner, zone, full) for name, inner in value.items()}
    if isinstance(value, Sequence):
        return [plain(inner, zone, full) for inner in value]
    return value
