"""What needs somebody now, who was last heard of when, and the promises of the last 30 days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app, url_for

from plugin.auth.visitor import SEE_ALL
from plugin.console.last_heard import last_heard
from plugin.console.month import DayOfPromises, MonthOfPromises
from plugin.console.pressing import pressing_calls
from plugin.console.remarks import count_open
from plugin.ledger.promises import PromiseState
from plugin.ledger.states import DeliveryState
from plugin.monitoring.figures import Backlog, read_standing
from plugin.monitoring.listing import newest_alerts
from plugin.monitoring.model import AlertKind
from plugin.web.console.access import STAFF
from plugin.web.console.alerts import shown_alert
from plugin.web.console.missing import LOOKED_BACK
from plugin.web.console.routes import Answer, ConsoleRoute, ConsoleServices, show, visitor

_CALLS_SHOWN = 10
_MONTH = "optout_console_month"
#: Alerts that the tiles tell of already.
_TOLD = frozenset({"delivery_parked", "promise_at_risk", "promise_broken", "event_parked", "call_after_refusal"})


@dataclass(frozen=True, slots=True)
class TodayTile:
    """One thing that may need somebody: how many, and where they are."""

    count: int
    title: str
    advice: str
    to: str
    tone: str = "bad"


def today(services: ConsoleServices) -> Answer:
    """The first page."""
    now, sees_calls = services.now(), visitor().role in SEE_ALL
    risk = timedelta(hours=services.settings.alerts.at_risk_hours)
    with services.ledger.read() as connection:
        remarks = count_open(connection, now - LOOKED_BACK)
        if not sees_calls:
            return show("console/today.html", tiles=[*_of_remarks(remarks)], sees_calls=False)
        standing = read_standing(connection, now, risk)
        values: Mapping[str, Any] = {
            "pressing": pressing_calls(connection, now, now + risk, _CALLS_SHOWN),
            "heard": last_heard(
                connection, _sources(services), services.connector.name if services.connector else None
            ),
            "alerts": newest_alerts(connection, 50, standing_only=True),
            "month": _bars(_month(services).days(connection, now)),
        }
    others = [shown_alert(services, one) for one in values["alerts"] if AlertKind(one.kind) not in _TOLD]
    tiles = [*_of_deliveries(standing), *_of_promises(standing), *_of_events(standing), *_of_remarks(remarks)]
    return show("console/today.html", tiles=tiles, sees_calls=True, now=now, **{**values, "alerts": others})


# --- details ---------------------------------------------------------------------------------------


def _of_deliveries(standing: Backlog) -> Sequence[TodayTile]:
    parked = sum(count for (state, _), count in standing.states.items() if state == DeliveryState.PARKED)
    late = url_for("console.deliveries", undone=1, late=1)
    tiles = (
        TodayTile(standing.late, "просрочено", "Обещанное клиенту не записано в срок.", late),
        TodayTile(
            standing.at_risk,
            "под угрозой",
            "Срок близко, записано не всё.",
            url_for("console.deliveries", undone=1),
            "warn",
        ),
        TodayTile(
            parked,
            "остановлено",
            "Само больше не отправится.",
            url_for("console.deliveries", state=DeliveryState.PARKED.value),
        ),
        TodayTile(
            sum(standing.refused.values()),
            "звонки после отказа за сутки",
            "Клиент просил не звонить, а ему позвонили.",
            url_for("console.refused"),
        ),
    )
    return [tile for tile in tiles if tile.count]


def _of_promises(standing: Backlog) -> Sequence[TodayTile]:
    """Written in time, and yet not done by those who were reminded."""
    broken = standing.promises.standing.get(PromiseState.BROKEN, 0)
    at = url_for("console.promises", state=PromiseState.BROKEN.value)
    return [TodayTile(broken, "обещания нарушены", "К сроку исполнено не всё, что обещано.", at)] if broken else []


def _of_events(standing: Backlog) -> Sequence[TodayTile]:
    found = standing.events
    tiles = (
        TodayTile(
            found.parked, "события без разбора", "Прочитать не удалось.", url_for("console.events", state="parked")
        ),
        TodayTile(found.waiting, "события ждут", "Разбор повторяется сам.", url_for("console.events"), "plain"),
    )
    return [tile for tile in tiles if tile.count]


def _of_remarks(count: int) -> Sequence[TodayTile]:
    if not count:
        return ()
    return (TodayTile(count, "нет нужного ответа", "В скрипте не нашлось ответа.", url_for("console.missing"), "warn"),)


def _sources(services: ConsoleServices) -> list[str]:
    page = services.settings.page.source
    return list(dict.fromkeys([*(source.name for source in services.settings.sources), page]))


def _month(services: ConsoleServices) -> MonthOfPromises:
    return current_app.extensions.setdefault(_MONTH, MonthOfPromises(services.zone))  # type: ignore[no-any-return]


def _bars(days: Sequence[DayOfPromises]) -> Mapping[str, Any]:
    """The picture: a bar a day of what became of its promises, its height in hundredths of the highest."""
    most = max((day.made for day in days), default=0)
    bars = []
    for day in days:
        parts, top = [], 0.0
        for name in ("kept", "late", "broken", "open"):
            height = round(getattr(day, name) * 100 / most, 1) if most else 0.0
            top += height
            parts.append({"name": name, "top": top, "height": height})
        bars.append({"day": day, "parts": [part for part in parts if part["height"]]})
    return {"bars": bars, "most": most, "total": sum(day.made for day in days)}


ROUTES: Sequence[ConsoleRoute] = (ConsoleRoute("GET", "/", "today", today, STAFF, "today", "Сегодня"),)
