"""Prepared statements say the same as SQLAlchemy's own way, on both databases, errors included."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from plugin.ledger import Ledger
from plugin.ledger.prepared import PreparedInsert, PreparedSelect
from plugin.ledger.schema import calls, events

_ADD = PreparedInsert(calls, calls.c.id, calls.c.call_id)
_FIND = PreparedSelect(
    select(calls.c.call_id, calls.c.first_occurred_at, calls.c.dry_run, calls.c.phone, calls.c.phone.is_not(None))
    .where(calls.c.namespace == bindparam("namespace"), calls.c.late.is_(False))
    .order_by(calls.c.call_id)
)
_ADD_EVENT = PreparedInsert(events, events.c.id)
_AT = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=3)))


def row(call_id: str, **more: object) -> dict[str, object]:
    return {
        "namespace": "crm",
        "call_id": call_id,
        "generation": 1,
        "script": "survey",
        "phone": None,
        "first_occurred_at": _AT,
        "last_occurred_at": _AT,
        "deadline_at": _AT,
        "late": False,
        "decision_number": 0,
    } | more


def test_rows_come_back_as_they_went_in(either: Ledger) -> None:
    with either.write() as connection:
        added = _ADD.many(connection, [row("б"), row("а", phone="+79160000001")])
    with either.read() as connection:
        found = _FIND.all(connection, {"namespace": "crm"})
    assert {one.call_id for one in added} == {"а", "б"}
    assert len({one.id for one in added}) == 2
    assert [tuple(one) for one in found] == [("а", _AT, False, "+79160000001", True), ("б", _AT, False, None, False)]


def test_more_rows_than_one_statement_takes_are_all_added(either: Ledger) -> None:
    names = [f"call-{number:03}" for number in range(40)]
    with either.write() as connection:
        added = _ADD.many(connection, [row(name) for name in names])
    assert sorted(one.call_id for one in added) == names


def test_what_rows_share_is_given_once(either: Ledger) -> None:
    shared = row("", phone="+79160000001")
    own = [{"call_id": "а"}, {"call_id": "б"}, {"call_id": "в"}]
    del shared["call_id"]
    with either.write() as connection:
        added = _ADD.many(connection, own, shared)
        found = _FIND.all(connection, {"namespace": "crm"})
    assert {one.call_id for one in added} == {"а", "б", "в"}
    assert [one.phone for one in found] == ["+79160000001"] * 3


def test_the_id_of_a_row_alone_is_the_rows(either: Ledger) -> None:
    add = PreparedInsert(calls, calls.c.id)
    with either.write() as connection:
        ids = {name: add.one(connection, row(name)).id for name in ("а", "б")}
        stored = connection.execute(select(calls.c.call_id, calls.c.id)).all()
    assert {one.call_id: one.id for one in stored} == ids


def test_nothing_to_add_adds_nothing(either: Ledger) -> None:
    with either.write() as connection:
        assert list(_ADD.many(connection, [])) == []


def test_other_columns_are_another_wording(either: Ledger) -> None:
    with either.write() as connection:
        _ADD.one(connection, row("а", note="помета"))
        without = row("б")
        del without["phone"]
        _ADD.one(connection, without)
        assert connection.execute(select(calls.c.note).order_by(calls.c.id)).scalars().all() == ["помета", None]


def test_json_and_sqls_null_are_told_apart(either: Ledger) -> None:
    one = {"source": "s", "digest": "d", "received_at": _AT, "final": True, "answer": {"имя": ["½", None]}}
    with either.write() as connection:
        _ADD_EVENT.one(connection, one | {"event_id": "1", "facts": None})
        _ADD_EVENT.one(connection, one | {"event_id": "2", "facts": {}})
        empty = select(events.c.event_id).where(events.c.facts.is_(None))
        assert connection.execute(empty).scalars().all() == ["1"]
        assert connection.execute(select(events.c.answer).limit(1)).scalar_one() == {"имя": ["½", None]}


def test_a_key_that_is_taken_is_an_integrity_error_without_the_values(either: Ledger) -> None:
    def add_twice() -> None:
        with either.write() as connection:
            _ADD.many(connection, [row("secret-call"), row("secret-call")])

    with pytest.raises(IntegrityError) as caught:
        add_twice()
    if not either.is_shared:
        assert isinstance(caught.value.orig, sqlite3.IntegrityError)
        assert "secret-call" not in str(caught.value)
    with either.read() as connection:
        assert _FIND.all(connection, {"namespace": "crm"}) == []
