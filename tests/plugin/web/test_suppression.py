"""``/suppression``: by token and scope only, any notation, limits, pages with ETags; whatever is sent is answered."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import insert
from standardwebhooks import Webhook

from plugin.auth.api_tokens import ApiTokens
from plugin.auth.digests import token_digest
from plugin.common.clock import utc_now
from plugin.ledger.access import api_tokens
from plugin.ledger.audit import Actor
from plugin.ledger.suppressed_emails import suppressed_emails
from plugin.promise.suppression_by_hand import SuppressionByHand
from tests.plugin.web.harness import LIMIT, SECRET, Heard, Site, call_result, signed

PHONE = "+79161234567"
PATHS = (("GET", "/suppression"), ("GET", f"/suppression/{PHONE}"), ("POST", "/suppression/check"))


@pytest.fixture
def bearer(site: Site) -> dict[str, str]:
    return {"Authorization": f"Bearer {ApiTokens(site.ledger, utc_now).add('dialler', ['suppression'])}"}


def check(site: Site, bearer: Mapping[str, str], numbers: Any) -> Heard:
    return site.ask("POST", "/suppression/check", json.dumps({"numbers": numbers}), bearer)


def exclude(site: Site, *numbers: str) -> None:
    SuppressionByHand(site.ledger, utc_now, Actor("test", "test")).add(numbers, ["calls"])


# --- who may ask ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_a_valid_token_nothing_is_told(site: Site, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        answer = site.ask(method, path, b"{}" if method == "POST" else None, headers)
        assert (answer.status, answer.json["error"]["code"]) == (401, "token_required")
        assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_a_token_of_another_scope_is_refused(site: Site, method: str, path: str) -> None:
    row = {"name": "other", "digest": token_digest("t"), "scopes": ["something"], "created_at": utc_now()}
    with site.ledger.write() as connection:
        connection.execute(insert(api_tokens), row)
    answer = site.ask(method, path, b"{}" if method == "POST" else None, {"Authorization": "Bearer t"})
    assert (answer.status, answer.json["error"]["code"]) == (403, "token_scope")


def test_a_revoked_token_is_refused_at_once(site: Site, bearer: dict[str, str]) -> None:
    assert site.ask("GET", "/suppression", headers=bearer).status == 200
    ApiTokens(site.ledger, utc_now).revoke("dialler")
    assert site.ask("GET", "/suppression", headers=bearer).status == 401


# --- what cannot be asked ---------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"numbers": 1, "numbers": 2}', b"\xff", b"NaN"])
def test_a_body_that_is_no_json_object_is_400(site: Site, bearer: dict[str, str], body: bytes) -> None:
    answer = site.ask("POST", "/suppression/check", body, bearer)
    assert (answer.status, answer.json["error"]["code"]) == (400, "not_json")


@pytest.mark.parametrize("numbers", [None, PHONE, {}, 79161234567, [PHONE] * 10_001])
def test_what_is_no_list_of_ten_thousand_is_422(site: Site, bearer: dict[str, str], numbers: Any) -> None:
    answer = check(site, bearer, numbers)
    assert (answer.status, list(answer.json["error"]["fields"])) == (422, ["numbers"])


def test_a_larger_body_than_ten_thousand_numbers_need_is_413(site: Site, bearer: dict[str, str]) -> None:
    assert check(site, bearer, ["9" * 400] * 5_500).status == 413
    assert check(site, bearer, ["9" * 150] * 10_000).status == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("scope=all", "scope"),
        ("limit=0", "limit"),
        ("limit=10001", "limit"),
        ("limit=١", "limit"),
        ("since=yesterday", "since"),
        ("since=2026-11-22", "since"),
        ("since=2026-11-22T10:00:00", "since"),
        ("after=%00", "after"),
        ("after=%D0%B0", "after"),
    ],
)
def test_a_page_that_cannot_be_is_422(site: Site, bearer: dict[str, str], query: str, field: str) -> None:
    answer = site.ask("GET", f"/suppression?{quote(query, safe='=%')}", headers=bearer)
    assert (answer.status, list(answer.json["error"]["fields"])) == (422, [field])


@pytest.mark.parametrize("given", ["0", "anonymous", "12-34", "%00", "x" * 3000])
def test_what_is_no_number_is_422(site: Site, bearer: dict[str, str], given: str) -> None:
    answer = site.ask("GET", f"/suppression/{given}", headers=bearer)
    assert (answer.status, answer.json["error"]["code"]) == (422, "no_number")


def test_whatever_is_sent_is_answered_and_never_by_a_fault(site: Site, bearer: dict[str, str]) -> None:
    rng = random.Random(11)
    values: list[Any] = [None, True, 0, -1, 1.5, 1e308, 10**19, "", " ", "\ud800", "+", "8" * 500, [], {}, [[]], PHONE]
    for _ in range(60):
        body = {
            rng.choice(["numbers", "x"]): rng.choice([rng.choices(values, k=rng.randint(0, 6)), rng.choice(values)])
        }
        answer = site.ask("POST", "/suppression/check", json.dumps(body), bearer)
        assert answer.status in (200, 400, 422), body
        path = "/suppression/" + "".join(rng.choices("+78(9)- .%41/?#é\x7f", k=rng.randint(1, 30)))
        assert site.ask("GET", quote(path), headers=bearer).status in (200, 404, 422), path


# --- what is told -----------------------------------------------------------------------------------


def test_a_call_s_number_is_told_from_its_commit_on_in_any_notation(site: Site, bearer: dict[str, str]) -> None:
    assert site.ask("GET", f"/suppression/{PHONE}", headers=bearer).json["suppressed"] == {}
    result = call_result("evt-1")
    assert site.report(result).status == 202
    for given in (PHONE, "89161234567", "8 (916) 123-45-67", "79161234567"):
        answer = site.ask("GET", f"/suppression/{quote(given)}", headers=bearer)
        assert answer.json == {
            "number": given,
            "e164": PHONE,
            "suppressed": {"calls": {"since": result["occurred_at"]}},
        }


def test_a_check_answers_in_order_and_as_given(site: Site, bearer: dict[str, str]) -> None:
    exclude(site, PHONE, "+74951234567")
    given = ["8 916 123-45-67", 79161234567, "no number", None, "+79000000000", "84951234567", "84951234567"]
    results = check(site, bearer, given).json["results"]
    assert [one["number"] for one in results] == given
    assert [one["e164"] for one in results] == [
        *(PHONE, PHONE, None, None, "+79000000000"),
        *("+74951234567", "+74951234567"),
    ]
    assert [list(one["suppressed"]) for one in results] == [["calls"], ["calls"], [], [], [], ["calls"], ["calls"]]


def test_ten_thousand_numbers_are_checked_at_once(site: Site, bearer: dict[str, str]) -> None:
    numbers = [f"+7916{number:07d}" for number in range(10_000)]
    exclude(site, *numbers[::2])
    results = check(site, bearer, numbers).json["results"]
    assert [bool(one["suppressed"]) for one in results] == [True, False] * 5_000


def test_pages_lead_through_the_list_and_an_etag_spares_the_same_again(site: Site, bearer: dict[str, str]) -> None:
    numbers = [f"+7916000{number:04d}" for number in range(25)]
    exclude(site, *numbers)
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        answer = site.ask("GET", f"/suppression?scope=calls&limit=10&after={quote(after)}", headers=bearer)
        seen += [entry["number"] for entry in answer.json["entries"]]
        assert {entry["until"] for entry in answer.json["entries"]} == {None}
        after = answer.json["next"]
    assert seen == numbers
    first = site.ask("GET", "/suppression", headers=bearer)
    known = bearer | {"If-None-Match": first.headers["etag"]}
    again = site.ask("GET", "/suppression", headers=known)
    assert (again.status, again.body) == (304, b"")
    exclude(site, "+79990000000")
    assert site.ask("GET", "/suppression", headers=known).status == 200


def test_since_a_moment_an_offset_may_be_written_as_it_is(site: Site, bearer: dict[str, str]) -> None:
    exclude(site, PHONE)
    for since, count in (("2020-01-01T00:00:00+03:00", 1), ("2020-01-01T00:00:00Z", 1), ("2100-01-01T00:00:00Z", 0)):
        answer = site.ask("GET", f"/suppression?since={since}", headers=bearer)
        assert len(answer.json["entries"]) == count


def test_the_document_names_the_paths_and_their_token(site: Site) -> None:
    document = site.ask("GET", "/openapi.json").json
    assert {"/suppression", "/suppression/{number}", "/suppression/check"} <= set(document["paths"])
    assert document["components"]["securitySchemes"]["bearerToken"]["scheme"] == "bearer"
    assert document["paths"]["/suppression/check"]["post"]["security"] == [{"bearerToken": []}]


# --- a call that begins -------------------------------------------------------------------------------


def test_a_call_that_begins_is_told_over_http_whether_it_may_go_on(site: Site) -> None:
    exclude(site, PHONE)
    body, headers = signed(call_result("evt-started"))
    answer = site.ask("POST", "/events/call-started", body, headers)
    assert (answer.status, answer.json["allowed"], list(answer.json["suppressed"])) == (200, False, ["calls"])
    assert site.ask("POST", "/events/call-started", body).status == 401
    assert site.ask("POST", "/events/call-started", b"x" * (LIMIT + 1), headers).status == 413
    post = site.ask("GET", "/openapi.json").json["paths"]["/events/call-started"]["post"]
    assert {"200", "401", "422"} <= set(post["responses"])


def test_an_e_mail_address_is_told_as_a_number_is(site: Site, bearer: dict[str, str]) -> None:
    exclude(site, PHONE)
    SuppressionByHand(site.ledger, utc_now, Actor("test", "test")).add([PHONE], ["mailings"])
    kept = {"number": PHONE, "address": "ivan@example.org", "noted_at": utc_now()}
    with site.ledger.write() as connection:
        connection.execute(insert(suppressed_emails), kept)
    given = ["Ivan@Example.org ", "other@example.org", "@", PHONE]
    results = check(site, bearer, given).json["results"]
    assert [(one["number"], one["e164"], list(one["suppressed"])) for one in results] == [
        ("Ivan@Example.org ", None, ["mailings"]),
        ("other@example.org", None, []),
        ("@", None, []),
        (PHONE, PHONE, ["calls", "mailings"]),
    ]
    answer = site.ask("GET", "/suppression/ivan@example.org", headers=bearer)
    assert (answer.status, list(answer.json["suppressed"])) == (200, ["mailings"])
    assert site.ask("GET", "/suppression/other@example.org", headers=bearer).json["suppressed"] == {}


# --- what else a token opens -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/events/call-result"),
        ("POST", "/events/call-started"),
        ("GET", "/console/"),
        ("GET", "/console/suppression"),
        ("GET", "/operator/"),
    ],
)
def test_a_token_of_the_list_opens_nothing_else(site: Site, bearer: dict[str, str], method: str, path: str) -> None:
    answer = site.ask(method, path, b"{}" if method == "POST" else None, bearer)
    assert answer.status in (302, 303, 401, 403, 404)
    assert "set-cookie" not in answer.headers


def test_whatever_page_is_asked_for_is_answered_and_never_by_a_fault(site: Site, bearer: dict[str, str]) -> None:
    rng = random.Random(12)
    values = ["", "0", "1", "-1", "9" * 30, "calls", "mailings", "all", "\x00", "é", PHONE, "2026-11-22T10:00:00Z"]
    values += ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "'; DROP TABLE", "%", "x" * 600]
    for _ in range(60):
        names = rng.choices(["scope", "since", "after", "limit", "x"], k=rng.randint(0, 5))
        query = "&".join(f"{name}={quote(rng.choice(values))}" for name in names)
        assert site.ask("GET", f"/suppression?{query}", headers=bearer).status in (200, 422), query


def test_whatever_call_begins_is_answered_and_never_by_a_fault(site: Site) -> None:
    rng = random.Random(13)
    usual = call_result("started-1")
    started = {key: usual[key] for key in ("id", "occurred_at", "call", "script") if key in usual}
    values: list[Any] = [None, True, 0, 1e308, "", "\ud800", "x" * 5000, [], {}, {"phone": PHONE}, {"id": []}, PHONE]
    for _ in range(60):
        body: Any = dict(started)
        for key in rng.sample([*started, "x"], k=rng.randint(0, 3)):
            body[key] = rng.choice(values)
        content = json.dumps(rng.choice([body, body, body, values]))
        moment = datetime.now(UTC)
        headers = {
            "webhook-id": "started-1",
            "webhook-timestamp": str(int(moment.timestamp())),
            "webhook-signature": Webhook(SECRET).sign("started-1", moment, content),
        }
        answer = site.ask("POST", "/events/call-started", content, headers)
        assert answer.status in (200, 400, 422), content
