"""Shapes that real CRMs have: bare ids, ids in headers, values by id, pages in bodies, what several tables share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from marshmallow import ValidationError

from connectors.base import CardRef, Done, NotDone, ReminderState, Unknown
from connectors.http.memory_store import MemoryStore
from connectors.rest import RestConnector
from connectors.rest.paths import Path, id_in_address
from connectors.rest.profiles import laid_over
from tests.connectors.rest.rig import PolkaRig, rig, settings
from tests.connectors.rest.test_answers import KEY, SMALL
from tests.support.fake_api import ApiAnswer, ApiRequest, FakeApi

CARD = CardRef("contact", "7")


class Scripted(FakeApi):
    """Answers as the test says."""

    def __init__(self, answer: Callable[[ApiRequest], ApiAnswer]) -> None:
        super().__init__()
        self._says = answer

    def answer(self, request: ApiRequest) -> ApiAnswer:
        return self._says(request)


@contextmanager
def crm(answer: Callable[[ApiRequest], ApiAnswer], **changes: Any) -> Iterator[tuple[RestConnector, Scripted]]:
    api = Scripted(answer)
    given = laid_over(SMALL, {"base_url": f"{api.url}/api", **changes})
    with api.running():
        connector = RestConnector(RestConnector.Settings().load(given))
        yield connector, api
        connector.close()


def always(status: int, data: Any = None, **headers: str) -> Callable[[ApiRequest], ApiAnswer]:
    return lambda _request: ApiAnswer(status, data, headers)


def faults(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        RestConnector.Settings().load(laid_over(SMALL, changes))
    return str(caught.value.messages)


# --- ids ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "remote_id"), [(31, "31"), ([31], "31"), ("a-b", "a-b"), (["x", "y"], "x")])
def test_an_answer_may_be_the_bare_id(data: Any, remote_id: str) -> None:
    with crm(always(200, data), comment={"id": ""}) as (connector, _):
        assert connector.add_comment(CARD, "x", KEY) == Done(remote_id)


@pytest.mark.parametrize("data", [[], [None], True, [True], {}, None, ""])
def test_what_is_no_bare_id_is_unknown(data: Any) -> None:
    with crm(always(200, b"null" if data is None else data), comment={"id": ""}) as (connector, _):
        assert isinstance(connector.add_comment(CARD, "x", KEY), Unknown)


def test_a_look_up_may_answer_bare_ids() -> None:
    with crm(always(200, [31, 32]), find={"comment": {"id": ""}}) as (connector, _):
        assert connector.find("comment", CARD, KEY) == "31"
    with crm(always(200, []), find={"comment": {"id": ""}}) as (connector, _):
        assert connector.find("comment", CARD, KEY) is None


@pytest.mark.parametrize(
    ("address", "remote_id"),
    [
        ("https://crm.example.org/api/contacts/31", "31"),
        ("/api/contacts/31/", "31"),
        (
            "https://x.example.org/api/contacts(3f2504e0-4f89-11d3-9a0c-0305e82c3301)",
            "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        ),
        ("contacts('a%20b')?x=1", "a b"),
        ("", ""),
    ],
)
def test_the_id_is_what_an_address_ends_in(address: str, remote_id: str) -> None:
    assert id_in_address(address) == remote_id


@pytest.mark.parametrize("body", [None, b"", b"<html>"])
def test_the_id_may_stand_in_a_header(body: Any) -> None:
    where = {"id": {"header": "location"}}
    answer = always(204 if not body else 201, body, Location="https://crm.example.org/api/notes(31)")
    if body:
        answer = always(201, {"x": 1}, Location="https://crm.example.org/api/notes(31)")
    with crm(answer, comment=where) as (connector, _):
        assert connector.add_comment(CARD, "x", KEY) == Done("31")
    with crm(always(201, {"id": 5}), comment=where) as (connector, _):
        assert isinstance(connector.add_comment(CARD, "x", KEY), Unknown)


def test_an_id_in_a_header_is_read_back_by() -> None:
    def answer(request: ApiRequest) -> ApiAnswer:
        if request.method == "POST":
            return ApiAnswer(201, None, {"Location": "notes/31"})
        return ApiAnswer(200, {"text": "x"} if request.path.endswith("/31") else {})

    verify = {"path": "notes/{{ id }}", "expect": [{"path": "text", "present": True}]}
    with crm(answer, comment={"id": {"header": "Location"}, "verify": verify}) as (connector, _):
        assert connector.add_comment(CARD, "x", KEY) == Done("31")
    assert "items and where" in faults(comment={"id": {"header": "Location"}, "items": "a"})
    assert "header" in faults(comment={"id": {"heder": "Location"}})


# --- paths -------------------------------------------------------------------------------------------


def test_a_star_stands_for_every_value_of_an_object() -> None:
    data = {"5": {"id": 5, "tel": ["1", "2"]}, "7": {"id": 7, "tel": []}}
    assert Path.parse("*.id").get(data) == [5, 7]
    assert Path.parse("a.*.tel[*]").get({"a": data}) == ["1", "2"]
    assert Path.parse('["*"]').get({"*": 1}) == 1
    assert Path.parse("a.*").get({"a": [1]}) == []
    assert Path.parse("a.*").get({"a": None}) == []


def test_records_may_be_the_values_of_an_object_by_id() -> None:
    find = {"comment": {"items": "result.*", "where": [{"path": "ref", "equals": "{{ key }}"}]}}
    data = {"result": {"5": {"id": 5, "ref": "x"}, "7": {"id": 7, "ref": KEY}}}
    with crm(always(200, data), find=find) as (connector, _):
        assert connector.find("comment", CARD, KEY) == "7"


def test_a_path_may_be_written_in_cyrillic() -> None:
    seen = []

    def answer(request: ApiRequest) -> ApiAnswer:
        seen.append(request.path)
        return ApiAnswer(200, {"id": 5})

    changes = {"path": "odata/Catalog_Контрагенты('{{ card.id | odata }}')"}
    with crm(answer, card={"contact": changes}) as (connector, _):
        assert connector.read_card(CardRef("contact", "а/1")) is not None
    assert seen == [
        "/api/odata/Catalog_%D0%9A%D0%BE%D0%BD%D1%82%D1%80%D0%B0%D0%B3%D0%B5%D0%BD%D1%82%D1%8B('%D0%B0%2F1')"
    ]


# --- conditions --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "states"),
    [
        ({"path": "state", "not_equals": "open"}, {"open": False, "done": True, None: True}),
        ({"path": "state", "none_of": ["open", "new"]}, {"open": False, "new": False, "done": True}),
        (
            {"any": [{"path": "state", "equals": "done"}, {"path": "gone", "equals": True}]},
            {"open": False, "done": True},
        ),
    ],
)
def test_a_state_may_be_told_by_what_it_is_not(condition: dict[str, Any], states: dict[Any, bool]) -> None:
    for state, is_done in states.items():
        with crm(always(200, {"id": 5, "state": state}), reminder_state={"done": [condition]}) as (connector, _):
            expected = ReminderState.DONE if is_done else ReminderState.OPEN
            assert connector.reminder_state("5") is expected


def test_alternatives_are_two_or_more_and_stand_alone() -> None:
    one = {"path": "a", "equals": 1}
    assert "two conditions" in faults(reminder_state={"done": [{"any": [one]}]})
    assert "no effect beside any" in faults(reminder_state={"done": [{"any": [one, one], "path": "x"}]})
    assert "unknown placeholder" in faults(
        reminder_state={"done": [{"any": [one, {"path": "a", "equals": "{{ x }}"}]}]}
    )


# --- answers of one table ----------------------------------------------------------------------------


def test_an_answer_may_mean_something_to_one_table_only() -> None:
    gone = [{"means": "missing", "status": [404]}]
    with crm(always(404, {"e": 1}), card={"contact": {"answers": gone}}) as (connector, _):
        assert connector.read_card(CARD) is None
        outcome = connector.add_comment(CARD, "x", KEY)
        assert isinstance(outcome, NotDone)
        assert outcome.permanent
        with pytest.raises(Exception, match="404"):
            connector.find("comment", CARD, KEY)


def test_the_tables_own_rules_come_first_also_for_a_200() -> None:
    rules = [{"means": "throttled", "when": [{"path": "busy", "equals": True}], "after": 7}]
    comment = {"answers": rules}
    everywhere = [{"means": "refused", "when": [{"path": "busy", "equals": True}]}]
    with crm(always(200, {"busy": True, "id": 5}), comment=comment, answers=everywhere) as (connector, _):
        outcome = connector.add_comment(CARD, "x", KEY)
        assert isinstance(outcome, NotDone)
        assert (outcome.permanent, outcome.after) == (False, 7.0)
        withdrawn = connector.withdraw_reminder("5", "why", KEY)
        assert isinstance(withdrawn, NotDone)
        assert withdrawn.permanent


# --- what several tables share -----------------------------------------------------------------------


def test_headers_and_parameters_may_be_given_to_all_requests() -> None:
    defaults = {"headers": {"X-Base": "one", "Accept": "text/json"}, "query": {"$format": "json", "lang": "ru"}}
    comment = {"headers": {"accept": "application/json"}, "query": {"lang": "{{ omit }}"}}
    with crm(always(200, {"id": 5}), defaults=defaults, comment=comment) as (connector, api):
        assert isinstance(connector.add_comment(CARD, "x", KEY), Done)
        connector.reminder_state("5")
        written, read = api.requests
        assert (written.query, written.headers["x-base"], written.headers["accept"]) == (
            {"$format": "json"},
            "one",
            "application/json",
        )
        assert (read.query, read.headers["accept"]) == ({"$format": "json", "lang": "ru"}, "text/json")
    assert "unknown placeholder" in faults(defaults={"query": {"a": "{{ key }}"}})
    assert "not for a description" in faults(defaults={"headers": {"Authorization": "x"}})


@pytest.mark.parametrize("name", ["Content-Type", "content-type"])
def test_a_type_of_json_of_its_own_is_that_of_every_json_body_and_of_nothing_else(name: str) -> None:
    kind = "application/vnd.api+json; ext=bulk"
    defaults = {"headers": {name: kind, "Accept": "application/vnd.api+json"}}
    with crm(always(200, {"id": 5}), defaults=defaults) as (connector, api):
        connector.add_comment(CARD, "x", KEY)
        connector.reminder_state("5")
        written, read = api.requests
        assert (written.headers["content-type"], written.headers["accept"]) == (kind, "application/vnd.api+json")
        assert "content-type" not in read.headers
    with rig() as polka:
        described = RestConnector(settings(polka.api.url, defaults={"headers": {name: kind}}))
        due = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
        described.create_reminder(polka.card, polka.people[0], "s", "x", due, KEY)
        sent = [one for one in polka.api.requests if (one.method, one.path) == ("POST", "/v2/todos")]
        assert [one.headers["content-type"] for one in sent] == ["application/x-www-form-urlencoded"]
        described.close()


SHARED = {
    "shape": {
        "person": {"name": "{{ record.fio }}", "phones": ["tel"], "url": "https://x.example.org/{{ record.id }}"}
    },
    "card": {"contact": {"shape": "person"}},
    "contact_by_phone": {"path": "contacts", "query": {"q": "{{ phone }}"}, "type": "contact", "shape": "person"},
    "contact_by_name": {"like": "contact_by_phone", "query": {"q": "{{ name }}"}},
    "find": {
        "comment": {"path": "notes", "query": {"ref": "{{ key }}"}},
        "reminder": {"like": "find.comment", "path": "tasks"},
    },
}


def test_tables_may_have_a_shape_and_be_like_another() -> None:
    person = {"id": 7, "fio": "Иванов Иван", "tel": "+79161234567"}
    with crm(always(200, person), **SHARED) as (connector, api):
        card = connector.read_card(CARD)
        assert card is not None
        assert (card.name, card.url, card.phones) == ("Иванов Иван", "https://x.example.org/7", ("+79161234567",))
        assert list(connector.find_contact(phone="+79161234567")) == [card]
        assert list(connector.find_contact(name="Иванов Иван")) == [card]
        connector.find("reminder", CARD, KEY)
        assert (api.requests[-1].path, api.requests[-1].query) == ("/api/tasks", {"ref": KEY})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"find": {"reminder": {"like": "find.coment"}}}, "did you mean comment?"),
        ({"find": {"reminder": {"like": "find.reminder"}}}, "is like itself"),
        ({"find": {"reminder": {"like": 5}}}, "not the name of a table"),
        ({"find": {"comment": {"like": "find.reminder"}, "reminder": {"like": "find.comment"}}}, "is like itself"),
        ({"card": {"contact": {"shape": "persn"}}, "shape": {"person": {}}}, "did you mean person?"),
        ({"shape": {"person": {"name": "{{ record.a }}"}}}, "no table has this shape"),
        ({"shape": {"person": {"nome": "x"}}, "card": {"contact": {"shape": "person"}}}, "did you mean name?"),
        ({"shape": {"person": {"name": "{{ rekord.a }}"}}, "card": {"contact": {"shape": "person"}}}, "record"),
    ],
)
def test_a_table_that_cannot_be_like_what_it_names_is_a_fault(changes: dict[str, Any], said: str) -> None:
    assert said in faults(**changes)


def test_what_a_body_calls_like_or_shape_is_the_crms_own() -> None:
    with crm(always(200, {"id": 5}), comment={"json": {"like": "{{ text }}", "shape": "round"}}) as (connector, api):
        connector.add_comment(CARD, "x", KEY)
        assert api.requests[-1].data["like"] == "x"
        assert api.requests[-1].data["shape"] == "round"


# --- pages in the body -------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["json", "form"])
@pytest.mark.parametrize("by", ["cursor", "offset"])
def test_a_page_may_be_asked_for_in_the_body(body: str, by: str) -> None:
    def answer(request: ApiRequest) -> ApiAnswer:
        asked = request.data["page"].get("at") if body == "json" else request.form.get("page.at")
        is_first = asked in (None, 0, "0")
        assert not request.query
        following = None if not is_first else "2"
        return ApiAnswer(200, {"data": [{"id": 1 if is_first else 2}] * (2 if is_first else 1), "next": following})

    pages = {"by": by, "parameter": "page.at", "place": "body"} | ({"next": "next"} if by == "cursor" else {"size": 2})
    find = {"method": "POST", "items": "data", "pages": pages, "where": [{"path": "id", "equals": 2}]}
    find[body] = {"page": {"size": 2}} if body == "json" else {"q": "x"}
    with crm(answer, find={"comment": find}) as (connector, api):
        assert connector.find("comment", CARD, KEY) == "2"
        assert len(api.requests) == 2
        if body == "json":
            assert api.requests[-1].data["page"] == {"size": 2, "at": "2" if by == "cursor" else 2}


def test_a_page_in_a_body_needs_one() -> None:
    pages = {"by": "offset", "parameter": "skip", "size": 10, "place": "body"}
    assert "no body" in faults(find={"comment": {"pages": pages}})
    assert "no effect with pages by link" in faults(
        find={"comment": {"pages": {"by": "link", "next": "n", "place": "body"}}}
    )


# --- refresh tokens ----------------------------------------------------------------------------------


@pytest.fixture
def polka() -> Iterator[PolkaRig]:
    with rig(refresh_token="first-refresh-token", auth={"grant": "refresh_token"}) as made:
        made.api.refresh_tokens = {"first-refresh-token"}
        yield made


def test_a_refresh_token_is_exchanged_and_what_comes_back_is_kept(polka: PolkaRig) -> None:
    store = MemoryStore()
    polka.connector.keep_in(store)
    assert polka.connector.read_card(polka.card) is not None
    polka.api.expire_tokens()
    assert polka.connector.read_card(polka.card) is not None
    asked = [request.form for request in polka.api.requests if request.path == "/oauth/token"]
    assert [one["grant_type"] for one in asked] == ["refresh_token"] * 2
    assert asked[0]["refresh_token"] == "first-refresh-token"
    # Polka gives a new one with each token.
    assert asked[1]["refresh_token"] != "first-refresh-token"
    again = RestConnector(polka.connector.settings)
    again.keep_in(store)
    assert again.read_card(polka.card) is not None
    assert len([request for request in polka.api.requests if request.path == "/oauth/token"]) == 2
    again.close()


def test_a_refresh_token_is_needed_by_that_grant_alone() -> None:
    auth = {"kind": "oauth2", "token_url": "/t", "client_id": "x"}
    small = {key: value for key, value in SMALL.items() if key != "token"} | {"client_secret": "s"}
    for more in ({"auth": auth | {"grant": "refresh_token"}}, {"auth": auth, "refresh_token": "r"}):
        with pytest.raises(ValidationError, match="refresh_token"):
            RestConnector.Settings().load(small | more)


# --- nothing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 204, 404])
def test_an_empty_list_a_204_and_a_404_that_a_rule_names_are_no_records(status: int) -> None:
    answer = ApiAnswer(status, {200: [], 204: None, 404: {"e": "none"}}[status])
    rules = [{"means": "missing", "status": [404]}]
    looked_up = {"path": "contacts", "query": {"q": "{{ phone }}"}, "type": "contact", "phones": ["tel"]}
    with crm(lambda _: answer, answers=rules, contact_by_phone=looked_up) as (connector, _):
        assert list(connector.find_contact(phone="+79161234567")) == []
        assert connector.find("comment", CARD, KEY) is None
        assert status == 200 or connector.read_card(CARD) is None
