"""What one look comes to: causes that are new, and alerts that are over. Reads only."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from plugin.authoring.revisions.archive import newest_activation
from plugin.config.settings import Settings
from plugin.ledger.schema import alerts
from plugin.monitoring import events, find
from plugin.monitoring.model import AlertCause, AlertKind, standing

#: Kinds of which few stand at a time; those of the others that stand are looked up by their own index.
_FEW = (
    *(AlertKind.ACCOUNT_AWAY, AlertKind.SOURCE_SILENT, AlertKind.RULES_NOT_FOLLOWED),
    *(AlertKind.VALUE_NOT_MAPPED, AlertKind.EVENTS_WAITING),
)


@dataclass(frozen=True, slots=True)
class AlertChanges:
    """``over``: alerts whose end is told to whoever was told of them; ``overtaken``: another alert tells of it."""

    new: tuple[AlertCause, ...] = ()
    over: tuple[int, ...] = ()
    overtaken: tuple[int, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new or self.over or self.overtaken)


def changes(
    connection: Connection, now: datetime, settings: Settings, host: str, unfollowed: AlertCause | None
) -> AlertChanges:
    """Everything that has changed since alerts were last recorded.

    ``unfollowed`` is about the rules that this process, on ``host``, cannot follow.
    """
    policy = settings.alerts
    overtaken = tuple(find.overtaken(connection, now))
    over = [
        id_
        for kind in (AlertKind.DELIVERY_PARKED, AlertKind.PROMISE_AT_RISK, AlertKind.PROMISE_BROKEN)
        for id_ in find.over(connection, kind, now)
    ]
    over += events.parked_events_over(connection)
    silent = find.silent_sources(connection, now, settings)
    over += _others(connection, AlertKind.SOURCE_SILENT, {one.cause for one in silent})
    accounts = find.accounts_open(connection)
    over += _others(connection, AlertKind.ACCOUNT_AWAY, find.accounts_still(accounts))
    not_mapped = events.values_not_mapped(connection)
    over += _others(connection, AlertKind.VALUE_NOT_MAPPED, {one.cause for one in not_mapped})
    waiting = events.events_waiting(connection, now, policy.away_after_minutes, accounts)
    over += _others(connection, AlertKind.EVENTS_WAITING, {one.cause for one in waiting})
    over += _followed(connection, host, unfollowed)
    found = [
        *find.new_parked(connection),
        *find.new_promises(connection, now, policy.at_risk_hours),
        *find.accounts_away(connection, now, policy.away_after_minutes),
        *silent,
        *events.new_parked_events(connection),
        *not_mapped,
        *waiting,
        *([unfollowed] if unfollowed else []),
    ]
    known = _causes(connection, _FEW)
    return AlertChanges(tuple(one for one in found if one.cause not in known), tuple(over), overtaken)


def _others(connection: Connection, kind: AlertKind, still: Collection[str]) -> list[int]:
    """The standing alerts of this kind whose cause is not among those that are ``still`` there."""
    rows = connection.execute(select(alerts.c.id, alerts.c.cause).where(standing(kind))).all()
    return [row.id for row in rows if row.cause not in still]


def _followed(connection: Connection, host: str, unfollowed: AlertCause | None) -> list[int]:
    """Alerts about rules that are no longer the newest, or that this host follows by now; others tell of themselves."""
    activation = newest_activation(connection)
    newest, still = activation and activation.revision, unfollowed and unfollowed.cause
    rows = connection.execute(select(alerts).where(standing(AlertKind.RULES_NOT_FOLLOWED))).all()
    return [
        row.id for row in rows if row.cause != still and (row.about["revision"] != newest or row.about["host"] == host)
    ]


def _causes(connection: Connection, kinds: Collection[AlertKind]) -> set[str]:
    """What stands already, of these kinds."""
    return {
        cause for kind in kinds for cause in connection.execute(select(alerts.c.cause).where(standing(kind))).scalars()
    }
