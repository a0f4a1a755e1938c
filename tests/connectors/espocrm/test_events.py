"""Webhooks: whose signature holds, and which records they name."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest

from connectors.base import EventMalformed, EventNotAuthentic, Reference
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import raw
from tests.connectors.espocrm.rig import WEBHOOK, WEBHOOK_SECRET, signed

BODY = raw("call_create__held")
Make = Callable[..., EspoConnector]


# --- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Signature": ""},
        {"Signature": "кириллица"},
        {"Signature": base64.b64encode(WEBHOOK.encode() + b":" + b"0" * 64).decode()},
        {"X-Signature": ""},
        signed(BODY, secret="another"),
        signed(BODY, webhook="65f00000000000w02"),
        signed(BODY + b" "),
        signed(BODY, legacy=True, secret="another"),
        {"X-Signature": signed(BODY)["Signature"]},
        # The newer signature counts where both are there.
        signed(BODY, legacy=True) | {"Signature": "AAAA"},
    ],
)
def test_a_wrong_signature_is_refused(connector: EspoConnector, headers: dict[str, str]) -> None:
    with pytest.raises(EventNotAuthentic) as caught:
        connector.parse_event(headers, None, {}, BODY)
    assert WEBHOOK_SECRET not in str(caught.value)


def test_a_path_secret_or_a_query_is_no_proof(connector: EspoConnector) -> None:
    with pytest.raises(EventNotAuthentic):
        connector.parse_event({}, WEBHOOK_SECRET, {"token": WEBHOOK_SECRET}, BODY)


def test_without_webhooks_nothing_is_believed(make: Make) -> None:
    plain = {key: value for key, value in make().settings.items() if key != "webhooks"}
    connector = EspoConnector(plain | {"webhooks": ()})
    with pytest.raises(EventNotAuthentic, match="no webhooks are set"):
        connector.parse_event(signed(BODY), None, {}, BODY)
    connector.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY[:-20],
        b"[]",
        b"{}",
        b'{"id": "65f1"}',
        b'"65f1"',
        b"[1]",
        b"[{}]",
        b'[{"id": ""}]',
        b'[{"id": 7}]',
        b'[{"id": "../User/1"}]',
        b'[{"id": "65f1"}, null]',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_genuine_event_that_cannot_be_read_is_malformed(connector: EspoConnector, body: bytes) -> None:
    with pytest.raises(EventMalformed):
        connector.parse_event(signed(body), None, {}, body)


# --- taken -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("legacy", [False, True])
def test_a_signed_event_names_its_records(connector: EspoConnector, legacy: bool) -> None:
    headers = {name.lower(): value for name, value in signed(BODY, legacy=legacy).items()}
    assert connector.parse_event(headers, None, {}, BODY) == [Reference("Call", "65f1c0de000000c01")]


def test_each_of_several_webhooks_has_its_key_and_its_entity(make: Make) -> None:
    connector = make(webhooks="Call.create 65f1 one; CSurvey.update 65f2 two")
    body = b'[{"id": "65fa", "cKind": "Calls"}]'
    survey = connector.parse_event(signed(body, webhook="65f2", secret="two"), None, {}, body)
    assert survey == [Reference("CSurvey", "65fa")]
    with pytest.raises(EventNotAuthentic):
        connector.parse_event(signed(body, webhook="65f2", secret="one"), None, {}, body)


def test_a_batch_names_each_record_once_with_what_was_emptied(make: Make) -> None:
    connector = make(webhooks=f"Call.update {WEBHOOK} {WEBHOOK_SECRET}")
    body = raw("call_update__answers")
    assert connector.parse_event(signed(body), None, {}, body) == [
        Reference("Call", "65f1c0de000000c01", {"cleared": ["cRelated", "cWho"]}),
        Reference("Call", "65f1c0de000000c02"),
    ]


def test_a_full_batch_is_taken_whole(connector: EspoConnector) -> None:
    body = b"[" + b",".join(b'{"id": "65f%d"}' % number for number in range(50)) + b"]"
    assert len(connector.parse_event(signed(body), None, {}, body)) == 50


def test_a_change_of_one_field_names_the_call(make: Make) -> None:
    connector = make(webhooks=f"Call.fieldUpdate.status {WEBHOOK} {WEBHOOK_SECRET}")
    body = raw("call_field_update__status")
    assert connector.parse_event(signed(body), None, {}, body) == [Reference("Call", "65f1c0de000000c01")]


def test_a_deleted_call_asks_for_nothing(make: Make) -> None:
    connector = make(webhooks=f"Call.delete {WEBHOOK} {WEBHOOK_SECRET}")
    body = raw("call_delete__one")
    assert connector.parse_event(signed(body), None, {}, body) == []


def test_the_crm_is_known_to_send_again_what_was_answered_503() -> None:
    assert EspoConnector.repeats_events is True
