"""The CRM's pages: what they show, to whom, and that nothing in them comes alive."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest

from connectors.base import CardRef
from tests.support.crm import CrmApi, RunningCrm, embedded_crm

EVIL = "<script>alert(1)</script> <img src=x onerror=alert(1)> \"'&amp; {{ 7*7 }}"


class Tags(HTMLParser):
    """All tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_markup_in_what_people_wrote_stays_text(api: CrmApi) -> None:
    card = api.send("POST", "cards", {"name": EVIL, "phones": ["+7 916 555-44-33"]})["id"]
    api.send("POST", f"cards/{card}/comments", {"text": EVIL})
    due = "2026-11-23T10:00:00+03:00"
    body = {"card": card, "assignee": "sms", "subject": EVIL, "text": EVIL, "due": due, "email": True}
    reminder = api.send("POST", "reminders", body)["id"]
    api.send("PUT", f"reminders/{reminder}/withdrawal", {"reason": EVIL})
    for path in (f"/cards/{card}", "/reminders", "/mails", "/?" + urlencode({"q": EVIL}), "/?q=%2B79165554433"):
        page = api.request("GET", path).text
        assert "&lt;script&gt;" in page
        assert "{{ 7*7 }}" in page
        tags = Tags(page).found
        assert not {"script", "img", "iframe", "style"} & {tag for tag, _ in tags}
        assert not [name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"]


def test_nothing_is_loaded_from_elsewhere_and_nothing_may_run(api: CrmApi) -> None:
    for path in ("/", "/cards/42", "/reminders", "/mails"):
        reply = api.request("GET", path)
        assert reply.status == 200
        assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
        assert "unsafe" not in reply.headers["Content-Security-Policy"]
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        loaded = [attributes.get("href") for tag, attributes in Tags(reply.text).found if tag == "link"]
        assert loaded == ["/static/crm.css"]
        assert "http" not in re.sub(r"<time[^>]*>", "", reply.text).replace("http-equiv", "")
    assert api.request("GET", "/static/crm.css").headers["Content-Type"].startswith("text/css")


def test_a_card_shows_its_comments_and_reminders(api: CrmApi, card: CardRef) -> None:
    api.send("POST", f"cards/{card.id}/comments", {"text": "Просьба исключить\nиз обзвона"})
    body = {
        "card": card.id,
        "assignee": "coordinator",
        "subject": "ИСКЛЮЧИТЬ",
        "text": "Исключить",
        "due": "2026-11-23T07:15:00Z",
    }
    reminder = api.send("POST", "reminders", body)["id"]
    page = api.request("GET", f"/cards/{card.id}").text
    for shown in ("Просьба исключить\nиз обзвона", "ИСКЛЮЧИТЬ", "Координатор опросов", "23.11.2026 10:15", "открыто"):
        assert shown in page
    api.send("PUT", f"reminders/{reminder}/withdrawal", {"reason": "Клиент передумал"})
    page = api.request("GET", f"/cards/{card.id}").text
    assert "отозвано" in page
    assert "Клиент передумал" in page


def test_cards_are_searched_by_phone_and_by_a_part_of_the_name(api: CrmApi) -> None:
    for asked in ("8 916 123-45-68", "ПЕТРОВА", "алена"):
        page = api.request("GET", "/", params={"q": asked}).text
        assert "Петрова Алёна Игоревна" in page
        assert "Иванов" not in page
    assert "никого не нашлось" in api.request("GET", "/", params={"q": "%"}).text


def test_a_long_list_goes_on_on_the_next_page(api: CrmApi) -> None:
    for number in range(51):
        api.send("POST", "cards", {"name": f"Листаемый {number}"})
    first = api.request("GET", "/", params={"q": "листаемый"}).text
    (more,) = [attributes["href"] for _, attributes in Tags(first).found if attributes.get("class") == "more"]
    assert more is not None
    assert "Листаемый 50" not in first
    assert "Листаемый 50" in api.request("GET", more).text


@pytest.mark.parametrize("path", ["/cards/999999", "/cards/x", "/cards/9" + "9" * 30])
def test_a_missing_card_is_said_in_russian(api: CrmApi, path: str) -> None:
    reply = api.request("GET", path)
    assert reply.status == 404
    assert "Нет такой карточки" in reply.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_a_foreign_name_for_this_machine_is_not_served(api: CrmApi, host: str) -> None:
    reply = api.request("GET", "/cards/42", headers={"Host": host})
    assert reply.status in (400, 403)
    assert "Иванов" not in reply.text


# --- with a token ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCrm]:
    os.environ["CRM_PAGE_TOKEN"] = "page-token"
    try:
        with embedded_crm(tmp_path_factory.mktemp("locked"), arguments=("--page-token-env", "CRM_PAGE_TOKEN")) as crm:
            yield crm
    finally:
        del os.environ["CRM_PAGE_TOKEN"]


def sign_in(api: CrmApi, token: str) -> tuple[int, str, str]:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    reply = api.request("POST", "/sign-in", urlencode({"token": token}).encode(), headers=form)
    return reply.status, reply.headers.get("Set-Cookie", ""), reply.text


@pytest.mark.parametrize("path", ["/", "/cards/42", "/reminders", "/mails"])
@pytest.mark.parametrize("cookie", ["", "crm_page=", "crm_page=page-token", "crm_page=\xff"])
def test_pages_are_shown_to_nobody_who_has_not_signed_in(locked: RunningCrm, path: str, cookie: str) -> None:
    reply = locked.api.request("GET", path, headers={"Cookie": cookie})
    assert (reply.status, reply.headers["Location"]) == (303, "/sign-in")
    assert "Иванов" not in reply.text


def test_a_wrong_token_does_not_sign_in(locked: RunningCrm) -> None:
    for token in ("", "wrong", "токен"):
        status, cookie, text = sign_in(locked.api, token)
        assert (status, cookie) == (401, "")
        assert "Ключ не подошёл" in text


def test_the_token_signs_in_with_a_cookie_that_is_not_the_token(locked: RunningCrm) -> None:
    status, cookie, _ = sign_in(locked.api, " page-token ")
    assert status == 303
    assert {"HttpOnly", "SameSite=Strict"} <= set(cookie.split("; "))
    assert "page-token" not in cookie
    headers = {"Cookie": cookie.split(";")[0]}
    assert "Иванов" in locked.api.request("GET", "/cards/42", headers=headers).text


def test_pages_are_closed_where_others_could_reach_them(tmp_path: Path) -> None:
    from connectors.embedded.crm.command import is_loopback

    assert [is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.168.0.1", "crm.example", "")] == [False] * 5


def test_closed_pages_say_how_to_open_them(tmp_path: Path) -> None:
    from connectors.embedded.crm.app import Crm, Options
    from connectors.embedded.crm.server import application
    from connectors.embedded.crm.store import CrmStore

    crm = Crm(CrmStore(tmp_path / "crm.db"), Options(token="t", page_open=False))
    reply = application(crm).test_client().get("/", headers={"Host": "localhost"})
    crm.stop()
    assert reply.status_code == 403
    assert "--page-token-env" in reply.text
