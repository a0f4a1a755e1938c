"""Old calls lose their personal data and nothing else; what is not over keeps everything."""

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, text

from connectors.base import Reference
from plugin.config.settings import Retention
from plugin.events.inbox import Inbox, InboxEnding
from plugin.ledger.connected import kept_references
from plugin.ledger.outage_log import OutageLog
from plugin.ledger.schema import acts, attempts, metadata
from plugin.ledger.suppression import suppressions
from plugin.operations.purge import Purge
from plugin.operations.retention import DailyPurge
from plugin.service.housekeeping import HousekeepingLoop, purge_step
from tests.plugin.events.support import CALLS, NONE, OTHER_CLIENT, call_result, edited_rules
from tests.plugin.operations.harness import DO, Firm
from tests.support.processes import wait_until

YEAR = timedelta(days=400)
#: What a person could be known by, wherever it stands in what the tests report.
PERSONAL = ("9161234567", "Карточкина", "Петров", "ivanova", "перезвонить", "crm.example", "coordinator@", "u-77")
NOTE = "просила перезвонить сыну"


def everything(firm: Firm, *, but: tuple[str, ...] = ("revisions",)) -> str:
    """All that the ledger holds, as text."""
    with firm.ledger.read() as connection:
        rows = [connection.execute(table.select()).all() for table in metadata.tables.values() if table.name not in but]
    return repr(rows)


def finish(firm: Firm) -> None:
    """As if all had been delivered."""
    firm.change_all(
        state="done",
        finished_at=firm.clock(),
        remote_id="u-77",
        why="the CRM knows Карточкина",
        sent_text=f"Клиент карточки: Карточкина, {NOTE}",
        card={"type": "contact", "id": "u-77"},
        corrections=[{"decision": 1, "text": "Карточкина"}],
        assignee={"user": "u-77", "address": "coordinator@dealer.example"},
    )


def old_call(firm: Firm, call: str = "c-old", facts: Any = None, **more: Any) -> dict[str, Any]:
    return firm.report(call, facts, ago=YEAR, note=NOTE, **more)


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("span", "said"), [("soon", "не похоже на срок"), ("12h", "меньше суток"), ("0d", "не похоже")]
)
def test_a_span_that_cannot_be_meant_is_refused(firm: Firm, span: str, said: str) -> None:
    old_call(firm)
    finish(firm)
    assert said in firm.refused("purge", "--older-than", span)
    assert firm.office.call()["phone"]


@pytest.mark.parametrize("state", ["pending", "leased", "unknown", "waiting", "parked"])
def test_a_call_with_a_delivery_that_is_not_done_keeps_everything(firm: Firm, state: str) -> None:
    old_call(firm)
    finish(firm)
    firm.change(2, state=state)
    before = everything(firm)
    out = firm.out("purge", "--older-than", "365d")
    assert "Ещё не закончены, останутся как есть: 1" in out
    assert ("optout deliveries list --state parked" in out) == (state == "parked")
    assert everything(firm) == before


def test_a_call_that_waits_for_its_end_keeps_everything(firm: Firm) -> None:
    old_call(firm, facts={"related_to_car": True})
    firm.out("purge", "--older-than", "365d")
    assert firm.office.call()["phone"]


def test_a_young_call_keeps_everything(firm: Firm) -> None:
    firm.report("c-young", note=NOTE)
    finish(firm)
    before = everything(firm)
    assert "звонков: 0" in firm.out("purge", "--older-than", "365d")
    assert everything(firm) == before


def test_a_dry_run_only_counts(firm: Firm) -> None:
    old_call(firm)
    finish(firm)
    before = everything(firm)
    out = firm.out("purge", "--older-than", "365d", "--dry-run")
    assert "Закончены и старше 365 дн., звонков: 1" in out
    assert "проба" in out
    assert everything(firm) == before


# --- what goes and what stays ----------------------------------------------------------------------


