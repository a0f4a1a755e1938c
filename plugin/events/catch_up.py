"""Catching up: what changed in the CRM while its events reached nobody is read from it, and taken in like events.

After each start, after an outage, after a silence, or by hand. In pages, in the background: the next one is read once
few events are due, and nothing is read while the account is away. A record that an event named too is the same event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from random import Random

import structlog

from connectors.base import CatchUpPage, Connector, CrmRefused, CrmUnavailable, Reference
from plugin.common.clock import Now
from plugin.config.settings import DeliveryPolicy
from plugin.errors import LedgerUnavailable
from plugin.events.catch_up_progress import CatchUpProgress, CatchUpTurn
from plugin.events.inbox import Inbox, reference_of
from plugin.events.resolver import lease_of
from plugin.ledger import Ledger
from plugin.resilience.backoff import Waits
from plugin.resilience.gates import AccountGates
from plugin.resilience.reads import counted, is_away_now

_LOG = structlog.get_logger(__name__)

#: While so many events are due, those that come in by themselves go before what is caught up.
MOST_DUE = 50
#: How often it is looked whether there is something to do, in seconds.
_PAUSE = 1.0
#: How often it is looked how long it has been quiet, as a part of the silence that is looked into.
_SHARE_OF_QUIET = 0.1
#: No delivery has this number.
_NO_DELIVERY = 0
_NO_HURRY = timedelta(0)


class CatchUp:
    """One process's share of catching up with one account. ``owner`` as of ``Resolver``; ``gates`` are its own.

    ``source``: the name by which the ledger knows the events of the account.
    """

    def __init__(
        self,
        ledger: Ledger,
        connector: Connector,
        source: str,
        gates: AccountGates,
        policy: DeliveryPolicy,
        now: Now,
        owner: str,
        random: Random,
    ) -> None:
        self._ledger = ledger
        self._connector = connector
        self._gates = gates
        self._quiet = timedelta(minutes=policy.quiet_minutes) if policy.quiet_minutes else None
        self._now = now
        self._random = random
        self._waits = Waits(policy)
        lease = lease_of(connector.limits(), policy.lease_margin_seconds)
        self._progress = CatchUpProgress(ledger, connector.name, source, now, owner, lease)
        self._inbox = Inbox(ledger, connector.name, now, owner, lease)
        self._was_away = False
        self._listened_at: datetime | None = None

    def ask(self, why: str, since: datetime | None = None) -> datetime | None:
        """Have it read what changed since then, by default since the account was last heard; since when.

        None where the connector cannot, or nothing was ever heard. Raises LedgerUnavailable.
        """
        if not self._connector.catches_up:
            return None
        asked = self._progress.ask(since)
        if asked is not None:
            _LOG.info("catch_up.asked", connector=self._connector.name, since=asked.isoformat(), why=why)
        return asked

    def step(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Read one page if that is due; the seconds until the next look. Raises LedgerUnavailable."""
        if not self._connector.catches_up or self._is_away():
            return _PAUSE
        self._ask_if_quiet()
        if not self._progress.is_asked() or self._progress.has_backlog(MOST_DUE):
            return _PAUSE
        return 0.0 if self.read_page() else _PAUSE

    def read_page(self) -> int | None:
        """Read the next page that is due and keep what it names; how many, None where none was due or readable."""
        turn = self._progress.take()
        if turn is None:
            return None
        page = self._page(turn)
        if page is None:
            return None
        kept = [item if isinstance(item, Reference) else reference_of(item) for item in page.items]
        if kept:
            self._inbox.keep([(reference, 0.0) for reference in kept])
        # What a kill leaves between the two is read again, and is the same events.
        total = self._progress.advance(turn, page.next_cursor, len(kept))
        if total is not None:
            _LOG.info("catch_up.done", connector=self._connector.name, since=turn.since.isoformat(), records=total)
        return len(kept)

    def read_all(self) -> int | None:
        """Read all that is asked for at once, however much is due; how many records, None where some are left."""
        records = 0
        while not self._is_away() and self._progress.is_asked():
            kept = self.read_page()
            if kept is None:
                return None
            records += kept
        return None if self._progress.is_asked() else records

    # --- details ---------------------------------------------------------------------------------

    def _is_away(self) -> bool:
        """Whether the account is away; what changes meanwhile is to be read once it is back, whatever becomes of us."""
        is_away = is_away_now(self._gates)
        if is_away and not self._was_away:
            self.ask("the account is away")
        self._was_away = is_away
        return is_away

    def _ask_if_quiet(self) -> None:
        """Nobody is told of a way for events that is broken, so a long silence is looked into."""
        if self._quiet is None:
            return
        now = self._now()
        if self._listened_at is not None and abs(now - self._listened_at) < self._quiet * _SHARE_OF_QUIET:
            return
        self._listened_at = now
        last = self._progress.quiet_since()
        if last is not None and now - last >= self._quiet:
            self.ask("no events")

    def _page(self, turn: CatchUpTurn) -> CatchUpPage | None:
        try:
            return counted(self._gates, _NO_DELIVERY, lambda: self._connector.catch_up(turn.since, turn.cursor))
        except (CrmUnavailable, CrmRefused) as error:
            self._failed(turn, str(error), getattr(error, "after", None), anew=isinstance(error, CrmRefused))
        except LedgerUnavailable:
            raise
        except Exception as error:
            # The message may hold personal data.
            _LOG.exception("catch_up.fault", connector=self._connector.name)
            self._failed(turn, f"a fault of the connector: {type(error).__name__}", None, anew=False)
        return None

    def _failed(self, turn: CatchUpTurn, why: str, after: float | None, *, anew: bool) -> None:
        wait = self._waits.after(turn.attempts, _NO_HURRY, self._random, at_least=after)
        self._progress.fail(turn, why, wait, anew=anew and turn.cursor is not None)
        _LOG.warning("catch_up.waits", connector=self._connector.name, why=why, wait=round(wait, 1))


def changed_since(connector: Connector, since: datetime) -> Iterator[CatchUpPage]:
    """All pages of what changed since then, read and not taken. Raises CrmUnavailable, CrmRefused."""
    cursor = None
    while True:
        page = connector.catch_up(since, cursor)
        yield page
        cursor = page.next_cursor
        if cursor is None:
            return
