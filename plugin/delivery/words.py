"""Deliveries in Russian, one table: their kinds and states as lists and mails name them, and as the page tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


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
    "comment": KindWords("комментарий в карточку", "комментарий", "Комментарий в карточке клиента", "записан"),
    "reminder": KindWords("напоминание", "напоминание", "Напоминание", "поставлено"),
    "crm_email": KindWords("письмо через CRM", "письмо через CRM", "Письмо", "отправлено"),
    "smtp_email": KindWords("письмо", "письмо", "Письмо", "отправлено"),
    "withdrawal": KindWords("отзыв напоминания", "отзыв", "Отзыв прежнего напоминания", "отозвано"),
}
STATES: Mapping[str, StateWords] = {
    "pending": StateWords("в очереди", "в очереди"),
    "leased": StateWords("отправляется", "отправляется"),
    "unknown": StateWords("проверяется", "проверяется, дошло ли"),
    "waiting": StateWords("ждёт повтора", "не получилось, будет повторено"),
    "done": StateWords("сделано"),
    "parked": StateWords("остановлено", "остановлено"),
    "cancelled": StateWords("отменено", "отменено"),
}
