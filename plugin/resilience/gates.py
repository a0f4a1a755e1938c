"""The breakers of all lanes as one process uses them: which lane is open to deliveries, and what its answers mean."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy import bindparam, select

from connectors.base import Connector
from plugin.common.clock import Now
from plugin.config.settings import DeliveryPolicy
from plugin.ledger import Ledger
from plugin.ledger.schema import breakers
from plugin.resilience.breaker import Breaker, ask_account
from plugin.resilience.health import Health, Verdict, of_account, of_batch, of_part
from plugin.resilience.lanes import LANES, TO_CRM, Lane
from plugin.resilience.quota import probing
from plugin.resilience.wake import wake_events

#: The account of the plugin's own mail server; the CRM's is called after its connector.
MAIL_ACCOUNT = "smtp"
#: What follows the connector's name in the name of the account of the CRM's mails.
CRM_MAIL_SUFFIX = ".mail"
#: Deliveries tried in one probe, where the first ones end without an exchange.
_MOST_TRIED = 5
#: Mails refused in one probe: the first one may be at fault itself, and must not hold up the others for ever.
_MOST_REFUSED = 2

_ROWS = select(breakers).where(breakers.c.account.in_(bindparam("names", expanding=True)))
#: An exchange about a delivery: its id, its lane, and what the exchange said.
Said = tuple[int, Lane, Verdict]


class AccountGates:
    """One breaker a lane. Thread-safe. What asks the ledger raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, connector: Connector, policy: DeliveryPolicy, now: Now) -> None:
        self._ledger = ledger
        self._connector = connector
        self._now = now
        accounts = {
            Lane.CRM: connector.name,
            Lane.CRM_MAIL: f"{connector.name}{CRM_MAIL_SUFFIX}",
            Lane.MAIL: MAIL_ACCOUNT,
        }
        self._breakers = {lane: Breaker(ledger, accounts[lane], policy, now) for lane in LANES}
        #: What is to be done when an account is back, by the one process that notices.
        self.on_back: Callable[[Lane], None] = lambda lane: None
        self._thread = threading.local()
        #: Whether the CRM failed to write since it last wrote: that it can be read says nothing against that.
        self._writes_fail = False

    def refresh(self) -> None:
        """Look at what other processes have found out."""
        names = {"names": [breaker.account for breaker in self._breakers.values()]}
        with self._ledger.read() as connection:
            rows = {row.account: row for row in connection.execute(_ROWS, names)}
        for breaker in self._breakers.values():
            breaker.refresh(rows.get(breaker.account))

    def is_away(self, lane: Lane) -> bool:
        """Whether the lane's account was away when this process last looked; with the CRM, its mails are away too."""
        if lane is Lane.CRM_MAIL and self._breakers[Lane.CRM].is_open:
            return True
        return self._breakers[lane].is_open

    def suspects(self, lane: Lane) -> Sequence[int]:
        """The deliveries whose failures may be their own."""
        return self._breakers[lane].suspects

    def blocked_lanes(self) -> frozenset[Lane]:
        """The lanes whose account the CRM had blocked when this process last looked."""
        return frozenset(lane for lane in LANES if self._breakers[lane].is_blocked)

    def open_lanes(self) -> list[Lane]:
        """The lanes whose deliveries may be claimed."""
        return [lane for lane in LANES if not self.is_away(lane)]

    def take_probes(self) -> list[Lane]:
        """The lanes that this process is to probe now: the CRM's mails once the CRM itself answers."""
        now = self._now()
        asked = [lane for lane in LANES if not (lane is Lane.CRM_MAIL and self.is_away(Lane.CRM))]
        return [lane for lane in asked if self._breakers[lane].take_probe(now)]

    # --- what exchanges say ------------------------------------------------------------------------

    @contextmanager
    def about(self, delivery: int) -> Iterator[None]:
        """In this block what the thread reads is read for this delivery; see ``reading_for``."""
        self._thread.delivery = delivery
        try:
            yield
        finally:
            self._thread.delivery = 0

    @property
    def reading_for(self) -> int:
        """The delivery that this thread reads for, 0 for none."""
        return getattr(self._thread, "delivery", 0)

    def report_exchange(self, said: Sequence[Said], *, probing: bool = False) -> None:
        """Count what one exchange about these deliveries said: one exchange is one verdict for each account."""
        self._writes_fail = self._failed_to_write(said)
        for lane in LANES:
            heard = {delivery: told for delivery, by, one in said if (told := _heard(lane, by, one)) is not None}
            if heard:
                verdict = of_batch(list(heard.values()))
                said_by = next((delivery for delivery, one in heard.items() if one == verdict), 0)
                self.report(lane, said_by, verdict, probing=probing)

    def report_read(self, verdict: Verdict, *, probing: bool = False) -> None:
        """Count what a read of the CRM for ``reading_for`` said. It opens the breaker like a write, and closes none."""
        if verdict.health is not Health.ANSWERS:
            self.report(Lane.CRM, self.reading_for, verdict, probing=probing)
        elif not self._writes_fail and not self.is_away(Lane.CRM):
            self._answered(Lane.CRM, probed=False)

    def _failed_to_write(self, said: Sequence[Said]) -> bool:
        to_crm = of_batch([verdict for _, lane, verdict in said if lane in TO_CRM])
        failed = to_crm.health in (Health.AWAY, Health.SUSPECT)
        return failed or (self._writes_fail and to_crm.health is Health.NO_SIGNAL)

    def report(self, lane: Lane, delivery: int, verdict: Verdict, *, probing: bool = False) -> None:
        """Count what an exchange about a delivery said about this one account; ``probing``: it was the probe."""
        breaker = self._breakers[lane]
        match verdict.health:
            case Health.ANSWERS | Health.PART:
                self._answered(lane, probed=probing)
            case Health.AWAY | Health.REFUSED:
                breaker.failed(delivery, verdict)
            case Health.SUSPECT:
                self._suspect(lane, delivery, verdict)

    def _suspect(self, lane: Lane, delivery: int, verdict: Verdict) -> None:
        breaker = self._breakers[lane]
        if lane is Lane.CRM and delivery in breaker.suspects and not breaker.is_open:
            # The same record once more: perhaps only that one is at fault.
            found = ask_account(self._connector)
            if found.health in (Health.AWAY, Health.SUSPECT):
                breaker.failed(delivery, Verdict(Health.AWAY, found.why, found.after))
            return
        breaker.failed(delivery, verdict)

    # --- probes ------------------------------------------------------------------------------------

    def probe(self, lane: Lane, deliver: Callable[[], Health | None]) -> int:
        """Find out whether the account is back; returns how many deliveries that took.

        The CRM is first asked with a cheap read, so that nothing becomes *unknown* on its account. ``deliver`` sends
        one delivery of the lane and returns what that said, None where none was due.
        """
        # A mail that is tried with the plugin's own server is no reason to ask a CRM that is away.
        turns: AbstractContextManager[None] = probing() if lane in TO_CRM else nullcontext()
        with turns:
            return self._probe(lane, deliver)

    def _probe(self, lane: Lane, deliver: Callable[[], Health | None]) -> int:
        if lane in TO_CRM:
            verdict = ask_account(self._connector)
            if verdict.health is not Health.ANSWERS:
                if verdict.health is not Health.NO_SIGNAL:
                    self._breakers[Lane.CRM].failed(0, verdict)
                return 0
        done = refused = 0
        # Some deliveries end without asking anybody: the next one will tell.
        for _ in range(_MOST_TRIED):
            health = deliver()
            if health is None:
                break
            done += 1
            refused += health is Health.REFUSED
            if health is not Health.NO_SIGNAL and (health is not Health.REFUSED or refused == _MOST_REFUSED):
                return done
        if lane in TO_CRM:
            self._answered(lane)
        return done

    def _answered(self, lane: Lane, *, probed: bool = True) -> None:
        if self._breakers[lane].answered(probed=probed):
            if lane is Lane.CRM:
                wake_events(self._ledger, self._connector.name, self._now)
            self.on_back(lane)


def _heard(lane: Lane, by: Lane, verdict: Verdict) -> Verdict | None:
    """What an exchange by one lane says to the breaker of a lane; None: nothing."""
    if by is not Lane.CRM_MAIL:
        return verdict if lane is by else None
    if lane is Lane.CRM:
        return of_account(verdict)
    return of_part(verdict) if lane is by else None
