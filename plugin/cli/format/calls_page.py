"""How ``optout calls show`` tells all about one call: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.cli.format.calls import UNFINISHED, masked, phone_text
from plugin.cli.format.delivery_page import (
    acts_lines,
    attempt_line,
    details,
    field,
    hanging,
    text_lines,
    title,
)
from plugin.common.clock import local_time
from plugin.common.moments import clock
from plugin.ledger.history import CallHistory, CallSummary
from plugin.ledger.states import ON_CARDS, DeliveryState
from plugin.operations.deliveries import text_of


def page(
    history: CallHistory,
    words: ScriptLabels,
    zone: ZoneInfo,
    full: bool,
    *,
    others: Sequence[int],
    language: str = "ru",
) -> str:
    """All about one call; reasons are in the admins' ``language``."""
    lines = [*_heading(history, words, zone, full)]
    for heading, part in (
        ("События", _events(history, words, zone, full)),
        ("Решения", _decisions(history, words, zone, full)),
        ("Доставки", _deliveries(history, zone, full, language)),
    ):
        lines += ["", heading, *(list(part) or ["  нет"])]
    lines += acts_lines(history.acts, zone, full)
    if others:
        numbers = ", ".join(str(other) for other in others)
        lines += ["", *hanging(f"Под этим номером есть и другие звонки: {numbers}")]
    return "\n".join(lines)


def _heading(history: CallHistory, words: ScriptLabels, zone: ZoneInfo, full: bool) -> Iterator[str]:
    call, summary = history.call, history.summary
    yield from hanging(f"Звонок № {summary.id}: {summary.call_id} ({summary.namespace})")
    yield from field("Время", local_time(summary.occurred_at, zone))
    yield from field("Телефон", phone_text(summary.phone, full))
    if call["card_id"] is None:
        yield from field("Карточка", "в сообщении не названа")
    else:
        card = f"{call['card_type']} {call['card_id']}"
        yield from field("Карточка", f"{card}, {call['card_name']}" if call["card_name"] else card)
        yield from field("Ссылка", call["card_url"])
    yield from field("Оператор", call["operator"])
    yield from field("Заметка", call["note"] and masked(call["note"], full))
    yield from field("Сценарий", summary.script)
    if call["dry_run"]:
        yield from field("Проба", "пробный источник: ничего не отправляется")
    if call["purged_at"]:
        yield from field("Удалено", f"личные данные, {clock(call['purged_at'], zone)}")
    outcome = summary.outcome
    yield from field("Итог", _outcome(outcome, summary.revision, words) if outcome else UNFINISHED)
    kept = "с опозданием" if summary.late else "в срок" if _settled(summary) else "срок не прошёл"
    yield from field("Обещано", f"{local_time(summary.deadline_at, zone)}: {kept}")


def _settled(summary: CallSummary) -> bool:
    return bool(summary.states) and not set(summary.states) - {DeliveryState.DONE, DeliveryState.CANCELLED}


def _events(history: CallHistory, words: ScriptLabels, zone: ZoneInfo, full: bool) -> Iterator[str]:
    for event in history.events:
        when = clock(event["occurred_at"] or event["received_at"], zone)
        final = ", окончательное" if event["final"] else ""
        yield from hanging(f"{when}  {event['event_id']} от {event['source']}{final}", 2)
        revision = event["revision"] or history.summary.revision
        for fact, value in (event["facts"] or {}).items():
            answer = masked(words.answer(fact, value, revision), full)
            yield from hanging(f"{words.fact(fact, revision)}: {answer}", 6)


def _decisions(history: CallHistory, words: ScriptLabels, zone: ZoneInfo, full: bool) -> Iterator[str]:
    for decision in history.decisions:
        outcome, revision = decision["outcome"], decision["revision"]
        what = _outcome(outcome, revision, words) if outcome else UNFINISHED
        yield from hanging(f"{clock(decision['created_at'], zone)}  № {decision['number']}: {what}", 2)
        yield from hanging(f"редакция правил {revision[:12]}", 6)
        for step in decision["decision"].get("transcript", []):
            said = f"«{step['say']}»" if step.get("say") else words.fact(step["fact"], revision)
            answer = words.answer(step["fact"], step["answer"], revision, question=step["rule"])
            yield from hanging(f"{said} → {masked(answer, full)}", 6)
        closing = decision["decision"].get("say")
        if closing:
            yield from hanging(f"«{closing}»", 6)


def _deliveries(history: CallHistory, zone: ZoneInfo, full: bool, language: str) -> Iterator[str]:
    told: dict[str, int] = {}
    cards = {decision["id"]: decision["card"] for decision in history.decisions}
    for kept in history.deliveries:
        # Where a version did not keep it yet, it is the card of the decision.
        card = kept["card"] or (cards.get(kept["decision_ref"]) if kept["kind"] in ON_CARDS else None)
        delivery = dict(kept, card=card)
        yield from hanging(title(delivery), 2)
        yield from details(delivery, zone, full, 6, language)
        written = text_of(delivery)
        text, _, mark = written.rpartition("\n")
        # A reminder and its mails, and those of another role, say the same.
        if told.setdefault(text, delivery["id"]) != delivery["id"]:
            text = f"(текст как в № {told[text]})"
        if written:
            yield from text_lines(f"{text}\n{mark}", full, 6)
        for attempt in delivery["attempts"]:
            yield from hanging(attempt_line(attempt, zone, language), 6)


def _outcome(outcome: str, revision: str | None, words: ScriptLabels) -> str:
    label = words.outcome(outcome, revision)
    return outcome if label == outcome else f"{label} ({outcome})"
