"""What the rules do not need never refuses an event: it is cleaned, with a warning that names the field."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import hmac_data

from plugin.events import EventResponse
from tests.plugin.events.support import (
    CALLS,
    HALF,
    OTHER_CLIENT,
    PHONE_SECRET,
    SECRET,
    Office,
    as_bytes,
    at,
    call_result,
    headers_for,
)


def sent(office: Office, body: bytes, id_: str) -> EventResponse:
    """The answer to a body of any bytes, rightly signed."""
    stamp = str(int(time.time()))
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    mac = base64.b64encode(hmac_data(key, f"{id_}.{stamp}.".encode() + body)).decode()
    headers = {"webhook-id": id_, "webhook-timestamp": stamp, "webhook-signature": f"v1,{mac}"}
    return office.intake.receive(headers, body)


def escaped(event: dict[str, Any]) -> bytes:
    """The event with halves of characters as JSON's escapes, as PHP and JavaScript write them."""
    return json.dumps(event).encode()


# --- the body --------------------------------------------------------------------------------------


def test_a_byte_order_mark_before_the_body_is_skipped_after_the_signature(office: Office) -> None:
    event = call_result()
    assert sent(office, b"\xef\xbb\xbf" + as_bytes(event), event["id"]).status == 202
    again = office.send(event)
    assert (again.status, again.body["duplicate"]) == (200, True)
    assert office.intake.receive(headers_for(SECRET, event["id"], as_bytes(event)), b"\xef\xbb\xbf{}").status == 401


@pytest.mark.parametrize("encoding", ["utf-16", "cp1251"])
def test_a_body_in_another_encoding_is_400(office: Office, encoding: str) -> None:
    event = call_result()
    assert sent(office, json.dumps(event, ensure_ascii=False).encode(encoding), event["id"]).status == 400


def test_broken_text_in_an_unknown_key_is_named_and_does_not_refuse(office: Office) -> None:
    event = call_result() | {"x\ud83d": "\ud800", "y": {"z": ["a\x00b"]}}
    answer = sent(office, escaped(event), event["id"])
    assert answer.status == 202
    assert answer.body["warnings"][:3] == [
        "x\ufffd: half a character became U+FFFD",
        "x\ufffd: half a character became U+FFFD",
        "y.z.0: control characters or line ends became blanks",
    ]


def test_the_same_broken_body_is_a_repeat_and_another_one_is_409(office: Office) -> None:
    event = call_result(card={"name": "Анна \ud83d"})
    first = sent(office, escaped(event), event["id"])
    again = sent(office, escaped(event), event["id"])
    assert (first.status, again.status, again.body["duplicate"]) == (202, 200, True)
    other = event | {"card": event["card"] | {"name": "Анна \ud83c"}}
    assert sent(office, escaped(other), event["id"]).status == 409


def test_the_digest_of_a_clean_body_never_changes(office: Office) -> None:
    office.send(call_result(id="evt-digest", facts=CALLS))
    (row,) = office.events()
    assert row["digest"] == "38418c4b49195d1b1252888e4f9891c8129ff1191b0703c969606e5a190e0cf4"


# --- field by field --------------------------------------------------------------------------------

