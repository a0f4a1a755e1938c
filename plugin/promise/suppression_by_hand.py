"""Changes the suppression list by hand or from a file: who says so and why stands beside every statement."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, func, insert, select

from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor
from plugin.ledger.chain import Change, note
from plugin.ledger.schema import UtcTime
from plugin.ledger.suppression import suppressions
from plugin.promise.suppression_list import entries_of

_LOG = structlog.get_logger(__name__)

#: Numbers that one transaction takes, so that other writers hardly wait.
BATCH = 2_000
_s = suppressions.c
_ADD = insert(suppressions).returning(_s.id)
_LATEST = select(func.max(_s.at, type_=UtcTime)).where(
    _s.number == bindparam("wanted"), _s.scope == bindparam("of_scope"), _s.withdrawn_at.is_(None)
)
_TICK = timedelta(microseconds=1)


class SuppressionByHand:
    """What one person says of numbers (E.164). Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, now: Now, actor: Actor) -> None:
        self._ledger = ledger
        self._now = now
        self._actor = actor

    def add(self, numbers: Sequence[str], scopes: Collection[str]) -> int:
        """Exclude the numbers from these scopes; of how many in how many scopes, that was new."""
        return self._say(numbers, scopes, suppresses=True)

    def remove(self, numbers: Sequence[str], scopes: Collection[str]) -> int:
        """Let the numbers be called again in these scopes; of how many in how many scopes, that was new."""
        return self._say(numbers, scopes, suppresses=False)

    def _say(self, numbers: Sequence[str], scopes: Collection[str], *, suppresses: bool) -> int:
        changed = 0
        for start in range(0, len(numbers), BATCH):
            with self._ledger.write() as connection:
                rows = self._statements(connection, numbers[start : start + BATCH], scopes, suppresses)
                if rows:
                    added = connection.execute(_ADD, rows).scalars().all()
                    note(connection, [Change("suppression", one) for one in added])
            changed += len(rows)
        _LOG.info("suppression.by_hand", by=self._actor.by, suppresses=suppresses, changed=changed)
        return changed

    def _statements(
        self, connection: Connection, numbers: Sequence[str], scopes: Collection[str], suppresses: bool
    ) -> list[dict[str, Any]]:
        """Of the numbers of which that does not hold already."""
        now = self._now()
        held = {
            (entry.number, entry.scope): entry.until is None
            for entries in entries_of(connection, numbers).values()
            for entry in entries
        }
        shared = {"suppresses": suppresses, "by": self._actor.by, "why": self._actor.why, "changed_at": now}
        return [
            shared | {"number": number, "scope": scope, "at": self._moment(connection, number, scope, now, held)}
            for number in dict.fromkeys(numbers)
            for scope in sorted(set(scopes))
            if held.get((number, scope), False) != suppresses
        ]

    @staticmethod
    def _moment(
        connection: Connection, number: str, scope: str, now: datetime, held: Collection[tuple[str, str]]
    ) -> datetime:
        """Now, or after what was said last: a call may have come in with a clock that is ahead of ours."""
        if (number, scope) not in held:
            return now
        latest = connection.execute(_LATEST, {"wanted": number, "of_scope": scope}).scalar_one()
        return now if latest is None or latest < now else latest + _TICK
