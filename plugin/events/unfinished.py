"""Reminds of calls that were never finished, in time instead of never (contract 3.3). Safe from several processes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import EventError, LedgerUnavailable, OptoutError
from plugin.events.apply import move_of, save_move, unfinished_move
from plugin.events.decide_call import RevisionCache, RevisionNotLoaded, decide_call, pin_of
from plugin.events.queries import call_at, reports_of, save_call, standing_decision, unfinished_calls
from plugin.ledger import Ledger

_LOG = structlog.get_logger(__name__)

#: Calls dealt with in one sweep; the rest wait for the next one.
_AT_ONCE = 100
#: A call that the rules cannot deal with is tried again after this time, and logged each time.
_AGAIN_AFTER = timedelta(minutes=30)


def remind_of_unfinished(ledger: Ledger, rules: ActiveRules, settings: Settings, now: Now) -> int:
    """Plan the reminder of every call that has waited for its end for too long; how many there were.

    Raises LedgerUnavailable, and ConfigError where no rules are active.
    """
    with ledger.read() as connection:
        due = unfinished_calls(connection, now(), _AT_ONCE)
    if not due:
        return 0
    sweep = _Sweep(ledger, rules, settings, now())
    return sum([sweep.remind(call) for call in due])


class _Sweep:
    def __init__(self, ledger: Ledger, rules: ActiveRules, settings: Settings, now: datetime) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        self._at_hand = RevisionCache(rules.current(), crm_mails=settings.crm.sends_mail)

    def remind(self, call: int) -> bool:
        """Whether this call was reminded of now. One that the rules cannot deal with does not hold up the others."""
        try:
            return self._with_its_revision(call)
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            _LOG.error("events.unfinished_undecided", call_ref=call, code=error.code, why=_why(error))
            with self._ledger.write() as connection:
                self._postpone(connection, call)
            return False

    def _with_its_revision(self, call: int) -> bool:
        try:
            with self._ledger.write() as connection:
                return self._plan(connection, call)
        except RevisionNotLoaded as needed:
            self._at_hand.add(self._rules.at(needed.revision))
        with self._ledger.write() as connection:
            return self._plan(connection, call)

    def _plan(self, connection: Connection, id_: int) -> bool:
        call = call_at(connection, id_)
        if call.unfinished_at is None or call.unfinished_at > self._now:
            return False
        reports = reports_of(connection, id_)
        rulebook = self._at_hand.at(pin_of(reports))
        weighed = decide_call(
            call,
            rulebook.script(call.script),
            reports,
            modes=self._at_hand.modes(rulebook),
            received=self._now,
            zone=self._settings.timezone,
        )
        if weighed.decision.complete:
            # Rules activated since then ask for less.
            move = move_of(connection, weighed, timedelta(0))
        else:
            move = unfinished_move(connection, weighed, call, standing_decision(connection, call))
        save_call(connection, move.call)
        save_move(connection, weighed, move, id_, None)
        _LOG.info("events.unfinished", call=call.call_id, generation=call.generation, planned=len(move.plan.add))
        return True

    def _postpone(self, connection: Connection, id_: int) -> None:
        call = call_at(connection, id_)
        if call.unfinished_at is not None and call.unfinished_at <= self._now:
            save_call(connection, replace(call, unfinished_at=self._now + _AGAIN_AFTER))


def _why(error: OptoutError) -> str:
    return ", ".join(sorted(error.fields)) if isinstance(error, EventError) else str(error)
