"""What an account takes: time-outs and rates, and turns at its requests shared with other processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may expect of the CRM, in seconds and requests.

    ``settling_seconds``: how long after a time-out the CRM may still commit the write; *absent* counts only then.
    ``requests_per_write``: the most requests, one after the other, that one ``write`` makes; ``requests_per_event``:
    those that one ``resolve`` takes. Leases are reckoned by both.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    settling_seconds: float = 30.0
    requests_per_second: float = 5.0
    burst: int = 10
    requests_per_write: int = 1
    requests_per_event: int = 3


class AccountShut(Exception):
    """The CRM has shut the account: only probes get a turn, and the next one comes in ``after`` seconds."""

    def __init__(self, after: float) -> None:
        super().__init__(f"the account is shut; the next probe comes in {after:.0f} s")
        self.after = after


class Quota(Protocol):
    """Turns at an account's requests, shared with other processes."""

    def acquire(self, longest: float) -> float:
        """Wait for a turn and return 0.0; if it is more than ``longest`` s away, take none and return how far.

        Raises AccountShut.
        """
        ...


@runtime_checkable
class HeldQuota(Quota, Protocol):
    """A quota that can be told that it was too much all the same."""

    def hold(self, seconds: float) -> None:
        """Give nobody a turn for so long: the account was asked for too much."""
        ...
