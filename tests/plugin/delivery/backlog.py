"""A backlog of calls in the ledger, each with one decision and what that has to deliver."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert

from plugin.ledger.schema import calls, decisions, deliveries
from tests.plugin.delivery.harness import CARD, House

#: What one call comes to.
CALL = ("comment", "reminder", "reminder")


def fill(house: House, count: int, kinds: Sequence[str] = CALL) -> None:
    """``count`` calls, one a second, each with one decision and a delivery of each of ``kinds``."""
    with house.ledger.write() as connection:
        for number in range(1, count + 1):
            ended = house.clock() - timedelta(seconds=count - number)
            deadline = ended + timedelta(hours=24)
            call = {"id": number, "namespace": "n", "call_id": f"c-{number}", "generation": 1, "script": "s"}
            call |= {"card_type": CARD.type, "card_id": CARD.id, "deadline_at": deadline, "late": False}
            call |= {"first_occurred_at": ended, "last_occurred_at": ended, "decision_number": 1, "phone": "1"}
            decision = {"id": number, "call_ref": number, "number": 1, "outcome": "o", "revision": "a" * 64}
            decision |= {"facts": {}, "decision": {}, "created_at": ended}
            connection.execute(insert(calls), call)
            connection.execute(insert(decisions), decision)
            rows = [_row(number, place, kind, ended) for place, kind in enumerate(kinds)]
            connection.execute(insert(deliveries), rows)


def _row(call: int, place: int, kind: str, at: datetime) -> dict[str, Any]:
    key = hashlib.sha256(f"{call} {place}".encode()).hexdigest()
    due = at + timedelta(hours=24)
    row = {"call_ref": call, "decision_ref": call, "key": key, "action": f"{place}", "kind": kind, "cancel": False}
    row |= {"role": "coordinator", "subject": "ИСКЛЮЧИТЬ", "text": f"Исключить\n[ref:{key[:16]}]", "due_at": due}
    row |= {"deadline_at": due, "state": "pending", "not_before": at, "attempts": 0, "created_at": at}
    return row
