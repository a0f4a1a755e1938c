"""Reminds of calls that were never finished, in time instead of never (contract 3.3). Safe from several processes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, bindparam, select

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import EventError, LedgerUnavailable, OptoutError
from plugin.events.calls import Call
from plugin.events.decide_call import decide_stored
from plugin.events.load_call import load_call, lock_call
from plugin.events.plan_change import plan_overdue
from plugin.events.revision_cache import RevisionCache
from plugin.events.save_change import save_call, save_change
from plugin.ledger import Ledger
from plugin.ledger.schema import calls

_LOG = structlog.get_logger(__name__)

#: Calls dealt with in one sweep; the rest wait for the next one.
_AT_ONCE = 100
#: A call that the rules cannot deal with is tried again after this time, and logged each time.
_AGAIN_AFTER = timedelta(minutes=30)

_OVERDUE = (
    select(calls.c.id)
    .where(calls.c.unfinished_at <= bindparam("now", type_=calls.c.unfinished_at.type))
    .order_by(calls.c.unfinished_at, calls.c.id)
    .limit(_AT_ONCE)
)


def remind_of_unfinished(ledger: Ledger, rules: ActiveRules, settings: Settings, now: Now) -> int:
    """Plan the reminder of every call that has waited for its end for too long; how many there were.

    Raises LedgerUnavailable, and ConfigError where no rules are active.
    """
    with ledger.read() as connection:
        overdue = connection.execute(_OVERDUE, {"now": now()}).scalars().all()
    if not overdue:
        return 0
    sweep = _Sweep(ledger, rules, settings, now())
    return sum([sweep.remind(call) for call in overdue])


class _Sweep:
    def __init__(self, ledger: Ledger, rules: ActiveRules, settings: Settings, now: datetime) -> None:
        self._ledger = ledger
        self._zone = settings.timezone
        self._now = now
        self._revisions = RevisionCache(rules, crm_mails=settings.crm.sends_mail)

    def remind(self, id_: int) -> bool:
        """Whether this call was reminded of now. One that the rules cannot deal with does not hold up the others."""
        try:
            return self._revisions.complete(lambda: self._planned(id_))
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            _LOG.error("events.unfinished_undecided", call_ref=id_, code=error.code, why=_why(error))
            with self._ledger.write() as connection:
                call = lock_call(connection, id_)
                if self._is_overdue(call):
                    save_call(connection, replace(call, unfinished_at=self._now + _AGAIN_AFTER))
            return False

    def _planned(self, id_: int) -> bool:
        with self._ledger.write() as connection:
            return self._plan(connection, id_)

    def _plan(self, connection: Connection, id_: int) -> bool:
        loaded = load_call(connection, id_)
        call = loaded.call
        if not self._is_overdue(call):
            return False
        change = plan_overdue(decide_stored(loaded, self._revisions, self._now, self._zone))
        save_change(connection, change)
        _LOG.info("events.unfinished", call=call.call_id, generation=call.generation, planned=len(change.plan.add))
        return True

    def _is_overdue(self, call: Call) -> bool:
        return call.unfinished_at is not None and call.unfinished_at <= self._now


def _why(error: OptoutError) -> str:
    return ", ".join(sorted(error.fields)) if isinstance(error, EventError) else str(error)
