"""Opens and closes alerts in the ledger: each cause stands once, however many processes look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, insert, select, update

from plugin.ledger.schema import alerts
from plugin.monitoring.model import AlertCause

_LOG = structlog.get_logger(__name__)

_CLOSE = update(alerts).where(alerts.c.id.in_(bindparam("ids", expanding=True)), alerts.c.closed_at.is_(None))
_NAMED = select(alerts.c.kind, alerts.c.cause).where(alerts.c.id.in_(bindparam("ids", expanding=True)))
#: The batch of an end that is not told.
UNTOLD = ""
_MOST = 500


def open_alerts(connection: Connection, found: Sequence[AlertCause], now: datetime) -> None:
    """Record new causes. The transaction must be alone, or two of them would find the same ones."""
    if not found:
        return
    rows = [
        {"kind": str(one.kind), "cause": one.cause, "subject": one.subject, "about": dict(one.about), "opened_at": now}
        for one in found
    ]
    connection.execute(insert(alerts), rows)
    for one in found:
        _LOG.warning("alert.opened", kind=str(one.kind), cause=one.cause, **_for_log(one.about))


def change_alerts(connection: Connection, otherwise: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
    """Record what is known by now of alerts that stand: the first reason need not be the one to look for."""
    for id_, about in otherwise:
        connection.execute(update(alerts).where(alerts.c.id == id_).values(about=dict(about)))


def close_alerts(connection: Connection, ids: Sequence[int], now: datetime, *, told: bool = True) -> None:
    """Record that these are over. ``told``: those who were told of the alert are told of its end."""
    for start in range(0, len(ids), _MOST):
        chunk = list(ids[start : start + _MOST])
        for row in connection.execute(_NAMED, {"ids": chunk}):
            _LOG.info("alert.closed", kind=row.kind, cause=row.cause)
        values: dict[str, Any] = {"closed_at": now} | ({} if told else {"end_batch": UNTOLD})
        connection.execute(_CLOSE.values(**values), {"ids": chunk})


def _for_log(about: Mapping[str, Any]) -> dict[str, Any]:
    """What the log shows under the same names as everywhere: the call's id and the delivery's."""
    shown = {"delivery": about.get("delivery"), "call": about.get("call_id"), "why": about.get("reason")}
    return {name: value for name, value in shown.items() if value is not None}
