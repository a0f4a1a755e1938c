"""The breakers of both lanes as one process uses them: which lane is open to deliveries, and what its answers mean."""

from __future__ import annotations

from collections.abc import Callable

from connectors.base import Connector
from plugin.common.clock import Now
from plugin.config.settings import DeliveryPolicy
from plugin.ledger import Ledger
from plugin.resilience.breaker import Breaker, ask_account
from plugin.resilience.health import Health, Verdict
from plugin.resilience.lanes import LANES, Lane
from plugin.resilience.quota import probing

#: The account of the mail server; the CRM's is called after its connector.
MAIL_ACCOUNT = "smtp"
#: Deliveries tried in one probe, where the first ones end without an exchange.
_MOST_TRIED = 5
#: Mails refused in one probe: the first one may be at fault itself, and must not hold up the others for ever.
_MOST_REFUSED = 2


class AccountGates:
    """One breaker a lane. Thread-safe. What asks the ledger raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, connector: Connector, policy: DeliveryPolicy, now: Now) -> None:
        self._ledger = ledger
        self._connector = connector
        self._now = now
        accounts = {Lane.CRM: connector.name, Lane.MAIL: MAIL_ACCOUNT}
        self._breakers = {lane: Breaker(ledger, accounts[lane], policy, now) for lane in LANES}

    def refresh(self) -> None:
        """Look at what other processes have found out."""
        with self._ledger.read() as connection:
            for breaker in self._breakers.values():
                breaker.refresh(connection)

    def is_away(self, lane: Lane) -> bool:
        """Whether the lane's account was away when this process last looked."""
        return self._breakers[lane].is_open

    def blocked_lanes(self) -> frozenset[Lane]:
        """The lanes whose account the CRM had blocked when this process last looked."""
        return frozenset(lane for lane in LANES if self._breakers[lane].is_blocked)

    def open_lanes(self) -> list[Lane]:
        """The lanes whose deliveries may be claimed."""
        return [lane for lane in LANES if not self.is_away(lane)]

    def take_probes(self) -> list[Lane]:
        """The lanes that this process is to probe now."""
        now = self._now()
        return [lane for lane in LANES if self._breakers[lane].take_probe(now)]

    def report(self, lane: Lane, delivery: int, verdict: Verdict, *, probing: bool = False) -> None:
        """Count what an exchange about a delivery said about the account; ``probing``: it was the probe."""
        breaker = self._breakers[lane]
        match verdict.health:
            case Health.ANSWERS:
                breaker.answered(probed=probing)
            case Health.AWAY | Health.REFUSED:
                breaker.failed(delivery, verdict)
            case Health.SUSPECT:
                self._suspect(lane, delivery, verdict)

    def probe(self, lane: Lane, deliver: Callable[[], Health | None]) -> int:
        """Find out whether the account is back; returns how many deliveries that took.

        The CRM is first asked with a cheap read, so that nothing becomes *unknown* on its account. ``deliver`` sends
        one delivery of the lane and returns what that said, None where none was due.
        """
        with probing():
            return self._probe(lane, deliver)

    def _probe(self, lane: Lane, deliver: Callable[[], Health | None]) -> int:
        if lane is Lane.CRM:
            verdict = ask_account(self._connector)
            if verdict.health is not Health.ANSWERS:
                if verdict.health is not Health.NO_SIGNAL:
                    self._breakers[lane].failed(0, verdict)
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
        if lane is Lane.CRM:
            self._breakers[lane].answered()
        return done

    def _suspect(self, lane: Lane, delivery: int, verdict: Verdict) -> None:
        breaker = self._breakers[lane]
        if lane is Lane.CRM and breaker.suspects(delivery) and not breaker.is_open:
            # The same record once more: perhaps only that one is at fault.
            found = ask_account(self._connector)
            if found.health in (Health.AWAY, Health.SUSPECT):
                breaker.failed(delivery, Verdict(Health.AWAY, found.why, found.after))
            return
        breaker.failed(delivery, verdict)
