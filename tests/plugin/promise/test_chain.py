"""The chain: whatever is changed, taken away or put in later is found; a purge breaks nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import JSON, Boolean, Connection, Float, Integer, delete, insert, select, text, update

from plugin.ledger.audit import Actor, record
from plugin.ledger.chain import Change, note
from plugin.ledger.chain.append import is_anything_waiting, take_in
from plugin.ledger.chain.check import ChainFault, CheckProgress, check_on
from plugin.ledger.chain.records import SOURCES
from plugin.ledger.chain.tables import chain, chain_head, chain_queue, chain_starts
from plugin.ledger.promises import watched_reminders
from plugin.ledger.schema import UtcTime, acts, attempts, calls, decisions, deliveries, events
from plugin.ledger.suppression import suppressions
from plugin.ledger.trails import trails
from plugin.operations.purge import Purge
from tests.plugin.events.support import ALL, CALLS, HALF, NONE, NOW, OTHER_CLIENT, Office, at
from tests.plugin.promise.test_suppression_list import OTHER, by_hand

#: Columns of chained tables that no entry holds: the plugin works by them, and they tell nothing of the call.
LEFT_OUT = {
    "calls": {"unfinished_at", "card_search", "purged_at"},
    "events": set[str](),
    "decisions": {"card"},
    "deliveries": {"not_before", "owner", "lease_until", "sent_at", "cancel", "attempts", "mend"},
    "attempts": set[str](),
    "watched_reminders": {
        *("remote_id", "due_by", "looked_at", "next_look_at", "owner", "first_person", "person", "first_due", "due"),
        *("is_missing", "is_reassigned", "is_postponed", "noticed_at"),
    },
    "suppressions": set[str](),
    "acts": set[str](),
    "trails": {"seq", "tab", "purged_at", "remarks"},
}
YEAR = timedelta(days=365)


def take_all(office: Office) -> None:
    while True:
        with office.ledger.write() as connection:
            if not take_in(connection, office.clock()):
                return


def faults(office: Office, limit: int = 1000) -> list[ChainFault]:
    progress = CheckProgress()
    while not progress.ended:
        with office.ledger.read() as connection:
            progress = check_on(connection, progress, limit)
    assert progress.fault_count >= len(progress.faults)
    return list(progress.faults)


def whats(office: Office) -> set[str]:
    return {fault.what for fault in faults(office)}


def end_deliveries(office: Office) -> None:
    """As the delivery loop writes it, with an attempt each."""
    with office.ledger.write() as connection:
        ids = connection.execute(select(deliveries.c.id, deliveries.c.call_ref)).all()
        for row in ids:
            step = {"delivery_ref": row.id, "at": office.clock(), "step": "send", "outcome": "done", "seconds": 0.25}
            connection.execute(insert(attempts), step | {"why": "x", "status": 201, "code": "c"})
        done = {"state": "done", "finished_at": office.clock(), "remote_id": "r-1", "why": "why", "sent_text": "text"}
        done |= {"assignee": {"user": "u"}, "card": {"type": "contact", "id": "42"}, "corrected": {"decisions": []}}
        connection.execute(update(deliveries).values(**done))
        note(connection, [Change("delivery", row.id, row.call_ref) for row in ids])
        watched = {"delivery_ref": ids[0].id, "call_ref": ids[0].call_ref, "state": "done", "due_by": office.clock()}
        watched |= {"done_by": "petrova", "done_at": office.clock(), "done_through": "crm"}
        watched |= dict.fromkeys(("is_missing", "is_reassigned", "is_postponed"), False)
        connection.execute(insert(watched_reminders), watched)
        note(connection, [Change("reminder", ids[0].id, ids[0].call_ref)])


def trail(office: Office) -> None:
    row = {"namespace": "dealership", "call_id": "c-77", "generation": 1, "script": "s", "revision": "r", "seq": 1}
    row |= {"operator": "ivanova", "about": {"phone": OTHER}, "entries": [], "state": "confirmed", "outcome": "none"}
    row |= {"reported": {"facts": {}}, "event_id": "e", "started_at": office.clock(), "updated_at": office.clock()}
    with office.ledger.write() as connection:
        added = connection.execute(insert(trails).returning(trails.c.id), row).scalar_one()
        note(connection, [Change("trail", added)])


def fill(office: Office) -> None:
    """Records of every kind."""
    office.taken(CALLS, note="просила перезвонить")
    office.taken(OTHER_CLIENT, call={"id": "c-2"})
    office.taken(HALF, call={"id": "c-3", "phone": OTHER}, final=True)
    office.taken(HALF, call={"id": "c-4"})
    by_hand(office).add([OTHER], ["mailings"])
    office.taken(NONE, occurred_at=at(1))
    office.clock.pass_(hours=1)
    office.sweep()
    end_deliveries(office)
    trail(office)
    with office.ledger.write() as connection:
        connection.execute(update(events).where(events.c.id == 1).values(card_facts={"brand": "Kia"}))
        note(connection, [Change("card", 1, 1)])
        record(connection, "retry", Actor("admin", "so"), office.clock(), [{"call_ref": 1, "details": {"a": 1}}])
    take_all(office)


@pytest.fixture
def filled(office: Office) -> Office:
    fill(office)
    return office


# --- what is chained -------------------------------------------------------------------------------


def test_every_column_is_chained_or_left_out_on_purpose() -> None:
    there: dict[str, set[str]] = {}
    for parts in SOURCES.values():
        for part in parts:
            there.setdefault(part.table.name, set()).update(column.name for column in part.columns)
    for table in (calls, events, decisions, deliveries, attempts, watched_reminders, suppressions, acts, trails):
        assert there[table.name] | LEFT_OUT[table.name] == set(table.c.keys()), table.name
        assert not there[table.name] & LEFT_OUT[table.name]


def test_nothing_is_wrong_with_what_the_plugin_wrote(filled: Office) -> None:
    with filled.ledger.read() as connection:
        kinds = set(connection.execute(select(chain.c.kind)).scalars())
    assert kinds == {"start", *SOURCES}
    assert faults(filled) == []
    assert faults(filled, limit=2) == []


def test_what_is_written_and_not_taken_in_yet_is_no_fault(filled: Office) -> None:
    filled.taken(ALL, occurred_at=at(30))
    by_hand(filled).remove([OTHER], ["mailings"])
    with filled.ledger.read() as connection:
        assert is_anything_waiting(connection)
    assert faults(filled) == []
    take_all(filled)
    assert faults(filled) == []


def test_of_two_processes_one_adds_to_the_chain(filled: Office) -> None:
    filled.taken(ALL, occurred_at=at(30))
    if not filled.ledger.is_shared:
        return
    with filled.ledger.write() as first:
        assert take_in(first, filled.clock()) == 1
        with filled.ledger.write() as second:
            assert take_in(second, filled.clock()) == 0
    assert faults(filled) == []


# --- tampering -------------------------------------------------------------------------------------


def other_value(column: Any, value: Any) -> Any:
    """Another value of the column's type."""
    if isinstance(column.type, Boolean):
        return not value
    if isinstance(column.type, Integer | Float):
        return (value or 0) + 1_000
    if isinstance(column.type, UtcTime):
        return (value or NOW) + timedelta(seconds=1)
    if isinstance(column.type, JSON):
        return {"tampered": True}
    return f"{value or ''}x"[-column.type.length :] if getattr(column.type, "length", None) else f"{value or ''}x"


