"""Alerts about rules published without another person's word: ``activate`` opens them, here they end."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any

from plugin.monitoring.model import AlertCause, AlertLook

#: So long after the publication its alert is over, once it was told.
_LASTS = timedelta(days=1)


def emergency_publications(_look: AlertLook) -> Iterator[AlertCause]:
    """None: the publication opens its alert itself."""
    yield from ()


def is_still_an_emergency(look: AlertLook, alert: Any, _found: Collection[str]) -> bool:
    """Over after a day; but not before it was told."""
    return alert.batch is None or look.now < datetime.fromisoformat(alert.about["at"]) + _LASTS
