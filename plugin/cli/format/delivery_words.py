"""What deliveries, their states and what is done to them are called in Russian."""

from __future__ import annotations

from plugin.operations.transitions import Refusal, TransitionKind

STATES = {
    "pending": "в очереди",
    "leased": "отправляется",
    "unknown": "проверяется",
    "waiting": "ждёт повтора",
    "done": "сделано",
    "parked": "остановлено",
    "cancelled": "отменено",
}
KINDS = {
    "comment": "комментарий в карточку",
    "reminder": "напоминание",
    "crm_email": "письмо через CRM",
    "smtp_email": "письмо",
    "withdrawal": "отзыв напоминания",
}
#: The same where there is little room.
SHORT_KINDS = KINDS | {"comment": "комментарий", "withdrawal": "отзыв"}
STEPS = {"send": "отправка", "look_up": "поиск в CRM"}
OUTCOMES = {
    "done": "сделано",
    "not_done": "не сделано",
    "unknown": "неизвестно, дошло ли",
    "found": "найдено",
    "absent": "не найдено",
}
ACTS = {"retry": "повтор", "cancel": "отмена", "replay": "пересчёт", "purge": "удаление данных"}
DOES = {
    TransitionKind.SENDS: "отправить (до CRM не дошло)",
    TransitionKind.LOOKS_UP: "искать в CRM, чего нет — отправить",
    TransitionKind.MAILS_AGAIN: "отправить письмо ещё раз: прежнее могло дойти",
    TransitionKind.HURRIES: "попробовать сейчас, а не в свой срок",
    TransitionKind.CANCELS: "отменить: наружу не ушло",
    TransitionKind.STOPS: "остановить: могло уйти, проверит поиск в CRM",
}
REFUSES = {
    Refusal.QUEUED: "и так в очереди",
    Refusal.ON_ITS_WAY: "отправляется прямо сейчас",
    Refusal.DONE: "уже сделано",
    Refusal.CANCELLED: "уже отменено",
    Refusal.STOPPING: "уже останавливается",
}
