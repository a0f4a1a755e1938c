"""The figures are true of the whole ledger, cost little, say nothing about a client, and are not for everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, text, update

from connectors.base import Reference
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.config.settings import Settings
from plugin.events.inbox import Inbox, InboxEnding
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.ledger.schema import attempts, calls, decisions, deliveries
from plugin.monitoring.figures import _DECIDED, EndedDeliveries, Figures, TableTail, WaitingEvents, read_standing
from plugin.web import create_app
from tests.plugin.web.harness import PATH_SECRET, Crm, Heard, Site, call_result, serving

TOKEN = "s3cret-of-the-metrics"
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def figures(heard: Heard) -> dict[tuple[str, ...], float]:
    """(name, then the values of its labels in the labels' own order) → value."""
    assert heard.status == 200, heard.body
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(heard.body.decode())
        for sample in family.samples
    }


@contextmanager
def site_with(ledger: Ledger, settings: Settings, rules: ActiveRules) -> Iterator[Site]:
    app = create_app(Intake(ledger, rules, settings, utc_now), ledger, settings, rules, Crm({}))
    with serving(app) as (server, _):
        yield Site(server.port, ledger, rules, settings)


# --- who gets them ---------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_a_proxy_that_asks_for_somebody_gets_nothing_without_a_token(site: Site, header: str) -> None:
    heard = site.ask("GET", "/metrics", headers={header: "203.0.113.7"})
    assert (heard.status, heard.json["error"]["code"]) == (403, "metrics_forbidden")
    assert b"optout_" not in heard.body


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ", "Bearer ключ"])
def test_with_a_token_configured_nobody_gets_them_without_it(
    ledger: Ledger, settings: Settings, rules: ActiveRules, authorization: str | None
) -> None:
    guarded = replace(settings, web=replace(settings.web, metrics_token=TOKEN))
    with site_with(ledger, guarded, rules) as site:
        headers = {} if authorization is None else {"Authorization": authorization.encode().decode("latin-1")}
        heard = site.ask("GET", "/metrics", headers=headers)
        assert heard.status == 403
        assert TOKEN.encode() not in heard.body


def test_the_bearer_of_the_token_gets_them_through_a_proxy_too(
    ledger: Ledger, settings: Settings, rules: ActiveRules
) -> None:
    guarded = replace(settings, web=replace(settings.web, metrics_token=TOKEN))
    with site_with(ledger, guarded, rules) as site:
        headers = {"Authorization": f"bearer {TOKEN}", "X-Forwarded-For": "203.0.113.7"}
        assert site.ask("GET", "/metrics", headers=headers).status == 200


# --- what they say ---------------------------------------------------------------------------------


def test_a_ledger_that_is_away_is_a_figure_too(site: Site) -> None:
    site.ask("GET", "/readyz")
    with site.ledger.write() as connection:
        connection.execute(text("ALTER TABLE deliveries RENAME TO gone"))
    found = figures(site.ask("GET", "/metrics"))
    assert found["optout_ledger_up",] == 0
    assert found["optout_process_ledger_errors_total",] >= 1
    assert ("optout_deliveries_parked",) not in found


def test_events_are_counted_by_status_and_decisions_by_outcome_and_revision(site: Site, rules: ActiveRules) -> None:
    event = call_result("evt-1")
    for sent in (
        event,
        event,
        call_result("evt-2", facts={}),
        event | {"note": "other"},
        call_result("e", facts={"x": 1}),
    ):
        site.report(sent)
    site.ask("POST", "/events/call-result", b"{}")
    site.ask("POST", f"/events/testcrm/{PATH_SECRET}", b'{"calls": [{"id": 1}, {}], "references": ["foreign"]}')
    found = figures(site.ask("GET", "/metrics"))
    counted = {key[1]: value for key, value in found.items() if key[0] == "optout_process_events_total"}
    assert counted == {"202": 1, "200": 2, "409": 1, "422": 3, "401": 1}
    revision = rules.current().revision[:12]
    assert found["optout_decisions_total", "exclude_calls", revision, "survey_opt_out"] == 1
    assert found["optout_ledger_up",] == 1


