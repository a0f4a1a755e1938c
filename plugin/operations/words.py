"""What deliveries, their states, and what people do by hand are called in Russian."""

from __future__ import annotations

from collections.abc import Mapping

from plugin.delivery import words as delivery
from plugin.operations.transitions import Refusal, TransitionKind

STATES: Mapping[str, str] = {state: words.name for state, words in delivery.STATES.items()}
KINDS: Mapping[str, str] = {kind: words.name for kind, words in delivery.KINDS.items()}
#: The same where there is little room.
SHORT_KINDS: Mapping[str, str] = {kind: words.short for kind, words in delivery.KINDS.items()}
STEPS = delivery.ATTEMPT_STEPS
OUTCOMES = delivery.ATTEMPT_OUTCOMES
ACTS = {
    "retry": "повтор",
    "cancel": "отмена",
    "replay": "пересчёт",
    "purge": "удаление данных",
    "forget": "удаление данных номера",
    "drop": "событие отброшено",
    "user": "пользователь",
    "token": "токен",
    "sessions": "сеансы завершены",
    "answer": "«нет нужного ответа» разобрано",
    "export": "выгрузка списка исключённых",
    "shadow": "теневая проверка правил",
}
#: A retry and a cancellation once they are done.
DONE_STEPS = {
    TransitionKind.SENDS: "отправляется",
    TransitionKind.LOOKS_UP: "ищем в CRM; чего нет — отправим",
    TransitionKind.MAILS_AGAIN: "письмо отправляется ещё раз",
    TransitionKind.HURRIES: "пробуем сейчас, не дожидаясь срока",
    TransitionKind.CANCELS: "отменено: наружу не ушло",
    TransitionKind.STOPS: "останавливаем: могло уйти, проверим в CRM",
}
TRANSITIONS = {
    TransitionKind.SENDS: "отправить (до CRM не дошло)",
    TransitionKind.LOOKS_UP: "искать в CRM, чего нет — отправить",
    TransitionKind.MAILS_AGAIN: "отправить письмо ещё раз: прежнее могло дойти",
    TransitionKind.HURRIES: "попробовать сейчас, а не в свой срок",
    TransitionKind.CANCELS: "отменить: наружу не ушло",
    TransitionKind.STOPS: "остановить: могло уйти, проверит поиск в CRM",
}
REFUSALS = {
    Refusal.QUEUED: "и так в очереди",
    Refusal.ON_ITS_WAY: "отправляется прямо сейчас",
    Refusal.DONE: "уже сделано",
    Refusal.CANCELLED: "уже отменено",
    Refusal.STOPPING: "уже останавливается",
}


def kinds_counted(kinds: Mapping[str, int]) -> str:
    """Kinds of delivery and how many of each: комментарий в карточку, напоминание × 2."""
    return ", ".join(KINDS.get(kind, kind) + (f" × {count}" if count > 1 else "") for kind, count in kinds.items())
