"""Every status code of contract 3.3 and the order in which an event is checked."""

from __future__ import annotations

import base64
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, hmac_data

from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import Source
from plugin.errors import ConfigError
from plugin.events import EventResponse
from plugin.events.authenticate import Signatures
from plugin.ledger import Ledger
from tests.plugin.events.support import (
    ALL,
    NEW_SECRET,
    NOW,
    OTHER_SECRET,
    PHONE_SECRET,
    SECRET,
    Office,
    as_bytes,
    at,
    call_result,
    edited_rules,
    headers_for,
    office_at,
    rulebook,
    signed,
)


@pytest.fixture
def ledger_url(tmp_path: Path, sqlite_template: Path) -> str:
    """What is refused is refused before the ledger has a part in it: one database tells it."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'ledger.db')}"


def fields_of(answer: EventResponse) -> dict[str, list[str]]:
    assert answer.status == 422, answer
    fields = answer.body["error"]["fields"]
    assert isinstance(fields, dict)
    return fields


def nothing_stored(office: Office) -> bool:
    return not office.events() and not office.calls() and not office.deliveries()


# --- 413, 401 ------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_413_even_unsigned(office: Office) -> None:
    limit = office.settings.web.max_body_bytes
    assert office.intake.receive({}, b"x" * (limit + 1)).status == 413
    assert office.intake.receive({}, b"x" * limit).status == 401


_BODY = as_bytes(call_result(id="evt-sig"))
_GOOD = headers_for(SECRET, "evt-sig", _BODY)
_OTHERS = headers_for("whsec_AAAA", "evt-sig", _BODY)["webhook-signature"]


def _named(change: dict[str, str | None]) -> str:
    """The case's name, which must be the same in every process: what is signed now differs from one to the next."""
    now = {_GOOD["webhook-signature"].split(",")[1]: "signature", _OTHERS.split(",")[1]: "other"}
    texts = {name: str(value) for name, value in change.items()}
    for made, word in now.items():
        texts = {name: text.replace(made, word) for name, text in texts.items()}
    return " ".join(f"{name}={text[:20]!r}" for name, text in texts.items())


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": None},
        {"webhook-timestamp": None},
        {"webhook-signature": None},
        {"webhook-id": ""},
        {"webhook-id": "evt-other"},
        {"webhook-id": "évt"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "yesterday"},
        {"webhook-timestamp": "nan"},
        {"webhook-timestamp": "inf"},
        {"webhook-timestamp": "1e400"},
        {"webhook-timestamp": "-1"},
        {"webhook-timestamp": "9" * 5000},
        {"webhook-timestamp": "١٧٦٤"},
        {"webhook-timestamp": "2026-11-22T10:15:00Z"},
        {"webhook-signature": ""},
        {"webhook-signature": " "},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,***"},
        {"webhook-signature": "v1,abc"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": "v1,подпись"},
        {"webhook-signature": "v1,\udc80"},
        {"webhook-signature": "v2," + _GOOD["webhook-signature"].split(",")[1]},
        {"webhook-signature": _GOOD["webhook-signature"].split(",")[1]},
        {"webhook-signature": _OTHERS},
    ],
    ids=_named,
)
def test_a_malformed_or_wrong_signature_is_401(office: Office, change: dict[str, str | None]) -> None:
    headers = {name: value for name, value in (_GOOD | change).items() if value is not None}
    answer = office.intake.receive(headers, _BODY)
    assert (answer.status, answer.body["error"]["code"]) == (401, "bad_signature")
    assert nothing_stored(office)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_of_another_time_is_401(office: Office, minutes: int) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=minutes)
    assert office.intake.receive(*signed(SECRET, call_result(), moment)).status == 401


