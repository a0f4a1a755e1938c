"""What deliveries, their states and what is done to them are called in Russian."""

from __future__ import annotations

from collections.abc import Mapping

from plugin.delivery import words as delivery
from plugin.operations.transitions import Refusal, TransitionKind

STATES: Mapping[str, str] = {state: words.name for state, words in delivery.STATES.items()}
KINDS: Mapping[str, str] = {kind: words.name for kind, words in delivery.KINDS.items()}
#: The same where there is little room.
SHORT_KINDS: Mapping[str, str] = {kind: words.short for kind, words in delivery.KINDS.items()}
#: The last lines of a plan that has not been carried out.
PLAN_ONLY = ("", "Это план: ничего не изменилось. Выполнить: та же команда с", "  --yes --by ИМЯ --reason ПРИЧИНА")
STEPS = delivery.ATTEMPT_STEPS
OUTCOMES = delivery.ATTEMPT_OUTCOMES
ACTS = {
    "retry": "повтор",
    "cancel": "отмена",
    "replay": "пересчёт",
    "purge": "удаление данных",
    "forget": "удаление данных номера",
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
