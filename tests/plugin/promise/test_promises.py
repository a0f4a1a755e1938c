"""A call's promise in the ledger: opened, written, corrected, called off and purged, and shown to people."""

from __future__ import annotations

import importlib
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import DateTime, bindparam, insert, select, text, update

from plugin.events import save_change
from plugin.ledger.promises import promises, watched_reminders
from plugin.ledger.schema import deliveries
from plugin.monitoring.figures import read_standing
from plugin.operations.purge import Purge
from plugin.promise import bookkeeping
from plugin.promise.bookkeeping import PromiseBook, judge
from plugin.promise.promise_list import list_promises, read_promise
from tests.plugin.events.support import ALL, CALLS, HALF, NONE, OTHER_CLIENT, SETTINGS, Office, at
from tests.plugin.operations.harness import Firm
from tests.support.processes import poll

DAY = timedelta(hours=24)


def state(office: Office) -> Any:
    (row,) = office.rows(promises)
    return row


def written(office: Office) -> None:
    """As if everything had gone out, each reminder under an id of its own."""
    office.deliver()
    with office.ledger.write() as connection:
        for row in connection.execute(select(deliveries.c.id, deliveries.c.kind)).all():
            values = {"remote_id": f"r{row.id}", "finished_at": office.clock()}
            connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(**values))
    PromiseBook(office.ledger, office.clock).step()


def done(office: Office, when: datetime | None = None, *, number: int | None = None) -> None:
    """As if the watch had found every reminder done."""
    with office.ledger.write() as connection:
        change = update(watched_reminders).where(watched_reminders.c.state == "open")
        connection.execute(change.values(state="done", done_at=when or office.clock(), done_by="u7"))
        judge(connection, [row["call_ref"] for row in office.rows(promises)], office.clock())


def rows_of(office: Office) -> list[Any]:
    with office.ledger.read() as connection:
        return list(connection.execute(select(watched_reminders).order_by(watched_reminders.c.delivery_ref)).all())


# --- what promises nothing ---------------------------------------------------------------------------


def test_who_asks_for_nothing_is_promised_nothing(office: Office) -> None:
    office.taken(NONE)
    office.taken(HALF, call={"id": "c-2"})
    assert office.rows(promises) == []


def test_a_source_on_trial_promises_nothing(office: Office) -> None:
    trial = tuple(replace(source, dry_run=True) for source in SETTINGS.sources)
    office.with_settings(sources=trial).taken(CALLS)
    assert office.rows(promises) == []


# --- its way -----------------------------------------------------------------------------------------


def test_a_promise_is_open_until_everything_has_gone_out_then_kept_by_the_last_reminder(office: Office) -> None:
    office.taken(ALL)
    book = PromiseBook(office.ledger, office.clock)
    assert (state(office)["state"], book.step()) == ("open", 0)
    written(office)
    assert state(office)["state"] == "written"
    assert state(office)["written_at"] == office.clock()
    assert [row.remote_id for row in rows_of(office)] == [
        f"r{row['id']}" for row in office.deliveries() if row["kind"] == "reminder"
    ]
    office.clock.pass_(hours=3)
    done(office)
    assert (state(office)["state"], state(office)["ended_at"]) == ("kept", office.clock())


def test_a_delivery_that_waits_for_a_human_keeps_it_open(office: Office) -> None:
    office.taken(CALLS)
    office.deliver(state="parked")
    PromiseBook(office.ledger, office.clock).step()
    assert state(office)["state"] == "open"
    office.clock.pass_(hours=24)
    PromiseBook(office.ledger, office.clock).step()
    assert state(office)["state"] == "broken"


def test_what_nobody_did_in_time_is_broken_and_late_once_it_is_done(office: Office) -> None:
    office.taken(CALLS)
    written(office)
    office.clock.pass_(hours=24, minutes=16)
    PromiseBook(office.ledger, office.clock).step()
    assert (state(office)["state"], state(office)["ended_at"]) == ("broken", state(office)["deadline_at"])
    done(office)
    assert (state(office)["state"], state(office)["ended_at"]) == ("late", office.clock())


