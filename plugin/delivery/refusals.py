"""How often a mail was refused for what may be the account's fault or its own, while other mails were accepted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, literal_column, select, union_all

from plugin.ledger.schema import UtcTime, alert_mails, attempts, deliveries
from plugin.resilience.health import REFUSED

_REFUSED = (
    select(attempts.c.at)
    .where(
        attempts.c.delivery_ref == bindparam("id"),
        attempts.c.code == bindparam("code", type_=attempts.c.code.type),
    )
    .order_by(attempts.c.at)
)
_SINCE = bindparam("since", type_=UtcTime)
#: When others went out. Of more than are looked at the later ones are not needed: the early ones tell enough.
_ACCEPTED = union_all(
    select(deliveries.c.finished_at.label("at")).where(
        deliveries.c.kind == literal_column("'smtp_email'"),
        deliveries.c.state == literal_column("'done'"),
        deliveries.c.finished_at > _SINCE,
    ),
    select(alert_mails.c.finished_at.label("at")).where(
        alert_mails.c.state == literal_column("'done'"),
        alert_mails.c.address.contains("@"),
        alert_mails.c.finished_at > _SINCE,
    ),
).subquery()
_ACCEPTED_IN_ORDER = select(_ACCEPTED.c.at).order_by(_ACCEPTED.c.at).limit(5000)


class Refusals(NamedTuple):
    """When the first one was, None where there was none, and how often another mail was accepted after one."""

    first: datetime | None
    among_others: int


def read_refusals(connection: Connection, delivery: int, now: datetime) -> Refusals:
    """The refusals of this mail that are in the ledger."""
    refused = list(connection.execute(_REFUSED, {"id": delivery, "code": REFUSED}).scalars())
    if not refused:
        return Refusals(None, 0)
    accepted = list(connection.execute(_ACCEPTED_IN_ORDER, {"since": refused[0]}).scalars())
    return Refusals(refused[0], among_others([*refused, now], accepted))


def among_others(refused: Sequence[datetime], accepted: Sequence[datetime]) -> int:
    """In how many of the spans between two refusals something was accepted. Pure."""
    return sum(any(start < at <= end for at in accepted) for start, end in pairwise(refused))
