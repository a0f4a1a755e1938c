"""How ``optout calls show`` tells all about one call: Russian, at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.cli.calls_text import UNFINISHED, WIDTH, clean, masked, phone_text
from plugin.cli.calls_words import Words
from plugin.clock import local_time
from plugin.ledger.history import CallHistory, CallSummary
from plugin.log import mask_text

_STATES = {
    "pending": "в очереди",
    "leased": "отправляется",
    "unknown": "проверяется",
    "waiting": "ждёт повтора",
    "done": "сделано",
    "parked": "остановлено",
    "cancelled": "отменено",
}
_KINDS = {
    "comment": "комментарий в карточку",
    "reminder": "напоминание",
    "crm_email": "письмо через CRM",
    "smtp_email": "письмо",
    "withdrawal": "отзыв напоминания",
}
_STEPS = {"send": "отправка", "look_up": "поиск в CRM"}
_OUTCOMES = {
    "done": "сделано",
    "not_done": "не сделано",
    "unknown": "неизвестно, дошло ли",
    "found": "найдено",
    "absent": "не найдено",
}


def page(history: CallHistory, words: Words, zone: ZoneInfo, full: bool, *, others: Sequence[int]) -> str:
    """All about one call."""
    lines = [*_heading(history, words, zone, full)]
    for title, part in (
        ("События", _events(history, words, zone, full)),
        ("Решения", _decisions(history, words, zone, full)),
        ("Доставки", _deliveries(history, zone, full)),
    ):
        lines += ["", title, *(list(part) or ["  нет"])]
    if others:
        numbers = ", ".join(str(other) for other in others)
        lines += ["", *_wrapped(f"Под этим номером есть и другие звонки: {numbers}", 0)]
    return "\n".join(lines)


def _heading(history: CallHistory, words: Words, zone: ZoneInfo, full: bool) -> Iterator[str]:
    call, summary = history.call, history.summary
    yield from _wrapped(f"Звонок № {summary.id}: {summary.call_id} ({summary.namespace})", 0)
    yield from _field("Время", local_time(summary.occurred_at, zone))
    yield from _field("Телефон", phone_text(summary.phone, full))
    if call["card_id"] is None:
        yield from _field("Карточка", "в сообщении не названа")
    else:
        card = f"{call['card_type']} {call['card_id']}"
        yield from _field("Карточка", f"{card}, {call['card_name']}" if call["card_name"] else card)
        yield from _field("Ссылка", call["card_url"])
    yield from _field("Оператор", call["operator"])
    yield from _field("Заметка", call["note"] and masked(call["note"], full))
    yield from _field("Сценарий", summary.script)
    outcome = summary.outcome
    yield from _field("Итог", _outcome(outcome, summary.revision, words) if outcome else UNFINISHED)
    kept = "с опозданием" if summary.late else "в срок" if _settled(summary) else "срок не прошёл"
    yield from _field("Обещано", f"{local_time(summary.deadline_at, zone)}: {kept}")


def _settled(summary: CallSummary) -> bool:
    return bool(summary.states) and not set(summary.states) - {"done", "cancelled"}


def _events(history: CallHistory, words: Words, zone: ZoneInfo, full: bool) -> Iterator[str]:
    for event in history.events:
        when = _clock(event["occurred_at"] or event["received_at"], zone)
        final = ", окончательное" if event["final"] else ""
        yield from _wrapped(f"{when}  {event['event_id']} от {event['source']}{final}", 2)
        revision = event["revision"] or history.summary.revision
        for fact, value in (event["facts"] or {}).items():
            answer = masked(words.answer(fact, value, revision), full)
            yield from _wrapped(f"{words.fact(fact, revision)}: {answer}", 6)


def _decisions(history: CallHistory, words: Words, zone: ZoneInfo, full: bool) -> Iterator[str]:
    for decision in history.decisions:
        outcome, revision = decision["outcome"], decision["revision"]
        what = _outcome(outcome, revision, words) if outcome else UNFINISHED
        yield from _wrapped(f"{_clock(decision['created_at'], zone)}  № {decision['number']}: {what}", 2)
        yield from _wrapped(f"редакция правил {revision[:12]}", 6)
        for step in decision["decision"].get("transcript", []):
            said = f"«{step['say']}»" if step.get("say") else words.fact(step["fact"], revision)
            answer = words.answer(step["fact"], step["answer"], revision, question=step["rule"])
            yield from _wrapped(f"{said} → {masked(answer, full)}", 6)
        closing = decision["decision"].get("say")
        if closing:
            yield from _wrapped(f"«{closing}»", 6)


def _deliveries(history: CallHistory, zone: ZoneInfo, full: bool) -> Iterator[str]:
    told: dict[str, int] = {}
    for delivery in history.deliveries:
        kind = _KINDS.get(delivery["kind"], delivery["kind"])
        role = f", {delivery['role']}" if delivery["role"] else ""
        taken_back = f", к № {delivery['withdraws']}" if delivery["withdraws"] else ""
        state = _STATES.get(delivery["state"], delivery["state"])
        yield from _wrapped(f"№ {delivery['id']} {kind}{role}{taken_back}: {state}", 2)
        yield from _details(delivery, zone, full)
        text, _, mark = delivery["text"].rpartition("\n")
        # A reminder and its mails, and those of another role, say the same.
        if told.setdefault(text, delivery["id"]) == delivery["id"]:
            text = masked(text, full)
        else:
            text = f"(текст как в № {told[text]})"
        for line in [*text.splitlines(), mark]:
            yield from _wrapped(f"│ {line}", 6, after="│ ")
        for attempt in delivery["attempts"]:
            yield from _wrapped(_attempt(attempt, zone), 6)


def _details(delivery: Mapping[str, Any], zone: ZoneInfo, full: bool) -> Iterator[str]:
    to = delivery["assignee"] or {}
    reached = [part for part in (to.get("user"), to.get("address")) if part]
    details = {
        "кому": ", ".join(reached),
        "тема": delivery["subject"],
        "к сроку": delivery["due_at"] and _clock(delivery["due_at"], zone),
        "следующая попытка": _clock(delivery["not_before"], zone)
        if delivery["state"] in ("waiting", "unknown")
        else "",
        "в CRM": delivery["remote_id"],
        "закончено": delivery["finished_at"] and _clock(delivery["finished_at"], zone),
        "причина": delivery["why"] and masked(delivery["why"], full),
    }
    for name, value in details.items():
        if value:
            yield from _wrapped(f"{name}: {value}", 6)


def _attempt(attempt: Mapping[str, Any], zone: ZoneInfo) -> str:
    step = _STEPS.get(attempt["step"], attempt["step"])
    outcome = _OUTCOMES.get(attempt["outcome"], attempt["outcome"])
    notes = [str(attempt[name]) for name in ("status", "code", "why") if attempt[name] not in (None, "")]
    more = f" ({mask_text(', '.join(notes))})" if notes else ""
    return f"{_clock(attempt['at'], zone, seconds=True)}  {step}: {outcome}{more}, {attempt['seconds']:.2f} с"


def _outcome(outcome: str, revision: str | None, words: Words) -> str:
    label = words.outcome(outcome, revision)
    return outcome if label == outcome else f"{label} ({outcome})"


def _clock(moment: datetime, zone: ZoneInfo, *, seconds: bool = False) -> str:
    return moment.astimezone(zone).strftime("%d.%m.%Y %H:%M:%S" if seconds else "%d.%m.%Y %H:%M")


def _field(name: str, value: str | None) -> Iterator[str]:
    if value:
        yield from _wrapped(f"{name + ':':<11}{value}", 2, after=" " * 11)


def _wrapped(text: str, indent: int, *, after: str = "  ") -> list[str]:
    pad = " " * indent
    lines = textwrap.wrap(clean(text), WIDTH, initial_indent=pad, subsequent_indent=pad + after)
    return lines or [pad.rstrip()]
