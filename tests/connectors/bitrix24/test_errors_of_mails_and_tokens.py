"""Errors of mails (REST 3) and of the server of tokens end in the right one of the three outcomes."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.base import Assignee, Done, NotDone
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24.conftest import fixture
from tests.connectors.bitrix24.outcomes import (
    BLOCKED,
    CARD,
    DONE,
    KEY,
    LATER,
    NEVER,
    REST_3,
    TOKENS,
    UNKNOWN,
    application,
    connector,
    kind_of,
)

# --- mails of REST 3 ------------------------------------------------------------------------------------

_PREFIX = "BITRIX_REST_V3_EXCEPTION_"
MAILS = [
    (400, fixture("error__rest_3_validation"), NEVER),
    (400, {"error": {"code": f"{_PREFIX}INVALIDJSONEXCEPTION", "message": "x"}}, NEVER),
    (400, {"error": {"code": f"{_PREFIX}INVALIDIDEMPOTENCYKEYEXCEPTION", "message": "x"}}, NEVER),
    (403, {"error": {"code": f"{_PREFIX}ACCESSDENIEDEXCEPTION", "message": "x"}}, NEVER),
    (403, {"error": {"code": f"{_PREFIX}INSUFFICIENTSCOPEEXCEPTION", "message": "x"}}, NEVER),
    (422, {"error": {"code": f"{_PREFIX}IDEMPOTENCYKEYREUSEDEXCEPTION", "message": "x"}}, DONE),
    (503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": ""}, LATER),
    (429, {"error": "OPERATION_TIME_LIMIT", "error_description": ""}, LATER),
    (503, {"error": "OVERLOAD_LIMIT", "error_description": ""}, BLOCKED),
    (500, {"error": {"code": f"{_PREFIX}INTERNALEXCEPTION", "message": "x"}}, UNKNOWN),
    (200, {"result": {"success": False}}, LATER),
    (200, {"result": {}}, UNKNOWN),
    (200, fixture("mail_message_send__sent"), DONE),
]


def by_message() -> Bitrix24Connector:
    return connector(mail="message", mail_from="box@example.org")


@pytest.mark.parametrize(("status", "body", "meant"), MAILS)
@responses.activate
def test_a_mail_ends_in_the_right_outcome(status: int, body: Any, meant: str) -> None:
    responses.post(f"{REST_3}/mail.message.send", status=status, json=body)
    outcome = by_message().notify_email(Assignee("5", "five@example.org"), "ИСКЛЮЧИТЬ", "Исключить.", KEY)
    assert kind_of(outcome) == meant


@pytest.mark.parametrize(
    ("word", "meant"), [("MESSAGE_SEND_FAILED", LATER), ("NO_RECIPIENTS", NEVER), ("RESOLVE_RECIPIENTS_ERROR", NEVER)]
)
@responses.activate
def test_what_hides_behind_the_validation_of_a_mail_is_told_apart(word: str, meant: str) -> None:
    body = fixture("error__rest_3_validation")
    body["error"]["validation"] = [{"message": word, "field": "from"}]
    responses.post(f"{REST_3}/mail.message.send", status=400, json=body)
    outcome = by_message().notify_email(Assignee("5", "five@example.org"), "ИСКЛЮЧИТЬ", "Исключить.", KEY)
    assert isinstance(outcome, NotDone)
    assert (kind_of(outcome), outcome.code) == (meant, word)


# --- tokens ---------------------------------------------------------------------------------------------


@responses.activate
def test_an_expired_token_is_renewed_once_as_documented_and_the_write_made() -> None:
    responses.get(TOKENS, json=fixture("oauth_token__renewed"))
    expired = {"error": "expired_token", "error_description": "The access token provided has expired."}
    responses.post("https://portal.example.org/rest/batch", status=401, json=expired)
    responses.post("https://portal.example.org/rest/batch", json=fixture("batch__call_written"))
    crm = application()
    assert crm.add_comment(CARD, "Просит не звонить.", KEY) == Done("999")
    asked = [
        parse_qs(urlsplit(str(call.request.url)).query) for call in responses.calls if call.request.method == "GET"
    ]
    # The first pair comes of the settings' refresh token, the second of the one that came with it.
    assert [query["refresh_token"] for query in asked] == [["first"], ["3s6lr4kr3cv2od4v853gvrchb875bwxb"]]
    assert all(query["grant_type"] == ["refresh_token"] and query["client_id"] == ["local.1"] for query in asked)


@responses.activate
def test_a_token_refused_again_after_it_was_renewed_waits_for_a_human() -> None:
    responses.get(TOKENS, json=fixture("oauth_token__renewed"))
    responses.post("https://portal.example.org/rest/batch", status=401, json={"error": "expired_token"})
    outcome = application().add_comment(CARD, "Просит не звонить.", KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (False, 401)
    assert sum(call.request.method == "POST" for call in responses.calls) == 2


@responses.activate
def test_a_token_that_is_wrong_and_not_expired_is_not_renewed() -> None:
    responses.get(TOKENS, json=fixture("oauth_token__renewed"))
    responses.post("https://portal.example.org/rest/batch", status=401, json={"error": "NO_AUTH_FOUND"})
    outcome = application().add_comment(CARD, "Просит не звонить.", KEY)
    assert kind_of(outcome) == LATER
    assert sum(call.request.method == "GET" for call in responses.calls) == 1


@pytest.mark.parametrize(
    "error", ["invalid_request", "invalid_client", "insufficient_scope", "invalid_scope", "invalid_grant", "unpaid"]
)
@responses.activate
def test_without_a_token_nothing_is_sent_and_it_waits_for_a_human(error: str) -> None:
    body = fixture("oauth_token__unpaid") if error == "unpaid" else {"error": error, "error_description": ""}
    responses.get(TOKENS, status=402 if error == "unpaid" else 400, json=body)
    outcome = application().add_comment(CARD, "Просит не звонить.", KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status, outcome.code) == (False, 401, body["error"])
    assert [call.request.method for call in responses.calls] == ["GET"]
    assert "first" not in str(outcome)
    assert "s3cret" not in str(outcome)
