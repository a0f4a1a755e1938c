"""Alerts about the chain: that it is broken, and once a day its head, for the admins to keep."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import func, select

from plugin.ledger.chain.tables import chain_checks
from plugin.ledger.schema import alert_mails, alerts
from plugin.monitoring.model import AlertCause, AlertKind, AlertLook, standing

_c = chain_checks.c
_NEWEST = select(chain_checks).where(_c.ended_at.is_not(None)).order_by(_c.id.desc()).limit(1)
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
