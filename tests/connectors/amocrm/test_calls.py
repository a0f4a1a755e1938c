"""Call results: made of what the API shows, and only of what was filled in during this very call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.amocrm import AmoConnector
from connectors.base import CallResult, CrmUnavailable, NotMapped, Reference
from tests.connectors.amocrm.rig import ENTRIES, FACTS, FIELD, settings
from tests.connectors.amocrm.server import COORDINATOR, OWN, AmoServer

NAME_FIELD = 555_002
NOW = datetime(2026, 11, 23, 7, 15, tzinfo=UTC)
PARAMS = {"uniq": "call-77", "duration": 120, "source": "АТС", "phone": "+79161234567", "call_status": 4}
ALL = [{"value": "Все", "enum_id": 902}]
CALLS = [{"value": "Звонки", "enum_id": 901}]


class Office:
    """A call centre with one client, whose clock moves when it is told to."""

    def __init__(self, server: AmoServer) -> None:
        self.server = server
        self.time = NOW
        server.now = lambda: self.time
        facts = FACTS | {"name": {"field": str(NAME_FIELD)}}
        self.connector = AmoConnector(
            AmoConnector.Settings().load(settings(server.url, facts=facts)), now=lambda: self.time
        )
        self.contact = server.card("contacts", "Иванов Иван Иванович", ["8 (916) 123-45-67"])

    def pass_(self, **how_long: float) -> None:
        self.time += timedelta(**how_long)

    def call(self, collection: str = "contacts", card: int | None = None, **more: Any) -> Reference:
        """A call ends now and is noted."""
        card = card or self.contact
        given = {"note_type": "call_out", "params": PARAMS, "responsible_user_id": COORDINATOR} | more
        return Reference("call", f"{collection}/{card}/{self.server.note(collection, card, **given)}")

    def fill(
        self, values: list[dict[str, Any]], collection: str = "contacts", card: int | None = None, **more: Any
    ) -> None:
        field = more.pop("field", FIELD)
        self.server.fill(collection, card or self.contact, field, values, **more)

    def changed(self, collection: str = "contacts", card: int | None = None) -> CallResult | None:
        """What the webhook of a changed card leads to."""
        return self.connector.resolve(Reference("card", f"{collection}/{card or self.contact}"))

    def facts(self, reference: Reference) -> Any:
        result = self.connector.resolve(reference)
        return None if result is None else result["facts"]


@pytest.fixture
def office() -> Iterator[Office]:
    server = AmoServer()
    with server.running():
        this = Office(server)
        yield this
        this.connector.close()


# --- what is no answer of this call ----------------------------------------------------------------


def test_last_months_answers_opt_nobody_out_again(office: Office) -> None:
    office.fill(ALL)
    office.pass_(days=30)
    assert office.facts(office.call()) is None


def test_answers_from_just_before_the_call_are_not_its_own(office: Office) -> None:
    office.fill(ALL)
    office.pass_(seconds=PARAMS["duration"] + 1)
    assert office.facts(office.call()) is None


def test_answers_from_after_the_window_are_not_its_own(office: Office) -> None:
    call = office.call()
    office.pass_(hours=4, seconds=1)
    office.fill(ALL)
    assert office.facts(call) is None
    assert office.changed() is None


def test_answers_of_the_next_call_are_not_the_earlier_ones(office: Office) -> None:
    first = office.call(params=PARAMS | {"uniq": "call-1"})
    office.pass_(minutes=20)
    office.fill(ALL)
    second = office.call(params=PARAMS | {"uniq": "call-2"})
    assert office.facts(first) is None
    result = office.connector.resolve(second)
    assert result is not None
    assert (result["call"]["id"], result["facts"]) == ("call-2", {"refuses": "all"})


def test_an_earlier_call_told_late_keeps_its_own_answers(office: Office) -> None:
    first = office.call(params=PARAMS | {"uniq": "call-1"})
    office.pass_(minutes=1)
    office.fill(CALLS)
    office.pass_(minutes=20)
    second = office.call(params=PARAMS | {"uniq": "call-2"})
    office.pass_(minutes=1)
    office.fill(ALL)
    assert office.facts(first) == {"refuses": "calls"}
    assert office.facts(second) == {"refuses": "all"}


@pytest.mark.parametrize("values", [ALL, []])
def test_what_is_changed_long_after_a_call_does_not_change_what_it_said(
    office: Office, values: list[dict[str, Any]]
) -> None:
    call = office.call()
    office.fill(CALLS)
    office.pass_(hours=5)
    office.fill(values)
    assert office.facts(call) == {"refuses": "calls"}
    assert office.changed() is None, "the call is over"


def test_what_the_plugin_changed_afterwards_is_no_answer(office: Office) -> None:
    call = office.call()
    office.fill(CALLS)
    office.pass_(seconds=5)
    office.fill(ALL, created_by=OWN)
    assert office.facts(call) == {"refuses": "calls"}


def test_events_that_were_not_filtered_as_asked_are_looked_through(office: Office) -> None:
    office.server.account.filters = False
    other = office.server.card("contacts", "Другой")
    office.fill(ALL)
    office.pass_(days=30)
    call = office.call()
    office.fill(ALL, card=other)
    office.fill([{"value": "x"}], field=999)
    office.fill(ALL, entity_type="lead")
    assert office.facts(call) is None
    office.fill(CALLS)
    assert office.facts(call) == {"refuses": "calls"}


def test_what_the_plugins_own_user_did_is_ignored(office: Office) -> None:
    office.fill(ALL, created_by=OWN)
    assert office.facts(office.call()) is None
    office.fill(ALL)
    assert office.facts(office.call(created_by=OWN)) is None


def test_other_fields_and_other_cards_do_not_count(office: Office) -> None:
    call = office.call()
    office.fill([{"value": "x"}], field=999)
    other = office.server.card("contacts", "Другой")
    office.fill(ALL, card=other)
    assert office.facts(call) is None
    assert office.changed() is None


@pytest.mark.parametrize("kind", ["common", "service_message", "sms_out"])
def test_a_note_that_is_no_call_is_none(office: Office, kind: str) -> None:
    office.fill(ALL)
    assert office.facts(office.call(note_type=kind)) is None


@pytest.mark.parametrize(
    "reference",
    [
        Reference("call", "contacts/1/2"),
        Reference("call", "contacts/x/2"),
        Reference("call", "users/1/2"),
        Reference("call", "contacts/../users"),
        Reference("card", "contacts"),
        Reference("card", "contacts/1/2/3"),
        Reference("card", "companies/77"),
    ],
)
def test_what_does_not_exist_is_none(office: Office, reference: Reference) -> None:
    assert office.connector.resolve(reference) is None


def test_without_a_mapping_nothing_is_asked(office: Office) -> None:
    connector = AmoConnector(AmoConnector.Settings().load(settings(office.server.url, facts={})))
    assert connector.resolve(office.call()) is None
    assert connector.facts() == {}
    assert office.server.requests == []
    connector.close()


def test_a_value_that_is_not_mapped_is_named(office: Office) -> None:
    call = office.call()
    office.fill([{"value": "Может быть", "enum_id": 903}])
    with pytest.raises(NotMapped, match="'Может быть'"):
        office.facts(call)


def test_a_crm_that_is_away_is_waited_for(office: Office) -> None:
    call = office.call()
    office.server.tokens.clear()
    with pytest.raises(CrmUnavailable):
        office.facts(call)


# --- what is ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["during", "after"])
def test_answers_filled_in_during_the_call_or_after_it(office: Office, when: str) -> None:
    if when == "during":
        office.fill(CALLS)
        office.pass_(seconds=PARAMS["duration"])
        call = office.call()
    else:
        call = office.call()
        office.pass_(minutes=3)
        office.fill(CALLS)
    assert office.facts(call) == {"refuses": "calls"}


def test_a_call_result_is_complete(office: Office) -> None:
    call = office.call(params=PARAMS | {"call_result": " Просил не звонить \n"})
    office.pass_(minutes=1)
    office.fill(CALLS)
    office.fill([{"value": " Петрова Алёна "}], field=NAME_FIELD)
    result = office.connector.resolve(call)
    assert result is not None
    note = call.id.split("/")[2]
    assert result["id"].startswith(f"note-{note}-")
    assert {name: value for name, value in result.items() if name != "id"} == {
        "occurred_at": "2026-11-23T07:16:00+00:00",
        "facts": {"refuses": "calls", "name": "Петрова Алёна"},
        "call": {"id": "call-77", "phone": "+79161234567", "operator": str(COORDINATOR)},
        "card": {
            "type": "contact",
            "id": str(office.contact),
            "name": "Иванов Иван Иванович",
            "url": f"{office.server.url}/contacts/detail/{office.contact}",
        },
        "note": "Просил не звонить",
    }


def test_without_number_or_id_of_its_own_a_call_goes_by_card_and_note(office: Office) -> None:
    call = office.call(params={"duration": 5})
    office.fill(CALLS)
    result = office.connector.resolve(call)
    assert result is not None
    assert result["call"]["id"] == f"note-{call.id.split('/')[2]}"
    assert result["call"]["phone"] == "8 (916) 123-45-67"


def test_a_changed_card_leads_to_its_last_call(office: Office) -> None:
    office.call(params=PARAMS | {"uniq": "call-1"})
    office.pass_(minutes=30)
    office.call(params=PARAMS | {"uniq": "call-2"})
    office.pass_(minutes=2)
    office.fill(CALLS)
    result = office.changed()
    assert result is not None
    assert (result["call"]["id"], result["facts"]) == ("call-2", {"refuses": "calls"})


def test_a_changed_card_without_a_call_is_none_and_costs_one_request(office: Office) -> None:
    office.changed()
    assert len(office.server.requests) == 1
    office.fill(CALLS)
    assert office.changed() is None


def test_a_card_that_only_the_plugin_has_changed_costs_one_request(office: Office) -> None:
    office.fill(CALLS, created_by=OWN)
    assert office.changed() is None
    assert len(office.server.requests) == 1


def test_what_the_card_holds_counts_as_long_as_it_was_not_changed_again(office: Office) -> None:
    call = office.call()
    office.fill(CALLS, value_after=[{"custom_field_value": {"field_id": FIELD, "text": "told in another way"}}])
    assert office.facts(call) == {"refuses": "calls"}


def test_the_same_told_twice_is_the_same_event_and_a_change_is_another(office: Office) -> None:
    call = office.call()
    office.fill(CALLS)
    first, again = office.connector.resolve(call), office.changed()
    assert first == again
    office.pass_(minutes=1)
    office.fill(ALL)
    changed = office.connector.resolve(call)
    assert first is not None
    assert changed is not None
    assert changed["id"] != first["id"]
    assert changed["occurred_at"] > first["occurred_at"]
    assert changed["facts"] == {"refuses": "all"}


@pytest.mark.parametrize("values", [[], [{"value": "Не спрашивали", "enum_id": 900}]])
def test_an_answer_that_was_cleared_is_taken_back(office: Office, values: list[dict[str, Any]]) -> None:
    call = office.call()
    office.fill(CALLS)
    office.pass_(minutes=1)
    office.fill(values)
    assert office.facts(call) == {"refuses": None}


def test_entries_are_mapped_by_their_text_as_well(office: Office) -> None:
    facts = {"refuses": {"field": str(FIELD), "values": {"Звонки": "calls"}}}
    connector = AmoConnector(
        AmoConnector.Settings().load(settings(office.server.url, facts=facts)), now=lambda: office.time
    )
    call = office.call()
    office.fill(CALLS)
    result = connector.resolve(call)
    connector.close()
    assert result is not None
    assert result["facts"] == {"refuses": "calls"}


def test_answers_on_a_lead_count_for_the_call_of_its_contact(office: Office) -> None:
    lead = office.server.card("leads", "Сделка", _embedded={"contacts": [{"id": office.contact, "is_main": True}]})
    office.server.account.cards["contacts"][office.contact]["_embedded"] = {"leads": [{"id": lead}]}
    call = office.call()
    office.fill(CALLS, "leads", lead)
    assert office.facts(call) == {"refuses": "calls"}
    assert office.changed("leads", lead) == office.connector.resolve(call)


def test_answers_on_a_contact_count_for_the_call_of_its_lead(office: Office) -> None:
    lead = office.server.card("leads", "Сделка", _embedded={"contacts": [{"id": office.contact, "is_main": True}]})
    call = office.call("leads", lead)
    office.fill(CALLS)
    result = office.connector.resolve(call)
    assert result is not None
    assert (result["facts"], result["card"]["type"]) == ({"refuses": "calls"}, "lead")
    assert result["card"]["name"] == "Иванов Иван Иванович"


def test_of_two_cards_the_one_changed_last_counts(office: Office) -> None:
    leads = [office.server.card("leads", f"Сделка {number}") for number in range(2)]
    office.server.account.cards["contacts"][office.contact]["_embedded"] = {"leads": [{"id": lead} for lead in leads]}
    call = office.call()
    office.fill(ALL, "leads", leads[1])
    office.pass_(minutes=1)
    office.fill(CALLS, "leads", leads[0])
    assert office.facts(call) == {"refuses": "calls"}


def test_a_lead_that_was_deleted_since_takes_nothing_back(office: Office) -> None:
    lead = office.server.card("leads", "Сделка")
    office.server.account.cards["contacts"][office.contact]["_embedded"] = {"leads": [{"id": lead}]}
    call = office.call()
    office.fill(CALLS, "leads", lead)
    office.server.account.cards["leads"][lead]["is_deleted"] = True
    assert office.facts(call) is None


def test_an_event_that_names_its_field_in_its_value_counts_too(office: Office) -> None:
    call = office.call()
    office.fill(CALLS, type="custom_field_value_changed")
    assert office.facts(call) == {"refuses": "calls"}


def test_it_tells_which_facts_can_come(office: Office) -> None:
    assert office.connector.facts() == {"refuses": frozenset({"calls", "all"}), "name": None}
    assert {str(entry["id"]) for entry in ENTRIES} == {*FACTS["refuses"]["values"], *FACTS["refuses"]["empty"]}  # type: ignore[misc]


# --- the documented payloads -----------------------------------------------------------------------


def test_documented_payloads_make_a_call_result(payload: Callable[[str], Any]) -> None:
    url = "https://example.amocrm.ru"
    api = f"{url}/api/v4"
    now = datetime.fromtimestamp(1606206400, UTC)
    connector = AmoConnector(AmoConnector.Settings().load(settings(url)), now=lambda: now)
    with responses.RequestsMock() as mock:
        mock.get(f"{api}/contacts/26050861", json=payload("contact__with_leads"))
        mock.get(f"{api}/contacts/26050861/notes/42709400", json=payload("note__call_out"))
        mock.get(f"{api}/contacts/notes", status=204)
        mock.get(f"{api}/leads/notes", status=204)
        mock.get(f"{api}/events", json=payload("events__field_changed"))
        mock.get(f"{api}/events", status=204)
        result = connector.resolve(Reference("call", "contacts/26050861/42709400"))
        asked = [call.request.params for call in mock.calls if call.request.path_url.startswith("/api/v4/events")]  # type: ignore[attr-defined]
    connector.close()
    assert result is not None
    assert (result["occurred_at"], result["facts"]) == ("2020-11-24T08:20:30+00:00", {"refuses": "calls"})
    assert result["call"] == {
        "id": "8f52d38a-5fb3-406d-93a3-a4832dc28f8b",
        "phone": "+79161234567",
        "operator": str(COORDINATOR),
    }
    assert asked[0] == {
        "filter[entity]": "contact",
        "filter[entity_id]": "26050861",
        "filter[type]": "custom_field_555001_value_changed",
        "filter[created_at][from]": "1606205940",
        "filter[created_at][to]": "1606210000",
        "limit": "100",
        "page": "1",
    }


@pytest.mark.parametrize("shown", ["Unknown", "anonymous", "", None, "0"])
def test_a_caller_who_hides_the_number_goes_by_that_of_the_card(office: Office, shown: str | None) -> None:
    call = office.call(params=PARAMS | {"phone": shown})
    office.fill(ALL)
    result = office.connector.resolve(call)
    assert result is not None
    assert result["call"]["phone"] == "8 (916) 123-45-67"


def test_a_hidden_caller_without_a_card_that_has_a_number_is_told_as_one(office: Office) -> None:
    nobody = office.server.card("contacts", "Клиент без номера", ["нет"])
    call = office.call(card=nobody, params=PARAMS | {"phone": "Unknown"})
    office.fill(ALL, card=nobody)
    result = office.connector.resolve(call)
    assert result is not None
    assert result["call"]["phone"] == "Unknown"
