"""An error that repeats the request tells neither the webhook's secret nor who the client is, wherever it stands."""

from __future__ import annotations

from typing import Any

import pytest
import responses

from connectors.base import Assignee, ConnectorError, EmailWrite, NotDone
from tests.connectors.bitrix24.outcomes import CARD, KEY, REST, REST_3, SECRET, connector

NAME, PHONE = "Иванов Иван Иванович", "+79161234567"
TEXT = f"Исключить: {NAME}, {PHONE}\n[ref:{KEY[:16]}]"
#: As a proxy or the portal may word it: with the address, and with what was to be written.
WORDS = f"POST /rest/1/{SECRET}/batch: {NAME}, {PHONE}"
PRIVATE = (SECRET, *NAME.split(), PHONE[2:])


def shown(what: object) -> list[str]:
    return [part for part in PRIVATE if part in repr(what)]


@pytest.mark.parametrize(
    ("status", "data"),
    [
        pytest.param(400, {"error": "ERROR_CORE", "error_description": WORDS}, id="an error"),
        pytest.param(400, {"error": WORDS, "error_description": ""}, id="an error whose code is words"),
        pytest.param(200, {"error": "ERROR_CORE", "error_description": WORDS}, id="200 with an error"),
        pytest.param(
            200,
            {"result": {"result": [], "result_error": {"w0": {"error": "ERROR_CORE", "error_description": WORDS}}}},
            id="an error inside a batch",
        ),
    ],
)
def test_a_refused_write_tells_nothing(status: int, data: dict[str, Any]) -> None:
    with responses.RequestsMock() as crm:
        crm.post(f"{REST}/batch", json=data, status=status)
        outcome = connector().add_comment(CARD, TEXT, KEY)
    assert isinstance(outcome, NotDone)
    assert shown(outcome) == []
    assert "(…)" in outcome.why


@pytest.mark.parametrize("status", [400, 403, 500, 200])
def test_a_refused_read_tells_nothing(status: int) -> None:
    error = {"error": "ERROR_CORE", "error_description": WORDS}
    with responses.RequestsMock() as crm:
        crm.post(f"{REST}/crm.item.list", json=error, status=status)
        with pytest.raises(ConnectorError) as raised:
            connector().find_contact(name=NAME)
    assert shown(raised.value) == []
    assert raised.value.__cause__ is None


@pytest.mark.parametrize("status", [400, 200])
def test_a_refused_mail_tells_nothing(status: int) -> None:
    error = {"error": {"code": "BITRIX_REST_V3_EXCEPTION_INVALIDSELECTEXCEPTION", "message": WORDS}}
    with responses.RequestsMock() as crm:
        crm.post(f"{REST_3}/mail.message.send", json=error, status=status)
        mailing = connector(mail="message", mail_from="crm@example.org")
        (outcome,) = mailing.write([EmailWrite(Assignee("5", "coordinator@example.org"), "ИСКЛЮЧИТЬ", TEXT, KEY)])
    assert isinstance(outcome, NotDone)
    assert shown(outcome) == []
    assert outcome.code == "BITRIX_REST_V3_EXCEPTION_INVALIDSELECTEXCEPTION"
