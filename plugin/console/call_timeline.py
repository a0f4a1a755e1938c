"""One call as a line of time: said, decided, sent, answered, looked for, done; measured against the promise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from plugin.authoring.revisions.labels import ScriptLabels
from plugin.console.spans import span
from plugin.delivery.reasons import reason_in
from plugin.ledger.history import CallHistory
from plugin.ledger.states import DeliveryState
from plugin.operations.words import ACTS, KINDS, OUTCOMES, STEPS

Tone = Literal["plain", "good", "warn", "bad"]
UNFINISHED = "разговор не завершён"
_TONES: Mapping[str, Tone] = {"done": "good", "found": "good", "not_done": "warn", "unknown": "warn"}
_SETTLED = frozenset({DeliveryState.DONE, DeliveryState.CANCELLED})


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened, or is to happen by then: what, and in what words."""

    at: datetime
    title: str
    detail: str = ""
    tone: Tone = "plain"
    is_promise: bool = False


@dataclass(frozen=True, slots=True)
class PromiseMeasure:
    """How the call stands to what was promised: a sentence, and the places on a line from the call's end on.

    ``done`` are the moments at which something was done; the line ends at ``until``.
    """

    sentence: str
    tone: Tone
    start: datetime
    deadline: datetime
    until: datetime
    done: tuple[datetime, ...]

    def place(self, moment: datetime) -> float:
        """Where it is on the line, from 0 to 1."""
        whole = (self.until - self.start).total_seconds()
        return 0.0 if whole <= 0 else min(1.0, max(0.0, (moment - self.start).total_seconds() / whole))


def timeline(history: CallHistory, words: ScriptLabels, language: str) -> list[TimelineEntry]:
    """All that happened, in its order, with the promise's end in its place."""
    entries = [*_reported(history), *_decided(history, words), *_tried(history, language), *_by_hand(history)]
    if history.decisions:
        entries.append(TimelineEntry(history.summary.deadline_at, "Обещанный срок", is_promise=True))
    return sorted(entries, key=lambda entry: entry.at)


def measure(history: CallHistory, now: datetime) -> PromiseMeasure:
    """How the call stands to its promise."""
    call = history.call
    start, deadline = call["last_occurred_at"], call["deadline_at"]
    standing = [one for one in history.deliveries if one["state"] != DeliveryState.CANCELLED]
    done = tuple(sorted(one["finished_at"] for one in standing if one["state"] == DeliveryState.DONE))
    open_ = [one for one in standing if one["state"] not in _SETTLED]
    sentence, tone = _sentence(history, standing, open_, done, now)
    ended = [*done, now] if open_ else [*done]
    return PromiseMeasure(sentence, tone, start, deadline, max([deadline, *ended]), done)


def _sentence(
    history: CallHistory,
    standing: Sequence[Mapping[str, Any]],
    open_: Sequence[Mapping[str, Any]],
    done: Sequence[datetime],
    now: datetime,
) -> tuple[str, Tone]:
    call = history.call
    start, deadline = call["last_occurred_at"], call["deadline_at"]
    if call["dry_run"]:
        return "Звонок пробного источника: решён и записан, но никуда не отправляется.", "plain"
    if not standing:
        return ("Разговор не завершён." if call["outcome"] is None else "Записывать было нечего."), "plain"
    if not open_:
        latest = max(done)
        if latest > deadline:
            return f"Записано с опозданием на {span(latest - deadline)}.", "bad"
        return f"Всё записано за {span(latest - start)}, в обещанный срок.", "good"
    stopped = sum(one["state"] == DeliveryState.PARKED for one in open_)
    what = f"Не сделано: {len(open_)}" + (f", из них остановлено: {stopped}" if stopped else "")
    if deadline < now:
        return f"{what}. Обещанный срок прошёл {span(now - deadline)} назад.", "bad"
    return f"{what}. До обещанного срока {span(deadline - now)}.", "warn"


def _reported(history: CallHistory) -> Iterator[TimelineEntry]:
    for event in history.events:
        source = f"сообщил источник {event['source']}"
        if event["occurred_at"]:
            title = "Звонок закончен" if event["final"] else "Ответ клиента"
            yield TimelineEntry(event["occurred_at"], title, source)
        yield TimelineEntry(event["received_at"], "Сообщение принято", f"{event['event_id']}, {source}")


def _decided(history: CallHistory, words: ScriptLabels) -> Iterator[TimelineEntry]:
    for decision in history.decisions:
        outcome = decision["outcome"]
        label = words.outcome(outcome, decision["revision"]) if outcome else UNFINISHED
        title = "Решено" if decision["number"] <= 1 else "Решено заново"
        yield TimelineEntry(decision["created_at"], f"{title}: {label}", f"правила {decision['revision'][:12]}")


def _tried(history: CallHistory, language: str) -> Iterator[TimelineEntry]:
    for delivery in history.deliveries:
        kind = KINDS.get(delivery["kind"], delivery["kind"])
        what = f"{kind[:1].upper()}{kind[1:]} № {delivery['id']}"
        for attempt in delivery["attempts"]:
            yield _attempt(attempt, what, language)
        if delivery["finished_at"] and delivery["state"] in (DeliveryState.CANCELLED, DeliveryState.PARKED):
            is_stopped = delivery["state"] == DeliveryState.PARKED
            word = "остановлено" if is_stopped else "отменено"
            why = reason_in(language, delivery["why"] or "")
            yield TimelineEntry(delivery["finished_at"], f"{what}: {word}", why, "bad" if is_stopped else "plain")


def _attempt(attempt: Mapping[str, Any], what: str, language: str) -> TimelineEntry:
    step = STEPS.get(attempt["step"], attempt["step"])
    outcome = OUTCOMES.get(attempt["outcome"], attempt["outcome"])
    notes = [f"{attempt['seconds']:.2f} с", *(str(attempt[name]) for name in ("status", "code") if attempt[name])]
    notes += [reason_in(language, attempt["why"])] if attempt["why"] else []
    tone = _TONES.get(attempt["outcome"], "plain")
    return TimelineEntry(attempt["at"], f"{what}: {step} — {outcome}", ", ".join(notes), tone)


def _by_hand(history: CallHistory) -> Iterator[TimelineEntry]:
    for act in history.acts:
        whose = f" доставки № {act['delivery_ref']}" if act["delivery_ref"] else ""
        title = f"Вручную: {ACTS.get(act['act'], act['act'])}{whose}"
        yield TimelineEntry(act["at"], title, f"{act['by']}: {act['why']}" if act["why"] else act["by"])
