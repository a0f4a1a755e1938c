"""Which deliveries go next: oldest deadlines, newest promises and longest due ones, however large the backlog."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from plugin.delivery.fair_order import (
    ANY_DUE,
    ANY_DUE_IN,
    LONGEST_DUE,
    NEWEST_PROMISE,
    OLDEST_DEADLINE,
    any_due,
    next_due,
    slots,
)
from plugin.delivery.queue import Queue
from plugin.ledger.schema import deliveries
from plugin.resilience.lanes import Lane, lane_of
from tests.plugin.delivery.fake_crm import START
from tests.plugin.delivery.harness import LEASE, House

BACKLOG = 100_000
CLAIMS = 100


def fill(house: House, count: int, **columns: Any) -> None:
    """``count`` pending comments of calls that ended one after the other, one a second, the last one just now."""
    decision = house.decision()
    first = START - timedelta(seconds=count)
    rows = []
    for number in range(count):
        ended = first + timedelta(seconds=number)
        row = {"call_ref": 1, "decision_ref": decision, "key": f"{number:064}", "action": "comment", "kind": "comment"}
        row |= {"text": "Исключить", "deadline_at": ended + timedelta(hours=24), "state": "pending", "cancel": False}
        row |= {"not_before": ended, "attempts": 0, "created_at": ended} | columns
        rows.append(tuple(_plain(value) for value in row.values()))
    names = ", ".join(row)
    with house.ledger.write() as connection:
        # Without SQLAlchemy's work on each row: there are many.
        marks = ", ".join("?" for _ in row)
        connection.exec_driver_sql(f"INSERT INTO deliveries ({names}) VALUES ({marks})", rows)


def _plain(value: Any) -> Any:
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


def claimed(house: House, limit: int, now: datetime = START, **options: Any) -> list[int]:
    with house.ledger.read() as connection:
        return next_due(connection, now, limit, **options)


# --- shares ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 7, 20, 1000])
def test_over_many_claims_half_the_slots_go_to_the_oldest_deadlines_at_any_claim_size(limit: int) -> None:
    total = dict.fromkeys(("deadline", "newest", "longest"), 0)
    for claim in range(400):
        dealt = slots(claim * limit, limit)
        assert sum(dealt.values()) == limit
        for name, number in dealt.items():
            total[name] += number
    assert total == {"deadline": 200 * limit, "newest": 100 * limit, "longest": 100 * limit}


def test_a_batch_holds_the_oldest_deadlines_the_newest_promises_and_the_longest_due(house: House) -> None:
    fill(house, 1000)
    # A call that was reported late: the deadline is near, though it came last.
    urgent = house.one(deadline_at=START + timedelta(minutes=10), not_before=START)
    found = claimed(house, 20)
    assert len(set(found)) == len(found) == 20
    assert urgent in found
    assert set(range(1, 11)) <= set(found)
    assert {996, 997, 998, 999, 1000} <= set(found)


def test_less_than_a_batch_goes_out_whole_and_nothing_twice(house: House) -> None:
    fill(house, 7)
    assert sorted(claimed(house, 20)) == [1, 2, 3, 4, 5, 6, 7]


def test_what_is_not_due_yet_is_passed_over(house: House) -> None:
    fill(house, 10, not_before=START + timedelta(seconds=1))
    due = house.one()
    assert claimed(house, 5) == [due]


# --- lanes -------------------------------------------------------------------------------------------


def test_mails_go_by_the_server_that_sends_them_and_all_else_by_the_crm() -> None:
    assert (lane_of("smtp_email"), lane_of("crm_email")) == (Lane.MAIL, Lane.CRM_MAIL)
    assert {lane_of(kind) for kind in ("comment", "reminder", "withdrawal", "of a newer version")} == {Lane.CRM}


def test_a_backlog_of_one_lane_leaves_slots_to_the_other(house: House) -> None:
    fill(house, 500)
    mails = [house.one("smtp_email") for _ in range(30)]
    found = claimed(house, 20)
    assert len(found) == 20
    assert len(set(found) & set(mails)) >= 5


@pytest.mark.parametrize(
    ("lane", "kind", "other"),
    [
        (Lane.CRM, "comment", "smtp_email"),
        (Lane.CRM, "comment", "crm_email"),
        (Lane.CRM_MAIL, "crm_email", "comment"),
        (Lane.MAIL, "smtp_email", "comment"),
    ],
)
def test_nothing_is_claimed_from_a_closed_lane(house: House, lane: Lane, kind: str, other: str) -> None:
    fill(house, 50, kind=other)
    mine = house.one(kind)
    assert claimed(house, 20, lanes=[lane]) == [mine]
    with house.ledger.read() as connection:
        assert any_due(connection, START, [lane])
        connection.execute(update(deliveries).where(deliveries.c.id == mine).values(state="done"))
        assert not any_due(connection, START, [lane])
        connection.rollback()


def test_without_an_open_lane_nothing_is_claimed(house: House) -> None:
    house.one()
    assert Queue(house.ledger, house.clock, "a", LEASE).claim(10, []) == []


# --- a large backlog ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_hundred_thousand_drain_without_starving_new_calls(house: House) -> None:
    fill(house, BACKLOG)
    queue = Queue(house.ledger, house.clock, "a", LEASE)
    claims, waited, times = 0, [], []
    new: dict[int, int] = {}
    drained: set[int] = set()
    while claims < CLAIMS:
        if claims % 4 == 0:
            # A call comes in.
            house.clock.advance(1)
            new[house.one()] = claims
        started = time.perf_counter()
        batch = queue.claim(20)
        times.append(time.perf_counter() - started)
        ids = [delivery.id for delivery in batch]
        assert len(ids) == 20
        claims += 1
        waited += [claims - new.pop(id_) for id_ in ids if id_ in new]
        drained |= set(ids)
        with house.ledger.write() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id.in_(ids)).values(state="done"))
    # Every new call went out with the very next claim, and the oldest of the backlog went all the while.
    assert new == {}
    assert max(waited) == 1
    oldest = CLAIMS * 20 // 2
    assert set(range(1, oldest + 1)) <= drained
    # A claim does not look through the backlog.
    assert sorted(times)[len(times) // 2] < 0.05


def test_nothing_waits_for_ever_behind_deliveries_that_keep_failing(house: House) -> None:
    fill(house, 300)
    queue = Queue(house.ledger, house.clock, "a", LEASE)
    served: set[int] = set()
    for _ in range(60):
        ids = [delivery.id for delivery in queue.claim(20)]
        served |= set(ids)
        with house.ledger.write() as connection:
            # The older half fails at once each time, and is due again right away.
            again = {"state": "waiting", "not_before": house.clock(), "owner": None}
            connection.execute(
                update(deliveries).where(deliveries.c.id.in_([i for i in ids if i <= 150])).values(again)
            )
            connection.execute(
                update(deliveries).where(deliveries.c.id.in_([i for i in ids if i > 150])).values(state="done")
            )
        house.clock.advance(1)
    assert served == set(range(1, 301))


# --- the databases -----------------------------------------------------------------------------------


def plan(house: House, statement: Select[Any]) -> list[str]:
    """How SQLite goes about it, for texts in place of all parameters."""
    given = statement.params(now=START, patient_since=START, limit=10, taken=[0], held=["x"])
    compiled = given.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True})
    parameters = ("2026-11-23",) * str(compiled).count("?")
    with house.ledger.read() as connection:
        return [row.detail for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", parameters)]


@pytest.mark.parametrize("statement", [ANY_DUE, LONGEST_DUE], ids=["any", "longest"])
def test_what_is_due_longest_is_found_by_the_index_on_what_is_open(house: House, statement: Select[Any]) -> None:
    steps = plan(house, statement)
    assert any("ix_deliveries_due (not_before<?)" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


@pytest.mark.parametrize(("walk", "index"), [(walk, "mail" if Lane.MAIL in walk else "crm") for walk in ANY_DUE_IN])
@pytest.mark.parametrize("statements", [ANY_DUE_IN, OLDEST_DEADLINE, NEWEST_PROMISE], ids=["any", "oldest", "newest"])
def test_each_lane_is_gone_through_by_its_own_index_in_order(
    house: House, statements: dict[frozenset[Lane], Select[Any]], walk: frozenset[Lane], index: str
) -> None:
    steps = plan(house, statements[walk])
    assert any(f"ix_deliveries_{index}" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def test_postgresql_skips_what_others_are_claiming() -> None:
    for statement in (LONGEST_DUE, *OLDEST_DEADLINE.values(), *NEWEST_PROMISE.values()):
        sql = str(statement.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
        assert sql.rstrip().endswith("FOR UPDATE OF deliveries SKIP LOCKED")
        assert "deliveries.state IN ('pending', 'leased', 'unknown', 'waiting')" in sql


def test_the_indexes_of_the_lanes_are_partial(house: House) -> None:
    with house.ledger.read() as connection:
        for lane, sign in ((Lane.CRM, "!="), (Lane.MAIL, "=")):
            query = text("SELECT sql FROM sqlite_master WHERE name = :name")
            sql = connection.execute(query, {"name": f"ix_deliveries_{lane}"}).scalar_one()
            assert f"'waiting') AND kind {sign} 'smtp_email'" in sql
        assert connection.execute(select(deliveries.c.id).limit(1)).first() is None
