"""The loops that push the suppression list: one a dialler, so that one that is slow holds up no other."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import structlog

from connectors.dialler import DiallerAccount
from plugin.common.clock import Now
from plugin.config.settings import PushedDialler, Settings
from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.promise.push_list import PushList
from plugin.promise.push_worker import PushWorker
from plugin.resilience.connect import connect_dialler

_LOG = structlog.get_logger(__name__)

#: After a fault of the code, in seconds.
_AFTER_FAULT = 30.0


class PushLoop:
    """One dialler: what it is to hold is taken over from the list, and brought there."""

    def __init__(self, listed: PushList, worker: PushWorker) -> None:
        self._listed = listed
        self._worker = worker
        self._is_broken = False

    def step(self, stopped: Callable[[], bool]) -> float:
        """One pass; the seconds until the next. Raises LedgerUnavailable; other trouble is logged once."""
        try:
            waits = self._listed.step(), self._worker.step(stopped)
        except LedgerUnavailable:
            raise
        except Exception:
            if not self._is_broken:
                _LOG.exception("push.fault")
            self._is_broken = True
            return _AFTER_FAULT
        self._is_broken = False
        return min(waits)


def push_loop(ledger: Ledger, dialler: PushedDialler, settings: Settings, now: Now, owner: str) -> PushLoop:
    """The loop of this dialler."""
    account = DiallerAccount(dialler.settings)
    connect_dialler(account, dialler.name, ledger)
    worker = PushWorker(ledger, dialler.name, account, settings.delivery, now, owner, Random())
    return PushLoop(PushList(ledger, dialler, now), worker)
