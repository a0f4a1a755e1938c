"""Brings each dialler's list to what it is meant to hold: a number is looked for first, and told only where it lacks.

So nothing is put in twice, whatever became of an earlier attempt. A number that a process has is leased for longer than
its requests and what the dialler may still commit of them take; a dialler that is away costs probes.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import structlog
from sqlalchemy import Connection, and_, bindparam, case, literal_column, select, update

from connectors.base import CrmRefused, CrmUnavailable, Done, NotDone, Outcome, Unknown
from connectors.dialler import DiallerAccount
from connectors.protocol.outcomes import not_done_because
from plugin.common.clock import Now
from plugin.common.log import mask_text
from plugin.config.settings import DeliveryPolicy
from plugin.ledger import Ledger
from plugin.ledger.pushed_numbers import PushState, pushed_numbers
from plugin.ledger.schema import UtcTime, breakers
from plugin.resilience.backoff import Timing, Waits
from plugin.resilience.breaker import Breaker
from plugin.resilience.connect import dialler_account_name
from plugin.resilience.health import ANSWERS, Health, Verdict, of_read, of_write
from plugin.resilience.quota import probing

_LOG = structlog.get_logger(__name__)

#: Numbers of one claim, and the seconds until the next look where none is due.
_AT_ONCE = 10
_PAUSE = 5.0
#: For so long numbers of one claim are begun with, in seconds; the lease outlasts the last of them.
_LONGEST_BATCH = 60.0
#: A number that the dialler will not have looked for waits so long: the description, or a right, has to be mended.
_LOOK_REFUSED = timedelta(minutes=15)

_p = pushed_numbers.c
_NOW = bindparam("now", type_=UtcTime)
_DUE = and_(_p.state == literal_column("'open'"), _p.dialler == bindparam("dialler"), _p.not_before <= _NOW)
_ANY = select(_p.id).where(_DUE).limit(1)
_NEXT = (
    select(_p.id, _p.number, _p.wanted, _p.attempts)
    .where(_DUE)
    .order_by(_p.not_before, _p.id)
    .limit(_AT_ONCE)
    .with_for_update(skip_locked=True)
)
_CLAIM = update(pushed_numbers).where(_p.id == bindparam("of"))
_MINE = _CLAIM.where(_p.owner == bindparam("claim"))
#: Something else may be wanted of it by now; then its turn comes again at once.
_AS_WANTED = _p.wanted == bindparam("did")
_BREAKER = select(breakers).where(breakers.c.account == bindparam("name"))


@dataclass(frozen=True, slots=True)
class _Ended:
    """What came of a number: the outcome, and the verdict on the account; ``looked`` where no more was done."""

    row: Any
    outcome: Outcome
    verdict: Verdict
    looked: bool = False


class PushWorker:
    """One process's share of one dialler. ``account`` is the dialler's, ``breaker`` shared by all processes."""

    def __init__(
        self,
        ledger: Ledger,
        name: str,
        account: DiallerAccount,
        policy: DeliveryPolicy,
        now: Now,
        owner: str,
        rng: Random,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._name = name
        self._account = account
        self._policy = policy
        self._now = now
        self._rng = rng
        self._monotonic = monotonic
        self._timing = Timing.of(account.limits(), 0.0, policy.lease_margin_seconds)
        self._lease = timedelta(seconds=_LONGEST_BATCH + self._timing.lease)
        self._owner = owner
        self._claims = itertools.count(1)
        self.breaker = Breaker(ledger, dialler_account_name(name), policy, now)

    def step(self, stopped: Callable[[], bool] = lambda: False) -> float:
        """Bring some numbers where they are wanted; the seconds until the next time. Raises LedgerUnavailable."""
        if not self._is_there():
            return min(_PAUSE, self._policy.probe_seconds)
        claim, rows = self._claim()
        if not rows:
            return _PAUSE
        ended = self._brought(rows, stopped)
        with self._ledger.write() as connection:
            now = self._ledger.moment(connection, self._now)
            told = {one.row.id for one in ended}
            for row in sorted(rows, key=lambda row: int(row.id)):
                if row.id not in told:
                    connection.execute(_MINE.values(owner=None, not_before=now), {"of": row.id, "claim": claim})
            for one in sorted(ended, key=lambda one: int(one.row.id)):
                self._keep(connection, claim, one, now)
        return 0.0 if len(rows) == _AT_ONCE else _PAUSE

    # --- whether it is there -----------------------------------------------------------------------

    def _is_there(self) -> bool:
        """Whether the dialler answers; one that is away is probed, by one process at a time."""
        with self._ledger.read() as connection:
            self.breaker.refresh(connection.execute(_BREAKER, {"name": self.breaker.account}).one_or_none())
            due = connection.execute(_ANY, {"dialler": self._name, "now": self._moment(connection)}).first()
        if not self.breaker.is_open:
            return due is not None
        if not self.breaker.take_probe(self._now()):
            return False
        try:
            with probing():
                self._account.probe()
        except (CrmUnavailable, CrmRefused) as error:
            verdict = of_read(error)
            if verdict.health is not Health.ANSWERS:
                self._count(0, verdict)
                return False
        self.breaker.answered()
        return True

    def _moment(self, connection: Connection) -> datetime:
        return self._ledger.moment(connection, self._now)

    def _count(self, row: int, verdict: Verdict) -> None:
        if verdict.health in (Health.ANSWERS, Health.PART):
            self.breaker.answered(probed=False)
        elif verdict.health is not Health.NO_SIGNAL:
            self.breaker.failed(row, verdict)

    # --- numbers -----------------------------------------------------------------------------------

    def _claim(self) -> tuple[str, Sequence[Any]]:
        claim = f"{self._owner}!{next(self._claims)}"
        with self._ledger.write() as connection:
            now = self._moment(connection)
            rows = connection.execute(_NEXT, {"dialler": self._name, "now": now}).all()
            for row in rows:
                connection.execute(_CLAIM.values(owner=claim, not_before=now + self._lease), {"of": row.id})
        return claim, rows

    def _brought(self, rows: Sequence[Any], stopped: Callable[[], bool]) -> list[_Ended]:
        """One after the other, until the dialler is away or their time is over."""
        until = self._monotonic() + _LONGEST_BATCH
        ended: list[_Ended] = []
        for row in rows:
            if stopped() or self._monotonic() >= until or self.breaker.is_open:
                break
            one = self._bring(row)
            self._count(row.id, one.verdict)
            ended.append(one)
        return ended

    def _bring(self, row: Any) -> _Ended:
        try:
            entries = self._account.entries(row.number)
        except (CrmUnavailable, CrmRefused) as error:
            return _Ended(row, not_done_because(error), of_read(error), looked=True)
        if bool(entries) == row.wanted:
            return _Ended(row, Done(""), ANSWERS)
        account = self._account
        outcome = account.add(row.number) if row.wanted else account.remove(row.number, entries)
        return _Ended(row, outcome, of_write(outcome))

    def _keep(self, connection: Connection, claim: str, ended: _Ended, now: datetime) -> None:
        row, outcome = ended.row, ended.outcome
        mine = {"of": row.id, "claim": claim, "did": row.wanted}
        if isinstance(outcome, Done):
            settled = {"settled_at": now, "why": None, "attempts": row.attempts}
            connection.execute(_MINE.values(**self._state(PushState.DONE, now), **settled), mine)
            return
        why, attempts = mask_text(outcome.why)[:500], row.attempts + 1
        kept = {"why": why, "attempts": attempts}
        if isinstance(outcome, NotDone) and outcome.permanent and not ended.looked:
            connection.execute(_MINE.values(**self._state(PushState.PARKED, now), **kept), mine)
            _LOG.warning("push.refused", dialler=self._name, number=row.id, why=why)
            return
        wait = self._wait(ended, attempts)
        connection.execute(_MINE.values(owner=None, not_before=now + wait, **kept), mine)
        if ended.verdict.health not in (Health.AWAY, Health.NO_SIGNAL):
            _LOG.info("push.later", dialler=self._name, number=row.id, why=why, seconds=round(wait.total_seconds()))

    @staticmethod
    def _state(state: PushState, now: datetime) -> dict[str, Any]:
        """The end of it where that is still what is wanted; else its turn comes again."""
        return {
            "owner": None,
            "not_before": now,
            "state": case((_AS_WANTED, state.value), else_=PushState.OPEN.value),
        }

    def _wait(self, ended: _Ended, attempts: int) -> timedelta:
        outcome = ended.outcome
        if isinstance(outcome, NotDone) and outcome.permanent:
            return _LOOK_REFUSED
        after = outcome.after if isinstance(outcome, NotDone) else None
        # The breaker spares a dialler that is away.
        at_most = self._policy.probe_seconds if ended.verdict.health is Health.AWAY else None
        wait = Waits(self._policy).after(attempts, timedelta(0), self._rng, at_least=after, at_most=at_most)
        # What it may still commit must be seen by the look-up.
        least = self._timing.settling if isinstance(outcome, Unknown) else 0.0
        return timedelta(seconds=max(wait, least))
