"""Every error of EspoCRM, and of proxies before it, in the right one of the three outcomes; reads likewise."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import requests
import responses

from connectors.base import (
    CardRef,
    ConnectorError,
    CrmRefused,
    CrmUnavailable,
    NotDone,
    Outcome,
    ReminderState,
    Unknown,
)
from connectors.espocrm import EspoConnector
from connectors.espocrm.errors import explain
from tests.connectors.espocrm.conftest import NOW
from tests.connectors.espocrm.payloads import CONTACT, KEY, PERSON, URL, payload

REASON = "X-Status-Reason"
REMINDER = "65f1c0de000000701"


def comment(connector: EspoConnector) -> Outcome:
    return connector.add_comment(CONTACT, "Текст", KEY)


def reminder(connector: EspoConnector) -> Outcome:
    return connector.create_reminder(CONTACT, PERSON, "ИСКЛЮЧИТЬ", "Текст", NOW, KEY)


# --- writes ----------------------------------------------------------------------------------------

ERRORS: list[tuple[int, dict[str, str], Any, type, bool | None, str | None]] = [
    # status, headers, body → outcome, permanent, code
    (400, {REASON: "Field validation failure."}, "error__validation", NotDone, True, "validationFailure"),
    (400, {REASON: "Bad request."}, None, NotDone, True, None),
    (401, {}, None, NotDone, False, None),
    (401, {REASON: "error"}, None, NotDone, False, None),
    (403, {REASON: "Assignment failure: assigned user or team not allowed."}, None, NotDone, True, None),
    (403, {REASON: "Not allowed."}, "error__missing_user", NotDone, True, "cannotRelateNonExisting:User"),
    (403, {REASON: "Not allowed."}, "error__forbidden_user", NotDone, True, "cannotRelateForbidden:User"),
    (404, {REASON: "Record does not exist."}, None, NotDone, True, "notFound"),
    (404, {REASON: "Controller 'Nota' does not exist."}, None, NotDone, True, None),
    (404, {}, b"<html>nginx</html>", NotDone, True, None),
    (409, {REASON: "modified"}, {"values": {}}, NotDone, True, None),
    (500, {}, None, Unknown, None, None),
    (500, {REASON: "Database error."}, None, Unknown, None, None),
    (503, {REASON: "Application is in maintenance mode."}, {"message": "Maintenance"}, NotDone, False, None),
    (503, {"Retry-After": "5"}, b"<html>", NotDone, False, None),
    (503, {}, b"<html>", Unknown, None, None),
    # What EspoCRM itself never says.
    (405, {}, b"<html>", NotDone, True, None),
    (408, {}, None, NotDone, False, None),
    (413, {}, b"<html>", NotDone, True, None),
    (422, {}, None, NotDone, True, None),
    (429, {"Retry-After": "2"}, b"<html>", NotDone, False, None),
    (502, {}, b"<html>", Unknown, None, None),
    (504, {}, b"<html>", Unknown, None, None),
]


@pytest.mark.parametrize(("status", "headers", "body", "kind", "permanent", "code"), ERRORS)
@pytest.mark.parametrize("write", [comment, reminder])
def test_every_error_ends_in_its_outcome(
    crm: responses.RequestsMock,
    connector: EspoConnector,
    write: Any,
    status: int,
    headers: dict[str, str],
    body: Any,
    kind: type,
    permanent: bool | None,
    code: str | None,
) -> None:
    crm.get(f"{URL}/Contact/{CONTACT.id}", json=payload("contact__full"))
    answer(crm, "POST", f"{URL}/{'Note' if write is comment else 'Task'}", status, headers, body)

    outcome: Outcome = write(connector)

    assert isinstance(outcome, NotDone | Unknown)
    assert type(outcome) is kind
    assert (outcome.status, outcome.code) == (status, code)
    assert getattr(outcome, "permanent", None) is permanent
    assert not getattr(outcome, "blocked", False)


def answer(crm: responses.RequestsMock, method: str, url: str, status: int, headers: dict[str, str], body: Any) -> None:
    if isinstance(body, bytes):
        crm.add(method, url, body=body, status=status, headers=headers, content_type="text/html")
    elif body is None:
        crm.add(method, url, body=b"", status=status, headers=headers)
    else:
        crm.add(method, url, json=payload(body) if isinstance(body, str) else body, status=status, headers=headers)


@pytest.mark.parametrize("write", [comment, reminder])
def test_a_refusal_for_a_card_that_is_gone_says_so(
    crm: responses.RequestsMock, connector: EspoConnector, write: Any
) -> None:
    for path in ("Note", "Task"):
        crm.post(f"{URL}/{path}", status=403, headers={REASON: "No create access."})
    crm.get(f"{URL}/Contact/{CONTACT.id}", status=404, headers={REASON: "Record does not exist."})

    outcome = write(connector)

    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 404)
    assert outcome.why == f"the CRM has no Contact {CONTACT.id} (any more)"


def test_a_missing_parent_is_a_missing_card_without_another_request(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    crm.post(f"{URL}/Task", status=403, json=payload("error__missing_contact"))

    outcome = reminder(connector)

    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 404)
    assert len(crm.calls) == 1


@pytest.mark.parametrize(
    ("status", "headers", "permanent"),
    [(500, {}, False), (429, {"Retry-After": "9"}, False), (403, {REASON: "No 'read' access."}, True)],
)
def test_a_refusal_is_final_only_if_the_card_could_be_looked_at(
    crm: responses.RequestsMock, connector: EspoConnector, status: int, headers: dict[str, str], permanent: bool
) -> None:
    crm.post(f"{URL}/Note", status=403, headers={REASON: "No create access."})
    crm.get(f"{URL}/Contact/{CONTACT.id}", status=status, headers=headers)

    outcome = comment(connector)

    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (permanent, status)


def test_a_redirect_is_not_followed_by_a_write(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.post(f"{URL}/Note", status=301, headers={"Location": f"{URL}/Note/"})

    outcome = comment(connector)

    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert [call.request.method for call in crm.calls] == ["POST"]


@pytest.mark.parametrize("body", [b"<html>", b"", b"\xff", b"[]", b'"65f"', b'{"post": "x"}', b'{"id": null}'])
def test_an_answer_without_the_record_is_unknown(
    crm: responses.RequestsMock, connector: EspoConnector, body: bytes
) -> None:
    crm.post(f"{URL}/Note", body=body)
    assert isinstance(comment(connector), Unknown)


def test_a_lost_answer_is_unknown(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.post(f"{URL}/Note", body=requests.ReadTimeout("https://crm.example.org/?phone=79161234567"))

    outcome = comment(connector)

    assert isinstance(outcome, Unknown)
    assert "7916" not in outcome.why


# --- reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "headers", "error"),
    [
        (400, {REASON: "Bad where."}, CrmRefused),
        (401, {}, CrmUnavailable),
        (403, {REASON: "No read access."}, CrmRefused),
        (404, {}, CrmRefused),
        (404, {REASON: "Controller 'Contact' does not exist."}, CrmRefused),
        (429, {"Retry-After": "3"}, CrmUnavailable),
        (500, {}, CrmUnavailable),
        (502, {}, CrmUnavailable),
        (503, {REASON: "Application is in maintenance mode."}, CrmUnavailable),
    ],
)
def test_a_read_that_fails_raises(
    crm: responses.RequestsMock, connector: EspoConnector, status: int, headers: dict[str, str], error: type
) -> None:
    for path in (f"Contact/{CONTACT.id}", f"Task/{REMINDER}", "Contact", f"Contact/{CONTACT.id}/posts", "Email"):
        crm.get(f"{URL}/{path}", status=status, headers=headers)
    reads: list[Any] = [
        lambda: connector.read_card(CONTACT),
        lambda: connector.reminder_state(REMINDER),
        lambda: connector.find_contact("+79161234567"),
        lambda: connector.find("comment", CONTACT, KEY),
        lambda: connector.find("email", CONTACT, KEY),
    ]
    for read in reads:
        with pytest.raises(error) as caught:
            read()
        assert getattr(caught.value, "status", None) == status


@pytest.mark.parametrize("body", [b"[]", b"true", b'{"list": {}}', b'{"list": [1]}', b'{"id": "another"}', b"<html>"])
def test_a_read_that_brings_something_else_is_no_answer(
    crm: responses.RequestsMock, connector: EspoConnector, body: bytes
) -> None:
    crm.get(f"{URL}/Contact/{CONTACT.id}", body=body)
    crm.get(f"{URL}/Contact", body=body)
    with pytest.raises(CrmUnavailable):
        connector.read_card(CONTACT)
    with pytest.raises(CrmUnavailable):
        connector.find_contact(name="Иванов Иван Иванович")


def test_what_is_gone_is_missing(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    for path in (f"Contact/{CONTACT.id}", f"Task/{REMINDER}", f"Contact/{CONTACT.id}/posts"):
        crm.get(f"{URL}/{path}", status=404, headers={REASON: "Record does not exist."})
    assert connector.read_card(CONTACT) is None
    assert connector.reminder_state(REMINDER) is ReminderState.MISSING
    assert connector.find("comment", CONTACT, KEY) is None


@pytest.mark.parametrize("record_id", ["", ".", "..", "a/b", "a b", "?x", "Ж", "x" * 65])
def test_an_id_that_none_can_have_is_not_asked_for(
    crm: responses.RequestsMock, connector: EspoConnector, record_id: str
) -> None:
    card = CardRef("contact", record_id)
    assert connector.read_card(card) is None
    assert connector.reminder_state(record_id) is ReminderState.MISSING
    assert isinstance(connector.add_comment(card, "Текст", KEY), NotDone)
    assert len(crm.calls) == 0


# --- what is told -----------------------------------------------------------------------------------


def test_neither_the_key_nor_a_client_is_told_to_anybody(
    crm: responses.RequestsMock, connector: EspoConnector, caplog: pytest.LogCaptureFixture
) -> None:
    said = "Duplicate Иванов +7 916 123-45-67 ivanov@example.org an-api-key"
    crm.post(f"{URL}/Note", status=500, headers={REASON: "x"}, body=said.encode())
    crm.get(f"{URL}/Contact", status=500, body=said.encode())
    with caplog.at_level(logging.DEBUG):
        outcome = comment(connector)
        with pytest.raises(ConnectorError) as caught:
            connector.find_contact("+79161234567", "Иванов Иван")
    told = f"{outcome} {caught.value} {caplog.text} {connector!r}"
    for secret in ("123-45-67", "9161234567", "ivanov", "Иванов", "an-api-key"):
        assert secret not in told


@pytest.mark.parametrize("data", [None, [], "x", {"messageTranslation": 1}, {"messageTranslation": {"label": 2}}])
def test_any_body_of_an_error_can_be_read(data: Any) -> None:
    assert explain(400, data, {}).code is None
    assert explain(500, data, {REASON: "sendingFail"}).code == "sendingFail"