def test_what_is_left_and_what_was_done_is_the_whole_ledgers(
    ledger: Ledger, settings: Settings, rules: ActiveRules
) -> None:
    with site_with(ledger, settings, rules) as site:
        for number in range(4):
            site.report(call_result(f"evt-{number}"))
        now = utc_now()
        one, two = timedelta(hours=1), timedelta(hours=2)
        for id_, columns in {
            1: {"state": "done", "finished_at": now},
            2: {"state": "parked", "finished_at": now, "deadline_at": now - one},
            3: {"state": "leased", "deadline_at": now - one},
            4: {"state": "unknown", "deadline_at": now + two},
            6: {"state": "cancelled", "finished_at": now},
            7: {"created_at": now - two},
        }.items():
            with ledger.write() as connection:
                connection.execute(update(deliveries).where(deliveries.c.id == id_).values(**columns))
        tried = {"delivery_ref": 1, "at": now, "step": "send", "outcome": "done", "seconds": 0.3}
        with ledger.write() as connection:
            connection.execute(insert(attempts), [tried, tried | {"seconds": 700.0}, tried | {"delivery_ref": 3}])
        found = figures(site.ask("GET", "/metrics"))
    states = {key[1:]: value for key, value in found.items() if key[0] == "optout_deliveries"}
    assert states == {
        ("smtp", "leased"): 1,
        ("embedded", "parked"): 1,
        ("embedded", "pending"): 5,
        ("smtp", "pending"): 2,
        ("embedded", "unknown"): 1,
    }
    assert found["optout_deliveries_parked",] == 1
    assert (found["optout_promises_late",], found["optout_promises_at_risk",]) == (1, 1)
    assert 7_200 <= found["optout_oldest_pending_seconds",] < 7_260
    ended = {key[1:]: value for key, value in found.items() if key[0] == "optout_deliveries_ended_total"}
    assert ended == {("smtp", "cancelled"): 1, ("embedded", "done"): 1, ("embedded", "parked"): 1}
    bucket = "optout_attempt_seconds_bucket", "embedded"
    assert [found[*bucket, bound, "done", "send"] for bound in ("0.25", "0.5", "60.0", "+Inf")] == [0, 1, 1, 2]
    assert found["optout_attempt_seconds_sum", "embedded", "done", "send"] == pytest.approx(700.3)
    assert found["optout_attempt_seconds_count", "smtp", "done", "send"] == 1


def test_no_figure_says_anything_about_a_client(site: Site) -> None:
    site.report(call_result("evt-1", note="просила не звонить", card={"type": "contact", "id": "42", "name": "Анна"}))
    body = site.ask("GET", "/metrics").body.decode()
    for personal in ("9161234567", "Анна", "evt-1", "call-evt-1", "просила", "operator-1"):
        assert personal not in body
    for line in body.splitlines():
        assert not re.search(r"\+7\d", line)


def test_the_ledger_is_not_asked_with_every_look(site: Site) -> None:
    site.report(call_result("evt-1"))
    assert figures(site.ask("GET", "/metrics"))["optout_deliveries", "embedded", "pending"] == 2
    site.report(call_result("evt-2"))
    assert figures(site.ask("GET", "/metrics"))["optout_deliveries", "embedded", "pending"] == 2


