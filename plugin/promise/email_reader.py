"""Reads the e-mail addresses of those who refused mailings from their cards, and keeps them with their number.

Only of a refusal that is about the card's client: where it is about the number alone, the card may be another person's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import and_, bindparam, delete, func, select, update

from connectors.base import CardRef, CrmRefused, CrmUnavailable
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.delivery.model import Place
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.ledger import Ledger
from plugin.ledger.insert import insert_if_absent
from plugin.ledger.schema import UtcTime, calls, decisions
from plugin.ledger.suppressed_emails import email_reads, suppressed_emails
from plugin.ledger.suppression import suppressions
from plugin.ledger.walk import TableWalk
from plugin.promise.email_list import MAILINGS, address_in
from plugin.resilience.backoff import doubled
from plugin.resilience.health import KNOWN_AWAY
from plugin.resilience.reads import Reads

_LOG = structlog.get_logger(__name__)

#: Statements, and cards, of one step; the seconds between two steps.
_AT_ONCE = 200
_CARDS = 20
_PAUSE = 5.0
#: After each try in vain it is waited twice as long, from the first to the last; in the end it is given up.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
_GIVEN_UP_AFTER = timedelta(days=3)
#: More addresses are no one person's.
_MOST_ADDRESSES = 10

_NAME = "emails"
_s = suppressions.c
_NEWEST = select(func.max(_s.id))
_SAID = (
    select(_s.id, _s.scope, _s.suppresses, _s.call_ref)
    .where(_s.id > bindparam("after"), _s.id <= bindparam("until"))
    .order_by(_s.id)
    .limit(_AT_ONCE)
)
_DUE = (
    select(email_reads)
    .where(email_reads.c.not_before <= bindparam("now", type_=UtcTime))
    .order_by(email_reads.c.not_before, email_reads.c.suppression_ref)
    .limit(_CARDS)
)
_STATEMENT = (
    select(
        *(_s.number, calls.c.script, calls.c.card_type, calls.c.card_id),
        *(decisions.c.outcome, decisions.c.target, decisions.c.card),
    )
    .join(calls, calls.c.id == _s.call_ref)
    .join(decisions, and_(decisions.c.call_ref == calls.c.id, decisions.c.number == calls.c.decision_number))
    # A call that was left unfinished and then completed has two decisions of one number.
    .where(decisions.c.outcome.is_not(None))
    .where(_s.id == bindparam("id"), _s.withdrawn_at.is_(None), calls.c.purged_at.is_(None))
)
_THIS = email_reads.c.suppression_ref == bindparam("of")


class EmailReader:
    """Any number of processes may read; each address is kept once. ``reads``: the CRM's. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, rules: ActiveRules, reads: Reads, now: Now) -> None:
        self._ledger = ledger
        self._rules = rules
        self._reads = reads
        self._now = now
        self._walk = TableWalk(_NAME, _NEWEST)

    def step(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Note what was said since, and read some cards; the seconds until the next time."""
        with self._ledger.read() as connection:
            settled = self._walk.settled(connection)
        if settled is None:
            with self._ledger.write() as connection:
                self._walk.begin(connection)
            return _PAUSE
        more = self._note(settled)
        with self._ledger.read() as connection:
            due = connection.execute(_DUE, {"now": self._now()}).all()
        for row in due:
            if stopped() or not self._read(row):
                return _PAUSE
        return 0.0 if more or len(due) == _CARDS else _PAUSE

    def _note(self, until: int) -> bool:
        """Remember the refusals up to this statement; whether there are more."""
        with self._ledger.read() as connection:
            if self._walk.is_past(connection, until):
                return False
        with self._ledger.write() as connection:
            after = self._walk.after(connection, until)
            said = connection.execute(_SAID, {"after": after, "until": until}).all()
            now = self._now()
            for row in said:
                if row.scope == MAILINGS and row.suppresses and row.call_ref is not None:
                    new = {"suppression_ref": row.id, "since": now, "not_before": now, "tries": 0}
                    insert_if_absent(connection, email_reads, new)
            done = said[-1].id if len(said) == _AT_ONCE else until
            self._walk.move(connection, after, done)
        return len(said) == _AT_ONCE

    def _read(self, row: Any) -> bool:
        """Read one card; False where the CRM is away, so that the others need not be tried."""
        try:
            with self._ledger.read() as connection:
                said = connection.execute(_STATEMENT, {"id": row.suppression_ref}).one_or_none()
            if said is None or not self._is_about_client(said):
                self._settle(row, None, ())
                return True
            place = _place(said)
            if place is None:
                # The card of another client is looked for when something is written to it.
                self._put_off(row, "the card is not known yet")
            elif place.fallback or place.card is None:
                self._settle(row, None, ())
            else:
                card = self._reads.read_card(place.card)
                self._settle(row, said.number, () if card is None else card.emails)
        except (CrmUnavailable, CrmRefused) as error:
            self._put_off(row, str(error))
            return error.code != KNOWN_AWAY
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            self._put_off(row, error.code)
        except Exception as error:
            # The code is at fault: it must not hold up the others.
            _LOG.error("suppression.email_fault", statement=row.suppression_ref, exc_info=error)
            self._put_off(row, type(error).__name__)
        return True

    def _is_about_client(self, said: Any) -> bool:
        """By the rules that are active now; of an outcome that they do not have nothing is known."""
        decider = self._rules.current().scripts.get(said.script)
        outcome = None if decider is None else decider.script.outcomes.get(said.outcome or "")
        return outcome is not None and outcome.about == "client"

    def _settle(self, row: Any, number: str | None, emails: tuple[str, ...]) -> None:
        addresses = list(dict.fromkeys(filter(None, map(address_in, emails))))[:_MOST_ADDRESSES]
        with self._ledger.write() as connection:
            connection.execute(delete(email_reads).where(_THIS), {"of": row.suppression_ref})
            for address in addresses:
                new = {"number": number, "address": address, "noted_at": self._now()}
                insert_if_absent(connection, suppressed_emails, new)

    def _put_off(self, row: Any, why: str) -> None:
        now = self._now()
        with self._ledger.write() as connection:
            if now - row.since < _GIVEN_UP_AFTER:
                wait = doubled(_FIRST_WAIT, _LONGEST_WAIT, row.tries)
                later = update(email_reads).where(_THIS).values(not_before=now + wait, tries=row.tries + 1)
                connection.execute(later, {"of": row.suppression_ref})
                return
            connection.execute(delete(email_reads).where(_THIS), {"of": row.suppression_ref})
        _LOG.error("suppression.emails_given_up", statement=row.suppression_ref, why=why)


def _place(said: Any) -> Place | None:
    """Whose card the decision is about; None while that is not known."""
    if said.target is None and said.card_id and said.card_type:
        return Place(CardRef(said.card_type, said.card_id))
    return Place.of(said.card)
