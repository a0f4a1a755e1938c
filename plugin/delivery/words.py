"""Deliveries in Russian, one table: their kinds and states as lists and mails name them, and as the page tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from plugin.ledger.states import DeliveryKind, DeliveryState


class KindWords(NamedTuple):
    """A kind: its name, the name where there is little room, and on the operator's page its name and what was done."""

    name: str
    short: str
    page: str
    page_done: str


class StateWords(NamedTuple):
    """A state in lists, and on the operator's page; there a done delivery is told by its kind."""

    name: str
    page: str = ""


KINDS: Mapping[str, KindWords] = {
    DeliveryKind.COMMENT: KindWords(
        "комментарий в карточку", "комментарий", "Комментарий в карточке клиента", "записан"
    ),
    DeliveryKind.REMINDER: KindWords("напоминание", "напоминание", "Напоминание", "поставлено"),
    DeliveryKind.CRM_EMAIL: KindWords("письмо через CRM", "письмо через CRM", "Письмо", "отправлено"),
    DeliveryKind.SMTP_EMAIL: KindWords("письмо", "письмо", "Письмо", "отправлено"),
    DeliveryKind.WITHDRAWAL: KindWords("отзыв напоминания", "отзыв", "Отзыв прежнего напоминания", "отозвано"),
    DeliveryKind.COMPLETION: KindWords("закрытие напоминания", "закрытие", "Закрытие напоминания", "закрыто"),
}
STATES: Mapping[str, StateWords] = {
    DeliveryState.PENDING: StateWords("в очереди", "в очереди"),
    DeliveryState.LEASED: StateWords("отправляется", "отправляется"),
    DeliveryState.UNKNOWN: StateWords("проверяется", "проверяется, дошло ли"),
    DeliveryState.WAITING: StateWords("ждёт повтора", "не получилось, будет повторено"),
    DeliveryState.DONE: StateWords("сделано"),
    DeliveryState.PARKED: StateWords("остановлено", "остановлено"),
    DeliveryState.CANCELLED: StateWords("отменено", "отменено"),
}
#: The steps of an attempt, and how each may end.
ATTEMPT_STEPS: Mapping[str, str] = {"send": "отправка", "look_up": "поиск в CRM"}
ATTEMPT_OUTCOMES: Mapping[str, str] = {
    "done": "сделано",
    "not_done": "не сделано",
    "unknown": "неизвестно, дошло ли",
    "found": "найдено",
    "absent": "не найдено",
}
