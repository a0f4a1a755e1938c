"""Reads the cards that could not be read when their events came in, and decides those calls once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import structlog
from sqlalchemy import Connection, bindparam, select, update

from connectors.base import CrmRefused, CrmUnavailable
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.events.card_fields import CardFieldReader, facts_of_card
from plugin.events.decide_call import decide_stored
from plugin.events.load_call import load_call, lock_call
from plugin.events.plan_change import plan_change
from plugin.events.revision_cache import RevisionCache
from plugin.events.save_change import save_change
from plugin.events.unread_cards import UnreadCard, due_cards, postpone_card, settle_card
from plugin.ledger import Ledger
from plugin.ledger.chain import Change, note
from plugin.ledger.schema import calls, events
from plugin.resilience.backoff import doubled
from plugin.resilience.health import KNOWN_AWAY

_LOG = structlog.get_logger(__name__)

_AT_ONCE = 50
#: After each try in vain it is waited twice as long, from the first to the last; in the end it is given up.
_FIRST_WAIT, _LONGEST_WAIT = timedelta(seconds=5), timedelta(minutes=10)
_GIVEN_UP_AFTER = timedelta(days=3)
_CALL = select(calls.c.card_type, calls.c.card_id, calls.c.phone, calls.c.purged_at).where(
    calls.c.id == bindparam("call")
)
_KEEP = update(events).where(events.c.id == bindparam("event"))


class LateCardFields:
    """Safe from several processes; ``wake`` has what was planned delivered at once."""

    def __init__(
        self,
        ledger: Ledger,
        rules: ActiveRules,
        settings: Settings,
        reader: CardFieldReader,
        now: Now,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._reader = reader
        self._now = now
        self._wake = wake

    def step(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Read for what is due; the seconds until the next time. Raises LedgerUnavailable."""
        with self._ledger.read() as connection:
            due = due_cards(connection, self._now(), _AT_ONCE)
        for card in due:
            if stopped() or not self._read(card):
                break
        return self._settings.delivery.poll_seconds

    def _read(self, card: UnreadCard) -> bool:
        """Read one; False where the CRM is away, so that the others need not be tried."""
        try:
            with self._ledger.read() as connection:
                call = connection.execute(_CALL, {"call": card.call_ref}).one()
            held: Mapping[str, str | bool] = {}
            if call.purged_at is None:
                held = self._reader.ask(call.card_type, call.card_id, call.phone, card.fields).fields
            self._decided(card, held)
        except (CrmUnavailable, CrmRefused) as error:
            self._put_off(card, str(error))
            return getattr(error, "code", None) != KNOWN_AWAY
        except LedgerUnavailable:
            raise
        except OptoutError as error:
            self._put_off(card, error.code)
        return True

    def _put_off(self, card: UnreadCard, why: str) -> None:
        now = self._now()
        with self._ledger.write() as connection:
            if now - card.since < _GIVEN_UP_AFTER:
                wait = doubled(_FIRST_WAIT, _LONGEST_WAIT, card.tries)
                postpone_card(connection, card, wait, now)
                return
            settle_card(connection, card)
        _LOG.error("events.card_given_up", call_ref=card.call_ref, fields=list(card.fields), why=why)

    def _decided(self, card: UnreadCard, held: Mapping[str, str | bool]) -> None:
        revisions = RevisionCache(self._rules, crm_mails=self._settings.crm.sends_mail)

        def decide() -> bool:
            with self._ledger.write() as connection:
                return self._decide(connection, card, held, revisions)

        if revisions.complete(decide):
            self._wake()

    def _decide(
        self, connection: Connection, card: UnreadCard, held: Mapping[str, str | bool], revisions: RevisionCache
    ) -> bool:
        """Whether the call is decided otherwise now; by the rules that decided it, whatever was published since."""
        call = lock_call(connection, card.call_ref)
        if not settle_card(connection, card) or not held:
            return False
        current = load_call(connection, card.call_ref).current
        revision = current.revision if current else None
        read = facts_of_card(revisions.at(revision).script(call.script), held)
        # What the event told stays as it was told: it is chained.
        connection.execute(_KEEP.values(card_facts=read), {"event": card.event_ref})
        note(connection, [Change("card", card.event_ref, card.call_ref)])
        loaded = load_call(connection, card.call_ref)
        zone, unfinished = self._settings.timezone, self._settings.delivery.unfinished_after_minutes
        change = plan_change(
            decide_stored(loaded, revisions, self._now(), zone, revision), timedelta(minutes=unfinished)
        )
        save_change(connection, change)
        _LOG.info("events.card_read", call=call.call_id, planned=len(change.plan.add))
        return bool(change.plan.add)
