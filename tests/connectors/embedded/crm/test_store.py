"""The CRM's file: one of an earlier version is brought up to date when it is opened."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.embedded.crm import records
from connectors.embedded.crm.store import CrmStore, StoreUnusable

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CARD = {"id": "7", "name": "Ёлкин Иван", "phones": ["8 916 555-00-01, жена 8 903 765-43-21", "нет"]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file as version 1 left it: a field is one number, a name one order of its parts."""
    store = CrmStore(tmp_path / "crm.db")
    with store.transaction() as db:
        records.add_card(db, CARD, NOW)
    store.close()
    with sqlite3.connect(tmp_path / "crm.db") as db:
        db.execute("UPDATE cards SET name_key = 'елкин иван'")
        db.execute("DELETE FROM phones")
        for written, digits in (("8 916 555-00-01, жена 8 903 765-43-21", "8916555000189037654321"), ("нет", "")):
            db.execute("INSERT INTO phones (card, written, normal) VALUES (7, ?, ?)", (written, digits))
        db.execute("DROP INDEX ix_calls_changed")
        db.execute("ALTER TABLE calls DROP COLUMN changed_at")
        db.execute("ALTER TABLE cards DROP COLUMN fields")
        db.execute("PRAGMA user_version = 1")
    db.close()
    return tmp_path / "crm.db"


def test_another_version_is_refused(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(StoreUnusable, match="another version"):
        CrmStore(file)


@pytest.mark.parametrize(
    ("phone", "name"),
    [("+79037654321", None), ("+79165550001", None), (None, "иван елкин"), ("8 903 765-43-21", "Елкин Иван")],
)
def test_cards_of_version_1_are_found_by_each_number_and_by_name_in_any_order(
    file: Path, phone: str | None, name: str | None
) -> None:
    store = CrmStore(file)
    with store.reading() as db:
        where = records.cards_where(phone, name)
        found = records.listed(db, "cards", records.show_card, where, records.ListPage(0, 10))
    store.close()
    assert found["items"] == [CARD | {"fields": {}}]


def test_calls_of_an_earlier_version_count_as_changed_when_they_were_made(file: Path) -> None:
    call = ("c-1", "+79161234567", "{}", "2026-11-22T10:15:00+03:00", 1, 1, "2026-11-22T07:20:00Z")
    with sqlite3.connect(file) as db:
        columns = "id, phone, facts, occurred_at, final, revision, created_at"
        db.execute(f"INSERT INTO calls ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?)", call)
    db.close()
    store = CrmStore(file)
    with store.reading() as db:
        assert db.execute("SELECT changed_at FROM calls").fetchone()[0] == "2026-11-22T07:20:00Z"
    store.close()
