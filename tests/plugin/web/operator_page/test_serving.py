"""What the page and its JSON routes answer, and to whom."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from plugin.auth.visitor import LinkedCall
from tests.browser.page_site import PASSWORD, Site
from tests.plugin.web.auth.browser import Answer, Browser

pytestmark = pytest.mark.slow

FACTS = {"related_to_car": True, "survey_type": "calls"}


def opened(site: Site, call: LinkedCall) -> Browser:
    """A browser that has opened the link to a call."""
    browser = Browser(port_of(site))
    answer = browser.get(site.link(call).removeprefix(site.url))
    assert answer.status == 303, answer.body
    return browser


def port_of(site: Site) -> int:
    port = urlsplit(site.url).port
    assert port is not None
    return port


def page(browser: Browser, call: str) -> Answer:
    return browser.get(f"/operator/?call={call}")


def data_of(answer: Answer) -> Any:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', answer.body, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def send(browser: Browser, method: str, path: str, call: str, body: Any, csrf: str | None = None) -> Answer:
    csrf = csrf or data_of(page(browser, call))["csrf"]
    return browser.ask(method, f"/operator/{path}?call={call}", None, {"X-CSRF-Token": csrf}, body)


def confirmation(site: Site, **more: Any) -> dict[str, Any]:
    return {
        "id": "confirm-1",
        "at": datetime.now(UTC).isoformat(),
        "script": "survey_opt_out",
        "revision": site.rules.current().revision,
        "facts": FACTS,
        "shown": {"outcome": "exclude_calls", "actions": ["comment", "remind-survey_coordinator"], "target": None},
    } | more


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["", "progress?event=x", "trail"])
def test_who_is_not_known_gets_nothing(site: Site, path: str) -> None:
    answer = Browser(port_of(site)).get(f"/operator/{path}")

    assert answer.status in (303, 401)
    assert "data" not in answer.body


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "trail"), ("POST", "next"), ("POST", "foresee"), ("POST", "confirm")]
)
def test_what_does_not_come_from_the_page_is_refused(site: Site, method: str, path: str) -> None:
    call = site.call()
    answer = send(opened(site, call), method, path, call.id, confirmation(site), csrf="forged")

    assert (answer.status, answer.json["error"]["code"]) == (403, "bad_csrf")
    assert site.events(call.id) == []


def test_a_visit_for_one_call_touches_no_other(site: Site) -> None:
    own, other = site.call(), site.call()
    browser = opened(site, own)
    csrf = data_of(page(browser, own.id))["csrf"]
    answer = send(browser, "POST", "confirm", other.id, confirmation(site), csrf)

    assert answer.status == 403
    assert site.events(other.id) == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "confirm", [], 400),
        ("POST", "confirm", {}, 422),
        ("POST", "foresee", {"script": "survey_opt_out"}, 422),
        ("PUT", "trail", {"script": "survey_opt_out", "seq": -1}, 422),
        ("POST", "next", {"script": "survey_opt_out", "revision": "none", "facts": {}}, 422),
        ("POST", "next", {"script": "survey_opt_out", "revision": "none", "facts": []}, 422),
    ],
)
def test_a_body_that_cannot_be_used_is_refused_and_nothing_breaks(
    site: Site, method: str, path: str, body: Any, status: int
) -> None:
    call = site.call()
    answer = send(opened(site, call), method, path, call.id, body)

    assert answer.status == status
    assert answer.json["error"]["code"]


def test_an_outcome_of_a_script_that_is_not_there_is_refused(site: Site) -> None:
    call = site.call()
    answer = send(opened(site, call), "POST", "confirm", call.id, confirmation(site, script="nothing"))

    assert answer.status == 422


# --- the page --------------------------------------------------------------------------------------


def test_the_first_phrase_and_the_client_are_there_without_any_script(site: Site) -> None:
    call = site.call()
    body = page(opened(site, call), call.id).body

    assert "Иванов Иван Иванович" in body
    assert "+7 916 123-45-67" in body
    assert "Выясните, имеет ли ответивший отношение" in body
    assert '<a href="https://crm.example.org/contact/42" target="_blank" rel="noopener noreferrer">' in body


def test_nothing_in_it_is_inline_or_from_elsewhere(site: Site) -> None:
    call = site.call()
    answer = page(opened(site, call), call.id)

    assert not re.search(r"<script(?![^>]*(src=|application/json))", answer.body)
    assert not re.search(r"\son[a-z]+=|style=|<style", answer.body)
    sources = re.findall(r'(?:src|href)="([^"]+)"', answer.body)
    assert [
        one for one in sources if not one.startswith(("/operator/", "#", "data:,", "https://crm.example.org/"))
    ] == []
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_all_that_a_browser_loads_is_under_150_kb_and_kept_under_a_name_that_changes(site: Site) -> None:
    call = site.call()
    browser = opened(site, call)
    body = page(browser, call.id).body
    assets = set(re.findall(r'"(/operator/page/[^"]+)"', body))
    size = len(body.encode())
    for path in assets:
        answer = browser.get(path)
        assert answer.status == 200
        assert "immutable" in answer.headers["Cache-Control"]
        size += len(answer.body.encode())

    assert len(assets) > 5
    assert size < 150_000
    stale = browser.get(re.sub(r"/page/[0-9a-f]+/", "/page/0123/", assets.pop()))
    assert (stale.status, stale.headers["Cache-Control"]) == (200, "no-store")
    assert browser.get("/operator/page/0123/../../../pyproject.toml").status in (400, 404)


def test_a_link_leads_to_its_own_calls_address(site: Site) -> None:
    call = site.call()
    browser = opened(site, call)
    answer = browser.get("/operator/")

    assert (answer.status, answer.to) == (303, f"/operator/?call={call.id}")


def test_whoever_is_signed_in_finds_the_way_to_their_password_and_second_factor(site: Site) -> None:
    site.users.add("ivanova", "operator", PASSWORD)
    browser = Browser(port_of(site))
    assert browser.sign_in("ivanova", PASSWORD).status == 303
    start = browser.get("/operator/").body
    for path in re.findall(r'<a href="(/operator/[a-z-]+)">', start):
        assert browser.get(path).status == 200
    assert {"/operator/password", "/operator/second-factor"} <= set(re.findall(r'<a href="([^"]+)">', start))


def test_a_phone_that_is_none_is_left_out(site: Site) -> None:
    call = site.call(phone="нет", name=None, card_url=None)
    body = page(opened(site, call), call.id).body

    assert "номер не указан" in body
    assert "Имя не указано" in body


# --- what the script asks for ----------------------------------------------------------------------


def test_a_call_from_its_first_answer_to_its_end(site: Site) -> None:
    call = site.call()
    browser = opened(site, call)
    now = datetime.now(UTC).isoformat()
    entry = {"kind": "answer", "q": "who-answered", "fact": "related_to_car", "value": True, "asked": now, "at": now}
    saving = {"seq": 1, "tab": "one", "script": "survey_opt_out", "revision": site.rules.current().revision}
    assert send(browser, "PUT", "trail", call.id, saving | {"entries": [entry]}).json["seq"] == 1
    told = send(browser, "PUT", "trail", call.id, saving | {"tab": "two", "entries": []})
    assert (told.status, told.json["trail"]["entries"]) == (409, [entry])
    assert browser.get(f"/operator/trail?call={call.id}").json["trail"]["seq"] == 1
    assert send(browser, "POST", "foresee", call.id, confirmation(site)).json["outcome"] == "exclude_calls"
    answer = send(browser, "POST", "confirm", call.id, confirmation(site))
    assert (answer.status, answer.json["decision"]["outcome"]) == (202, "exclude_calls")
    progress = browser.get(f"/operator/progress?call={call.id}&event=confirm-1").json["progress"]

    assert progress["words"] == "Записывается…"
    assert [event["final"] for event in site.events(call.id)] == [False, True]
    assert {event["source"] for event in site.events(call.id)} == {"telephony"}


# --- tickets ---------------------------------------------------------------------------------------


def test_a_tickets_call_is_reported_under_its_operator_by_whoever_is_known_here(site: Site) -> None:
    call, following = site.call(), site.call()
    ticket = data_of(page(opened(site, call), call.id))["ticket"]
    other = Browser(port_of(site))
    other.get(site.link(following, "Сидорова Ольга").removeprefix(site.url))
    csrf = data_of(page(other, following.id))["csrf"]
    headers = {"X-CSRF-Token": csrf, "X-Page-Ticket": ticket}
    path = f"/operator/confirm?call={call.id}"
    answer = other.ask("POST", path, None, headers, confirmation(site))

    assert answer.status == 202
    assert [row["operator"] for row in site.rows_of_calls(call.id)] == ["Петрова Анна"]


@pytest.mark.parametrize("ticket", ["", "forged.00", "for another call"])
def test_without_a_ticket_for_it_another_call_is_refused(site: Site, ticket: str) -> None:
    own, other = site.call(), site.call()
    browser = opened(site, own)
    data = data_of(page(browser, own.id))
    given = data["ticket"] if ticket == "for another call" else ticket
    headers = {"X-CSRF-Token": data["csrf"], "X-Page-Ticket": given}
    answer = browser.ask("POST", f"/operator/confirm?call={other.id}", None, headers, confirmation(site))

    assert answer.status == 403
    assert site.events(other.id) == []


def test_a_ticket_alone_sends_nothing(site: Site) -> None:
    call = site.call()
    ticket = data_of(page(opened(site, call), call.id))["ticket"]
    headers = {"X-CSRF-Token": "x", "X-Page-Ticket": ticket}
    answer = Browser(port_of(site)).ask("POST", f"/operator/confirm?call={call.id}", None, headers, confirmation(site))

    assert (answer.status, answer.json["error"]["code"]) == (401, "not_signed_in")
    assert site.events(call.id) == []