def test_nothing_personal_is_left_and_the_anonymous_record_is(either_firm: Firm) -> None:
    firm = either_firm
    old_call(firm, facts=OTHER_CLIENT)
    finish(firm)
    attempt = {"delivery_ref": 1, "at": firm.clock(), "step": "send", "outcome": "done", "seconds": 0.5, "status": 201}
    act = {"at": firm.clock(), "act": "retry", "by": "admin", "why": "для Петрова", "delivery_ref": 1, "call_ref": 1}
    with firm.ledger.write() as connection:
        connection.execute(insert(attempts), attempt | {"why": "wrote to Карточкина"})
        connection.execute(insert(acts), act)
    before = {name: firm.office.rows(metadata.tables[name]) for name in ("calls", "events", "decisions", "deliveries")}
    assert all(personal in everything(firm) for personal in PERSONAL)

    out = firm.out("purge", "--older-than", "365d")
    assert "Удалены личные данные звонков: 1." in out
    # Whom not to call stays known.
    left = everything(firm, but=("revisions", "suppressions"))
    assert [personal for personal in PERSONAL if personal in left] == []
    assert [row["number"] for row in firm.office.rows(suppressions)] == ["+79161234567"]

    (call,), (was,) = firm.office.calls(), before["calls"]
    kept = (
        "namespace",
        "call_id",
        "generation",
        "script",
        "first_occurred_at",
        "last_occurred_at",
        "deadline_at",
        "late",
    )
    assert {name: call[name] for name in (*kept, "outcome")} == {name: was[name] for name in (*kept, "outcome")}
    assert call["purged_at"] is not None
    (event,), (was,) = firm.office.events(), before["events"]
    assert (event["digest"], event["event_id"], event["received_at"]) == (
        was["digest"],
        was["event_id"],
        was["received_at"],
    )
    assert event["facts"] == {"related_to_car": False, "is_client": True, "survey_type": "calls"}
    (decision,), (was,) = firm.office.decisions(), before["decisions"]
    assert (decision["outcome"], decision["revision"]) == (was["outcome"], was["revision"])
    assert (decision["target"], decision["facts"]) == (None, event["facts"])
    for row, was in zip(firm.office.deliveries(), before["deliveries"], strict=True):
        for name in ("key", "kind", "role", "state", "finished_at", "deadline_at", "created_at"):
            assert row[name] == was[name]
    with firm.ledger.read() as connection:
        (tried,) = connection.execute(attempts.select()).mappings().all()
    assert (tried["status"], tried["seconds"], tried["why"]) == (201, 0.5, None)
    assert [act["act"] for act in firm.acts()] == ["retry", "purge"]
    assert firm.acts()[1]["details"] == {"calls": 1, "older_than_days": 365.0}


def test_a_repeated_event_of_a_purged_call_is_still_known_and_another_under_its_id_still_refused(firm: Firm) -> None:
    firm.clock.pass_(days=-400)
    event = call_result(CALLS, occurred_at=firm.clock().isoformat(), call={"id": "c-old"}, note=NOTE)
    firm.office.taken_body(event)
    firm.clock.pass_(days=400)
    finish(firm)
    firm.out("purge", "--older-than", "365d")

    repeated = firm.office.send(event)
    assert repeated.status == 200
    assert (repeated.body["duplicate"], repeated.body["purged"], repeated.body["call"]) == (True, True, "c-old")
    assert repeated.body["decision"]["outcome"] == "exclude_calls"
    assert {delivery["state"] for delivery in repeated.body["deliveries"]} == {"done"}
    assert firm.office.send(event | {"note": "another"}).status == 409
    assert len(firm.office.decisions()) == 1


def test_a_purged_call_can_still_be_read(firm: Firm) -> None:
    old_call(firm)
    finish(firm)
    firm.out("purge", "--older-than", "365d")
    out = firm.out("calls", "show", "c-old")
    assert "Удалено:   личные данные" in out
    assert "исключить из звонков с опросом" in out
    assert "Удалено:" in firm.out("deliveries", "show", "2")
    assert "c-old" in firm.out("calls", "list")
    assert firm.json("calls", "show", "c-old")["purged_at"]


def test_a_purged_call_that_hears_a_late_event_is_whole_again_and_corrected(firm: Firm) -> None:
    old_call(firm)
    finish(firm)
    firm.out("purge", "--older-than", "365d")
    firm.clock.pass_(days=-400, minutes=1)
    late = call_result(NONE, occurred_at=firm.clock().isoformat(), call={"id": "c-old"}, note=NOTE)
    firm.clock.pass_(days=400, minutes=-1)
    body = firm.office.taken_body(late)
    assert body["decision"]["outcome"] == "none"
    (call,) = firm.office.calls()
    assert (call["purged_at"], call["note"]) == (None, NOTE)
    assert {row["kind"] for row in firm.office.deliveries(2)} >= {"comment"}


def test_calls_without_a_request_have_nothing_to_lose(firm: Firm) -> None:
    assert firm.office.send(call_result({}, occurred_at=firm.clock().isoformat())).body == {
        "ignored": "no opt-out request"
    }
    assert "звонков: 0" in firm.out("purge", "--older-than", "1d")


def test_answers_whose_rules_are_gone_keep_only_yes_and_no(firm: Firm) -> None:
    old_call(firm)
    finish(firm)
    with firm.ledger.write() as connection:
        connection.execute(text("UPDATE revisions SET content = '[]'"))
    firm.out("purge", "--older-than", "365d")
    (event,) = firm.office.events()
    assert event["facts"] == {"related_to_car": True}


