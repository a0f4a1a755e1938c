"""What answers mean: by their status, by the description's rules, and with an error inside a 200."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.base import (
    Assignee,
    CardRef,
    CrmRefused,
    CrmUnavailable,
    Done,
    NotDone,
    Outcome,
    ReminderState,
    Unknown,
)
from connectors.rest import RestConnector

BASE = "https://crm.example.org/api"
CARD = CardRef("contact", "7")
KEY = "0123456789abcdef" * 4
NOTES = f"{BASE}/notes"

#: As small as a description can be.
SMALL: dict[str, Any] = {
    "base_url": BASE,
    "token": "the-token",
    "requests_per_second": 1000,
    "burst": 1000,
    "auth": {"kind": "header"},
    "card_must_exist": False,
    "card": {"contact": {"path": "contacts/{{ card.id }}"}},
    "comment": {"method": "POST", "path": "notes", "json": {"text": "{{ text }}"}, "id": "id"},
    "reminder": {"method": "POST", "path": "tasks", "json": {"text": "{{ text }}"}, "id": "id"},
    "find": {"comment": {"path": "notes"}, "reminder": {"path": "tasks"}},
    "reminder_state": {"path": "tasks/{{ id }}", "done": [{"path": "done", "equals": True}]},
    "withdraw": {"method": "PATCH", "path": "tasks/{{ id }}", "json": {"done": True, "why": "{{ why }}"}},
}
RULES: list[dict[str, Any]] = [
    {"means": "throttled", "when": [{"path": "code", "equals": "slow"}], "after": "retry.in"},
    {"means": "throttled", "when": [{"path": "code", "equals": "slower"}], "after": 7},
    {"means": "token", "status": [403], "when": [{"path": "code", "equals": "who"}]},
    {"means": "waits", "when": [{"path": "code", "equals": "right"}]},
    {"means": "blocked", "when": [{"path": "code", "equals": "shut"}]},
    {"means": "missing", "when": [{"path": "code", "equals": "gone"}]},
    {"means": "refused", "when": [{"path": "code", "equals": "never"}]},
    {"means": "unknown", "when": [{"path": "code", "equals": "perhaps"}]},
    {"means": "done", "when": [{"path": "code", "equals": "already"}]},
]


def connector(**changes: Any) -> RestConnector:
    rules = {"answers": RULES, "error": {"code": "code", "message": ["nothing", "text"]}}
    return RestConnector(RestConnector.Settings().load(SMALL | rules | changes))


@pytest.fixture
def crm() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


def told(outcome: Outcome) -> tuple[Any, ...]:
    match outcome:
        case Done():
            return ("done", outcome.remote_id)
        case NotDone():
            kind = "blocked" if outcome.blocked else "never" if outcome.permanent else "later"
            return (kind, outcome.status, outcome.code, outcome.after)
        case Unknown():
            return ("unknown", outcome.status, outcome.code)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "slow", ("later", 429, "slow", 9.0)),
        (200, "slow", ("later", 429, "slow", 9.0)),
        (500, "slow", ("later", 429, "slow", 9.0)),
        (400, "slower", ("later", 429, "slower", 7.0)),
        (400, "right", ("later", 400, "right", None)),
        (200, "right", ("later", 200, "right", None)),
        (403, "shut", ("blocked", 403, "shut", None)),
        (200, "shut", ("blocked", 200, "shut", None)),
        (400, "gone", ("never", 404, "gone", None)),
        (200, "never", ("never", 200, "never", None)),
        (500, "never", ("never", 500, "never", None)),
        (429, "never", ("never", 429, "never", None)),
        (400, "perhaps", ("unknown", 400, "perhaps")),
        (200, "perhaps", ("unknown", 200, "perhaps")),
        (409, "other", ("never", 409, "other", None)),
        (422, "other", ("never", 422, "other", None)),
        (404, "other", ("never", 404, "other", None)),
        (429, "other", ("later", 429, "other", None)),
        (408, "other", ("later", 408, "other", None)),
        (500, "other", ("unknown", 500, "other")),
        (503, "other", ("unknown", 503, "other")),
        (200, "other", ("unknown", 200, None)),
        (409, "already", ("done", "5")),
        (200, "already", ("unknown", 200, None)),
    ],
)
def test_an_answer_to_a_write_ends_in_the_right_outcome(
    crm: responses.RequestsMock, status: int, code: str, expected: tuple[Any, ...]
) -> None:
    crm.post(NOTES, status=status, json={"code": code, "text": "Иванов, +7 916 123-45-67", "retry": {"in": 9}})
    if expected == ("done", "5"):
        crm.get(NOTES, json={"id": 5})
    outcome = connector().add_comment(CARD, "x", KEY)
    assert told(outcome) == expected
    assert "123-45-67" not in str(outcome)
    assert not isinstance(outcome, Done) or len(crm.calls) == 2


def test_a_refused_token_is_told_as_one(crm: responses.RequestsMock) -> None:
    crm.post(NOTES, status=403, json={"code": "who"})
    outcome = connector().add_comment(CARD, "x", KEY)
    assert told(outcome)[:2] == ("later", 401)
    assert "the-token" not in str(outcome)


@pytest.mark.parametrize(
    ("status", "code", "kind", "shown"),
    [
        (400, "slow", CrmUnavailable, 429),
        (200, "slow", CrmUnavailable, 429),
        (403, "who", CrmUnavailable, 401),
        (400, "right", CrmUnavailable, 400),
        (200, "never", CrmRefused, 200),
        (500, "never", CrmRefused, 500),
        (400, "perhaps", CrmUnavailable, 400),
        (400, "other", CrmRefused, 400),
        (500, "other", CrmUnavailable, 500),
    ],
)
def test_an_answer_to_a_read_is_raised_as_what_it_means(
    crm: responses.RequestsMock, status: int, code: str, kind: type[Exception], shown: int
) -> None:
    crm.get(f"{BASE}/tasks/5", status=status, json={"code": code, "retry": {"in": 9}})
    with pytest.raises(kind) as caught:
        connector().reminder_state("5")
    assert caught.value.status == shown  # type: ignore[attr-defined]


def test_a_blocked_account_is_told_by_a_read_too(crm: responses.RequestsMock) -> None:
    crm.get(f"{BASE}/tasks/5", status=403, json={"code": "shut"})
    with pytest.raises(CrmUnavailable) as caught:
        connector().reminder_state("5")
    assert caught.value.blocked


def test_a_code_of_many_digits_keeps_its_meaning(crm: responses.RequestsMock) -> None:
    rules = [{"means": "missing", "when": [{"path": "code", "equals": "0x80040217"}]}]
    crm.get(f"{BASE}/contacts/7", status=404, json={"code": "0x80040217"})
    assert connector(answers=rules).read_card(CARD) is None


def test_a_missing_record_is_missing(crm: responses.RequestsMock) -> None:
    for path in ("tasks/5", "contacts/7", "notes"):
        crm.get(f"{BASE}/{path}", status=404, json={"code": "gone"})
    made = connector()
    assert made.reminder_state("5") is ReminderState.MISSING
    assert made.read_card(CARD) is None
    assert made.find("comment", CARD, KEY) is None


def test_a_path_that_is_wrong_is_not_taken_for_a_missing_record(crm: responses.RequestsMock) -> None:
    crm.get(f"{BASE}/contacts/7", status=404, body="<html>Not Found</html>")
    with pytest.raises(CrmRefused):
        connector().read_card(CARD)


@pytest.mark.parametrize("body", [b"<html>", b'{"id": "\xff"}', b"", b"[1, 2]", b'{"id": true}', b'{"id": ""}', b"{}"])
def test_a_2xx_without_a_usable_id_is_unknown(crm: responses.RequestsMock, body: bytes) -> None:
    crm.post(NOTES, status=201, body=body)
    assert told(connector().add_comment(CARD, "x", KEY))[0] == "unknown"


def test_a_redirected_write_is_never_followed(crm: responses.RequestsMock) -> None:
    crm.post(NOTES, status=301, headers={"Location": f"{NOTES}/"})
    outcome = connector().add_comment(CARD, "x", KEY)
    assert told(outcome)[:2] == ("never", 301)
    assert len(crm.calls) == 1


def test_a_write_that_may_be_answered_empty_is_done_by_that_and_not_by_rubbish(crm: responses.RequestsMock) -> None:
    withdraw = {**SMALL["withdraw"], "may_be_empty": True}
    made = connector(withdraw=withdraw)
    crm.get(f"{BASE}/tasks/5", json={"done": False})
    crm.patch(f"{BASE}/tasks/5", status=204)
    assert told(made.withdraw_reminder("5", "why", KEY)) == ("done", "5")
    crm.replace(responses.PATCH, f"{BASE}/tasks/5", status=200, body="<html>maintenance</html>")
    assert told(made.withdraw_reminder("5", "why", KEY))[0] == "unknown"


def test_a_withdrawal_that_cannot_read_first_is_surely_not_done(crm: responses.RequestsMock) -> None:
    made = connector()
    for code, expected in (("slow", "later"), ("never", "never"), ("shut", "blocked")):
        crm.get(f"{BASE}/tasks/5", status=400, json={"code": code})
        assert told(made.withdraw_reminder("5", "why", KEY))[0] == expected
        crm.reset()


def test_what_cannot_be_rendered_is_refused_before_anything_is_sent(crm: responses.RequestsMock) -> None:
    comment = {"method": "POST", "path": "contacts/{{ card.id }}/notes", "json": {}, "id": "id"}
    outcome = connector(comment=comment).add_comment(CardRef("contact", ".."), "x", KEY)
    assert told(outcome)[0] == "never"
    assert len(crm.calls) == 0


def test_what_the_description_lacks_is_said(crm: responses.RequestsMock) -> None:
    made = connector()
    now = datetime.now(UTC)
    assert not made.sends_mail
    assert told(made.notify_email(Assignee("1", "a@example.org"), "s", "x", KEY))[0] == "never"
    assert told(made.add_comment(CardRef("lead", "1"), "x", KEY))[0] == "never"
    assert told(made.create_reminder(CardRef("lead", "1"), Assignee("1"), "s", "x", now, KEY))[0] == "never"
    assert told(made.create_reminder(CARD, Assignee(address="a@example.org"), "s", "x", now, KEY))[0] == "never"
    assert told(made.remove("comment", "5", CARD))[0] == "never"
    assert made.find_contact(phone="+79161234567") == []
    assert made.find_contact(name="Иванов Иван") == []
    assert made.read_card(CardRef("lead", "1")) is None
    assert made.check_assignee(Assignee("1"), mailed=True) == []
    with pytest.raises(CrmRefused, match=r"\[find.email\]"):
        made.find("email", CARD, KEY)
    assert len(crm.calls) == 0
