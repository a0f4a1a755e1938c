"""Watches a ledger for causes of alerts, records them and has them mailed to the admins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

import structlog

from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.revisions.archive import newest_activation
from plugin.common.clock import Now
from plugin.config.settings import Settings
from plugin.errors import LedgerUnavailable, OptoutError
from plugin.ledger import Ledger
from plugin.monitoring.changes import changes
from plugin.monitoring.model import AlertCause, AlertKind, AlertLook
from plugin.monitoring.post import AlertPost, gather, is_anything_untold
from plugin.monitoring.record import change_alerts, close_alerts, open_alerts
from plugin.resilience.gates import AccountGates
from plugin.resilience.lanes import Lane

if TYPE_CHECKING:
    from connectors.smtp import Mailer

_LOG = structlog.get_logger(__name__)


class AlertWatch:
    """Watches in one process; several may watch one ledger, and each cause is told once."""

    def __init__(
        self,
        ledger: Ledger,
        rules: ActiveRules,
        mailer: Mailer | None,
        settings: Settings,
        gates: AccountGates,
        now: Now,
        owner: str,
        rng: Random,
    ) -> None:
        self._ledger = ledger
        self._rules = rules
        self._settings = settings
        self._now = now
        self._host = owner.partition(":")[0]
        self._gates = gates
        self._blocked: frozenset[Lane] = frozenset()
        self._post = AlertPost(ledger, mailer, settings, gates, now, owner, rng)
        self._looked_at: datetime | None = None
        self._unfollowed: str | None = None
        self._broken = False

    def is_due(self) -> bool:
        """Whether it is time to look again, or an account was blocked. A clock that was set back does not delay it."""
        known, self._blocked = self._blocked, self._gates.blocked_lanes()
        if self._looked_at is None or self._blocked - known:
            return True
        return abs((self._now() - self._looked_at).total_seconds()) >= self._settings.alerts.check_seconds

    def run(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Look once, and send what is due. Raises LedgerUnavailable; other trouble is logged once."""
        self._looked_at = self._now()
        try:
            self._look()
            self._post.send_due(stopped)
        except LedgerUnavailable:
            raise
        except Exception:
            if not self._broken:
                _LOG.exception("alerts.fault")
            self._broken = True
        else:
            self._broken = False

    def _look(self) -> None:
        unfollowed = self._rules_not_followed()
        with self._ledger.read() as connection:
            now = self._ledger.moment(connection, self._now)
            look = AlertLook(connection, now, self._settings, self._host, unfollowed)
            if not changes(look) and not is_anything_untold(connection, self._settings):
                # Looking must not take the writers' turn.
                return
        # Alone: of several processes that look at the same time, the second finds what the first has recorded.
        with self._ledger.write(alone=True) as connection:
            now = self._ledger.moment(connection, self._now)
            found = changes(AlertLook(connection, now, self._settings, self._host, unfollowed))
            close_alerts(connection, found.overtaken, now, told=False)
            close_alerts(connection, found.over, now)
            open_alerts(connection, found.new, now)
            change_alerts(connection, found.otherwise)
            gather(connection, self._settings, now)

    def _rules_not_followed(self) -> AlertCause | None:
        """The newest revision, if this process did not follow it twice in a row: it usually follows within 2 s."""
        with self._ledger.read() as connection:
            newest = newest_activation(connection)
        try:
            active = self._rules.current().revision
        except LedgerUnavailable:
            raise
        except OptoutError:
            return None
        if newest is None or newest.revision == active:
            self._unfollowed = None
            return None
        seen, self._unfollowed = self._unfollowed, newest.revision
        if seen != newest.revision:
            return None
        about = {"revision": newest.revision, "active": active, "host": self._host}
        return AlertCause(AlertKind.RULES_NOT_FOLLOWED, f"{self._host}:{newest.revision}", about)