def tampered(connection: Connection, table: Any, column: Any, key: Any) -> Callable[[], None] | None:
    """Change one value of the newest row; what puts it back. None where the database refuses it."""
    row = connection.execute(select(table).order_by(key.desc()).limit(1)).one()
    was, which = row._mapping[column.name], row._mapping[key.name]
    new = other_value(column, was)

    def put(value: Any) -> None:
        connection.execute(update(table).where(key == which).values({column.name: value}))

    with connection.begin_nested():
        put(new)
    changed_key = column is key

    def back() -> None:
        where = key == (new if changed_key else which)
        connection.execute(update(table).where(where).values({column.name: was}))

    return back


def chained_columns() -> Iterator[tuple[Any, Any]]:
    seen = set()
    for parts in SOURCES.values():
        for part in parts:
            for column in part.columns:
                if column not in seen and column.name not in ("id", "delivery_ref"):
                    seen.add(column)
                    yield part.table, column


def test_a_change_of_any_field_of_any_chained_row_is_found(filled: Office) -> None:
    fields = list(chained_columns())
    assert len(fields) > 90
    with filled.ledger.write() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
        for table, column in fields:
            if connection.dialect.name != "sqlite" and (column.foreign_keys or column.name == "call_ref"):
                continue
            back = tampered(connection, table, column, *table.primary_key.columns)
            assert back is not None
            assert found_in(connection) >= 1, f"{table.name}.{column.name}"
            back()
        assert found_in(connection) == 0


