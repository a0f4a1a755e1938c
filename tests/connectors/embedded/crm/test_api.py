"""The CRM's API as an integrator meets it: errors, paging, mail, and what survives a restart."""

from __future__ import annotations

import json
import signal
from email import message_from_bytes
from email.policy import default as default_policy
from pathlib import Path
from typing import Any

import pytest

from connectors.base import CardRef
from tests.support.crm import CrmApi, RunningCrm, embedded_crm
from tests.support.mail import mail_sink
from tests.support.processes import wait_until

REMINDER = {
    "card": "42",
    "assignee": "coordinator",
    "subject": "ИСКЛЮЧИТЬ",
    "text": "т",
    "due": "2026-11-23T10:00:00+03:00",
}


@pytest.mark.parametrize("path", ["/api/v1/me", "/api/v1/cards", "/api/v1/nothing", "/faults"])
@pytest.mark.parametrize("header", ["", "Bearer", "Bearer wrong", "Basic crm-test-token", "Bearer токен"])
def test_nobody_gets_in_without_the_token(api: CrmApi, path: str, header: str) -> None:
    reply = api.request("GET", path, headers={"Authorization": header.encode().decode("latin-1")})
    assert (reply.status, reply.data["error"]["code"]) == (401, "unauthorized")
    assert reply.headers["Www-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "cards", b"{", 400),
        ("POST", "cards", b"", 400),
        ("POST", "cards", b"\xff\xfe", 400),
        ("POST", "cards", b"[" * 50_000, 400),
        ("POST", "cards", [], 400),
        ("POST", "cards", {"name": "x" * 1_100_000}, 413),
        ("GET", "cards/999999", None, 404),
        ("GET", "cards/x", None, 404),
        ("GET", "calls/x", None, 404),
        ("GET", "users/x", None, 404),
        ("GET", "cards/999999/comments", None, 404),
        ("GET", "nothing", None, 404),
        ("DELETE", "cards/42", None, 405),
        ("POST", "users", {"id": "coordinator", "name": "x"}, 409),
        ("POST", "cards", {"id": "42", "name": "x"}, 409),
    ],
)
def test_an_error_is_json_with_a_code(api: CrmApi, method: str, path: str, body: Any, status: int) -> None:
    reply = api.request(method, path, body)
    assert reply.status == status
    assert {"code", "message"} <= set(reply.data["error"])


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("cards", {}, "name"),
        ("cards", {"name": ""}, "name"),
        ("cards", {"name": "a\nb"}, "name"),
        ("cards", {"name": 1}, "name"),
        ("cards", {"name": "\ud83d"}, "name"),
        ("cards", {"name": "x", "phones": ["a\nb"]}, "phones"),
        ("cards", {"name": "x", "phones": "123456"}, "phones"),
        ("cards", {"name": "x", "nmae": "y"}, "nmae"),
        ("cards", {"name": "x", "id": "x"}, "id"),
        ("users", {"id": "a b", "name": "x"}, "id"),
        ("users", {"id": "a", "name": "x", "email": "x"}, "email"),
        ("cards/42/comments", {"text": "x\0"}, "text"),
        ("cards/42/comments", {"text": "x" * 70_000}, "text"),
        ("reminders", REMINDER | {"due": "2026-11-23T10:00:00"}, "due"),
        ("reminders", REMINDER | {"due": "tomorrow"}, "due"),
        ("reminders", REMINDER | {"email": "yes"}, "email"),
        ("reminders", REMINDER | {"assignee": "nobody"}, "assignee"),
        ("reminders", REMINDER | {"card": "999999"}, "card"),
        ("reminders", {key: REMINDER[key] for key in REMINDER if key != "subject"}, "subject"),
        ("mails", {"subject": "s", "text": "t"}, "user"),
        ("mails", {"subject": "s", "text": "t", "user": "sms", "address": "a@b.example"}, "user"),
        ("mails", {"subject": "s\nBcc: x", "text": "t", "user": "sms"}, "subject"),
        ("calls", {"phone": "+79161234567", "occurred_at": "2026-11-22T10:00:00"}, "occurred_at"),
        ("calls", {"phone": "+79161234567", "facts": []}, "facts"),
        ("calls", {"phone": "+79161234567", "card": "999999"}, "card"),
        ("calls", {}, "phone"),
    ],
)
def test_a_wrong_field_is_named(api: CrmApi, path: str, body: Any, field: str) -> None:
    reply = api.request("POST", path, body)
    assert reply.status == 422, reply.text
    assert list(reply.data["error"]["fields"]) == [field]


