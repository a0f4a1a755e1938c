"""What a number asked for in earlier calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, select

from plugin.deciding.ruleset.model import OutcomeSpec
from plugin.ledger.schema import calls

#: The newest ones tell enough.
_MOST = 3
_OF_NUMBER = (
    select(calls.c.script, calls.c.outcome, calls.c.last_occurred_at)
    .where(
        calls.c.phone == bindparam("phone"),
        calls.c.call_id != bindparam("call_id"),
        calls.c.outcome.is_not(None),
        calls.c.dry_run.is_(False),
    )
    .order_by(calls.c.last_occurred_at.desc())
    .limit(20)
)


def asked_before(
    connection: Connection, phone: str, call_id: str, outcomes: Mapping[str, Mapping[str, OutcomeSpec]]
) -> Sequence[Mapping[str, Any]]:
    """``[{"at", "label"}]`` of the number's earlier calls in which something was asked for, the newest first.

    ``outcomes``: script → its outcomes; one that does nothing is no request.
    """
    found = connection.execute(_OF_NUMBER, {"phone": phone, "call_id": call_id}).all()
    told = [(row.last_occurred_at, outcomes.get(row.script, {}).get(row.outcome)) for row in found]
    return [{"at": at.isoformat(), "label": spec.label} for at, spec in told if spec and spec.actions][:_MOST]