def test_a_change_of_any_field_of_the_chain_is_found(filled: Office) -> None:
    with filled.ledger.write() as connection:
        for table, key in ((chain, chain.c.seq), (chain_head, chain_head.c.id), (chain_starts, chain_starts.c.name)):
            for column in table.c:
                if table is not chain and column is key:
                    continue
                back = tampered(connection, table, column, key)
                assert back is not None
                assert found_in(connection) >= 1, f"{table.name}.{column.name}"
                back()
        assert found_in(connection) == 0


def found_in(connection: Connection) -> int:
    return check_on(connection, CheckProgress(), 100_000).fault_count


@pytest.mark.parametrize("statement", [
    "DELETE FROM attempts WHERE id = (SELECT max(id) FROM attempts)",
    "DELETE FROM acts WHERE id = (SELECT max(id) FROM acts)",
    "DELETE FROM suppressions WHERE id = (SELECT max(id) FROM suppressions)",
    "DELETE FROM trails",
    "DELETE FROM chain WHERE seq = 3",
    "DELETE FROM chain",
    "UPDATE chain SET salt = NULL WHERE seq = (SELECT max(seq) FROM chain)",
])  # fmt: skip
def test_what_was_taken_away_is_found(filled: Office, statement: str) -> None:
    with filled.ledger.write() as connection:
        connection.execute(text(statement))
    assert faults(filled)


def test_what_was_put_in_past_the_plugin_is_found(filled: Office) -> None:
    rows: list[tuple[Any, dict[str, Any]]] = [
        (attempts, {"delivery_ref": 1, "at": filled.clock(), "step": "send", "outcome": "done", "seconds": 1.0}),
        (acts, {"at": filled.clock(), "act": "retry", "by": "x", "why": "x"}),
        (suppressions, {"number": OTHER, "scope": "calls", "suppresses": False, "at": filled.clock(),
                        "changed_at": filled.clock(), "by": "x", "why": "x"}),
        (suppressions, {"number": OTHER, "scope": "calls", "suppresses": False, "at": filled.clock(),
                        "changed_at": filled.clock(), "call_ref": 1}),
        (events, {"source": "s", "event_id": "forged", "digest": "d", "received_at": filled.clock(), "call_ref": 1,
                  "final": True, "answer": {}}),
    ]  # fmt: skip
    for table, row in rows:
        with filled.ledger.write() as connection:
            added = connection.execute(insert(table).returning(table.c.id), row).scalar_one()
        assert faults(filled), table.name
        with filled.ledger.write() as connection:
            connection.execute(delete(table).where(table.c.id == added))
        assert faults(filled) == []


def test_an_end_that_was_cut_off_is_found(filled: Office) -> None:
    with filled.ledger.write() as connection:
        last = connection.execute(select(chain).order_by(chain.c.seq.desc()).limit(2)).all()
        connection.execute(delete(chain).where(chain.c.seq == last[0].seq))
    assert "end" in whats(filled)
    with filled.ledger.write() as connection:
        connection.execute(update(chain_head).values(seq=last[1].seq, link=last[1].link))
    assert whats(filled) == {"left_out"}


def test_a_record_that_was_changed_and_taken_in_again_is_found(filled: Office) -> None:
    with filled.ledger.write() as connection:
        connection.execute(update(events).where(events.c.id == 1).values(facts={"related_to_car": False}))
        note(connection, [Change("event", 1, 1)])
    take_all(filled)
    assert whats(filled) == {"again"}


# --- purging ---------------------------------------------------------------------------------------


def test_a_purge_breaks_nothing_and_leaves_no_salt_of_what_it_removed(filled: Office) -> None:
    filled.clock.pass_(days=366)
    purge = Purge(filled.ledger, filled.clock, YEAR)
    while purge.step():
        pass
    assert {row["phone"] for row in filled.calls()} == {None}
    assert faults(filled) == []
    with filled.ledger.read() as connection:
        salted = select(chain.c.kind).where(chain.c.salt.is_not(None), chain.c.seq > 1)
        assert set(connection.execute(salted).scalars()) <= {"said", "suppression"}
    take_all(filled)
    assert faults(filled) == []
    with filled.ledger.write() as connection:
        connection.execute(update(calls).where(calls.c.id == 1).values(outcome="other"))
    assert whats(filled) == {"record"}


def test_a_purge_of_what_was_not_taken_in_yet_breaks_nothing(office: Office) -> None:
    office.taken(CALLS)
    end_deliveries(office)
    office.clock.pass_(days=366)
    purge = Purge(office.ledger, office.clock, YEAR)
    while purge.step():
        pass
    take_all(office)
    assert faults(office) == []
    assert office.rows(chain_queue) == []
