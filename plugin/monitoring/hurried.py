"""Alerts about reminders without a working moment: ``events.hurried`` opens them, here they are found to be over."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from plugin.monitoring.model import AlertCause, AlertLook

#: So long after the reminder's time an alert that nobody was told stands, such as while no process looks.
_UNTOLD_LASTS = timedelta(days=1)


def hurried_reminders(_look: AlertLook) -> Iterator[AlertCause]:
    """None: the decision that hurries a reminder opens its alert."""
    yield from ()


def is_still_hurried(look: AlertLook, alert: Any, _found: Collection[str]) -> bool:
    """Over once the reminder's time has come; but not before it was told."""
    due = datetime.fromisoformat(alert.about["due"])
    return look.now < (due + _UNTOLD_LASTS if alert.batch is None else due)
