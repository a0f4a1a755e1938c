"""Renews the short leases of what a process has claimed and not begun, as long as it lives and gets on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from plugin.delivery.clock_jumps import Monotonic
from plugin.delivery.model import Delivery
from plugin.delivery.queue import Queue


class Claims:
    """The claims of one process. ``claim_seconds``: how long one holds without being renewed.

    One that has not been begun after ``longest`` seconds is renewed no more, so that what a hung thread holds goes to
    others in the end. ``monotonic`` are seconds that no setting of the clock changes.
    """

    def __init__(self, queue: Queue, monotonic: Monotonic, claim_seconds: float, longest: float) -> None:
        self._queue = queue
        self._monotonic = monotonic
        self._longest = longest
        self._every = claim_seconds / 4
        self._renewed_at = monotonic()
        #: When each was first seen in hand.
        self._since: dict[str, float] = {}

    def renew(self, in_hand: Iterable[Sequence[Delivery]]) -> None:
        """Renew what is in hand, where it is time to. Raises LedgerUnavailable."""
        now = self._monotonic()
        if 0 <= now - self._renewed_at < self._every:
            return
        claims = {delivery.lease for batch in in_hand for delivery in batch}
        self._since = {claim: self._since.get(claim, now) for claim in claims}
        held = [claim for claim in claims if now - self._since[claim] < self._longest]
        if held:
            self._queue.renew(held)
        self._renewed_at = now