@pytest.mark.parametrize(
    "params", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"after": "-1"}, {"after": "9" * 30}]
)
def test_a_wrong_page_is_refused(api: CrmApi, params: dict[str, str]) -> None:
    assert api.request("GET", "cards", params=params).status == 422
    assert api.request("GET", "reminders", params={"state": "opened"}).status == 422


def test_lists_come_in_pages(api: CrmApi, card: CardRef) -> None:
    for number in range(7):
        api.send("POST", f"cards/{card.id}/comments", {"text": f"№ {number}"})
    seen: list[str] = []
    after = "0"
    sizes = []
    while after:
        page = api.get(f"cards/{card.id}/comments", limit="3", after=after)
        sizes.append(len(page["items"]))
        seen += [item["text"] for item in page["items"]]
        after = page["next"]
    assert sizes == [3, 3, 1]
    assert seen == [f"№ {number}" for number in range(7)]
    assert {user["id"] for user in api.all("users")} >= {"coordinator", "sms"}
    assert len(api.get("users", limit="1")["items"]) == 1


def test_a_withdrawn_reminder_is_not_done_afterwards(api: CrmApi) -> None:
    reminder = api.send("POST", "reminders", REMINDER)
    api.send("PUT", f"reminders/{reminder['id']}/withdrawal", {"reason": "передумал"})
    assert api.request("PUT", f"reminders/{reminder['id']}/done").status == 409


def test_faults_do_not_exist_without_the_flag(tmp_path: Path) -> None:
    with embedded_crm(tmp_path, faults=False, mail=None) as crm:
        for method in ("GET", "PUT", "DELETE"):
            assert crm.api.request(method, "/faults", {"faults": []}).status == 404
        assert crm.api.request("POST", "mails", {"subject": "s", "text": "t", "user": "sms"}).status == 409


def test_a_mail_becomes_a_file(crm: RunningCrm, api: CrmApi) -> None:
    reminder = api.send("POST", "reminders", REMINDER | {"email": True, "text": "Исключить <b>до завтра</b>"})

    def sent() -> list[dict[str, Any]]:
        return [mail for mail in api.mails(user="coordinator", state="sent") if mail["reminder"] == reminder["id"]]

    (mail,) = wait_until(sent)
    message: Any = message_from_bytes((crm.outbox / f"{int(mail['id']):06}.eml").read_bytes(), policy=default_policy)
    assert message["Subject"] == "ИСКЛЮЧИТЬ"
    assert message["To"] == "coordinator@dealer.example"
    assert message["Message-ID"] == mail["message_id"]
    assert message.get_content().strip() == "Исключить <b>до завтра</b>"
    assert not list(crm.outbox.glob("*.part"))


def test_a_mail_goes_out_by_smtp_and_again_when_it_was_put_off(tmp_path: Path) -> None:
    with mail_sink() as sink, embedded_crm(tmp_path, mail=sink.address) as crm:
        sink.rcpt_replies += ["451 try later", "250 OK", "550 no such user"]
        for subject in ("первое", "второе"):
            crm.api.send("POST", "mails", {"user": "coordinator", "subject": subject, "text": "т"})
            wait_until(lambda: crm.api.mails()[-1]["state"] != "queued")
        assert [mail["state"] for mail in crm.api.mails()] == ["sent", "failed"]
        assert "550" in crm.api.mails()[1]["why"]
    assert [received.message["Subject"] for received in sink.messages] == ["первое"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_written_survives_the_end_of_the_process(tmp_path: Path, how: signal.Signals) -> None:
    with embedded_crm(tmp_path) as crm:
        crm.api.send("POST", "cards/42/comments", {"text": "т"})
        before = crm.base_url
        code = crm.stop(how)
        assert code == (0 if how is signal.SIGTERM else -how)
        assert how is signal.SIGKILL or crm.log == ""
        crm.start()
        assert crm.base_url == before
        assert [comment["text"] for comment in crm.api.comments("42")] == ["т"]
        assert len(crm.api.all("cards")) == 2


def test_answers_are_readable_json(api: CrmApi) -> None:
    text = api.request("GET", "cards/42").text
    assert "Иванов" in text
    assert list(json.loads(text)) == ["id", "name", "phones", "fields"]
