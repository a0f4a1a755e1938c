"""«Отметить исполненным»: what a person says by the link in a mail, kept in the ledger, and then completed in the CRM.

The completion is a delivery like any other: it waits for an account that is away, and is looked up before a repeat.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Connection, bindparam, select, update

from plugin.auth.done_links import DoneLinks
from plugin.common.clock import Now, local_time
from plugin.delivery.own_reminder import own_reminder
from plugin.events.texts import delivery_key
from plugin.ledger import Ledger
from plugin.ledger.chain.queue import Change, note
from plugin.ledger.insert import lock_or_insert
from plugin.ledger.prepared import PreparedInsert
from plugin.ledger.promises import WatchState, promises, watched_reminders
from plugin.ledger.restores import planned_state
from plugin.ledger.schema import calls, decisions, deliveries
from plugin.ledger.states import DeliveryKind
from plugin.promise.bookkeeping import judge

_LOG = structlog.get_logger(__name__)

#: What is written into the reminder.
_DONE = "Отмечено исполненным по ссылке из письма ({who}), {at}"

_d, _p, _w = deliveries.c, promises.c, watched_reminders.c
_MAIL = (
    select(
        *(_d.id, _d.key, _d.role, _d.decision_ref, _d.assignee, _d.call_ref, _p.due_by, _p.deadline_at, _p.state),
        *(_p.decision_ref.label("standing"), decisions.c.number.label("decided"), decisions.c.id.label("decision")),
        *(calls.c.namespace, calls.c.call_id, calls.c.generation, calls.c.phone, calls.c.card_name),
        *(calls.c.first_occurred_at, calls.c.purged_at),
    )
    .join(calls, calls.c.id == _d.call_ref)
    .join(decisions, decisions.c.id == _d.decision_ref)
    .join(promises, _p.call_ref == _d.call_ref)
    .where(_d.id == bindparam("mail"), _d.withdraws.is_(None))
)
_SEEN = select(watched_reminders).where(_w.delivery_ref == bindparam("reminder"))
_WATCHED = _SEEN.with_for_update()
_MARK = update(watched_reminders).where(_w.delivery_ref == bindparam("reminder"))
_ADD = PreparedInsert(deliveries, _d.id, values=planned_state("called_at"))


@dataclass(frozen=True, slots=True)
class AskedReminder:
    """The reminder that a link is about, for the page that asks. ``is_off``: a correction took it back."""

    call: int
    phone: str | None
    client: str | None
    called_at: datetime
    deadline_at: datetime
    is_done: bool
    done_at: datetime | None
    is_off: bool


class MarkedDone:
    """Reads and takes what links say. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, links: DoneLinks, zone: ZoneInfo, now: Now) -> None:
        self._ledger = ledger
        self._links = links
        self._zone = zone
        self._now = now

    def asked(self, mail: int, sign: str) -> AskedReminder | None:
        """What the link is about; None where it is not genuine, or its call's data was removed. Changes nothing."""
        with self._ledger.read() as connection:
            found = self._found(connection, mail, sign)
            return None if found is None else self._shown(connection, *found)

    def mark(self, mail: int, sign: str) -> AskedReminder | None:
        """Keep that the reminder is done, and plan that the CRM completes it; as it then stands. Twice is once."""
        with self._ledger.write() as connection:
            found = self._found(connection, mail, sign)
            if found is None:
                return None
            row, reminder = found
            if row.standing == row.decision_ref:
                self._mark(connection, row, reminder)
            return self._shown(connection, row, reminder)

    def _found(self, connection: Connection, mail: int, sign: str) -> tuple[Any, Any] | None:
        row = connection.execute(_MAIL, {"mail": mail}).first()
        if row is None or row.purged_at is not None:
            return None
        reminder = own_reminder(connection, row.decision_ref, row.role)
        if reminder is None or not self._links.is_genuine(sign, mail, row.key, reminder.key):
            return None
        return row, reminder

    def _mark(self, connection: Connection, row: Any, reminder: Any) -> None:
        now = self._ledger.moment(connection, self._now)
        key = {"reminder": reminder.id}
        watched = lock_or_insert(connection, watched_reminders, _WATCHED, key, lambda: _blank(row, reminder))
        if watched.state != WatchState.OPEN:
            return
        who = (row.assignee or {}).get("address") or (row.assignee or {}).get("user") or row.role or "—"
        done = {"state": WatchState.DONE.value, "done_by": who, "done_at": now, "done_through": "link"}
        connection.execute(_MARK.values(**done, next_look_at=None, owner=None), key)
        note(connection, [Change("reminder", reminder.id, row.call_ref)])
        judge(connection, [row.call_ref], now)
        self._complete(connection, row, reminder, _DONE.format(who=who, at=local_time(now, self._zone)), now)
        _LOG.info("promise.marked_done", call_ref=row.call_ref, call=row.call_id, delivery=reminder.id)

    @staticmethod
    def _complete(connection: Connection, row: Any, reminder: Any, why: str, now: datetime) -> None:
        action = f"done:{reminder.id}"
        key = delivery_key((row.namespace, row.call_id, row.generation), row.decided, action, row.role)
        planned = {
            "call_ref": row.call_ref,
            "decision_ref": row.decision_ref,
            "key": key,
            "action": action,
            "kind": DeliveryKind.COMPLETION.value,
            "role": row.role,
            "text": why,
            "withdraws": reminder.id,
            "deadline_at": row.due_by,
            "not_before": now,
            "cancel": False,
            "attempts": 0,
            "created_at": now,
            "called_at": row.first_occurred_at,
        }
        added = _ADD.one(connection, planned)
        note(connection, [Change("delivery", added.id, row.call_ref)])

    @staticmethod
    def _shown(connection: Connection, row: Any, reminder: Any) -> AskedReminder:
        watched = connection.execute(_SEEN, {"reminder": reminder.id}).first()
        is_done = watched is not None and watched.state == WatchState.DONE
        return AskedReminder(
            call=row.call_ref,
            phone=row.phone,
            client=row.card_name,
            called_at=row.first_occurred_at,
            deadline_at=row.deadline_at,
            is_done=is_done,
            done_at=watched.done_at if is_done and watched else None,
            is_off=row.standing != row.decision_ref or row.state == "withdrawn",
        )


def _blank(row: Any, reminder: Any) -> dict[str, Any]:
    """A reminder that is not in the CRM yet, or that nobody has looked at."""
    flags = dict.fromkeys(("is_missing", "is_reassigned", "is_postponed"), False)
    known = {"delivery_ref": reminder.id, "call_ref": row.call_ref, "remote_id": reminder.remote_id}
    return known | flags | {"state": WatchState.OPEN.value, "due_by": row.due_by}
