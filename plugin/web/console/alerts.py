"""Alerts: what stands and what to do about it, in the console's own pages where they serve for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from plugin.monitoring.listing import Alert, newest_alerts
from plugin.monitoring.model import AlertKind
from plugin.monitoring.wording import words_of
from plugin.web.console.access import CALLS
from plugin.web.console.filters import given
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show

_SHOWN = 200
#: What to do, where the console has a page for it: advice, the link's words, its endpoint and where it leads.
_HERE: Mapping[AlertKind, tuple[str, str, str]] = {
    AlertKind.DELIVERY_PARKED: (
        "Сама она больше не отправляется. Устраните причину и повторите.", "Открыть доставку", "console.delivery"
    ),
    AlertKind.PROMISE_AT_RISK: (
        "Если не удастся, сделайте обещанное вручную до срока.", "Открыть звонок", "console.call"
    ),
    AlertKind.PROMISE_BROKEN: (
        "Обещанное клиенту к этому сроку не исполнено: сделайте вручную.", "Открыть звонок", "console.call"
    ),
    AlertKind.NO_WORKING_TIME: (
        "По календарю правил до срока никто не работает: скажите об этом тому, кто исполняет.",
        "Открыть звонок",
        "console.call",
    ),
    AlertKind.EVENT_PARKED: ("Устраните причину и разберите событие ещё раз.", "Открыть события", "console.events"),
    AlertKind.EVENTS_WAITING: ("Ничего не потеряно: разбор повторяется сам.", "Открыть события", "console.events"),
    AlertKind.CALL_AFTER_REFUSAL: (
        "Клиент просил не звонить, а ему позвонили. Проверьте, что обзвон спрашивает список исключённых.",
        "Какие это звонки",
        "console.refused",
    ),
}  # fmt: skip
#: The key of ``about`` that holds the number of what is to be opened.
_NUMBERS = {"console.delivery": "delivery", "console.call": "call"}


@dataclass(frozen=True, slots=True)
class ShownAlert:
    """One alert in words, and where to go with it."""

    alert: Alert
    name: str
    line: str
    advice: str
    link: tuple[str, str] | None


def shown_alert(services: ConsoleServices, alert: Alert) -> ShownAlert:
    """The alert as the pages tell it."""
    kind = AlertKind(alert.kind)
    words = words_of(kind, services.settings.language)
    advice, link = words.advice, None
    if kind in _HERE:
        advice, title, endpoint = _HERE[kind]
        link = _link(title, endpoint, alert.about)
    return ShownAlert(alert, words.name, words.line(alert.about, services.zone), advice, link)


def alert_list(services: ConsoleServices) -> Answer:
    """Those that stand, or all."""
    is_all = "all" in given(("all",))
    with services.ledger.read() as connection:
        found = newest_alerts(connection, _SHOWN, standing_only=not is_all)
    told = bool(services.settings.alerts.to or services.settings.alerts.webhook)
    return show(
        "console/alerts.html", rows=[shown_alert(services, one) for one in found], is_all=is_all, told_to_somebody=told
    )


def _link(title: str, endpoint: str, about: Mapping[str, Any]) -> tuple[str, str] | None:
    key = _NUMBERS.get(endpoint)
    if key is None:
        return title, url_for(endpoint)
    number = about.get(key)
    return (title, url_for(endpoint, id_=number)) if isinstance(number, int) else None


ROUTES: Sequence[ConsoleRoute] = (ConsoleRoute("GET", "/alerts", "alerts", alert_list, CALLS, "alerts", "Оповещения"),)