def test_a_call_reported_after_its_deadline_has_an_hour_and_is_late(office: Office) -> None:
    office.clock.pass_(hours=30)
    office.taken(CALLS)
    assert state(office)["due_by"] == office.clock() + timedelta(hours=1)
    written(office)
    assert state(office)["state"] == "written"
    done(office)
    assert state(office)["state"] == "late"


def test_an_unfinished_call_is_a_promise_too(office: Office) -> None:
    office.taken(HALF, final=True)
    written(office)
    assert state(office)["state"] == "written"


# --- corrections, cancellations, purge --------------------------------------------------------------


def test_a_correction_begins_anew_with_the_first_deadline(office: Office) -> None:
    office.taken(CALLS)
    deadline = state(office)["deadline_at"]
    written(office)
    office.clock.pass_(hours=1)
    done(office)
    office.taken(OTHER_CLIENT, occurred_at=at(30), call={"phone": None})
    assert (state(office)["state"], state(office)["ended_at"], state(office)["deadline_at"]) == ("open", None, deadline)
    assert state(office)["decision_ref"] == office.decisions()[-1]["id"]


def test_a_correction_to_nothing_withdraws_it_and_its_reminder_is_no_longer_watched(office: Office) -> None:
    office.taken(CALLS)
    written(office)
    office.clock.pass_(minutes=30)
    office.taken(NONE, occurred_at=at(30))
    assert (state(office)["state"], state(office)["ended_at"]) == ("withdrawn", office.clock())
    assert [(row.state, row.next_look_at) for row in rows_of(office)] == [("void", None)]
    office.clock.pass_(hours=30)
    PromiseBook(office.ledger, office.clock).step()
    assert state(office)["state"] == "withdrawn"


def test_what_a_person_cancelled_is_withdrawn(office: Office) -> None:
    office.taken(CALLS)
    office.deliver(state="cancelled")
    PromiseBook(office.ledger, office.clock).step()
    assert state(office)["state"] == "withdrawn"


def test_a_purged_call_keeps_its_promises_state_and_is_read_without_its_client(office: Office) -> None:
    office.taken(CALLS)
    written(office)
    done(office)
    office.clock.pass_(days=400)
    assert Purge(office.ledger, office.clock, timedelta(days=365)).step() == 1
    with office.ledger.read() as connection:
        found = read_promise(connection, office.call()["id"])
    assert found is not None
    promise, (reminder,) = found
    assert (promise.state, promise.is_purged, promise.phone) == ("kept", True, None)
    assert (reminder.done_by, reminder.person) == (None, None)


def test_old_calls_purged_before_they_were_done_are_watched_no_more(office: Office) -> None:
    office.taken(CALLS)
    written(office)
    office.clock.pass_(days=400)
    Purge(office.ledger, office.clock, timedelta(days=365)).step()
    assert [row.next_look_at for row in rows_of(office)] == [None]


# --- shown -------------------------------------------------------------------------------------------


def test_promises_are_listed_by_deadline_page_by_page(office: Office) -> None:
    for number in range(4):
        office.clock.pass_(minutes=5)
        office.taken(CALLS, call={"id": f"c-{number}"}, occurred_at=at(5 * number))
    with office.ledger.read() as connection:
        first = list_promises(connection, limit=3)
        rest = list_promises(connection, limit=3, after=first[-1].call)
        assert [one.call_id for one in [*first, *rest]] == ["c-0", "c-1", "c-2", "c-3"]
        assert list_promises(connection, ["kept"]) == []
        assert list_promises(connection, after=999) == []


def test_the_figures_count_what_stands_and_what_ended_within_a_day(office: Office) -> None:
    office.taken(CALLS)
    office.taken(CALLS, call={"id": "c-2"})
    written(office)
    with office.ledger.write() as connection:
        one = office.calls()[0]["id"]
        connection.execute(update(watched_reminders).where(watched_reminders.c.call_ref == one).values(state="done"))
        judge(connection, [one], office.clock())
    with office.ledger.read() as connection:
        counts = read_standing(connection, office.clock(), DAY).promises
        later = read_standing(connection, office.clock() + timedelta(days=2), DAY).promises
    assert (dict(counts.standing), dict(counts.ended)) == ({"written": 1}, {"kept": 1})
    assert dict(later.ended) == {}