def test_on_sqlite_nothing_of_it_stays_in_the_file_or_its_log(firm: Firm) -> None:
    def exclude_nobody(content: dict[str, Any]) -> None:
        for outcome in content["survey_opt_out/outcomes.toml"]["outcome"].values():
            outcome.pop("suppress", None)

    firm.office.rules.activate(edited_rules(exclude_nobody), "admin", "test")
    old_call(firm)
    finish(firm)
    firm.office.ledger.close()
    path = firm.folder / "ledger.db"
    assert NOTE.encode() in path.read_bytes()
    firm.out("purge", "--older-than", "365d")
    firm.ledger.close()
    log = path.with_name("ledger.db-wal")
    held = path.read_bytes() + (log.read_bytes() if log.exists() else b"")
    for personal in (NOTE, "Карточкина", "9161234567"):
        assert personal.encode() not in held
    sqlite3.connect(path).close()


def test_many_calls_are_purged_in_small_transactions_with_pauses(firm: Firm) -> None:
    from plugin.ledger.audit import Actor
    from plugin.operations.retention import purge_now

    for number in range(120):
        old_call(firm, f"c-{number}")
    finish(firm)
    firm.change(1, state="parked")
    pauses: list[float] = []
    assert purge_now(firm.ledger, firm.clock, timedelta(days=365), Actor("admin", "test"), pause=pauses.append) == 119
    assert len(pauses) == 3
    assert all(pause >= 0.05 for pause in pauses)
    assert purge_now(firm.ledger, firm.clock, timedelta(days=365), Actor("admin", "test"), pause=pauses.append) == 0


def test_the_default_is_the_retention_of_plugin_toml(firm: Firm) -> None:
    firm.report("c-1", ago=timedelta(days=40))
    finish(firm)
    assert "365 дн., звонков: 0" in firm.out("purge")
    firm.configure("retention_days = 30")
    assert "30 дн., звонков: 1" in firm.out("purge")


# --- once a day by itself --------------------------------------------------------------------------


def daily(firm: Firm, *, on: bool = True) -> DailyPurge:
    settings = replace(firm.office.settings, retention=Retention(365, on))
    return DailyPurge(firm.ledger, settings, firm.clock)


def run(purge: DailyPurge) -> int:
    """Steps until there is nothing left to do."""
    steps = 0
    while purge.step():
        steps += 1
    return steps


def test_it_does_nothing_unless_it_is_configured(firm: Firm) -> None:
    old_call(firm)
    finish(firm)
    assert run(daily(firm, on=False)) == 0
    assert firm.office.call()["phone"]
    assert firm.acts() == []


def test_the_loop_purges_once_a_day_however_many_loops_there_are(either_firm: Firm) -> None:
    firm = either_firm
    one, other = daily(firm), daily(firm)
    old_call(firm)
    finish(firm)
    assert run(one) == 1
    assert firm.office.call()["phone"] is None
    old_call(firm, "c-2")
    finish(firm)
    for _ in range(20):
        firm.clock.pass_(hours=1)
        assert (run(one), run(other)) == (0, 0)
    firm.clock.pass_(hours=5)
    assert (run(other), run(one)) == (1, 0)
    assert [act["by"] for act in firm.acts()] == ["delivery loop", "delivery loop"]


def test_a_purge_by_hand_counts_as_the_days_purge(firm: Firm) -> None:
    firm.out("purge", "--older-than", "365d")
    firm.report("c-1", ago=YEAR)
    finish(firm)
    firm.out("purge", "--older-than", "365d", *DO[1:3])
    assert run(daily(firm)) == 0


def test_the_housekeeping_loop_purges_until_it_is_stopped(firm: Firm) -> None:
    old_call(firm)
    finish(firm)
    stop = threading.Event()
    purging = HousekeepingLoop(purge_step(daily(firm)), OutageLog())
    loop = threading.Thread(target=purging.run, args=(stop,))
    loop.start()
    try:
        wait_until(lambda: firm.office.call()["phone"] is None)
    finally:
        stop.set()
        loop.join(20)
    assert not loop.is_alive()


def test_events_of_the_crm_that_are_over_go_and_parked_ones_are_named_and_kept(firm: Firm) -> None:
    kept = Inbox(firm.ledger, "testcrm", firm.clock, "test", 60.0)
    data = {"phone": "+79161234567", "note": "просила перезвонить сыну"}
    kept.keep([(Reference("deal", number, data), 0.0) for number in ("1", "2")])
    for one, ending in zip(kept.claim(2), (InboxEnding("done"), InboxEnding("parked", why="refused")), strict=True):
        kept.finish(one, ending)
    firm.clock.pass_(days=400)
    Purge(firm.ledger, firm.clock, timedelta(days=365)).step()
    with firm.ledger.read() as connection:
        left = connection.execute(kept_references.select()).all()
    assert [(row.record, row.state, row.data) for row in left] == [("2", "parked", data)]
    assert "Остановленные события CRM останутся как есть: 1" in firm.out("purge", "--dry-run")
