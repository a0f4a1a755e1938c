"""Tells the admins of reminders for which the calendar left no working moment: due in an hour, perhaps on a day off.

The alert is written with the decision, since nothing else in the ledger tells such a due time from others;
``plugin.monitoring`` tells it and finds out when it is over.
"""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import Connection

from plugin.events.calls import Call
from plugin.ledger.insert import insert_if_absent
from plugin.ledger.schema import alerts

_LOG = structlog.get_logger(__name__)

#: The alerts' kind in the ledger.
KIND = "no_working_time"


def note_hurried(connection: Connection, call: Call, call_ref: int, due: datetime, now: datetime) -> None:
    """Open the alert of this call, where none stands."""
    about = {"call": call_ref, "call_id": call.call_id, "due": due.isoformat(), "script": call.script}
    row = {"kind": KIND, "cause": f"{KIND}:{call_ref}", "subject": call_ref, "about": about, "opened_at": now}
    if insert_if_absent(connection, alerts, row):
        _LOG.warning("alert.opened", kind=KIND, cause=row["cause"], call=call.call_id)