_CLEANED: list[tuple[dict[str, Any], str, Any, str]] = [
    ({"card": {"name": "Анна \ud83d"}}, "card_name", "Анна \ufffd", "card.name: half a character became U+FFFD"),
    ({"card": {"name": "Анна\x00"}}, "card_name", "Анна", "card.name: control characters or line ends became blanks"),
    ({"card": {"name": "Анна\n[ref:0]"}}, "card_name", "Анна [ref:0]", "card.name: control characters"),
    ({"card": {"name": "Анна\u2028Б"}}, "card_name", "Анна Б", "card.name: control characters or line ends"),
    ({"card": {"name": "Пет\u200bров"}}, "card_name", "Петров", "card.name: invisible characters were removed"),
    ({"card": {"name": "x" * 501}}, "card_name", "x" * 500, "card.name: it was too long and is cut"),
    *[
        ({"card": {"name": blank}}, "card_name", None, "card.name: it is blank, which is the same as missing")
        for blank in ("", " ", "\n", "\t", "\u2028")
    ],
    (
        {"card": {"name": "\u200b\u3164"}},
        "card_name",
        None,
        "card.name: invisible characters were removed; it is blank",
    ),
    ({"card": {"name": 5}}, "card_name", None, "card.name: it is no text and is left out"),
    ({"card": {"name": ["x"]}}, "card_name", None, "card.name: it is no text and is left out"),
    ({"card": {"id": 42}}, "card_id", "42", "card.id: a number is taken as its text"),
    ({"card": {"id": 42.0}}, "card_id", "42", "card.id: a number is taken as its text"),
    ({"card": {"id": "4\ud83d"}}, "card_id", "4\ufffd", "card.id: half a character became U+FFFD"),
    ({"card": {"id": None}}, "card_id", None, "card.id: it is no text of 1 to 255 characters"),
    ({"card": {"id": "x" * 256}}, "card_id", None, "card.id: it is no text of 1 to 255 characters"),
    ({"card": {"id": True}}, "card_type", None, "card.id: it is no text of 1 to 255 characters"),
    ({"card": {"type": False}}, "card_id", None, "card.type: it is no text of 1 to 64 characters"),
    *[
        ({"card": {"url": url}}, "card_url", None, "card.url: it is no http or https address")
        for url in ("javascript:alert(1)", "crm.example/42", "https://", "http://[", "https://a b", 7)
    ],
    ({"card": {"url": ""}}, "card_url", None, "card.url: it is blank, which is the same as missing"),
    ({"call": {"operator": ""}}, "operator", None, "call.operator: it is blank"),
    ({"call": {"operator": 17}}, "operator", "17", "call.operator: a number is taken as its text"),
    ({"call": {"operator": {}}}, "operator", None, "call.operator: it is no text and is left out"),
    ({"call": {"operator": "\ud83dиванова"}}, "operator", "\ufffdиванова", "call.operator: half a character"),
    ({"note": ""}, "note", None, "note: it is blank, which is the same as missing"),
    ({"note": "\x1b[2J да"}, "note", "[2J да", "note: control characters or line ends became blanks"),
    ({"note": "x" * 10_001}, "note", "x" * 10_000, "note: it was too long and is cut"),
    ({"note": 1}, "note", None, "note: it is no text and is left out"),
    ({"note": "раз\r\nдва"}, "note", "раз\nдва", ""),
    ({"call": {"id": 77}}, "call_id", "77", "call.id: a number is taken as its text"),
    ({"call": {"id": "a\nb"}}, "call_id", "a b", "call.id: line ends became blanks"),
    ({"call": {"id": "a\x00b"}}, "call_id", "a b", "call.id: control characters or line ends became blanks"),
]


@pytest.mark.parametrize(("change", "column", "kept", "warning"), _CLEANED, ids=lambda value: ascii(value)[:60])
def test_a_field_is_cleaned_and_named(
    office: Office, change: dict[str, Any], column: str, kept: str | None, warning: str
) -> None:
    event = call_result()
    for name, value in change.items():
        event[name] = event[name] | value if isinstance(value, dict) else value
    answer = sent(office, escaped(event), event["id"])
    assert answer.status == 202, answer
    assert office.call()[column] == kept
    warnings = answer.body.get("warnings", [])
    assert [told for told in warnings if told.startswith(warning)] if warning else warnings == []
    assert sent(office, escaped(event), event["id"]).body["warnings" if warning else "duplicate"]


def test_an_empty_card_is_a_missing_one(office: Office) -> None:
    event = call_result() | {"card": {}}
    answer = office.send(event)
    assert (answer.status, answer.body["warnings"]) == (202, ["card: it is empty, which is the same as missing"])
    assert office.call()["card_id"] is None


def test_an_event_whose_id_is_a_number_is_known_by_its_text(office: Office) -> None:
    event = call_result() | {"id": 7001}
    body = as_bytes(event)
    first = office.intake.receive(headers_for(SECRET, "7001", body), body)
    again = office.intake.receive(headers_for(SECRET, "7001", body), body)
    assert (first.status, first.body["event"], again.status) == (202, "7001", 200)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Пётр\u00a0Петров", "Пётр\u00a0Петров"),
        ("Пётр\nПетров ", "Пётр Петров"),
        ("Пе\u00adтр \u200bПетров", "Петр Петров"),
        ("Андрей Зайцев", "Андрей Зайцев"),
        ("Анна \ud83d", "Анна \ufffd"),
        ("Анна 👩‍👧", "Анна 👩‍👧"),
    ],
)
def test_a_clients_name_in_a_fact_refuses_nothing(office: Office, written: str, read: str) -> None:
    event = call_result(OTHER_CLIENT | {"client_name": written})
    assert sent(office, escaped(event), event["id"]).status == 202
    assert office.decisions()[0]["target"]["find"]["name"] == read


def test_an_answer_with_blanks_and_invisible_signs_around_it_is_that_answer(office: Office) -> None:
    office.taken({"related_to_car": True, "survey_type": " calls\u200b"})
    assert office.outcomes() == [(1, "exclude_calls")]


