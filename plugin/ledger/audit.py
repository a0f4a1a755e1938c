"""Audit log of operations by hand: who, when, why, and the state before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, insert, select

from plugin.common.terminal import clean
from plugin.errors import InputError
from plugin.ledger.chain import Change, note
from plugin.ledger.schema import acts

Act = Literal[
    "retry", "cancel", "replay", "purge", "forget", "drop", "user", "token", "sessions", "answer", "export", "shadow"
]

_ADD = insert(acts).returning(acts.c.id, acts.c.call_ref)
_OF_DELIVERY = select(acts).where(acts.c.delivery_ref == bindparam("id")).order_by(acts.c.id)
_NEWEST_ACTS = select(acts).order_by(acts.c.id.desc()).limit(bindparam("limit"))
_NEWEST = (
    select(acts.c.at).where(acts.c.act == bindparam("act", type_=acts.c.act.type)).order_by(acts.c.at.desc()).limit(1)
)


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who does something by hand, and why."""

    by: str
    why: str

    @classmethod
    def signed(cls, by: str, reason: str) -> Actor:
        """The actor in words of one line each. Raises InputError for what is blank."""
        return cls(_line("--by", by, "кто это делает"), _line("--reason", reason, "зачем: одной фразой"))


def record(connection: Connection, act: Act, actor: Actor, at: datetime, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write one line for each of ``rows``: delivery_ref, call_ref and details, each of which may be left out."""
    shared = {"act": act, "by": actor.by, "why": actor.why, "at": at}
    blank: dict[str, Any] = {"delivery_ref": None, "call_ref": None, "details": None}
    if rows:
        added = connection.execute(_ADD, [shared | blank | dict(row) for row in rows]).all()
        note(connection, [Change("act", row.id, row.call_ref) for row in added])


def acts_on_delivery(connection: Connection, delivery: int) -> list[dict[str, Any]]:
    """What was done to a delivery, oldest first."""
    return [dict(row) for row in connection.execute(_OF_DELIVERY, {"id": delivery}).mappings()]


def newest_acts(connection: Connection, limit: int, *, before: int | None = None) -> list[dict[str, Any]]:
    """What was done by hand, newest first; ``before``: only lines with lower numbers."""
    query = _NEWEST_ACTS if before is None else _NEWEST_ACTS.where(acts.c.id < before)
    return [dict(row) for row in connection.execute(query, {"limit": limit}).mappings()]


def newest(connection: Connection, act: Act) -> datetime | None:
    """When this was last done."""
    return connection.execute(_NEWEST, {"act": act}).scalar_one_or_none()


def _line(option: str, text: str, wanted: str) -> str:
    line = " ".join(clean(text).split())
    if not line:
        raise InputError(f"{option}: пусто", hint=f"Напишите, {wanted}")
    return line