def test_the_commands_tell_it_in_russian_and_mask_the_number(firm: Firm) -> None:
    assert "Таких обещаний нет" in firm.out("promises", "list")
    firm.report("c-1", CALLS)
    shown = firm.out("promises", "list")
    assert "записывается" in shown
    assert "+79161234567" not in shown
    firm.change_all(state="done", remote_id="r1", finished_at=firm.clock())
    PromiseBook(firm.ledger, firm.clock).step()
    page = firm.out("promises", "show", "c-1")
    assert "ждёт исполнения" in page
    assert "Не исполнено" in page
    told = firm.json("promises", "show", "c-1")
    assert (told["state"], [one["done"] for one in told["reminders"]]) == ("written", [False])
    assert "обещания по такому звонку нет" in firm.refused("promises", "show", "c-9")


# --- earlier ledgers ---------------------------------------------------------------------------------


def test_promises_of_the_last_month_are_taken_in_from_an_earlier_ledger(office: Office) -> None:
    step = importlib.import_module("plugin.ledger.migrations.versions.ledger_0021")
    office.taken(CALLS)
    office.taken(NONE, call={"id": "c-2"})
    with office.ledger.write() as connection:
        before = connection.execute(select(promises.c.call_ref, promises.c.decision_ref)).all()
        connection.execute(promises.delete())
        moments = {"now": office.clock(), "since": office.clock() - timedelta(days=31)}
        told = [bindparam(name, value.replace(tzinfo=None), DateTime()) for name, value in moments.items()]
        connection.execute(text(step._TAKE_IN).bindparams(*told))
        assert connection.execute(select(promises.c.call_ref, promises.c.decision_ref)).all() == before
    assert (state(office)["state"], state(office)["due_by"]) == ("open", state(office)["deadline_at"])


# --- at the same time --------------------------------------------------------------------------------


def waits_for_a_lock(office: Office, thread: threading.Thread) -> bool:
    """Whether the thread's transaction waits for one of ours."""
    if office.ledger._sqlite:
        thread.join(0.2)
        return thread.is_alive()

    def is_waiting() -> bool:
        with office.ledger.read() as connection:
            waiting = "datname = current_database() AND wait_event_type = 'Lock'"
            return bool(connection.execute(text(f"SELECT 1 FROM pg_stat_activity WHERE {waiting}")).first())

    return poll(is_waiting, 10)


def test_a_reminder_that_begins_to_be_watched_while_a_correction_waits_is_not_watched(office: Office) -> None:
    office.taken(CALLS)
    office.deliver()
    correction = threading.Thread(target=office.taken, args=(NONE,), kwargs={"occurred_at": at(3)})
    with office.ledger.write(alone=True) as connection:
        rows = connection.execute(bookkeeping._NEW).all()
        connection.execute(insert(watched_reminders), [bookkeeping._watched(row, office.clock()) for row in rows])
        correction.start()
        assert waits_for_a_lock(office, correction)
    correction.join(20)
    assert [row.state for row in rows_of(office)] == ["void"]


def test_what_a_correction_takes_back_meanwhile_does_not_begin_to_be_watched(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.taken(CALLS)
    office.deliver()
    begun, go = threading.Event(), threading.Event()
    save = save_change._save_plan

    def slowly(*arguments: Any) -> Any:
        begun.set()
        assert go.wait(20)
        return save(*arguments)

    monkeypatch.setattr(save_change, "_save_plan", slowly)
    correction = threading.Thread(target=office.taken, args=(NONE,), kwargs={"occurred_at": at(3)})
    book = threading.Thread(target=PromiseBook(office.ledger, office.clock).step)
    correction.start()
    assert begun.wait(20)
    book.start()
    assert waits_for_a_lock(office, book)
    go.set()
    correction.join(20)
    book.join(20)
    assert rows_of(office) == []
