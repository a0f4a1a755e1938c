"""The writes that the tests of this folder send."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from connectors.base import Assignee, CardRef, CommentWrite, EmailWrite, Outcome, ReminderWrite, Write
from connectors.bitrix24 import Bitrix24Connector
from connectors.kit.reference_mark import reference_mark

DUE = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
COORDINATOR, MANAGER = Assignee("5", "five@example.org"), Assignee("7", "seven@example.org")


def comment(card: CardRef, key: str, text: str = "Просит не звонить.") -> CommentWrite:
    return CommentWrite(card, f"{text}\n{reference_mark(key)}", key)


def reminder(card: CardRef, key: str, person: Assignee = COORDINATOR) -> ReminderWrite:
    return ReminderWrite(card, person, "ИСКЛЮЧИТЬ", f"Исключить. {reference_mark(key)}", DUE, key)


def mail(key: str, person: Assignee = COORDINATOR) -> EmailWrite:
    return EmailWrite(person, "ИСКЛЮЧИТЬ", f"Исключить. {reference_mark(key)}", key)


def whole_call(card: CardRef, number: int) -> list[Write]:
    """A comment, and a reminder and a notification for each of two people."""
    keys = iter(f"{number * 10 + i:016x}".ljust(64, "a") for i in range(5))
    return [
        comment(card, next(keys)),
        reminder(card, next(keys)),
        reminder(card, next(keys), MANAGER),
        mail(next(keys)),
        mail(next(keys), MANAGER),
    ]


def written(connector: Bitrix24Connector, writes: Sequence[Write]) -> list[Outcome]:
    """As the delivery loop hands them over: never more at once than the connector takes."""
    most = connector.most_writes
    return [outcome for i in range(0, len(writes), most) for outcome in connector.write(writes[i : i + most])]
