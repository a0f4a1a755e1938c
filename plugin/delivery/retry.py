"""When a delivery that did not go out is tried again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random

from plugin.config.settings import DeliveryPolicy
from plugin.delivery.model import Delivery
from plugin.resilience.backoff import Timing, Waits
from plugin.resilience.gates import AccountGates
from plugin.resilience.health import Health, Verdict
from plugin.resilience.lanes import lane_of

#: So many probes at most are made with others before a refused mail has its next turn.
_OTHERS_FIRST = 10


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The waits between attempts, and the spans of one attempt."""

    policy: DeliveryPolicy
    timing: Timing
    gates: AccountGates
    rng: Random

    def wait(
        self, delivery: Delivery, verdict: Verdict, attempts: int, now: datetime, at_least: float | None = None
    ) -> float:
        """Seconds until the next attempt, after ``attempts`` of which the last one gave this verdict.

        What only the account holds up does not wait longer than the next probe: the breaker spares the account.
        """
        suspected = verdict.health is Health.SUSPECT and self.gates.is_away(lane_of(delivery.kind))
        held_up = verdict.health is Health.AWAY or suspected
        at_most, time_left = self.policy.probe_seconds if held_up else None, delivery.deadline_at - now
        if verdict.health is Health.REFUSED:
            # Longer, so that the next probes are made with other mails: this one may be at fault itself.
            at_most = _OTHERS_FIRST * self.policy.probe_seconds
        return Waits(self.policy).after(attempts, time_left, self.rng, at_least=at_least, at_most=at_most)