# --- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hidden", ["anonymous", "Unknown", "Скрыт", "нет", "-", "s", "+70000000000", "112", "+7 (___) ___-__-__", "9" * 65]
)
def test_a_hidden_caller_is_taken_without_a_number_and_named(office: Office, hidden: str) -> None:
    body = office.taken(call={"phone": hidden})
    assert body["warnings"] == ["call.phone: it holds no phone number, which is the same as missing"]
    assert office.call()["phone"] is None


def test_no_number_is_no_identity(office: Office) -> None:
    office.taken(HALF)
    office.taken({"survey_type": "calls"}, occurred_at=at(1), call={"phone": "Unknown"})
    office.taken({"survey_type": "calls"}, occurred_at=at(2), call={"phone": ""})
    assert len(office.calls()) == 1
    assert office.call()["phone"] == "+79161234567"


def test_the_same_number_in_another_notation_writes_nothing(office: Office) -> None:
    office.taken()
    before = len(office.deliveries())
    notations = ["89161234567 моб", "8 (916) 123-45-67", "+79161234567, 8 903 765-43-21", 79161234567]
    for number, written in enumerate(notations):
        body = office.taken(occurred_at=at(number), call={"phone": written})
        assert len(body["deliveries"]) == before
    assert (len(office.calls()), len(office.deliveries())) == (1, before)


def test_two_different_numbers_are_two_calls(office: Office) -> None:
    office.taken()
    office.taken(call={"phone": "8 903 765-43-21 (жена)"})
    assert [call["phone"] for call in office.calls()] == ["+79161234567", "+79037654321"]


def test_of_two_numbers_the_first_is_the_callers_and_either_belongs_to_the_call(office: Office) -> None:
    office.taken(HALF, call={"phone": "8 916 555-00-01, жена 8 903 765-43-21"})
    office.taken({"survey_type": "calls"}, call={"phone": "+79165550001"})
    assert [call["phone"] for call in office.calls()] == ["+79165550001"]


# --- asked for in words ----------------------------------------------------------------------------


def test_a_final_event_with_a_note_and_no_facts_is_left_to_the_coordinator(office: Office) -> None:
    event = call_result({}, final=True, note="просил больше не звонить")
    body = office.taken_body(event)
    assert [(row["kind"], row["role"]) for row in body["deliveries"]] == [
        ("reminder", "survey_coordinator"),
        ("smtp_email", "survey_coordinator"),
    ]
    reminder = office.deliveries()[0]
    assert reminder["subject"] == "Разговор не завершён: решить вручную"
    assert "просил больше не звонить" in reminder["text"]


@pytest.mark.parametrize("change", [{"note": "  "}, {"final": False}, {"note": None}])
def test_without_a_final_note_there_is_no_request_in_it(office: Office, change: dict[str, Any]) -> None:
    answer = office.send(call_result({}, **({"final": True, "note": "просил не звонить"} | change)), PHONE_SECRET)
    assert (answer.status, answer.body["ignored"]) == (200, "no opt-out request")


# --- any text at all -------------------------------------------------------------------------------

#: What keyboards, CRMs and Windows make: any character, halves of them, and those that break something somewhere.
_ODD = st.sampled_from([*'\x00\x1b\x85\u0301\u2028\u202e\ufeff\uffff\ud83d\ude00<"'])
_TEXT = st.text(st.one_of(st.characters(codec=None, exclude_categories=()), _ODD), max_size=40)
_VALUE = st.one_of(_TEXT, st.none(), st.booleans(), st.integers(-(10**18), 10**18), st.lists(_TEXT, max_size=2))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    call=st.fixed_dictionaries({}, optional={"phone": _VALUE, "operator": _VALUE, "city": _VALUE}),
    card=st.fixed_dictionaries({}, optional={"name": _VALUE, "url": _VALUE, "id": _VALUE, "type": _VALUE}),
    top=st.fixed_dictionaries({}, optional={"note": _VALUE, "source": _VALUE}),
)
def test_no_text_in_a_field_that_the_rules_do_not_need_changes_the_status(
    office: Office, call: dict[str, Any], card: dict[str, Any], top: dict[str, Any]
) -> None:
    event = call_result()
    event |= top | {"call": event["call"] | {"id": event["id"]} | call, "card": event["card"] | card}
    answer = sent(office, escaped(event), event["id"])
    assert answer.status == 202, answer
    json.dumps(answer.body, ensure_ascii=False).encode()
    for delivery in office.deliveries()[-3:]:
        delivery["text"].encode()
