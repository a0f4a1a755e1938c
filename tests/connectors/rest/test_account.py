"""How an account proves itself, renews its token, shares its quota, and goes through pages."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from connectors.base import CrmRefused, CrmUnavailable, Done, NotDone
from connectors.http.memory_store import MemoryStore
from connectors.rest import RestConnector
from tests.connectors.rest.rig import PolkaRig, rig
from tests.connectors.rest.test_answers import BASE, CARD, KEY, NOTES, SMALL
from tests.support.fake_api import Fault

SECRET = "the-secret"
PEOPLE = {"path": "contacts", "items": "data", "type": "contact", "name": "{{ record.name }}", "phones": ["phone"]}


@pytest.fixture
def crm() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def polka() -> Iterator[PolkaRig]:
    with rig() as made:
        yield made


def connector(**changes: Any) -> RestConnector:
    """The small description with its token only where that proves the account."""
    given = SMALL | changes
    if given["auth"]["kind"] not in ("header", "query"):
        given = {key: value for key, value in given.items() if key != "token"}
    return RestConnector(RestConnector.Settings().load(given))


# --- proofs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "header", "value"),
    [
        ({"token": SECRET}, "Authorization", f"Bearer {SECRET}"),
        ({"token": SECRET, "auth": {"kind": "header", "name": "X-Key", "prefix": ""}}, "X-Key", SECRET),
        (
            {"password": SECRET, "auth": {"kind": "basic", "user": "optout"}},
            "Authorization",
            "Basic " + base64.b64encode(f"optout:{SECRET}".encode()).decode(),
        ),
        ({"auth": {"kind": "none"}}, "Authorization", None),
    ],
)
def test_the_account_is_proven_in_a_header(
    crm: responses.RequestsMock, changes: dict[str, Any], header: str, value: str | None
) -> None:
    crm.post(NOTES, json={"id": 5})
    assert connector(**changes).add_comment(CARD, "x", KEY) == Done("5")
    assert crm.calls[0].request.headers.get(header) == value


def test_the_account_is_proven_in_the_query_and_nowhere_told(
    crm: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    made = connector(
        token=SECRET,
        auth={"kind": "query", "name": "api_key"},
        find={
            "comment": {"path": "notes", "query": {"ref": "{{ key }}"}},
            "reminder": {"path": "tasks"},
        },
    )
    crm.get(NOTES, status=500, json={"error": "x"})
    with caplog.at_level(logging.DEBUG), pytest.raises(CrmUnavailable) as caught:
        made.find("comment", CARD, KEY)
    assert dict(parse_qsl(urlsplit(str(crm.calls[0].request.url)).query)) == {"ref": KEY, "api_key": SECRET}
    assert SECRET not in f"{caught.value}{caplog.text}"


# --- OAuth2 ------------------------------------------------------------------------------------------


def token_requests(polka: PolkaRig) -> list[dict[str, str]]:
    return [request.form for request in polka.api.requests if request.path == "/oauth/token"]


def test_a_token_is_got_once_and_used_until_it_is_refused(polka: PolkaRig) -> None:
    for _ in range(3):
        assert isinstance(polka.connector.add_comment(polka.card, "x", KEY), Done)
    (asked,) = token_requests(polka)
    assert asked["grant_type"] == "client_credentials"
    polka.api.expire_tokens()
    assert isinstance(polka.connector.add_comment(polka.card, "x", KEY), Done)
    assert polka.connector.read_card(polka.card) is not None
    assert len(token_requests(polka)) == 2
    assert len(polka.written("comment")) == 4


def test_the_token_is_kept_for_the_next_process(polka: PolkaRig) -> None:
    store = MemoryStore()
    polka.connector.keep_in(store)
    assert polka.connector.read_card(polka.card) is not None
    again = RestConnector(polka.connector.settings)
    again.keep_in(store)
    assert again.read_card(polka.card) is not None
    assert len(token_requests(polka)) == 1
    again.close()


def test_a_token_that_is_refused_twice_waits_for_a_human(polka: PolkaRig) -> None:
    polka.fault(Fault.TOKEN_EXPIRED, Fault.TOKEN_EXPIRED)
    outcome = polka.connector.add_comment(polka.card, "x", KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (False, 401)
    assert polka.written("comment") == []


def test_wrong_client_credentials_wait_for_right_ones_without_telling_them() -> None:
    with rig(client_secret="wrong-client-secret") as polka:
        outcome = polka.connector.add_comment(polka.card, "x", KEY)
        assert isinstance(outcome, NotDone)
        assert not outcome.permanent
        assert "wrong-client-secret" not in str(outcome)
        assert polka.writes() == 0


def test_client_credentials_may_go_in_a_header_with_a_scope(crm: responses.RequestsMock) -> None:
    auth = {"kind": "oauth2", "token_url": "https://login.example.org/t/token", "client_id": "me", "scope": "a b"}
    made = connector(client_secret=SECRET, auth=auth | {"client_by": "header"})
    crm.post("https://login.example.org/t/token", json={"access_token": "tok", "expires_in": 60})
    crm.post(NOTES, json={"id": 5})
    assert made.add_comment(CARD, "x", KEY) == Done("5")
    asked, written = (call.request for call in crm.calls)
    assert asked.body == b"grant_type=client_credentials&scope=a+b"
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert written.headers["Authorization"] == "Bearer tok"


# --- quota -------------------------------------------------------------------------------------------


class Turns:
    def __init__(self, wait: float = 0.0) -> None:
        self.taken = 0
        self.wait = wait

    def acquire(self, longest: float) -> float:
        self.taken += 1
        return self.wait


def test_every_request_takes_a_turn_also_for_a_token(polka: PolkaRig) -> None:
    turns = Turns()
    polka.connector.share_quota(turns)
    assert isinstance(polka.connector.create_reminder(polka.card, polka.people[0], "s", "x", polka_due(), KEY), Done)
    assert turns.taken == len(polka.api.requests) == 4


def test_without_a_turn_nothing_is_sent(polka: PolkaRig) -> None:
    polka.connector.share_quota(Turns(wait=60.0))
    outcome = polka.connector.add_comment(polka.card, "x", KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.after) == (False, 60.0)
    assert polka.api.requests == []


def polka_due() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 11, 22, 7, 15, tzinfo=UTC)


# --- pages -------------------------------------------------------------------------------------------


def people(*numbers: int) -> list[dict[str, Any]]:
    return [{"id": number, "name": f"N {number}", "phone": "+79161234567"} for number in numbers]


def found(made: RestConnector) -> list[str]:
    return [card.ref.id for card in made.find_contact(phone="+79161234567")]


def queries(crm: responses.RequestsMock) -> list[dict[str, str]]:
    return [dict(parse_qsl(urlsplit(str(call.request.url)).query)) for call in crm.calls]


def paged(**pages: Any) -> RestConnector:
    return connector(contact_by_phone=PEOPLE | {"query": {"q": "{{ phone }}"}, "pages": pages})


def test_pages_by_number_end_with_a_short_one(crm: responses.RequestsMock) -> None:
    for part in (people(1, 2), people(3, 4), people(5)):
        crm.get(f"{BASE}/contacts", json={"data": part})
    assert found(paged(by="number", parameter="page", size=2)) == ["1", "2", "3", "4", "5"]
    assert [query["page"] for query in queries(crm)] == ["1", "2", "3"]


def test_pages_by_number_may_begin_with_nought_and_end_with_an_empty_one(crm: responses.RequestsMock) -> None:
    for part in (people(1), people(2), []):
        crm.get(f"{BASE}/contacts", json={"data": part})
    assert found(paged(by="number", parameter="page", first=0)) == ["1", "2"]
    assert [query["page"] for query in queries(crm)] == ["0", "1", "2"]


def test_pages_by_offset_count_records(crm: responses.RequestsMock) -> None:
    for part in (people(1, 2), people(3)):
        crm.get(f"{BASE}/contacts", json={"data": part})
    assert found(paged(by="offset", parameter="skip", size=2)) == ["1", "2", "3"]
    assert [query["skip"] for query in queries(crm)] == ["0", "2"]


def test_pages_by_cursor_follow_what_the_answer_says(crm: responses.RequestsMock) -> None:
    crm.get(f"{BASE}/contacts", json={"data": people(1), "meta": {"next": "a&b=c"}})
    crm.get(f"{BASE}/contacts", json={"data": people(2), "meta": {"next": None}})
    assert found(paged(by="cursor", parameter="after", next="meta.next")) == ["1", "2"]
    assert [query.get("after") for query in queries(crm)] == [None, "a&b=c"]


@pytest.mark.parametrize(
    "link",
    [
        f"{BASE}/contacts?q=1&page=2",
        "/api/contacts?q=1&page=2",
        "?q=1&page=2",
        "http://internal.example.org/api/contacts?q=1&page=2",
    ],
)
def test_a_link_to_the_next_page_is_asked_of_the_same_account(crm: responses.RequestsMock, link: str) -> None:
    crm.get(f"{BASE}/contacts", json={"data": people(1), "next": link})
    crm.get(f"{BASE}/contacts", json={"data": people(2), "next": ""})
    assert found(paged(by="link", next="next")) == ["1", "2"]
    assert queries(crm)[1] == {"q": "1", "page": "2"}
    assert {urlsplit(str(call.request.url)).netloc for call in crm.calls} == {"crm.example.org"}


def test_a_link_does_not_repeat_the_accounts_key(crm: responses.RequestsMock) -> None:
    described = PEOPLE | {"pages": {"by": "link", "next": "next"}}
    made = connector(token=SECRET, auth={"kind": "query", "name": "k"}, contact_by_phone=described)
    crm.get(f"{BASE}/contacts", json={"data": [], "next": f"{BASE}/contacts?page=2&k=old"})
    crm.get(f"{BASE}/contacts", json={"data": people(2)})
    assert found(made) == ["2"]
    assert queries(crm)[1] == {"page": "2", "k": SECRET}


@pytest.mark.parametrize("link", ["https://other.example.org/x?page=2", "/admin/contacts?page=2", "/api/../x"])
def test_a_link_out_of_the_account_is_refused(crm: responses.RequestsMock, link: str) -> None:
    crm.get(f"{BASE}/contacts", json={"data": people(1), "next": link})
    with pytest.raises(CrmRefused, match="leads out of base_url"):
        found(paged(by="link", next="next"))


def test_more_pages_than_agreed_are_refused_rather_than_half_read(crm: responses.RequestsMock) -> None:
    for _ in range(3):
        crm.get(f"{BASE}/contacts", json={"data": people(1)})
    with pytest.raises(CrmRefused, match="more than 3 pages"):
        found(paged(by="number", parameter="page", most=3))


@pytest.mark.parametrize("answer", [{"data": "x"}, {"other": []}, [], 5])
def test_what_is_no_list_is_no_empty_one(crm: responses.RequestsMock, answer: Any) -> None:
    crm.get(f"{BASE}/contacts", json=answer)
    with pytest.raises(CrmUnavailable, match="no list"):
        found(connector(contact_by_phone=PEOPLE))


# --- contacts ----------------------------------------------------------------------------------------


def test_each_notation_and_each_word_is_asked_for_once_and_what_does_not_match_is_left_out(polka: PolkaRig) -> None:
    assert [card.ref.id for card in polka.connector.find_contact(phone="8 916 123 45 67")] == ["7"]
    asked = [request.query["number"] for request in polka.api.requests if request.path == "/v2/clients"]
    assert asked == ["79161234567", "89161234567", "9161234567"]
    assert [card.ref.id for card in polka.connector.find_contact(name="алена  Игоревна петрова")] == ["8"]
    assert polka.connector.find_contact(name="Петрова Алёна") == []
    assert polka.connector.find_contact(phone="8 916 123 45 67", name="Сидоров Пётр") == []
    assert polka.connector.find_contact() == []
