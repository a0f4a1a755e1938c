"""Every answer of the documentation ends in the right one of the three outcomes, and in the right error of a read."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import responses

from connectors.amocrm import AmoConnector
from connectors.base import Assignee, CardRef, CrmRefused, CrmUnavailable, Done, NotDone, Outcome, Unknown
from tests.connectors.amocrm.rig import settings

URL = "https://example.amocrm.ru"
API = f"{URL}/api/v4"
CARD = CardRef("contact", "26050861")
KEY = "0123456789abcdef" * 4
TEXT = "Комментарий\n[ref:0123456789abcdef]"
GATE = "<html><head><title>403 Forbidden</title></head><body><h1>403 Forbidden</h1><hr>nginx</body></html>"

Payload = Callable[[str], Any]


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def connector() -> Iterator[AmoConnector]:
    connector = AmoConnector(AmoConnector.Settings().load(settings(URL)))
    yield connector
    connector.close()


def answered(payload: Payload, fixture: str | None, status: int, body: str = "") -> dict[str, Any]:
    return {"status": status} | ({"json": payload(fixture)} if fixture else {"body": body})


def permanent(status: int, code: str) -> dict[str, Any]:
    return {"permanent": True, "status": status, "code": code}


# --- writes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fixture", "status", "body", "kind", "expected"),
    [
        ("error__validation", 400, "", NotDone, permanent(400, "NotSupportedChoice")),
        ("error__empty_request", 400, "", NotDone, permanent(400, "Bad Request")),
        (None, 400, "<html>", NotDone, {"permanent": True, "status": 400}),
        ("error__unauthorized", 401, "", NotDone, {"permanent": False, "status": 401}),
        ("error__payment_required", 402, "", NotDone, {"permanent": False, "blocked": True, "code": "unpaid"}),
        (None, 402, "", NotDone, {"permanent": False, "blocked": True, "code": "unpaid"}),
        ("error__forbidden", 403, "", NotDone, permanent(403, "Forbidden") | {"blocked": False}),
        (None, 403, GATE, NotDone, {"permanent": False, "blocked": True, "code": "blocked", "status": 403}),
        (None, 403, "", NotDone, {"permanent": False, "blocked": True, "code": "blocked", "status": 403}),
        ("error__not_found", 404, "", NotDone, permanent(404, "Not Found")),
        ("error__method_not_allowed", 405, "", NotDone, permanent(405, "Method Not Allowed")),
        ("error__unprocessable", 422, "", NotDone, permanent(422, "Unprocessable Entity")),
        ("error__too_many_requests", 429, "", NotDone, {"permanent": False, "after": 300.0, "blocked": False}),
        (None, 429, "Too many requests", NotDone, {"permanent": False, "after": None, "status": 429}),
        ("error__internal", 500, "", Unknown, {"status": 500, "code": "ErrInternalServer"}),
        (None, 502, "<html>", Unknown, {"status": 502}),
        (None, 504, "", Unknown, {"status": 504}),
        (None, 200, "<html>", Unknown, {"status": 200}),
    ],
)
def test_an_answer_to_a_write(
    api: responses.RequestsMock,
    connector: AmoConnector,
    payload: Payload,
    fixture: str | None,
    status: int,
    body: str,
    kind: type[Outcome],
    expected: dict[str, Any],
) -> None:
    api.post(f"{API}/contacts/notes", **answered(payload, fixture, status, body))
    outcome = connector.add_comment(CARD, TEXT, KEY)
    assert isinstance(outcome, kind)
    assert {name: getattr(outcome, name) for name in expected} == expected
    assert len(api.calls) == 1


def test_a_blocked_account_named_in_json_is_blocked_too(api: responses.RequestsMock, connector: AmoConnector) -> None:
    api.post(f"{API}/contacts/notes", status=403, json={"title": "Forbidden", "detail": "Account blocked"})
    outcome = connector.add_comment(CARD, TEXT, KEY)
    assert isinstance(outcome, NotDone)
    assert outcome.blocked


@pytest.mark.parametrize(
    ("lost", "kind"),
    [(requests.ConnectTimeout(), NotDone), (requests.ReadTimeout(), Unknown), (ConnectionResetError(), Unknown)],
)
def test_no_answer_to_a_write(
    api: responses.RequestsMock, connector: AmoConnector, lost: Exception, kind: type[Outcome]
) -> None:
    api.post(f"{API}/contacts/notes", body=lost)
    assert isinstance(connector.add_comment(CARD, TEXT, KEY), kind)


@pytest.mark.parametrize(
    "data", [{}, {"_embedded": {"notes": []}}, [], {"_embedded": {"notes": [{"request_id": "0"}]}}]
)
def test_an_answer_without_the_new_id_is_unknown(
    api: responses.RequestsMock, connector: AmoConnector, data: Any
) -> None:
    api.post(f"{API}/contacts/notes", json=data)
    assert isinstance(connector.add_comment(CARD, TEXT, KEY), Unknown)


def test_the_documented_answer_is_done(api: responses.RequestsMock, connector: AmoConnector, payload: Payload) -> None:
    api.post(f"{API}/contacts/notes", json=payload("notes__created"))
    api.get(f"{API}/contacts/notes", json=payload("notes__list"))
    assert connector.add_comment(CARD, TEXT, KEY) == Done("42709325")


def test_the_documented_answer_to_a_task_is_done(
    api: responses.RequestsMock, connector: AmoConnector, payload: Payload
) -> None:
    api.post(f"{API}/tasks", json=payload("tasks__created"))
    api.get(f"{API}/tasks", json=payload("tasks__list"))
    due = datetime(2020, 11, 25, 8, 20, tzinfo=UTC)
    text = "Напоминание\n[ref:0123456789abcdef]"
    outcome = connector.create_reminder(CARD, Assignee(user="700002"), "ИСКЛЮЧИТЬ", text, due, KEY)
    assert outcome == Done("4745251")
    assert json.loads(api.calls[0].request.body) == [  # type: ignore[arg-type]
        {
            "text": f"ИСКЛЮЧИТЬ\n{text}",
            "complete_till": 1606292400,
            "task_type_id": 1,
            "responsible_user_id": 700002,
            "entity_id": 26050861,
            "entity_type": "contacts",
            "request_id": "0",
        }
    ]


def test_every_fixture_is_named_event_and_variant_and_used() -> None:
    here = Path(__file__).parent
    tests = "".join(path.read_text("utf-8") for path in here.glob("test_*.py"))
    names = [path.stem for path in (here / "fixtures").iterdir()]
    assert all(re.fullmatch(r"[a-z_]+__[a-z_]+", name) for name in names)
    assert [name for name in names if f'"{name}"' not in tests] == []


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_detail_that_repeats_what_was_sent_is_not_told(
    api: responses.RequestsMock, connector: AmoConnector, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    detail = "Cannot POST Иванов Иван +79161234567"
    api.post(f"{API}/contacts/notes", status=status, json={"title": "Bad Request", "detail": detail})
    with caplog.at_level(logging.DEBUG):
        shown = repr(connector.add_comment(CARD, TEXT, KEY))
    assert "Иванов" not in shown + caplog.text
    assert "long-lived-t0ken" not in shown + caplog.text


# --- reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fixture", "status", "body", "error", "blocked"),
    [
        ("error__unauthorized", 401, "", CrmUnavailable, False),
        ("error__payment_required", 402, "", CrmUnavailable, True),
        ("error__forbidden", 403, "", CrmRefused, False),
        (None, 403, GATE, CrmUnavailable, True),
        (None, 404, "<html>", CrmRefused, False),
        ("error__too_many_requests", 429, "", CrmUnavailable, False),
        ("error__internal", 500, "", CrmUnavailable, False),
        (None, 504, "", CrmUnavailable, False),
        (None, 200, "<html>", CrmUnavailable, False),
        (None, 200, "[]", CrmUnavailable, False),
    ],
)
def test_an_answer_to_a_read(
    api: responses.RequestsMock,
    connector: AmoConnector,
    payload: Payload,
    fixture: str | None,
    status: int,
    body: str,
    error: type[Exception],
    blocked: bool,
) -> None:
    api.get(f"{API}/contacts/26050861", **answered(payload, fixture, status, body))
    with pytest.raises(error) as caught:
        connector.read_card(CARD)
    assert getattr(caught.value, "blocked", False) is blocked


@pytest.mark.parametrize(("fixture", "status"), [(None, 204), ("error__not_found", 404)])
def test_what_is_not_there_is_none(
    api: responses.RequestsMock, connector: AmoConnector, payload: Payload, fixture: str | None, status: int
) -> None:
    api.get(f"{API}/contacts/26050861", **answered(payload, fixture, status))
    assert connector.read_card(CARD) is None


@pytest.mark.parametrize(
    "data", [{}, {"_embedded": []}, {"_embedded": {"contacts": {}}}, {"_embedded": {"contacts": [1]}}]
)
def test_a_list_that_is_none_is_an_error(api: responses.RequestsMock, connector: AmoConnector, data: Any) -> None:
    api.get(f"{API}/contacts", json=data)
    with pytest.raises(CrmUnavailable, match="no list"):
        connector.find_contact("+79161234567")
