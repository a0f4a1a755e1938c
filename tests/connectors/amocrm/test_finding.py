"""Cards read and found, and what was written found again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from connectors.amocrm import AmoConnector
from connectors.base import Card, CardRef, CrmRefused, ReminderState
from connectors.kit.reference_mark import reference_mark
from tests.connectors.amocrm.rig import AmoRig, settings
from tests.connectors.contract.rig import NAME, PHONE

URL = "https://example.amocrm.ru"
API = f"{URL}/api/v4"
KEY = "0123456789abcdef" * 4
CARD = CardRef("contact", "26050861")

Payload = Callable[[str], Any]


# --- the documented payloads -----------------------------------------------------------------------


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def documented() -> Iterator[AmoConnector]:
    lately = datetime(2020, 11, 24, 12, 0, tzinfo=UTC)
    connector = AmoConnector(AmoConnector.Settings().load(settings(URL)), now=lambda: lately)
    yield connector
    connector.close()


def test_a_documented_contact(api: responses.RequestsMock, documented: AmoConnector, payload: Payload) -> None:
    api.get(f"{API}/contacts/26050861", json=payload("contact__with_leads"))
    expected = Card(CARD, NAME, f"{URL}/contacts/detail/26050861", ("8 (916) 123-45-67", "+7 495 000-11-22"))
    assert documented.read_card(CARD) == expected


def test_a_documented_lead_goes_by_its_main_contact(
    api: responses.RequestsMock, documented: AmoConnector, payload: Payload
) -> None:
    api.get(f"{API}/leads/18281821", json=payload("lead__with_contacts"))
    api.get(f"{API}/contacts/26050861", json=payload("contact__with_leads"))
    card = documented.read_card(CardRef("lead", "18281821"))
    assert card is not None
    assert (card.ref, card.name) == (CardRef("lead", "18281821"), NAME)
    assert card.url == f"{URL}/leads/detail/18281821"
    assert card.phones[0] == "8 (916) 123-45-67"


def test_a_documented_list_of_contacts(api: responses.RequestsMock, documented: AmoConnector, payload: Payload) -> None:
    api.get(f"{API}/contacts", json=payload("contacts__found"))
    assert [card.ref for card in documented.find_contact("+79161234567")] == [CARD]
    api.get(f"{API}/contacts", json=payload("contacts__found"))
    assert documented.find_contact("+79161234568") == []


def test_documented_notes_and_tasks(api: responses.RequestsMock, documented: AmoConnector, payload: Payload) -> None:
    api.get(f"{API}/contacts/26050861/notes", json=payload("notes__list"))
    api.get(f"{API}/tasks", json=payload("tasks__list"))
    api.get(f"{API}/tasks/4745251", json=payload("task__completed"))
    assert documented.find("comment", CARD, KEY) == "42709325"
    assert documented.find("reminder", CARD, KEY) == "4745251"
    assert documented.reminder_state("4745251") is ReminderState.DONE
    assert [dict(call.request.params) for call in api.calls][:2] == [  # type: ignore[attr-defined]
        {"filter[note_type][0]": "common", "order[id]": "desc", "limit": "250", "page": "1"},
        {
            "order[created_at]": "desc",
            "filter[entity_type]": "contacts",
            "filter[entity_id][0]": "26050861",
            "limit": "250",
            "page": "1",
        },
    ]


# --- cards -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("card_id", ["999999999", "", "0", ".", "..", "a/b", "1 OR 1=1", "-1", "9" * 40, "٤٢"])
@pytest.mark.parametrize("kind", ["contact", "lead", "deal"])
def test_a_card_that_does_not_exist_is_none(crm: AmoRig, kind: str, card_id: str) -> None:
    assert crm.connector.read_card(CardRef(kind, card_id)) is None


def test_a_deleted_card_is_none(crm: AmoRig) -> None:
    crm.server.account.cards["contacts"][int(crm.card.id)]["is_deleted"] = True
    assert crm.connector.read_card(crm.card) is None


def test_many_leads_are_read_with_their_main_contacts_by_two_requests(crm: AmoRig) -> None:
    people = [crm.server.card("contacts", f"Клиент {n}", [f"+791600000{n:02}"]) for n in range(20)]
    linked = [{"contacts": [{"id": one, "is_main": True}]} for one in people]
    leads = [CardRef("lead", str(crm.server.card("leads", "Сделка", _embedded=inner))) for inner in linked]
    alone = {lead: crm.connector.read_card(lead) for lead in leads}
    before = len(crm.server.requests)
    assert crm.connector.read_cards(leads) == alone
    assert len(crm.server.requests) == before + 2


def test_where_filters_are_not_heeded_no_card_is_taken_for_another_or_for_missing(crm: AmoRig) -> None:
    crm.server.account.filters = False
    others = [crm.server.card("contacts", f"Клиент {n}") for n in range(300)]
    wanted = [crm.card, CardRef("contact", str(others[-1])), crm.missing]
    found = crm.connector.read_cards(wanted)
    assert found == {crm.card: crm.connector.read_card(crm.card)}


def test_a_number_is_looked_for_by_the_notation_that_is_part_of_all_others(crm: AmoRig) -> None:
    cards = {crm.card}
    for written in ("+79161234567", "89161234567", "916 123 45 67"):
        cards.add(CardRef("contact", str(crm.server.card("contacts", "Тот же номер", [written]))))
    before = len(crm.server.requests)
    assert {card.ref for card in crm.connector.find_contact(phone=PHONE)} == cards
    assert len(crm.server.requests) == before + 1
    # Who is not found by it is looked for by the others.
    assert crm.connector.find_contact(phone="+79161230000") == []
    assert len(crm.server.requests) == before + 5


def test_a_lead_without_a_contact_goes_by_its_own_name(crm: AmoRig) -> None:
    lead = crm.server.card("leads", "Сделка №7")
    card = crm.connector.read_card(CardRef("lead", str(lead)))
    assert card is not None
    assert (card.name, card.phones) == ("Сделка №7", ())


def test_a_name_in_two_fields_is_put_together(crm: AmoRig) -> None:
    contact = crm.server.card("contacts", " ", first_name="Иван", last_name="Иванов")
    card = crm.connector.read_card(CardRef("contact", str(contact)))
    assert card is not None
    assert card.name == "Иванов Иван"


@pytest.mark.parametrize(
    "phone",
    ["+79161234567", "89161234567", "8 (916) 123-45-67", "7 916 123 45 67", "9161234567", "+7-916-123-45-67"],
)
def test_a_contact_is_found_by_its_phone_in_any_notation(crm: AmoRig, phone: str) -> None:
    assert [card.ref for card in crm.connector.find_contact(phone)] == [crm.card]


def test_a_belarusian_number_is_found(crm: AmoRig) -> None:
    contact = crm.server.card("contacts", "Клиент", ["375 (29) 123-45-67"])
    crm.server.account.cards["contacts"][contact]["custom_fields_values"][0]["values"][0]["value"] = "+375 29 1234567"
    assert [card.ref.id for card in crm.connector.find_contact("+375291234567")] == [str(contact)]


@pytest.mark.parametrize(
    "name", [NAME, "иванов  иван иванович", "Иван Иванович Иванов", "Иванович Иванов Иван", " ИВАНОВ ИВАН ИВАНОВИЧ "]
)
def test_a_contact_is_found_by_its_full_name(crm: AmoRig, name: str) -> None:
    assert [card.ref for card in crm.connector.find_contact(name=name)] == [crm.card]


def test_a_name_with_yo_is_found_however_it_is_spelt_in_the_card(crm: AmoRig) -> None:
    plain = crm.server.card("contacts", "Семенова Алена Петровна")
    assert [card.ref.id for card in crm.connector.find_contact(name="Семёнова Алёна Петровна")] == [str(plain)]


@pytest.mark.parametrize(
    ("phone", "name"),
    [
        ("+79160000000", None),
        ("1234567", None),
        (None, "Иванов"),
        (None, "Иванов Иван"),
        (None, "%"),
        ("+79161234567", "Петрова Алёна Игоревна"),
        ("abc", None),
        ("abc", NAME),
        (None, None),
        ("", ""),
    ],
)
def test_nobody_is_found_by_a_part_or_by_another(crm: AmoRig, phone: str | None, name: str | None) -> None:
    assert list(crm.connector.find_contact(phone, name)) == []


def test_all_contacts_of_a_number_are_found_page_by_page(crm: AmoRig) -> None:
    for number in range(260):
        crm.server.card("contacts", f"Двойник {number}", ["+7 999 000-00-00"])
    assert len({card.ref.id for card in crm.connector.find_contact("89990000000")}) == 260


def test_a_search_without_end_is_refused_rather_than_cut_short(crm: AmoRig) -> None:
    for number in range(1001):
        crm.server.card("contacts", f"Двойник {number}", ["+7 999 000-00-00"])
    with pytest.raises(CrmRefused, match="more than 1000 contacts"):
        crm.connector.find_contact("89990000000")


# --- what was written ------------------------------------------------------------------------------


def test_nothing_is_found_under_another_key_or_on_another_card(crm: AmoRig, key: str) -> None:
    crm.server.note("contacts", int(crm.card.id), params={"text": f"текст {reference_mark(key)}"})
    other = CardRef("contact", str(crm.server.card("contacts", "Другой")))
    assert crm.connector.find("comment", crm.card, "f" * 64) is None
    assert crm.connector.find("comment", other, key) is None
    assert crm.connector.find("comment", CardRef("deal", "1"), key) is None
    assert crm.connector.find("reminder", crm.card, key) is None
    assert crm.connector.find("email", crm.card, key) is None


def test_a_note_of_another_kind_is_not_taken_for_a_comment(crm: AmoRig, key: str) -> None:
    crm.server.note("contacts", int(crm.card.id), note_type="call_in", params={"text": reference_mark(key)})
    assert crm.connector.find("comment", crm.card, key) is None


def test_it_is_found_under_many_newer_ones_and_without_a_card(crm: AmoRig, key: str) -> None:
    note = crm.server.note("contacts", int(crm.card.id), params={"text": f"текст\n{reference_mark(key)}"})
    for _ in range(300):
        crm.server.note("contacts", int(crm.card.id), params={"text": "позже"})
    assert crm.connector.find("comment", crm.card, key) == str(note)
    assert crm.connector.find("comment", None, key) == str(note)
    outcome = crm.connector.create_reminder(
        crm.card, crm.people[0], "ИСКЛЮЧИТЬ", reference_mark(key), crm.server.now(), key
    )
    assert crm.connector.find("reminder", None, key) == outcome.remote_id  # type: ignore[union-attr]


def test_it_is_not_looked_for_among_what_is_older_than_any_delivery(crm: AmoRig, key: str) -> None:
    aged = int(crm.server.now().timestamp()) - 40 * 86_400
    crm.connector.create_reminder(crm.card, crm.people[0], "ИСКЛЮЧИТЬ", "раньше", crm.server.now(), "f" * 64)
    (task,) = crm.server.account.tasks.values()
    for number in range(1001):
        crm.server.note("contacts", int(crm.card.id), params={"text": f"раньше {number}"}, created_at=aged)
        crm.server.account.tasks[number] = task | {"id": number, "created_at": aged}
    crm.server.requests.clear()
    assert crm.connector.find("comment", crm.card, key) is None
    assert crm.connector.find("reminder", crm.card, key) is None
    assert len(crm.server.requests) == 2


def test_absent_is_only_said_of_what_was_looked_through(crm: AmoRig, key: str) -> None:
    for _ in range(1001):
        crm.server.note("contacts", int(crm.card.id), params={"text": "позже"})
    with pytest.raises(CrmRefused, match="more than 1000 notes"):
        crm.connector.find("comment", crm.card, key)


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("8 (903) 765-43-21 (жена)", "+79037654321"),
        ("+8 (903) 765-43-21", "+79037654321"),
        ("8 916 555-00-01, жена 8 903 765-43-21", "+79165550001"),
        ("8 916 555-00-01, жена 8 903 765-43-21", "+79037654321"),
        ("8-495-765-43-21, доп. 101", "+74957654321"),
    ],
)
def test_a_number_is_found_in_whatever_the_field_holds(crm: AmoRig, held: str, asked: str) -> None:
    contact = crm.server.card("contacts", "Клиент", [held])
    assert [card.ref.id for card in crm.connector.find_contact(asked)] == [str(contact)]


def test_a_name_with_a_latin_letter_is_looked_for_as_it_is_meant(crm: AmoRig) -> None:
    assert [card.ref for card in crm.connector.find_contact(name="Ивaнов Ивaн Ивaнович")] == [crm.card]
