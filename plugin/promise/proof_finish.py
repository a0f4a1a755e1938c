"""Who was to do what by when, and when each of them finished, as far as the ledger was told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select

from plugin.ledger.history import CallHistory
from plugin.ledger.promises import WatchState, watched_reminders
from plugin.ledger.states import DeliveryKind, DeliveryState

_w = watched_reminders.c


@dataclass(frozen=True, slots=True)
class FinishedReminder:
    """When a reminder was finished, and by whom where that is known."""

    at: datetime | None
    by: str | None


_FINISHED = select(_w.delivery_ref, _w.done_at, _w.done_by).where(
    _w.call_ref == bindparam("call"), _w.state == WatchState.DONE
)


def finished_reminders(connection: Connection, call: int) -> Mapping[int, FinishedReminder]:
    """The reminders of a call that people finished, by the delivery's id, as the CRM or they themselves told."""
    rows = connection.execute(_FINISHED, {"call": call})
    return {row.delivery_ref: FinishedReminder(row.done_at, row.done_by) for row in rows}


def people_of(history: CallHistory, finished: Mapping[int, FinishedReminder]) -> Sequence[Mapping[str, Any]]:
    """One row a reminder that went out: role, person, when it was due and written, and when and by whom finished.

    ``finished`` are those of the call that were, by the delivery's id; of others both columns are None.
    """
    reminders = [one for one in history.deliveries if one["kind"] == DeliveryKind.REMINDER]
    withdrawals = [one for one in history.deliveries if one["kind"] == DeliveryKind.WITHDRAWAL]
    withdrawn = {one["withdraws"] for one in withdrawals if one["state"] == DeliveryState.DONE}
    return [_row(one, one["id"] in withdrawn, finished.get(one["id"])) for one in reminders if _is_written(one)]


def _row(one: Mapping[str, Any], withdrawn: bool, end: FinishedReminder | None) -> Mapping[str, Any]:
    return {
        "delivery": one["id"],
        "role": one["role"],
        "person": one["assignee"],
        "due_at": one["due_at"],
        "written_at": one["finished_at"],
        "withdrawn": withdrawn,
        "finished_at": end and end.at,
        "finished_by": end and end.by,
    }


def _is_written(one: Mapping[str, Any]) -> bool:
    return bool(one["state"] == DeliveryState.DONE)
