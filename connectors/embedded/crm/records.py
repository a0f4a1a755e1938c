"""Users, cards, comments and reminders: what is written and how it is read back, as the API shows it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.kit.names import name_key
from connectors.kit.phones import first_number, numbers_in

Record = dict[str, Any]
Show = Callable[[sqlite3.Connection, sqlite3.Row], Record]


class NoSuchRecord(Exception):
    """The record that the address names does not exist."""


class NotPossible(Exception):
    """The request is understood but cannot be carried out; ``fields`` names what is wrong where it is a field's."""

    def __init__(self, code: str, message: str, *, status: int = 422, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.fields = {name: [what] for name, what in (fields or {}).items()}


def stamp(moment: datetime) -> str:
    """A moment as it is stored and shown: UTC, ISO 8601."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def one(db: sqlite3.Connection, query: str, *values: object) -> sqlite3.Row:
    """The row. Raises NoSuchRecord."""
    row: sqlite3.Row | None = db.execute(query, values).fetchone()
    if row is None:
        raise NoSuchRecord
    return row


def insert(db: sqlite3.Connection, table: str, values: Mapping[str, object]) -> sqlite3.Row:
    """The new row. Raises NotPossible where the id in ``values`` is taken."""
    columns, places = ", ".join(values), ", ".join("?" * len(values))
    try:
        written = db.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", tuple(values.values())).lastrowid
    except sqlite3.IntegrityError:
        raise NotPossible("taken", "the id is taken", status=409, fields={"id": "Is taken."}) from None
    return one(db, f"SELECT * FROM {table} WHERE rowid = ?", written)


def number(record_id: str) -> int:
    """A record's number from its id in an address. Raises NoSuchRecord for what cannot be one."""
    if not (record_id.isascii() and record_id.isdigit() and len(record_id) <= 18):
        raise NoSuchRecord
    return int(record_id)


@dataclass(frozen=True, slots=True)
class ListPage:
    """Which part of a list: at most ``limit`` records after the one numbered ``after``."""

    after: int
    limit: int


def listed(
    db: sqlite3.Connection, table: str, show: Show, where: Mapping[str, object], page: ListPage, *, key: str = "id"
) -> Record:
    """One page in the order of creation: ``items`` and, where there are more, ``next`` to be given as ``after``.

    ``where`` maps conditions in SQL to their values.
    """
    conditions = "".join(f" AND {condition}" for condition in where)
    query = f"SELECT * FROM {table} WHERE {key} > ?{conditions} ORDER BY {key} LIMIT ?"
    rows = db.execute(query, (page.after, *where.values(), page.limit + 1)).fetchall()
    more = str(rows[page.limit - 1][key]) if len(rows) > page.limit else None
    return {"items": [show(db, row) for row in rows[: page.limit]], "next": more}


# --- users -----------------------------------------------------------------------------------------


def add_user(db: sqlite3.Connection, user: Mapping[str, Any]) -> Record:
    return show_user(db, insert(db, "users", user))


def show_user(_db: sqlite3.Connection, row: sqlite3.Row) -> Record:
    return {"id": row["id"], "name": row["name"], "email": row["email"]}


def user_named(db: sqlite3.Connection, field: str, user_id: str) -> sqlite3.Row:
    """The user that a request's field names. Raises NotPossible."""
    try:
        return one(db, "SELECT * FROM users WHERE id = ?", user_id)
    except NoSuchRecord:
        raise NotPossible("unknown_user", f"{field}: no such user", fields={field: "No such user."}) from None


# --- cards -----------------------------------------------------------------------------------------


def add_card(db: sqlite3.Connection, card: Mapping[str, Any], now: datetime) -> Record:
    record_id = int(card["id"]) if card["id"] else None
    names = {"name": card["name"], "name_key": name_key(card["name"])}
    kept = json.dumps(card.get("more") or {}, ensure_ascii=False)
    written = insert(db, "cards", {"id": record_id, **names, "created_at": stamp(now), "fields": kept})
    for phone in card["phones"]:
        add_phone(db, written["id"], phone)
    return show_card(db, written)


def add_phone(db: sqlite3.Connection, card: int, written: str) -> None:
    """Keep a card's field; it is found by each number in it, and it may hold none."""
    for number in numbers_in(written) or ("",):
        insert(db, "phones", {"card": card, "written": written, "normal": number})


def show_card(db: sqlite3.Connection, row: sqlite3.Row) -> Record:
    phones = db.execute("SELECT written FROM phones WHERE card = ? GROUP BY written ORDER BY min(id)", (row["id"],))
    shown = {"id": str(row["id"]), "name": row["name"], "phones": [phone["written"] for phone in phones]}
    return shown | {"fields": json.loads(row["fields"])}


def change_card(db: sqlite3.Connection, record_id: str, fields: Mapping[str, str]) -> Record:
    """The card with these further fields. Raises NoSuchRecord."""
    card = card_row(db, record_id)["id"]
    db.execute("UPDATE cards SET fields = ? WHERE id = ?", (json.dumps(fields, ensure_ascii=False), card))
    return show_card(db, card_row(db, record_id))


def card_fields(db: sqlite3.Connection) -> list[str]:
    """The further fields that some card has."""
    found = db.execute("SELECT DISTINCT key FROM cards, json_each(cards.fields) ORDER BY key").fetchall()
    return [row["key"] for row in found]


def cards_where(phone: str | None, name: str | None) -> dict[str, object]:
    """The conditions for cards with this phone, in any notation, and this full name.

    What is no number and no name is nobody's: nothing equals NULL.
    """
    where: dict[str, object] = {}
    if phone:
        where["id IN (SELECT card FROM phones WHERE normal = ?)"] = first_number(phone)
    if name:
        where["name_key = ?"] = name_key(name) or None
    return where


def card_row(db: sqlite3.Connection, record_id: str) -> sqlite3.Row:
    """The card that an address names. Raises NoSuchRecord."""
    return one(db, "SELECT * FROM cards WHERE id = ?", number(record_id))


def card_named(db: sqlite3.Connection, record_id: str) -> sqlite3.Row:
    """The card that a request's field names. Raises NotPossible."""
    try:
        return card_row(db, record_id)
    except NoSuchRecord:
        raise NotPossible("unknown_card", "card: no such card", fields={"card": "No such card."}) from None


# --- comments --------------------------------------------------------------------------------------


def add_comment(db: sqlite3.Connection, card_id: str, comment: Mapping[str, Any], now: datetime) -> Record:
    card = card_row(db, card_id)["id"]
    return show_comment(db, insert(db, "comments", {**comment, "card": card, "created_at": stamp(now)}))


def show_comment(_db: sqlite3.Connection, row: sqlite3.Row) -> Record:
    shown = {"id": str(row["id"]), "card": str(row["card"]), "text": row["text"]}
    return shown | {"external_key": row["external_key"], "created_at": row["created_at"]}


# --- reminders -------------------------------------------------------------------------------------


def add_reminder(db: sqlite3.Connection, reminder: Mapping[str, Any], now: datetime) -> Record:
    card = card_named(db, reminder["card"])["id"]
    user = user_named(db, "assignee", reminder["assignee"])["id"]
    given = {name: reminder[name] for name in ("subject", "text", "external_key")}
    values = {"card": card, "assignee": user, **given, "due": stamp(reminder["due"]), "created_at": stamp(now)}
    return show_reminder(db, insert(db, "reminders", values))


def show_reminder(_db: sqlite3.Connection, row: sqlite3.Row) -> Record:
    shown = {"id": str(row["id"]), "card": str(row["card"])}
    names = ("assignee", "subject", "text", "due", "state", "reason", "external_key", "created_at", "closed_at")
    return shown | {name: row[name] for name in names}


def withdraw(db: sqlite3.Connection, reminder_id: str, withdrawal: Mapping[str, Any], now: datetime) -> Record:
    """Close an open reminder as no longer wanted; one withdrawn already keeps its first reason. Raises NotPossible."""
    row = one(db, "SELECT * FROM reminders WHERE id = ?", number(reminder_id))
    if row["state"] == "done":
        raise NotPossible("already_done", "the reminder is done already", status=409)
    db.execute(
        "UPDATE reminders SET state = 'withdrawn', reason = ?, withdrawal_key = ?, closed_at = ?"
        " WHERE id = ? AND state = 'open'",
        (withdrawal["reason"], withdrawal["external_key"], stamp(now), row["id"]),
    )
    return show_reminder(db, one(db, "SELECT * FROM reminders WHERE id = ?", row["id"]))


def finish(db: sqlite3.Connection, reminder_id: str, now: datetime) -> Record:
    """Mark an open reminder as done. Raises NotPossible for a withdrawn one."""
    row = one(db, "SELECT * FROM reminders WHERE id = ?", number(reminder_id))
    if row["state"] == "withdrawn":
        raise NotPossible("withdrawn", "the reminder is withdrawn", status=409)
    db.execute(
        "UPDATE reminders SET state = 'done', closed_at = ? WHERE id = ? AND state = 'open'", (stamp(now), row["id"])
    )
    return show_reminder(db, one(db, "SELECT * FROM reminders WHERE id = ?", row["id"]))
