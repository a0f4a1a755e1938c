"""Alerts about events that are refused: ``plugin.events.refusals`` opens them, here they are found to be over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from plugin.events.refusals import LASTS, last_accepted
from plugin.monitoring.model import AlertCause, AlertLook


def refused_events(_look: AlertLook) -> Iterator[AlertCause]:
    """None: what refuses an event opens its alert, since nothing else of the event is kept to be found."""
    yield from ()


def is_still_refused(look: AlertLook, alert: Any, _found: Collection[str]) -> bool:
    """Over once an event of the source was taken in again, or after a day; but not before it was told."""
    if alert.batch is None and look.now < alert.opened_at + _time_to_tell(look):
        return True
    last = datetime.fromisoformat(alert.about["last"])
    accepted = last_accepted(look.connection, alert.about["source"])
    return look.now - last < LASTS and (accepted is None or accepted <= last)


def _time_to_tell(look: AlertLook) -> timedelta:
    alerts = look.settings.alerts
    return timedelta(minutes=alerts.gather_minutes, seconds=2 * alerts.check_seconds)
