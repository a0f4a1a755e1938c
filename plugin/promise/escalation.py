"""Tells people of promises that are not kept yet, as [[escalation]] in the rules says: before the deadline and after.

What is told is planned as deliveries under keys of their own, so it goes out, is repeated and is shown like everything
else, and once. A promise that is kept is silent: what the CRM said lately is waited for, but not for long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, select, tuple_, update

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset.model import EscalationStep
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.events.calls import Call
from plugin.ledger import Ledger
from plugin.ledger.promises import WatchState, promises, watched_reminders
from plugin.ledger.schema import UtcTime, calls, decisions, deliveries
from plugin.ledger.states import DeliveryState
from plugin.promise.bookkeeping import IS_REMINDER, IS_UNSETTLED, judge
from plugin.promise.escalation_messages import EscalatedCall, UndoneReminder, save_messages
from plugin.promise.promise_state import PATIENCE

_LOG = structlog.get_logger(__name__)

#: A look is recent enough if it was no longer before the step's moment than this.
_FRESH = timedelta(minutes=10)
_AT_ONCE = 1_000
_PAUSE = 10.0

_p, _d, _w = promises.c, deliveries.c, watched_reminders.c
_WINDOW = (
    select(_p.id, _p.call_ref, _p.due_by, _p.watched_from, _p.escalated_to, calls.c.script)
    .join(calls, calls.c.id == _p.call_ref)
    .where(
        IS_UNSETTLED,
        calls.c.purged_at.is_(None),
        _p.due_by >= bindparam("since", type_=UtcTime),
        _p.due_by <= bindparam("until", type_=UtcTime),
        tuple_(_p.due_by, _p.id) > tuple_(bindparam("last_due", type_=UtcTime), bindparam("last_id")),
    )
    .order_by(_p.due_by, _p.id)
    .limit(_AT_ONCE)
)
_LOCKED = (
    select(
        *(_p.call_ref, _p.decision_ref, _p.escalated_to, _p.watched_from, _p.due_by.label("promised_by")),
        *(calls.c[field.name] for field in fields(Call)),
        *(decisions.c.number.label("decided"), decisions.c.facts),
    )
    .join(calls, calls.c.id == _p.call_ref)
    .join(decisions, decisions.c.id == _p.decision_ref)
    .where(_p.call_ref == bindparam("call"), IS_UNSETTLED)
    .with_for_update(of=promises)
)
_UNDONE = (
    select(
        *(_d.id, _d.role, _d.subject, _d.text, _d.sent_text, _d.state),
        *(_w.looked_at, _w.remote_id, _w.is_missing, _w.delivery_ref),
    )
    .outerjoin(watched_reminders, _w.delivery_ref == _d.id)
    .where(
        _d.decision_ref == bindparam("decision"),
        IS_REMINDER,
        _d.state != DeliveryState.CANCELLED.value,
        _w.state.is_distinct_from(WatchState.DONE.value),
    )
    .order_by(_d.id)
)
_LOOK_NOW = (
    update(watched_reminders)
    .where(_w.delivery_ref.in_(bindparam("ids", expanding=True)), _w.owner.is_(None))
    .values(next_look_at=bindparam("now", type_=UtcTime))
)
_TOLD = update(promises).where(_p.call_ref == bindparam("of"))


def steps_due(
    steps: Sequence[EscalationStep], due_by: datetime, since: datetime, now: datetime
) -> list[tuple[EscalationStep, datetime]]:
    """The steps whose moments lie after ``since`` and up to ``now``, each with its moment.

    Of several for the same people only the last: after an outage nobody is told what has been overtaken.
    """
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[EscalationStep, datetime]] = {}
    for step in steps:
        moment = due_by + timedelta(hours=step.hours)
        if since < moment <= now:
            found[step.roles, step.by] = (step, moment)
    return list(found.values())


class Escalation:
    """Plans what is due; any number of processes may. ``wake`` has it delivered at once."""

    def __init__(
        self, ledger: Ledger, rules: ActiveRules, settings: Settings, now: Now, wake: Callable[[], None] = lambda: None
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        self._wake = wake
        self._faulty: set[int] = set()

    def step(self) -> float:
        """Plan what is due; the seconds until the next time. Raises LedgerUnavailable."""
        try:
            book = self._rules.current()
        except LedgerUnavailable:
            raise
        except OptoutError:
            return _PAUSE
        steps = {name: decider.script.escalation for name, decider in book.scripts.items()}
        if any(steps.values()):
            planned = sum(self._tried(book, call, steps) for call in self._candidates(steps))
            if planned:
                self._wake()
        return _PAUSE

    def _tried(self, book: Rulebook, call: int, steps: Mapping[str, Sequence[EscalationStep]]) -> int:
        """As ``_escalate``; a call that the rules cannot deal with does not hold up the others."""
        try:
            return self._escalate(book, call, steps)
        except LedgerUnavailable:
            raise
        except Exception:
            if call not in self._faulty:
                _LOG.exception("promise.fault", part="escalation", call_ref=call)
            self._faulty.add(call)
            return 0

    def _candidates(self, steps: Mapping[str, Sequence[EscalationStep]]) -> list[int]:
        """The calls with a step that is due and has not been planned."""
        hours = [step.hours for some in steps.values() for step in some]
        found: list[int] = []
        with self._ledger.read() as connection:
            now = self._ledger.moment(connection, self._now)
            since = now - timedelta(hours=max(*hours, 0)) - timedelta(days=1)
            window = {"since": since, "until": now - timedelta(hours=min(hours)), "last_due": since, "last_id": 0}
            while rows := connection.execute(_WINDOW, window).all():
                for row in rows:
                    after = row.escalated_to or row.watched_from
                    if steps_due(steps.get(row.script, ()), row.due_by, after, now):
                        found.append(row.call_ref)
                window |= {"last_due": rows[-1].due_by, "last_id": rows[-1].id}
        return found

    def _escalate(self, book: Rulebook, call: int, steps: Mapping[str, Sequence[EscalationStep]]) -> int:
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            judge(connection, [call], now)
            found = connection.execute(_LOCKED, {"call": call}).mappings().first()
            if found is None:
                return 0
            row: dict[str, Any] = {str(name): value for name, value in found.items()}
            due = steps_due(steps.get(row["script"], ()), row["promised_by"], _since(row), now)
            undone = connection.execute(_UNDONE, {"decision": row["decision_ref"]}).all()
            if not due or not undone or self._waits(connection, undone, max(moment for _, moment in due), now):
                return 0
            escalated = EscalatedCall.of(row, [_undone(one) for one in undone])
            planned = sum(save_messages(connection, book, self._settings, step, escalated, now) for step, _ in due)
            told = max(moment for _, moment in due)
            connection.execute(_TOLD.values(escalated_to=told, changed_at=now), {"of": call})
        names = [step.id for step, _ in due]
        _LOG.warning("promise.escalated", call_ref=call, call=row["call_id"], steps=names, messages=planned)
        return planned

    @staticmethod
    def _waits(connection: Connection, undone: Sequence[Any], moment: datetime, now: datetime) -> bool:
        """Whether the CRM is asked first: some reminder that is in it was not looked at lately."""
        if now >= moment + PATIENCE:
            return False
        stale = [one for one in undone if one.delivery_ref and one.remote_id and not _is_fresh(one.looked_at, moment)]
        if stale:
            connection.execute(_LOOK_NOW, {"ids": [one.delivery_ref for one in stale], "now": now})
        return bool(stale)


def _since(row: Mapping[str, Any]) -> datetime:
    since: datetime = row["escalated_to"] or row["watched_from"]
    return since


def _is_fresh(looked_at: datetime | None, moment: datetime) -> bool:
    return looked_at is not None and looked_at >= moment - _FRESH


def _undone(row: Any) -> UndoneReminder:
    is_written = row.state == DeliveryState.DONE
    return UndoneReminder(
        row.role or "", row.subject or "", row.sent_text or row.text, is_written, bool(row.is_missing)
    )
