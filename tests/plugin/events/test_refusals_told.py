"""What a source's events are refused for stands as an alert, once per source and cause, without personal data."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from plugin.events.refusals import EventRefusal
from plugin.ledger.schema import alerts
from tests.plugin.events.support import (
    OTHER_SECRET,
    PHONE_SECRET,
    SECRET,
    Office,
    call_result,
    headers_for,
    office_at,
    signed,
)


def told(office: Office) -> list[tuple[str, int, str, list[str], int]]:
    """Source, status, code, fields and count of every alert."""
    rows = [row["about"] for row in office.rows(alerts)]
    return [(row["source"], row["status"], row["code"], row["fields"], row["count"]) for row in rows]


def close(office: Office) -> None:
    with office.ledger.write() as connection:
        connection.execute(alerts.update().values(closed_at=office.clock()))


def test_what_is_taken_in_or_ignored_or_repeated_is_no_refusal(office: Office) -> None:
    event = call_result()
    for one in (event, event, call_result({})):
        office.send(one)
    assert told(office) == []


def test_each_kind_of_refusal_is_told_by_source_and_cause(office: Office) -> None:
    event = call_result(id="evt-used")
    office.send(event)
    office.send(event | {"note": "другая"})
    office.intake.receive({}, b"{}")
    office.intake.receive({}, b"x" * 300_000)
    office.intake.receive(headers_for(PHONE_SECRET, "x", b"[]"), b"[]")
    office.send(call_result({"survey_type": "phone", "unheard": 1}, final="no"), OTHER_SECRET)
    assert told(office) == [
        ("crm", 409, "event_id_reused", [], 1),
        ("?", 401, "bad_signature", [], 1),
        ("?", 413, "too_large", [], 1),
        ("telephony", 400, "not_json", [], 1),
        ("elsewhere", 422, "bad_fields", ["facts", "final"], 1),
    ]


def test_nothing_of_what_was_sent_is_kept(office: Office) -> None:
    secretive = {"79161234567": "Иванов Иван", "+7 916 123-45-67": 1}
    office.send(call_result(secretive, note="Иванов", call={"phone": "+79161234567"}))
    (row,) = office.rows(alerts)
    assert told(office) == [("crm", 422, "bad_fields", ["facts"], 1)]
    kept = json.dumps(dict(row), default=str, ensure_ascii=False)
    assert not [word for word in ("Иванов", "916", "123-45") if word in kept]


def test_a_cause_stands_once_and_its_refusals_are_counted(office: Office) -> None:
    for _ in range(5):
        office.send(call_result(final="no"))
    office.clock.pass_(seconds=20)
    office.send(call_result(final="no"))
    assert told(office) == [("crm", 422, "bad_fields", ["final"], 6)]


def test_a_cause_that_was_over_is_told_again_only_if_it_goes_on(office: Office) -> None:
    office.send(call_result(final="no"))
    office.clock.pass_(minutes=1)
    office.send(call_result())
    close(office)
    office.clock.pass_(minutes=1)
    office.send(call_result(final="no"))
    assert len(told(office)) == 1, "single refusals among events that are taken in are told once a day"
    office.clock.pass_(minutes=1)
    office.send(call_result(final="no"))
    assert len(told(office)) == 2, "nothing was taken in any more"


def test_after_a_day_it_is_told_again(office: Office) -> None:
    office.send(call_result(final="no"))
    close(office)
    office.clock.pass_(hours=25)
    office.send(call_result())
    office.send(call_result(final="no"))
    assert [count for *_, count in told(office)] == [1, 1]


def test_a_ledger_that_cannot_be_written_to_changes_no_answer(tmp_path: Path) -> None:
    with office_at(tmp_path, busy_seconds=0.05) as office:
        other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        assert office.send(call_result(final="no")).status == 422
        other.execute("ROLLBACK")
        other.close()
        assert told(office) == []


@pytest.mark.parametrize("error", [{}, {"code": "x", "fields": {"call.phone\n+79161234567": [], "facts.\ud800": []}}])
def test_an_error_of_any_form_has_a_cause(error: dict[str, Any]) -> None:
    refusal = EventRefusal.of("crm", 422, error)
    assert "7916" not in refusal.cause
    refusal.cause.encode()


def test_the_webhook_of_another_time_is_told_as_unknown(office: Office) -> None:
    headers, body = signed(SECRET, call_result())
    office.intake.receive(headers | {"webhook-timestamp": "1"}, body)
    assert told(office) == [("?", 401, "bad_signature", [], 1)]
