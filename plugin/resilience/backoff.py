"""How long things wait: between tries, after a lost answer, and for a lease to run out. Pure arithmetic, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from connectors.base import Limits
from plugin.config.settings import DeliveryPolicy

#: How long a connector may wait for its turn at the account's quota before it sends, in seconds.
LONGEST_TURN = 10.0
#: Doubling stops here; every longest wait has been reached long before.
_MOST_DOUBLINGS = 30


def doubled(first: timedelta, longest: timedelta, times: int) -> timedelta:
    """A wait that begins at ``first`` and doubles each time, up to ``longest``."""
    return min(longest, first * (1 << min(times, _MOST_DOUBLINGS)))


@dataclass(frozen=True, slots=True)
class Timing:
    """The spans of one delivery, in seconds.

    ``request``: a write has been answered or given up. ``settling``: how long after that the CRM may still commit it.
    ``lease``: outlasts both with a margin: a process that takes a delivery over may trust what it does not find.
    """

    request: float
    settling: float
    lease: float

    @classmethod
    def of(cls, limits: Limits, mail_seconds: float, margin_seconds: float) -> Timing:
        """``mail_seconds`` is the longest that handing over one mail takes, 0 where the plugin sends none.

        Each of the requests of a write waits for a turn of its own.
        """
        once = LONGEST_TURN + limits.connect_seconds + limits.read_seconds
        request = max(limits.requests_per_write * once, mail_seconds)
        return cls(request, limits.settling_seconds, request + limits.settling_seconds + margin_seconds)

    @property
    def needed(self) -> float:
        """How much of a lease must be left at the moment of sending."""
        return self.request + self.settling


@dataclass(frozen=True, slots=True)
class Waits:
    """The waits between attempts, in seconds, as ``[delivery]`` sets them."""

    policy: DeliveryPolicy

    def after(
        self,
        attempts: int,
        time_left: timedelta,
        rng: Random,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> float:
        """Seconds until the next try, ``attempts`` (1 or more) having been made.

        Doubles from try to try. While the promise can still be kept, no wait is longer than its share of the time left
        (but as long as the first one); a promise already broken is served at the ordinary pace. ``at_most`` is for what
        only the account's being away holds up: the breaker spares the account then. What the CRM asked for
        (``at_least``, a Retry-After) is always honoured; a random part comes on top, so that not all come back at once.
        """
        policy = self.policy
        wait = min(
            policy.longest_wait_seconds, policy.first_wait_seconds * 2.0 ** min(max(attempts, 1) - 1, _MOST_DOUBLINGS)
        )
        left = time_left.total_seconds()
        if left > 0:
            wait = min(wait, max(policy.first_wait_seconds, left * policy.share_of_time_left))
        wait *= 1 + policy.jitter * rng.uniform(-1, 1)
        if at_most is not None:
            wait = min(wait, at_most)
        if at_least is None or at_least <= wait:
            return wait
        # A slip in a header must not bury a delivery.
        asked = min(at_least, policy.longest_retry_after_seconds)
        return asked + policy.first_wait_seconds * policy.jitter * rng.random()