def test_a_body_changed_after_signing_is_401(office: Office) -> None:
    headers, body = signed(SECRET, call_result())
    assert office.intake.receive(headers, body + b" ").status == 401


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"id": "x"}'])
def test_a_wrong_signature_comes_before_a_wrong_body(office: Office, body: bytes) -> None:
    headers = {"webhook-id": "x", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"}
    assert office.intake.receive(headers, body).status == 401


def test_header_names_in_any_case_and_several_signatures_are_taken(office: Office) -> None:
    headers, body = signed(SECRET, call_result())
    old, new = "v1," + base64.b64encode(b"0" * 32).decode(), headers["webhook-signature"]
    several = {name.title(): value for name, value in headers.items()} | {"Webhook-Signature": f"{old} v1a,x {new}"}
    assert office.intake.receive(several, body).status == 202


def test_an_id_in_cyrillic_is_verified_as_the_web_server_hands_it_over(office: Office) -> None:
    headers, body = signed(SECRET, call_result(id="звонок-1"))
    as_wsgi_has_it = {name: value.encode().decode("latin-1") for name, value in headers.items()}
    assert office.intake.receive(as_wsgi_has_it, body).status == 202


def test_any_secret_of_any_source_verifies_and_identifies_the_source(office: Office) -> None:
    for number, secret in enumerate((SECRET, NEW_SECRET, PHONE_SECRET, OTHER_SECRET)):
        assert office.send(call_result(id=f"e{number}", call={"id": f"c{number}"}), secret).status == 202
    assert [row["source"] for row in office.events()] == ["crm", "crm", "telephony", "elsewhere"]


def test_after_a_rotation_only_the_new_key_verifies(office: Office) -> None:
    rotated = office.with_settings(sources=(Source("crm", (NEW_SECRET,), "dealership"),))
    assert rotated.send(call_result(), NEW_SECRET).status == 202
    assert rotated.send(call_result(), SECRET).status == 401


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_я", "whsec_a", "v1,whsec_", "whsec_ab cd", "пароль"])
def test_a_secret_that_is_not_base64_is_refused_at_start_without_showing_it(secret: str) -> None:
    with pytest.raises(ConfigError, match="event source crm") as caught:
        Signatures((Source("crm", (secret,), "crm"),))
    assert secret in ("", "whsec_", "v1,whsec_") or secret not in str(caught.value)


# --- 400 -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "null",
        "[]",
        '"text"',
        "1",
        "{} {}",
        "{'id': 'x'}",
        '{"id": "x", "id": "y"}',
        '{"facts": {"survey_type": "calls", "survey_type": "all"}}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": 1e999}',
        '{"a": ' + "9" * 21 + "}",
        '{"a": ' + "9" * 10_000 + "}",
        '{"a": ' + "[" * 20 + "]" * 20 + "}",
        '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"a":' * 20_000 + "1" + "}" * 20_000,
        '{"a": "\n"}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_not_one_plain_json_object_is_400(office: Office, body: str) -> None:
    raw = body.encode()
    answer = office.intake.receive(headers_for(SECRET, "x", raw), raw)
    assert (answer.status, answer.body["error"]["code"]) == (400, "not_json")
    assert nothing_stored(office)


def test_a_rightly_signed_body_that_is_not_utf_8_is_400(office: Office) -> None:
    body, stamp = b'{"id": "\xff"}', str(int(time.time()))
    mac = hmac_data(base64.b64decode(SECRET.removeprefix("whsec_")), b"x." + stamp.encode() + b"." + body)
    headers = {
        "webhook-id": "x",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(mac).decode()}",
    }
    assert office.intake.receive(headers, body).status == 400
    assert office.intake.receive(headers, body + b" ").status == 401
    assert office.intake.receive(headers | {"webhook-timestamp": "0"}, body).status == 401
    assert office.intake.receive(headers | {"webhook-signature": "v1"}, body).status == 401
    assert office.intake.receive({}, body).status == 401


# --- 409 and 200 before 422 ----------------------------------------------------------------------


def test_another_body_under_a_used_id_is_409(office: Office) -> None:
    event = call_result()
    office.send(event)
    answer = office.send(event | {"facts": ALL})
    assert (answer.status, answer.body["error"]["code"]) == (409, "event_id_reused")
    assert office.outcomes() == [(1, "exclude_calls")]


def test_another_body_with_wrong_fields_under_a_used_id_is_409_and_not_422(office: Office) -> None:
    event = call_result()
    office.send(event)
    assert office.send(event | {"facts": {"no_such_fact": 1}}).status == 409
    assert office.send({"id": event["id"]}).status == 409


def test_a_repeat_is_answered_though_it_would_be_refused_by_now(office: Office) -> None:
    event = call_result(call={"operator": "ivanova"})
    office.send(event)
    office.clock.time = NOW - timedelta(hours=1)
    answer = office.send(event)
    assert (answer.status, answer.body["duplicate"]) == (200, True)


def test_the_same_id_from_another_source_is_another_event(office: Office) -> None:
    event = call_result()
    assert office.send(event, SECRET).status == 202
    assert office.send(event, OTHER_SECRET).status == 202


def test_an_event_refused_once_may_come_again_mended_under_its_id(office: Office) -> None:
    event = call_result()
    assert office.send(event | {"facts": {"survey_type": "phone"}}).status == 422
    assert office.send(event).status == 202


# --- 422 -----------------------------------------------------------------------------------------

