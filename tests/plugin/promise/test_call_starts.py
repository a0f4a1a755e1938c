"""Calls that begin: signed as call results are, answered with what the number is excluded from, and mostly not kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from plugin.events.respond import EventResponse
from plugin.ledger.suppression import refused_calls
from plugin.promise.call_starts import CallStarts
from tests.plugin.events.support import (
    CALLS,
    ONLINE,
    OTHER_SECRET,
    PHONE_SECRET,
    SETTINGS,
    Office,
    at,
    call_result,
    headers_for,
    signed,
)
from tests.plugin.promise.test_refused_calls import survey

PHONE = "+79161234567"


def begin(office: Office, **more: Any) -> EventResponse:
    event = call_result({}, **({"call": {"id": "c-new"}, "occurred_at": at(4)} | more))
    _, answer = CallStarts(office.ledger, office.rules, SETTINGS, office.clock).receive(*signed(PHONE_SECRET, event))
    return answer


# --- refusals ---------------------------------------------------------------------------------------


def test_an_event_that_no_source_signed_is_401(office: Office) -> None:
    headers, body = signed(PHONE_SECRET, call_result({}))
    starts = CallStarts(office.ledger, office.rules, SETTINGS, office.clock)
    for wrong in ({}, headers | {"webhook-signature": "v1,AAAA"}, headers_for(OTHER_SECRET, "another", body)):
        source, answer = starts.receive(wrong, body + b" ")
        assert (source, answer.status) == ("?", 401)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"occurred_at": at(60)}, "occurred_at"),
        ({"occurred_at": at(-60 * 25)}, "occurred_at"),
        ({"occurred_at": None}, "occurred_at"),
        ({"call": {"id": None}}, "call.id"),
        ({"script": "no such script"}, "script"),
    ],
)
def test_what_cannot_be_used_is_422_by_its_field(office: Office, more: dict[str, Any], field: str) -> None:
    answer = begin(office, **more)
    assert (answer.status, list(answer.body["error"]["fields"])) == (422, [field])


def test_a_body_that_is_too_large_or_not_json_is_told(office: Office) -> None:
    starts = CallStarts(office.ledger, office.rules, SETTINGS, office.clock)
    assert starts.receive({}, b"x" * (SETTINGS.web.max_body_bytes + 1))[1].status == 413
    assert starts.receive(headers_for(PHONE_SECRET, "e", b"{"), b"{")[1].status == 400


# --- answers ----------------------------------------------------------------------------------------


def test_a_number_that_is_not_excluded_may_be_called_and_nothing_is_kept(office: Office) -> None:
    office.taken(ONLINE)
    answer = begin(office)
    assert (answer.status, answer.body["allowed"], list(answer.body["suppressed"])) == (200, True, ["mailings"])
    assert office.rows(refused_calls) == []
    assert len(office.events()) == 1


def test_an_excluded_number_is_told_at_once_and_noted_once(office: Office) -> None:
    office.taken(CALLS)
    for _ in range(2):
        answer = begin(office, call={"id": "c-new", "phone": "8 (916) 123-45-67"})
        assert answer.body == {
            "call": "c-new",
            "allowed": False,
            "suppressed": {"calls": {"since": office.call()["last_occurred_at"].isoformat()}},
        }
    office.clock.pass_(hours=1)
    survey(office, "c-new", 50)
    assert [(row["source"], row["number"]) for row in office.rows(refused_calls)] == [("telephony", PHONE)]
    assert json.dumps(answer.body)


def test_a_call_without_a_number_may_go_on_with_a_warning(office: Office) -> None:
    answer = begin(office, call={"id": "c-new", "phone": "anonymous"})
    assert (answer.body["allowed"], answer.body["suppressed"]) == (True, {})
    assert "call.phone" in answer.body["warnings"][0]
