"""Tells once that the ledger went away, and once that it is back, however many tries come between."""

from __future__ import annotations

import structlog

from plugin.errors import LedgerUnavailable

_LOG = structlog.get_logger(__name__)


class OutageLog:
    """The outages of a ledger as the loops of one process meet them."""

    def __init__(self) -> None:
        self._is_away = False

    def failed(self, error: LedgerUnavailable) -> None:
        """The ledger could not be asked."""
        if not self._is_away:
            _LOG.error("ledger.unavailable", why=error.message)
        self._is_away = True

    def answered(self) -> None:
        """The ledger was asked and answered."""
        if self._is_away:
            _LOG.info("ledger.available")
        self._is_away = False