_WRONG_FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("occurred_at", {"occurred_at": None}),
    *[
        ("occurred_at", {"occurred_at": value})
        for value in [
            1764,
            True,
            "",
            "yesterday",
            "2026-11-22",
            "2026-11-22T10:15:00",
            "2026-11-22T10:15+03:00",
            "20261122T101500Z",
            "2026-11-22T10:15:00+0300",
            "2026-11-22T10:15:00+24:00",
            "2026-13-22T10:15:00Z",
            "2026-02-30T10:15:00Z",
            "2026-11-22T25:15:00Z",
            "2026-W47-7T10:15:00Z",
            "0001-01-01T00:00:00+03:00",
            "٢٠٢٦-11-22T10:15:00Z",
            ["2026-11-22T10:15:00Z"],
        ]
    ],
    ("script", {"script": 1}),
    ("script", {"script": " "}),
    ("script", {"script": "no_such_script"}),
    ("final", {"final": 1}),
    ("final", {"final": "true"}),
    ("call", {"call": None}),
    ("call", {"call": "c-77"}),
    ("call", {"call": []}),
    ("call.id", {"call": {"id": None}}),
    ("call.id", {"call": {"id": True}}),
    ("call.id", {"call": {"id": "\u00a0"}}),
    ("call.id", {"call": {"id": "\x00"}}),
    ("call.id", {"call": {"id": "x" * 256}}),
    ("card", {"card": "42"}),
    ("card", {"card": []}),
    ("facts", {"facts": []}),
    ("facts", {"facts": "calls"}),
    ("facts", {"facts": {f"fact{n}": True for n in range(101)}}),
    ("facts.related_to_car", {"facts": {"related_to_car": 1}}),
    ("facts.related_to_car", {"facts": {"related_to_car": "true"}}),
    ("facts.survey_type", {"facts": {"survey_type": "phone"}}),
    ("facts.survey_type", {"facts": {"survey_type": ["calls"]}}),
    ("facts.client_name", {"facts": {"client_name": "  "}}),
    ("facts.client_name", {"facts": {"client_name": 5}}),
    ("facts.agreed_to_warning", {"facts": {"agreed_to_warning": True}}),
    ("ruleset", {"ruleset": 1}),
    ("ruleset", {"ruleset": ""}),
    ("ruleset", {"ruleset": "0" * 16}),
    ("ruleset", {"ruleset": "x" * 65}),
]


@pytest.mark.parametrize(("field", "change"), _WRONG_FIELDS, ids=lambda value: str(value)[:60])
def test_a_wrong_field_is_422_and_named(office: Office, field: str, change: dict[str, Any]) -> None:
    fields = fields_of(office.send(call_result(**change)))
    assert list(fields) == [field]
    assert all(fields[field])
    assert nothing_stored(office)


@pytest.mark.parametrize("id_", [None, 7, "", "x" * 256, "other"])
def test_the_id_must_be_text_and_equal_the_signed_header(office: Office, id_: object) -> None:
    body = as_bytes(call_result(id=id_))
    assert list(fields_of(office.intake.receive(headers_for(SECRET, "evt-9", body), body))) == ["id"]


def test_every_wrong_field_is_named_at_once_facts_included(office: Office) -> None:
    event = call_result({"survey_type": 1, "wrong": 2}, occurred_at="today", call={"id": ""}, final="no", card=[])
    body = as_bytes(event | {"id": 5})
    fields = fields_of(office.intake.receive(headers_for(SECRET, "x", body), body))
    assert set(fields) == {"id", "occurred_at", "call.id", "final", "card", "facts.survey_type", "facts.wrong"}


def test_an_unknown_fact_is_422_and_the_closest_known_one_is_named(office: Office) -> None:
    (message,) = fields_of(office.send(call_result({"survey_typ": "calls"})))["facts.survey_typ"]
    assert "survey_typ" in message
    assert "did you mean survey_type?" in message


def test_an_unknown_fact_is_422_though_it_is_null(office: Office) -> None:
    assert list(fields_of(office.send(call_result({"survey_typ": None})))) == ["facts.survey_typ"]


def test_an_answer_that_the_question_does_not_offer_on_this_path_is_422(office: Office) -> None:
    facts = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "calls_only"}
    (message,) = fields_of(office.send(call_result(facts)))["facts.agreed_to_warning"]
    assert "yes, surveys_only, changed_mind" in message
    assert nothing_stored(office)


def test_a_call_from_over_five_minutes_in_the_future_is_422(office: Office) -> None:
    ahead = NOW + timedelta(minutes=5, seconds=1)
    assert list(fields_of(office.send(call_result(occurred_at=ahead.isoformat())))) == ["occurred_at"]
    assert office.send(call_result(occurred_at=(NOW + timedelta(minutes=5)).isoformat())).status == 202