def test_prometheus_and_openmetrics_are_both_spoken(site: Site) -> None:
    assert site.ask("GET", "/metrics").headers["content-type"].startswith("text/plain")
    heard = site.ask("GET", "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert heard.headers["content-type"].startswith("application/openmetrics-text")
    assert heard.body.endswith(b"# EOF\n")


# --- how they are read -----------------------------------------------------------------------------


@pytest.fixture
def either(ledger_url: str) -> Iterator[Ledger]:
    ledger = Ledger(ledger_url)
    yield ledger
    ledger.close()


def fill(ledger: Ledger, count: int, *, first: int = 1, at: datetime = NOW, **columns: Any) -> None:
    """Calls with a decision and a delivery each."""
    with ledger.write() as connection:
        if first == 1:
            connection.execute(
                text("INSERT INTO revisions (revision, content, created_at) VALUES ('r', '{}', :at)"),
                {"at": at.replace(tzinfo=None)},
            )
        numbers = range(first, first + count)
        call = {"namespace": "n", "generation": 1, "script": "s", "first_occurred_at": at, "last_occurred_at": at}
        call |= {"deadline_at": at, "late": False, "decision_number": 1}
        connection.execute(insert(calls), [call | {"id": n, "call_id": f"c-{n}"} for n in numbers])
        decision = {"number": 1, "outcome": "o", "revision": "r", "facts": {}, "decision": {}, "created_at": at}
        connection.execute(insert(decisions), [decision | {"id": n, "call_ref": n} for n in numbers])
        row = {
            "action": "a",
            "kind": "comment",
            "text": "",
            "deadline_at": at + timedelta(hours=24),
            "state": "pending",
        }
        row |= {"not_before": at, "cancel": False, "attempts": 0, "created_at": at} | columns
        connection.execute(
            insert(deliveries), [row | {"id": n, "call_ref": n, "decision_ref": n, "key": str(n)} for n in numbers]
        )


def test_rows_that_become_visible_out_of_order_are_counted_once(either: Ledger) -> None:
    fill(either, 3, at=NOW - timedelta(hours=1))
    tail = TableTail(_DECIDED, decisions.c.created_at, NOW)

    def read() -> list[int]:
        with either.read() as connection:
            return [row.id for row in tail.read(connection)]

    assert read() == []
    fill(either, 1, first=10)
    assert read() == [10]
    # Another process had taken the number before, and committed after.
    fill(either, 1, first=7)
    assert read() == [7]
    assert read() == []
    fill(either, 1200, first=20)
    assert len(read()) == 1200
    fill(either, 1, first=1300)
    assert read() == [1300]


def test_endings_are_counted_once_however_often_they_are_read(either: Ledger) -> None:
    endings = EndedDeliveries(NOW)

    def read(minutes: float) -> int:
        with either.read() as connection:
            return endings.read(connection, NOW + timedelta(minutes=minutes))["done", False]

    fill(either, 1, state="done", finished_at=NOW - timedelta(hours=1))
    assert read(0) == 0
    fill(either, 2, first=2, state="done", finished_at=NOW + timedelta(minutes=1))
    assert [read(2), read(11), read(12), read(500)] == [2, 2, 2, 2]
    fill(either, 3, first=4, state="done", finished_at=NOW + timedelta(minutes=495))
    assert [read(500), read(501), read(2000)] == [5, 5, 5]


def test_a_delivery_that_is_retried_has_ended_before_all_the_same(either: Ledger) -> None:
    endings = EndedDeliveries(NOW)
    fill(either, 1, state="parked", finished_at=NOW + timedelta(seconds=5))
    with either.read() as connection:
        assert endings.read(connection, NOW + timedelta(seconds=10))["parked", False] == 1
    with either.write() as connection:
        connection.execute(update(deliveries).values(state="pending", finished_at=None))
    with either.read() as connection:
        assert endings.read(connection, NOW + timedelta(seconds=20))["parked", False] == 1


def test_a_promise_is_a_call_whatever_is_left_of_it(either: Ledger) -> None:
    fill(either, 3)
    with either.write() as connection:
        for id_, hours, state, kind in (
            (1, -1, "parked", "reminder"),
            (2, -1, "waiting", "smtp_email"),
            (3, 30, "pending", "comment"),
        ):
            values = {"deadline_at": NOW + timedelta(hours=hours), "state": state, "kind": kind}
            connection.execute(update(deliveries).where(deliveries.c.id == id_).values(**values))
        connection.execute(update(deliveries).where(deliveries.c.id == 2).values(call_ref=1))
    with either.read() as connection:
        found = read_standing(connection, NOW, timedelta(hours=4))
    assert (found.late, found.at_risk) == (1, 0)
    assert found.states == {("parked", False): 1, ("waiting", True): 1, ("pending", False): 1}


def test_figures_of_an_empty_ledger_are_naught(either: Ledger) -> None:
    read = Figures(NOW, timedelta(hours=4))
    with either.read() as connection:
        read.read(connection, NOW)
    assert (read.standing.oldest, read.standing.late, read.standing.at_risk) == (None, 0, 0)
    assert not read.ended
    assert not read.decided
    assert not read.tried


def test_what_is_left_is_read_by_indexes_only(ledger: Ledger) -> None:
    fill(ledger, 20, state="done", finished_at=NOW)
    seen: list[str] = []
    with ledger.read() as connection:
        from sqlalchemy import event

        @event.listens_for(connection, "before_cursor_execute")
        def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith("SELECT"):
                plan = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
                seen.extend(row[3] for row in plan)

        read_standing(connection, NOW, timedelta(hours=4))
        EndedDeliveries(NOW).read(connection, NOW + timedelta(minutes=1))
    scans = [line for line in seen if "deliveries" in line]
    assert scans
    assert [line for line in scans if "USING" not in line] == []


def test_the_crms_own_events_are_counted_while_they_wait_and_once_they_are_parked(
    ledger: Ledger, settings: Settings, rules: ActiveRules
) -> None:
    now = [NOW]
    kept = Inbox(ledger, "testcrm", lambda: now[0], "test", 60.0)
    kept.keep([(Reference("deal", "0"), 0.0)])
    reading = Figures(NOW + timedelta(seconds=1), timedelta(hours=4))
    now[0] += timedelta(minutes=1)
    kept.keep([(Reference("deal", str(number)), 0.0) for number in (1, 2, 1)])
    claimed = kept.claim(3)
    kept.finish(claimed[0], InboxEnding("parked", why="refused"))
    kept.finish(claimed[1], InboxEnding("done"))
    with ledger.read() as connection:
        reading.read(connection, now[0])
    assert reading.kept == 2
    assert reading.standing.events == WaitingEvents(1, NOW + timedelta(minutes=1), 1)
    with site_with(ledger, settings, rules) as site:
        found = figures(site.ask("GET", "/metrics"))
    assert found["optout_kept_events_waiting",] == 1
    assert found["optout_kept_events_parked",] == 1
    assert found["optout_oldest_kept_event_seconds",] > 0
    assert found["optout_kept_events_total",] == 0
