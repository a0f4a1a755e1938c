"""What deliveries, their states and what is done to them are called in Russian."""

from __future__ import annotations

from plugin.operations.transitions import Does, Refuses

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
    Does.SENDS: "отправить (до CRM не дошло)",
    Does.LOOKS_UP: "искать в CRM, чего нет — отправить",
    Does.MAILS_AGAIN: "отправить письмо ещё раз: прежнее могло дойти",
    Does.HURRIES: "попробовать сейчас, а не в свой срок",
    Does.CANCELS: "отменить: наружу не ушло",
    Does.STOPS: "остановить: могло уйти, проверит поиск в CRM",
}
REFUSES = {
    Refuses.QUEUED: "и так в очереди",
    Refuses.ON_ITS_WAY: "отправляется прямо сейчас",
    Refuses.DONE: "уже сделано",
    Refuses.CANCELLED: "уже отменено",
    Refuses.STOPPING: "уже останавливается",
}
