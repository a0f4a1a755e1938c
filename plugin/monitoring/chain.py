"""Alerts about the chain: that it is broken, and once a day its head, for the admins to keep."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from plugin.ledger.chain.tables import chain_checks, chain_stamps
from plugin.ledger.schema import alert_mails, alerts
from plugin.monitoring.model import AlertCause, AlertKind, AlertLook, shown_reason, standing

_c = chain_checks.c
_NEWEST = select(chain_checks).where(_c.ended_at.is_not(None)).order_by(_c.id.desc()).limit(1)
_s, _other = chain_stamps.c, chain_stamps.alias("other")
_LAST_STAMP = select(func.coalesce(func.max(_other.c.id), 0)).where(_other.c.answer.is_not(None)).scalar_subquery()
_SINCE = select(func.min(_other.c.checked_at)).where(_other.c.id > _LAST_STAMP.correlate(None)).scalar_subquery()
#: The last head, if it was asked for and there is no stamp, and when the first one after the last stamp was checked.
_UNSTAMPED = select(_s.seq, _s.tries, _s.why, _SINCE.label("since")).where(
    _s.id == select(func.max(_other.c.id)).scalar_subquery(), _s.answer.is_(None)
)
_LAST_TOLD = select(func.max(alert_mails.c.created_at)).where(
    alert_mails.c.kind == str(AlertKind.CHAIN_HEAD), alert_mails.c.over.is_(False)
)


def broken_chain(look: AlertLook) -> Iterator[AlertCause]:
    """The chain, if its last whole check found anything; over with the first that does not."""
    row = look.connection.execute(_NEWEST).one_or_none()
    if row is not None and row.fault_count:
        about = {"faults": row.fault_count, "first": row.faults[0], "at": row.ended_at.isoformat()}
        yield AlertCause(AlertKind.CHAIN_BROKEN, "chain", about | {"reason": str(row.fault_count)})


def chain_heads(look: AlertLook) -> Iterator[AlertCause]:
    """Where the chain ended at the last check that found nothing, if that was not mailed yet."""
    if not (look.settings.alerts.to or look.settings.alerts.webhook):
        return
    row = look.connection.execute(_NEWEST).one_or_none()
    if row is None or row.fault_count:
        return
    told = look.connection.execute(_LAST_TOLD).scalar_one()
    if told is None or told < row.ended_at:
        about = {"seq": row.seq, "link": row.link, "at": row.ended_at.isoformat()}
        yield AlertCause(AlertKind.CHAIN_HEAD, str(row.id), about)


def lasts_until_told(_look: AlertLook, _alert: Any, _found: Collection[str]) -> bool:
    """A head is no trouble that ends: ``told_heads`` closes it without a word."""
    return True


def told_heads(look: AlertLook) -> Sequence[int]:
    """The alerts of heads that are on their way to the admins."""
    query = select(alerts.c.id).where(standing(AlertKind.CHAIN_HEAD), alerts.c.batch.is_not(None))
    return look.connection.execute(query).scalars().all()


def unstamped_heads(look: AlertLook) -> Iterator[AlertCause]:
    """The heads that the time stamp service was asked for in vain, as long as it is one that is to be asked."""
    service = look.settings.stamps
    if service is None:
        return
    row = look.connection.execute(_UNSTAMPED).one_or_none()
    late = look.now - timedelta(minutes=look.settings.alerts.away_after_minutes)
    if row is not None and row.tries and row.since <= late:
        about = {"since": row.since.isoformat(), "seq": row.seq, "url": service.url, "reason": shown_reason(row.why)}
        yield AlertCause(AlertKind.HEAD_NOT_STAMPED, "stamps", about)
