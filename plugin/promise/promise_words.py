"""Promises in Russian: their states, what is known of a reminder, and who says that it was done."""

from __future__ import annotations

from collections.abc import Mapping

from plugin.ledger.promises import PromiseState

STATES: Mapping[str, str] = {
    PromiseState.OPEN: "записывается",
    PromiseState.WRITTEN: "ждёт исполнения",
    PromiseState.KEPT: "исполнено в срок",
    PromiseState.LATE: "исполнено поздно",
    PromiseState.BROKEN: "нарушено",
    PromiseState.WITHDRAWN: "снято",
}
#: By whom it is known that a reminder was done (``watched_reminders.done_through``).
THROUGH: Mapping[str, str] = {"crm": "по данным CRM", "link": "отмечено по ссылке из письма"}
