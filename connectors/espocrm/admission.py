"""Requests held back after a refused log-in, so that a wrong key does not shut out everybody at this address.

EspoCRM counts failed log-ins by IP address. After more than ten within a minute it refuses whatever comes from there,
right keys too, until a minute has passed (``Core/Authentication/Hook/Hooks/FailedAttemptsLimit.php``).
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from connectors.base import CrmUnavailable
from connectors.espocrm.errors import SHUT_OUT

_REJECTED = 401
#: What throttling is called everywhere: the account is away, whatever status the CRM gives it.
_THROTTLED = 429
#: Three log-ins a minute stay far from the ten, also where other programs fail to log in from the same address.
_AFTER_REJECTION = 20.0
_AFTER_SHUT_OUT = 60.0


class Admission:
    """Whether requests may go out now. Thread-safe; ``monotonic`` are seconds that no setting of the clock changes."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._until = 0.0
        self._status = _REJECTED
        self._why = ""

    def check(self) -> None:
        """Raises CrmUnavailable, with the wait, as long as requests are held back."""
        with self._lock:
            left = self._until - self._monotonic()
            status, why = self._status, self._why
        if left > 0:
            code = SHUT_OUT if status == _THROTTLED else None
            raise CrmUnavailable(f"{why}; next asked in {left:.0f} s", after=left, status=status, code=code)

    def reject(self, why: str) -> CrmUnavailable:
        """The key was refused: what is to be raised, and for a while without asking again."""
        self._hold(_AFTER_REJECTION, _REJECTED, why)
        return CrmUnavailable(why, after=_AFTER_REJECTION, status=_REJECTED)

    def shut_out(self, host: str) -> CrmUnavailable:
        """Nobody at this address is let in: likewise, for as long as the CRM counts."""
        why = f"{host} lets nobody in from this address for a minute: too many log-ins failed"
        self._hold(_AFTER_SHUT_OUT, _THROTTLED, why)
        return CrmUnavailable(why, after=_AFTER_SHUT_OUT, status=_THROTTLED, code=SHUT_OUT)

    def _hold(self, seconds: float, status: int, why: str) -> None:
        with self._lock:
            self._until, self._status, self._why = self._monotonic() + seconds, status, why
