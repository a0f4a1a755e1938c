"""A circuit breaker per account, shared by every process of a ledger: an outage costs probes, not storms.

After so many failures in a row that are the account's (not one record's), or after one refused log-in, nothing is sent
to it but one probe an interval; as soon as one works, everything goes on. That the account went away is logged once,
and its return once. Of refusals that may be the account's or one mail's alone, two of different mails in a row are
enough: the first one told nothing, and every further mail that is refused makes the sender's name worse.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, Row, bindparam, select, update

from connectors.base import Connector, CrmRefused, CrmUnavailable
from plugin.common.clock import Now
from plugin.config.settings import DeliveryPolicy
from plugin.ledger import Ledger
from plugin.ledger.insert import lock_or_insert
from plugin.ledger.schema import breakers
from plugin.resilience.health import Health, Verdict, of_read

_LOG = structlog.get_logger(__name__)

_ROW = select(breakers).where(breakers.c.account == bindparam("name"))
_LOCKED = _ROW.with_for_update()
_UPDATE = update(breakers).where(breakers.c.account == bindparam("name"))
#: Mails refused in a row that show that it is the account.
_REFUSALS = 2


@dataclass(frozen=True, slots=True)
class BreakerState:
    """The health of an account: failures in a row that are its own, and deliveries whose failure may be theirs."""

    failures: int = 0
    suspects: tuple[int, ...] = ()
    opened_at: datetime | None = None
    probed_at: datetime | None = None
    probe_wait: float = 0.0
    why: str | None = None
    blocked: bool = False

    @property
    def is_clean(self) -> bool:
        return self == BreakerState()

    def columns(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self)

    def probe_due(self, now: datetime) -> bool:
        """Whether the next probe may go out. A clock that was set back does not put it off."""
        if self.opened_at is None or self.probed_at is None:
            return False
        passed = (now - self.probed_at).total_seconds()
        return passed < 0 or passed >= self.probe_wait


def probe_interval(policy: DeliveryPolicy, blocked: bool) -> float:
    """How long it is from one probe to the next, in seconds: every call to a blocked account makes it worse."""
    return max(policy.probe_seconds, policy.blocked_probe_seconds) if blocked else policy.probe_seconds


def after_failure(
    state: BreakerState, verdict: Verdict, delivery: int, now: datetime, policy: DeliveryPolicy
) -> BreakerState:
    """The state after one more failure. Pure."""
    surely = verdict.health is Health.AWAY
    failures = min(state.failures + surely, policy.breaker_failures)
    suspects = state.suspects
    if not surely and delivery not in suspects and len(suspects) < policy.breaker_failures:
        suspects = (*suspects, delivery)
    # Whatever else is met meanwhile: only an answer shows that the account is no longer blocked.
    blocked = state.blocked or verdict.blocked
    why = state.why if state.blocked and not verdict.blocked else verdict.why[:500] or None
    state = replace(state, failures=failures, suspects=suspects, why=why, blocked=blocked)
    needed = 1 if verdict.at_once else _REFUSALS if verdict.health is Health.REFUSED else policy.breaker_failures
    if state.opened_at is None and not blocked and failures + len(suspects) < min(needed, policy.breaker_failures):
        return state
    wait = max(probe_interval(policy, blocked), min(verdict.after or 0.0, policy.longest_retry_after_seconds))
    return replace(state, opened_at=state.opened_at or now, probed_at=now, probe_wait=wait)


class Breaker:
    """The breaker of one account. Thread-safe. Everything that asks the ledger raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, account: str, policy: DeliveryPolicy, now: Now) -> None:
        self.account = account
        self._ledger = ledger
        self._policy = policy
        self._now = now
        self._lock = threading.Lock()
        self._state = BreakerState()

    @property
    def is_open(self) -> bool:
        """Whether the account was away when this process last looked."""
        return self._state.opened_at is not None

    @property
    def is_blocked(self) -> bool:
        """Whether the CRM had blocked the account when this process last looked."""
        return self._state.blocked

    @property
    def suspects(self) -> tuple[int, ...]:
        """The deliveries whose failure has been counted already, so that another one of theirs says nothing new."""
        return self._state.suspects

    def refresh(self, row: Row[Any] | None) -> None:
        """Take over what the other processes have found out: the breaker's row in the ledger, None without any."""
        self._keep(_read(row))

    def take_probe(self, now: datetime) -> bool:
        """Whether this process is the one to probe now; no other is for one interval then."""
        if not self._state.probe_due(now):
            return False
        with self._ledger.write() as connection:
            moment, state = self._locked(connection)
            due = state.probe_due(moment)
            if due:
                state = replace(state, probed_at=moment, probe_wait=probe_interval(self._policy, state.blocked))
                self._store(connection, state)
        self._keep(state)
        return due

    def failed(self, delivery: int, verdict: Verdict) -> None:
        """Count a failure; the one that opens the breaker is logged, by one process."""
        with self._ledger.write() as connection:
            moment, before = self._locked(connection)
            state = after_failure(before, verdict, delivery, moment, self._policy)
            self._store(connection, state)
        self._keep(state)
        if before.opened_at is None and state.opened_at is not None:
            _LOG.error("account.away", account=self.account, why=state.why, probe_in=state.probe_wait)
        if state.blocked and not before.blocked:
            _LOG.error("account.blocked", account=self.account, why=state.why, probe_in=state.probe_wait)

    def answered(self, *, probed: bool = True) -> bool:
        """The account works: forget the failures; the answer that closes the breaker is logged, by one process.

        Returns whether this was that answer.
        Not ``probed``: it may have been asked before the account was blocked, so that this says nothing then.
        """
        if self._state.is_clean:
            return False
        with self._ledger.write() as connection:
            moment, before = self._locked(connection)
            if before.blocked and not probed:
                self._keep(before)
                return False
            if not before.is_clean:
                self._store(connection, BreakerState())
        self._keep(BreakerState())
        if before.opened_at is not None:
            seconds = max(0.0, (moment - before.opened_at).total_seconds())
            _LOG.info("account.back", account=self.account, seconds=round(seconds, 1))
        return before.opened_at is not None

    # --- details ---------------------------------------------------------------------------------

    def _locked(self, connection: Connection) -> tuple[datetime, BreakerState]:
        blank = {"account": self.account} | BreakerState().columns()
        row = lock_or_insert(connection, breakers, _LOCKED, {"name": self.account}, lambda: blank)
        return self._ledger.moment(connection, self._now), _read(row)

    def _store(self, connection: Connection, state: BreakerState) -> None:
        connection.execute(_UPDATE, {"name": self.account} | state.columns())

    def _keep(self, state: BreakerState) -> None:
        with self._lock:
            self._state = state


def _read(row: Any) -> BreakerState:
    if row is None:
        return BreakerState()
    return BreakerState(
        row.failures, tuple(row.suspects), row.opened_at, row.probed_at, row.probe_wait or 0.0, row.why, row.blocked
    )


def ask_account(connector: Connector) -> Verdict:
    """Whether the CRM answers at all, by one cheap read."""
    try:
        connector.probe()
    except (CrmUnavailable, CrmRefused) as error:
        return of_read(error)
    return Verdict(Health.ANSWERS)
