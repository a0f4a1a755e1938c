"""Resolves the kept events of the CRM into call results, again and again until the CRM shows what they name.

Any number of processes may do so on one ledger. No event is given up by itself: one that will never work is parked for
a human, and one that waits (for the CRM, for a value's mapping, for rules that decide) goes on waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from random import Random
from typing import Any

import structlog
from sqlalchemy import bindparam, select

from connectors.base import Connector, CrmRefused, CrmUnavailable, Limits, NotMapped, Reference
from plugin.common.clock import Now
from plugin.config.settings import DeliveryPolicy
from plugin.errors import LedgerUnavailable
from plugin.events.inbox import REMEMBERED, RESULT, Inbox, InboxEnding, InboxEvent
from plugin.events.intake import Intake
from plugin.events.respond import TAKEN, EventResponse
from plugin.ledger import Ledger
from plugin.ledger.schema import breakers
from plugin.resilience.backoff import LONGEST_TURN, Waits
from plugin.resilience.gates import AccountGates
from plugin.resilience.lanes import Lane
from plugin.resilience.reads import counted, is_away_now

_LOG = structlog.get_logger(__name__)

_WHY = select(breakers.c.why).where(breakers.c.account == bindparam("account"))
#: There is no deadline to measure the waits against before it is known what the event is about.
_NO_HURRY = timedelta(0)
#: How often finished events are looked through for those to forget.
_TIDY = timedelta(minutes=10)
#: How soon a stop is noticed while nothing happens, in seconds.
_NOTICE = 0.2


def lease_of(limits: Limits, margin_seconds: float) -> float:
    """For how long an event that is being resolved is not taken over, in seconds."""
    return limits.requests_per_event * (LONGEST_TURN + limits.connect_seconds + limits.read_seconds) + margin_seconds


class Resolver:
    """One process's share of the kept events of a ledger. ``owner`` as of ``plugin.delivery.Worker``.

    ``gates`` are this object's own. ``random`` varies the waits.
    """

    def __init__(
        self,
        ledger: Ledger,
        connector: Connector,
        intake: Intake,
        gates: AccountGates,
        policy: DeliveryPolicy,
        now: Now,
        owner: str,
        random: Random,
    ) -> None:
        self._ledger = ledger
        self._connector = connector
        self._intake = intake
        self._gates = gates
        self._policy = policy
        self._now = now
        self._random = random
        self._waits = Waits(policy)
        lease = lease_of(connector.limits(), policy.lease_margin_seconds)
        self._inbox = Inbox(ledger, connector.name, now, owner, lease)
        self._was_away = False
        self._tidied_at: datetime | None = None
        self._ledger_gone = False

    def run_once(self) -> int:
        """Take on what is due, at most as many as there are threads; how many. Raises LedgerUnavailable."""
        with self._pool() as pool:
            return self._round(pool)

    def run(self, stop: threading.Event) -> None:
        """Resolve until ``stop`` is set, then finish what has been begun."""
        retried = False
        with self._pool() as pool:
            while not stop.is_set():
                wait = self._policy.poll_seconds
                try:
                    if not retried:
                        # An admin may have mapped values since the last start.
                        self._inbox.retry_unmapped()
                        retried = True
                    if self._round(pool):
                        wait = 0.0
                    else:
                        self._tidy()
                    self._tell_ledger(None)
                except LedgerUnavailable as error:
                    self._tell_ledger(error)
                    wait = max(wait, float(error.retry_after))
                except Exception:
                    _LOG.exception("events.loop_fault")
                stop.wait(wait)

    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._policy.threads, thread_name_prefix="events")

    def _round(self, pool: ThreadPoolExecutor) -> int:
        self._gates.refresh()
        was_away, self._was_away = self._was_away, self._gates.is_away(Lane.CRM)
        if self._was_away:
            return 0
        if was_away:
            # Each waits as long as it would have waited for a single failure of its own.
            self._inbox.wake()
        claimed = self._inbox.claim(self._policy.threads)
        for future in [pool.submit(self._handle, kept) for kept in claimed]:
            future.result()
        return len(claimed)

    def _handle(self, kept: InboxEvent) -> None:
        ending = self._ending(kept)
        state = self._inbox.finish(kept, ending)
        log = _LOG.bind(kept=kept.id, connector=self._connector.name, record_kind=kept.reference.kind)
        if state is None:
            log.warning("events.lease_lost")
        elif state == "parked":
            log.error("events.parked", why=ending.why)
        elif ending.state == "waiting":
            log.warning("events.waits", why=ending.why, wait=round(ending.wait, 1))
        else:
            log.info("events.resolved", state=state)

    # --- one event -------------------------------------------------------------------------------

    def _ending(self, kept: InboxEvent) -> InboxEnding:
        """How far it gets now. Raises LedgerUnavailable: its lease runs out, and another process takes it over."""
        try:
            result = kept.reference.data if kept.reference.kind == RESULT else self._resolve(kept)
        except NotMapped as error:
            return self._not_mapped(kept, error)
        except CrmUnavailable as error:
            # Our own quota gives no turns while the account is shut.
            is_turn = error.status is None and error.after is not None
            why = (self._away() if is_turn else None) or str(error)
            return InboxEnding("waiting", self._wait(kept, error.after), why, answered=False)
        except CrmRefused as error:
            return InboxEnding("parked", why=f"the CRM does not show it: {error}")
        except LedgerUnavailable:
            raise
        except Exception as error:
            # The message may hold personal data.
            _LOG.exception("events.fault", kept=kept.id, connector=self._connector.name)
            why = f"a fault of the connector: {type(error).__name__}"
            parks = kept.faults + 1 >= self._policy.most_faults
            return InboxEnding("parked" if parks else "waiting", self._wait(kept), why, answered=False, fault=True)
        if not isinstance(result, Mapping):
            return self._several(result)
        return self._taken(kept, self._intake.receive_results(self._connector.name, [result]))

    def _away(self) -> str | None:
        """Why the account is away or shut, None where it is neither. Raises LedgerUnavailable."""
        if not is_away_now(self._gates):
            return None
        with self._ledger.read() as connection:
            why = connection.execute(_WHY, {"account": self._connector.name}).scalar_one_or_none()
        return why or "the account is away"

    def _resolve(self, kept: InboxEvent) -> Mapping[str, Any] | Sequence[Reference] | None:
        """The call result that the CRM makes of it; the account's gates learn whether the account answers."""
        why = self._away()
        if why is not None:
            raise CrmUnavailable(why)
        return counted(self._gates, -kept.id, lambda: self._connector.resolve(kept.reference))

    def _several(self, found: Sequence[Reference] | None) -> InboxEnding:
        """An event that could be read only now is replaced by the calls that it names."""
        if found is None:
            return InboxEnding("ignored")
        self._inbox.keep([(one, 0.0) for one in found])
        return InboxEnding("done")

    def _taken(self, kept: InboxEvent, answer: EventResponse) -> InboxEnding:
        if answer.status in TAKEN:
            return InboxEnding("done")
        why = refusal(answer)
        if answer.status == 503:
            return InboxEnding("waiting", self._wait(kept, float(answer.headers.get("Retry-After", 0))), why)
        return InboxEnding("parked", why=why)

    def _not_mapped(self, kept: InboxEvent, error: NotMapped) -> InboxEnding:
        about = {"field": error.field, "value": error.value, "fact": error.fact, "why": str(error)[:500]}
        cause = f"{error.field}={error.value}" if error.field is not None else str(error)
        return InboxEnding("waiting", self._wait(kept), str(error), cause[:300], about)

    def _wait(self, kept: InboxEvent, at_least: float | None = None) -> float:
        return self._waits.after(kept.attempts, _NO_HURRY, self._random, at_least=at_least)

    # --- around it -------------------------------------------------------------------------------

    def _tidy(self) -> None:
        now = self._now()
        if self._tidied_at is None or abs(now - self._tidied_at) >= _TIDY:
            self._tidied_at = None if self._inbox.forget(now - REMEMBERED) else now

    def _tell_ledger(self, error: LedgerUnavailable | None) -> None:
        """Log that the ledger went away, once, and its return, once."""
        if error is not None and not self._ledger_gone:
            _LOG.error("ledger.unavailable", why=error.message)
        elif error is None and self._ledger_gone:
            _LOG.info("ledger.available")
        self._ledger_gone = error is not None


def refusal(answer: EventResponse) -> str:
    """Why a call result was not taken, without its values."""
    error = answer.body.get("error", {})
    fields = ", ".join(sorted(error.get("fields", {})))
    return f"{error.get('code', answer.status)}: {fields or error.get('message', '')}"
