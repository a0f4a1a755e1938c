"""Every error code of the documentation ends in the right one of the three outcomes, alone and inside a batch."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import responses

from connectors.base import (
    Assignee,
    CommentWrite,
    CrmRefused,
    CrmUnavailable,
    Done,
    EmailWrite,
    NotDone,
    ReminderState,
    ReminderWrite,
    Unknown,
)
from tests.connectors.bitrix24.conftest import fixture
from tests.connectors.bitrix24.outcomes import (
    BLOCKED,
    CARD,
    DONE,
    KEY,
    LATER,
    NEVER,
    NOW,
    REST,
    SECRET,
    UNKNOWN,
    connector,
    kind_of,
)

#: Of the whole request: status, code and what it means. Source: «Статусы и коды системных ошибок».
WHOLE = [
    (500, "INTERNAL_SERVER_ERROR", UNKNOWN),
    (500, "ERROR_UNEXPECTED_ANSWER", UNKNOWN),
    (500, "PORTAL_DELETED", LATER),
    (503, "QUERY_LIMIT_EXCEEDED", LATER),
    (503, "OVERLOAD_LIMIT", BLOCKED),
    (429, "OPERATION_TIME_LIMIT", LATER),
    (405, "ERROR_BATCH_METHOD_NOT_ALLOWED", NEVER),
    (400, "ERROR_BATCH_LENGTH_EXCEEDED", NEVER),
    (401, "NO_AUTH_FOUND", LATER),
    (401, "expired_token", LATER),
    (400, "INVALID_REQUEST", NEVER),
    (403, "ACCESS_DENIED", NEVER),
    (403, "INVALID_CREDENTIALS", NEVER),
    (404, "ERROR_MANIFEST_IS_NOT_AVAILABLE", NEVER),
    (403, "insufficient_scope", NEVER),
    (403, "user_access_error", NEVER),
    (400, "", NEVER),
    (502, "", UNKNOWN),
    (503, "", UNKNOWN),
]


@pytest.mark.parametrize(("status", "code", "meant"), WHOLE)
@responses.activate
def test_an_error_of_the_whole_request_settles_every_write_in_it(status: int, code: str, meant: str) -> None:
    responses.post(f"{REST}/batch", status=status, json={"error": code, "error_description": "Words"})
    outcome = connector().add_comment(CARD, "Просит не звонить.", KEY)
    assert kind_of(outcome) == meant
    assert not isinstance(outcome, Done)
    assert outcome.code == (code or None)
    assert len(responses.calls) == 1


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ({"error": "QUERY_LIMIT_EXCEEDED", "error_description": "Too many requests"}, LATER),
        ({"error": "OVERLOAD_LIMIT", "error_description": ""}, BLOCKED),
        ({"error": "INTERNAL_SERVER_ERROR", "error_description": ""}, UNKNOWN),
        ({"error": "ACCESS_DENIED", "error_description": ""}, NEVER),
        ({"error": "", "error_description": "Something"}, UNKNOWN),
        ({"result": {"result": None}}, UNKNOWN),
        ({"result": True}, UNKNOWN),
        ([], UNKNOWN),
        ("x", UNKNOWN),
    ],
)
@responses.activate
def test_200_with_an_error_inside_is_no_success(body: Any, meant: str) -> None:
    responses.post(f"{REST}/batch", json=body)
    assert kind_of(connector().add_comment(CARD, "Просит не звонить.", KEY)) == meant


#: Of one command: code, words, and what it means for this write.
INSIDE = [
    ("OWNER_NOT_FOUND", "Владелец элемента не найден", NEVER, 404),
    ("NOT_FOUND", "Not found.", NEVER, 404),
    ("ACCESS_DENIED", "Недостаточно прав", NEVER, 403),
    ("INVALID_ARG_VALUE", "Пустой комментарий", NEVER, 400),
    ("100", "Could not find value for parameter {fields}", NEVER, 400),
    ("WRONG_DATETIME_FORMAT", "Некорректный формат даты", NEVER, 400),
    ("ERROR_CORE", "Не указан исполнитель<br>", NEVER, 400),
    ("USER_ID_EMPTY", "User ID can't be empty", NEVER, 400),
    ("MESSAGE_EMPTY", "Message can't be empty", NEVER, 400),
    ("ATTACH_OVERSIZE", "You have exceeded the maximum allowable size of attach", NEVER, 400),
    ("ATTACH_ERROR", "Incorrect attach params", NEVER, 400),
    ("WRONG_AUTH_TYPE", "Access for this method not allowed by session authorization", NEVER, 403),
    ("insufficient_scope", "", NEVER, 403),
    ("ERROR_METHOD_NOT_FOUND", "Method not found!", NEVER, 400),
    ("ERROR_BATCH_LENGTH_EXCEEDED", "Max batch length exceeded", NEVER, 400),
    ("", "Access denied.", NEVER, 400),
    (0, "Действие над задачей не разрешено", NEVER, 400),
    ("QUERY_LIMIT_EXCEEDED", "Too many requests", LATER, 503),
    ("OPERATION_TIME_LIMIT", "Method is blocked due to operation time limit", LATER, 429),
    ("expired_token", "The access token provided has expired.", LATER, 401),
    ("OVERLOAD_LIMIT", "REST API is blocked due to overload", BLOCKED, 503),
    ("INTERNAL_SERVER_ERROR", "Internal server error", UNKNOWN, 500),
    ("ERROR_UNEXPECTED_ANSWER", "Server returned an unexpected response", UNKNOWN, 500),
]


@pytest.mark.parametrize(("code", "words", "meant", "status"), INSIDE)
@responses.activate
def test_an_error_inside_a_batch_settles_its_own_write_alone(
    code: str | int, words: str, meant: str, status: int
) -> None:
    answer = fixture("batch__call_written")
    answer["result"]["result_error"] = {"w1": {"error": code, "error_description": words}}
    del answer["result"]["result"]["w1"]
    responses.post(f"{REST}/batch", json=answer)
    outcomes = connector().write(a_call())
    assert [kind_of(outcome) for outcome in outcomes] == [DONE, meant, DONE]
    failed = outcomes[1]
    assert isinstance(failed, NotDone | Unknown)
    assert (failed.status, failed.code) == (status, str(code) if code != "" else None)


def a_call() -> list[Any]:
    mark = "[ref:0000000000000001]"
    return [
        CommentWrite(CARD, f"Просит не звонить. {mark}", KEY),
        ReminderWrite(CARD, Assignee("5"), "ИСКЛЮЧИТЬ", f"Исключить. {mark}", NOW, KEY),
        EmailWrite(Assignee("5"), "ИСКЛЮЧИТЬ", "Исключить.", KEY),
    ]


@responses.activate
def test_the_documented_answer_of_a_batch_gives_every_write_its_id() -> None:
    responses.post(f"{REST}/batch", json=fixture("batch__call_written"))
    assert connector().write(a_call()) == [Done("999"), Done("1823"), Done("12345")]


@responses.activate
def test_the_documented_refusal_of_all_commands_settles_each() -> None:
    responses.post(f"{REST}/batch", json=fixture("batch__all_refused"))
    outcome = connector().add_comment(CARD, "Просит не звонить.", KEY)
    assert outcome == NotDone(
        "portal.example.org: crm.timeline.comment.add was refused (insufficient_scope)",
        permanent=True,
        status=403,
        code="insufficient_scope",
    )


@responses.activate
def test_an_address_without_a_rest_api_is_not_taken_for_a_card_that_is_gone() -> None:
    responses.post(f"{REST}/batch", status=404, body="<html>404</html>")
    responses.post(f"{REST}/crm.activity.list", status=404, body="<html>404</html>")
    outcome = connector().add_comment(CARD, "Просит не звонить.", KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, None)
    with pytest.raises(CrmRefused) as error:
        connector().find("reminder", CARD, KEY)
    assert error.value.status is None


@responses.activate
def test_a_moved_portal_is_told_and_the_post_is_never_turned_into_a_get() -> None:
    responses.post(
        f"{REST}/batch", status=302, headers={"Location": f"https://other.example.org/rest/1/{SECRET}/batch"}
    )
    outcome = connector().add_comment(CARD, "Просит не звонить.", KEY)
    assert kind_of(outcome) == NEVER
    assert "https://other.example.org:443" in str(outcome)
    assert SECRET not in str(outcome)
    assert [call.request.method for call in responses.calls] == ["POST"]


@pytest.mark.parametrize("failure", [requests.ConnectTimeout(), requests.ReadTimeout(), requests.ConnectionError()])
@responses.activate
def test_no_answer_is_unknown_or_surely_not_sent(failure: Exception) -> None:
    responses.post(f"{REST}/batch", body=failure)
    meant = LATER if isinstance(failure, requests.ConnectTimeout) else UNKNOWN
    assert kind_of(connector().add_comment(CARD, "Просит не звонить.", KEY)) == meant


# --- time that a method may take up -------------------------------------------------------------------


@responses.activate
def test_a_method_out_of_time_waits_until_the_portal_said_and_is_not_called_before() -> None:
    answer = fixture("batch__call_written")
    answer["result"]["result"] = {"w0": 999, "r0": answer["result"]["result"]["r0"]}
    answer["result"]["result_time"] = {"w0": {"operating": 480.2, "operating_reset_at": int(NOW.timestamp()) + 40}}
    blocked = fixture("batch__all_refused")
    blocked["result"]["result_error"] = {"w0": {"error": "OPERATION_TIME_LIMIT", "error_description": ""}}
    responses.post(f"{REST}/batch", json=answer)
    responses.post(f"{REST}/batch", json=blocked)
    crm = connector()
    assert kind_of(crm.add_comment(CARD, "Раз.", KEY)) == DONE
    first, second = crm.add_comment(CARD, "Два.", KEY), crm.add_comment(CARD, "Три.", KEY)
    for outcome in (first, second):
        assert isinstance(outcome, NotDone)
        assert (outcome.status, outcome.code, outcome.after) == (429, "OPERATION_TIME_LIMIT", 41.0)
    assert len(responses.calls) == 2


@pytest.mark.parametrize(
    ("reset", "after"),
    [
        (int(NOW.timestamp()) + 40, 41.0),
        ("2026-11-22T10:15:40+00:00", 41.0),
        (int(NOW.timestamp()) - 40, 1.0),
        (int(NOW.timestamp()) + 86_400, 600.0),
        (None, 600.0),
        ("soon", 600.0),
        ("2026-11-22T10:15:40", 600.0),
        (True, 600.0),
    ],
)
@responses.activate
def test_the_time_of_the_reset_is_believed_within_reason(reset: Any, after: float) -> None:
    answer = fixture("batch__call_written")
    answer["result"]["result_time"] = {"w0": {"operating": 480.2, "operating_reset_at": reset}}
    blocked = fixture("batch__all_refused")
    blocked["result"]["result_error"] = {"w0": {"error": "OPERATION_TIME_LIMIT", "error_description": ""}}
    responses.post(f"{REST}/batch", json=answer)
    responses.post(f"{REST}/batch", json=blocked)
    crm = connector()
    crm.add_comment(CARD, "Раз.", KEY)
    outcome = crm.add_comment(CARD, "Два.", KEY)
    assert isinstance(outcome, NotDone)
    assert outcome.after == after


@responses.activate
def test_other_methods_go_on_while_one_is_out_of_time() -> None:
    blocked = fixture("batch__all_refused")
    blocked["result"]["result_error"] = {"w0": {"error": "OPERATION_TIME_LIMIT", "error_description": ""}}
    written = fixture("batch__call_written")
    responses.post(f"{REST}/batch", json=blocked)
    responses.post(f"{REST}/batch", json=written)
    crm = connector()
    crm.add_comment(CARD, "Раз.", KEY)
    outcomes = crm.write(a_call())
    assert [kind_of(outcome) for outcome in outcomes] == [LATER, DONE, DONE]
    body = responses.calls[1].request.body
    assert body is not None
    assert set(json.loads(body)["cmd"]) == {"people", "w1", "r1", "w2"}


@responses.activate
def test_an_answer_429_with_its_reset_says_when_to_come_back() -> None:
    body = {"error": "OPERATION_TIME_LIMIT", "error_description": ""}
    body |= {"time": {"operating": 481.0, "operating_reset_at": int(NOW.timestamp()) + 90}}  # type: ignore[dict-item]
    responses.post(f"{REST}/crm.duplicate.findbycomm", status=429, json=body)
    crm = connector()
    for _ in range(2):
        with pytest.raises(CrmUnavailable) as error:
            crm.find_contact("+79161234567")
        assert error.value.after == 91.0
    assert len(responses.calls) == 1


# --- reads --------------------------------------------------------------------------------------------

READS = [
    (400, {"error": "", "error_description": "Access denied."}, CrmRefused),
    (403, {"error": "insufficient_scope", "error_description": ""}, CrmRefused),
    (400, {"error": "INVALID_ARG_VALUE", "error_description": "Invalid filter"}, CrmRefused),
    (400, {"error": "Communication type is not defined", "error_description": ""}, CrmRefused),
    (503, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": ""}, CrmUnavailable),
    (503, {"error": "OVERLOAD_LIMIT", "error_description": ""}, CrmUnavailable),
    (500, {"error": "INTERNAL_SERVER_ERROR", "error_description": ""}, CrmUnavailable),
    (401, {"error": "NO_AUTH_FOUND", "error_description": ""}, CrmUnavailable),
    (200, {"error": "QUERY_LIMIT_EXCEEDED", "error_description": ""}, CrmUnavailable),
    (200, {"error": "ACCESS_DENIED", "error_description": ""}, CrmRefused),
    (200, {"no": "result"}, CrmUnavailable),
]


@pytest.mark.parametrize(("status", "body", "expected"), READS)
@responses.activate
def test_a_read_is_refused_or_comes_again(status: int, body: Any, expected: type[Exception]) -> None:
    responses.post(f"{REST}/crm.duplicate.findbycomm", status=status, json=body)
    with pytest.raises(expected) as error:
        connector().find_contact("+79161234567")
    assert getattr(error.value, "blocked", False) == (body.get("error") == "OVERLOAD_LIMIT")


@pytest.mark.parametrize(
    ("error", "state"),
    [({"error": "", "error_description": "Activity is not found."}, ReminderState.MISSING), (None, ReminderState.OPEN)],
)
@responses.activate
def test_an_activity_that_is_gone_has_words_and_no_code(error: Any, state: ReminderState) -> None:
    result: Any = [] if error else {"only": {"ID": "999", "COMPLETED": "N"}}
    errors: Any = {"only": error} if error else []
    responses.post(f"{REST}/batch", json={"result": {"result": result, "result_error": errors}, "time": {}})
    assert connector().reminder_state("999") is state