def test_the_script_of_a_call_cannot_change(office: Office) -> None:
    office.rules.activate(edited_rules(with_second_script), "test", "test")
    office.taken(script="survey_opt_out")
    (message,) = fields_of(office.send(call_result(script="second")))["script"]
    assert "survey_opt_out" in message
    assert office.send(call_result(script=None)).status == 202
    assert office.with_settings(default_script="second").send(call_result(script=None)).status == 202
    assert {row["script"] for row in office.calls()} == {"survey_opt_out"}


def with_second_script(content: dict[str, Any]) -> None:
    for name in [name for name in content if "/" in name]:
        content["second/" + name.split("/")[1]] = content[name]


@pytest.mark.parametrize("value", ["2026-11-22t07:15:00z", "2026-11-22 10:15:00.123456789+03:00", at(0)])
def test_rfc_3339_in_all_its_spellings_is_taken(office: Office, value: str) -> None:
    assert office.send(call_result(occurred_at=value)).status == 202


def test_null_in_a_field_that_may_be_missing_is_the_same_as_missing(office: Office) -> None:
    event = call_result() | {"card": None, "note": None, "ruleset": None, "script": None}
    event["call"] |= {"operator": None, "phone": None}
    assert office.send(event).status == 202


def test_unknown_keys_are_ignored_with_a_warning_each(office: Office) -> None:
    event = call_result(occured_at="x", call={"phonee": "1"}, card={"Ид": "1"})
    answer = office.send(event)
    assert answer.status == 202
    assert answer.body["warnings"] == [
        "unknown key occured_at is ignored; did you mean occurred_at?",
        "unknown key call.phonee is ignored; did you mean phone?",
        "unknown key card.Ид is ignored",
    ]
    assert office.send(event).body["warnings"] == answer.body["warnings"]


def test_a_flood_of_unknown_keys_is_warned_of_in_part(office: Office) -> None:
    answer = office.send(call_result() | {f"key{n}": n for n in range(1000)})
    assert (answer.status, len(answer.body["warnings"])) == (202, 20)


# --- 503 -----------------------------------------------------------------------------------------


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Office]:
    """An office whose ledger another process is writing to, after one event came in."""
    with office_at(tmp_path, busy_seconds=0.05) as office:
        office.send(call_result(id="before"))
        other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield office
        other.execute("ROLLBACK")
        other.close()


def test_a_ledger_that_cannot_commit_is_503_with_retry_after_and_nothing_is_stored(locked: Office) -> None:
    answer = locked.send(call_result(ALL))
    assert (answer.status, answer.body["error"]["code"]) == (503, "ledger_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert len(locked.events()) == 1
    assert locked.outcomes() == [(1, "exclude_calls")]


def test_401_422_and_409_come_before_503(locked: Office) -> None:
    assert locked.intake.receive({}, b"").status == 401
    assert locked.send(call_result(final=1)).status == 422
    assert locked.send(call_result({"survey_type": "phone"})).status == 422
    assert locked.send(call_result(ALL | {"agreed_to_warning": "calls_only", "survey_type": "online"})).status == 422
    assert locked.send(call_result(ALL, id="before")).status == 409


def test_a_repeat_is_answered_while_the_ledger_cannot_commit(locked: Office) -> None:
    event = call_result(id="before")
    assert locked.send(event).status == 200


def test_rules_with_a_gap_are_503_until_they_are_mended(office: Office) -> None:
    def without_its_end(content: dict[str, Any]) -> None:
        rules = content["survey_opt_out/rules.toml"]
        rules["rule"] = [rule for rule in rules["rule"] if rule["id"] != "1"]

    office.rules.activate(edited_rules(without_its_end), "test", "a gap")
    event = call_result()
    answer = office.send(event)
    assert (answer.status, answer.body["error"]["code"]) == (503, "undecided")
    assert answer.headers["Retry-After"] == "60"
    assert nothing_stored(office)
    office.rules.activate(rulebook(), "test", "mended")
    assert office.send(event).status == 202


def test_a_default_script_that_the_active_rules_lack_is_503_and_not_the_senders_fault(office: Office) -> None:
    answer = office.with_settings(default_script="gone").send(call_result(script=None))
    assert (answer.status, answer.body["error"]["code"]) == (503, "undecided")


def test_a_ledger_without_active_rules_is_503(tmp_path: Path) -> None:
    with office_at(tmp_path) as office:
        empty = Ledger(f"sqlite:///{tmp_path / 'other.db'}")
        empty.upgrade()
        without = Office(empty, ActiveRules(empty, office.clock), office.settings, office.clock)
        assert without.send(call_result()).status == 503
        empty.close()


def test_answers_are_json(office: Office) -> None:
    for event in (call_result(), call_result({"x": 1}), call_result({})):
        json.dumps(office.send(event).body)


def test_the_signature_is_the_standard_one() -> None:
    headers, body = signed(SECRET, call_result())
    Webhook(SECRET).verify(body.decode(), headers)
