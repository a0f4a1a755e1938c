"""What a described reminder tells beside its state: whose it is, when it is due, by whom and when it was done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import ReminderState, ReminderStatus
from connectors.rest.model import ReminderTable
from connectors.rest.paths import Path

#: Whole numbers from here on are milliseconds, not seconds, since 1970.
_MILLISECONDS = 10_000_000_000


def status_of(
    described: ReminderTable, state: ReminderState, record: Mapping[str, Any], zone: str | None
) -> ReminderStatus:
    """The status by the record. What cannot be read as a person or a time is not told, and fails nothing."""
    is_done = state is ReminderState.DONE
    return ReminderStatus(
        state,
        person=_text(described.person, record),
        due=_moment(described.due, record, zone),
        done_by=_text(described.done_by, record) if is_done else None,
        done_at=_moment(described.done_at, record, zone) if is_done else None,
    )


def _text(path: Path | None, record: Mapping[str, Any]) -> str | None:
    value = path.get(record) if path else None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _moment(path: Path | None, record: Mapping[str, Any], zone: str | None) -> datetime | None:
    """A time in ISO 8601 or since 1970. A date alone is none: it does not say when on that day."""
    written = _text(path, record)
    if written is None:
        return None
    try:
        if written.isdigit():
            number = int(written)
            return datetime.fromtimestamp(number / (1000 if number >= _MILLISECONDS else 1), UTC)
        moment = datetime.fromisoformat(written)
    except (ValueError, OverflowError, OSError):
        return None
    if len(written) <= len("2026-11-22"):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone)) if zone else None
