"""Clients by phone in any notation and by full name; cards as they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.base import CardRef, CrmRefused
from connectors.espocrm import EspoConnector
from tests.connectors.contract.rig import NAME, PHONE
from tests.connectors.espocrm.payloads import CONTACT, SITE, URL, payload
from tests.connectors.espocrm.rig import EspoRig, rig


def found(espo: EspoRig, phone: str | None = None, name: str | None = None) -> list[str]:
    return [card.ref.id for card in espo.connector.find_contact(phone, name)]


@pytest.mark.parametrize(
    ("phone", "name"),
    [
        ("+79160000000", None),
        ("+7916123456", None),
        ("abc", None),
        ("", ""),
        (None, None),
        (None, "   "),
        (None, "Иванов"),
        (None, "Иванов Иван"),
        (None, "Иван Иванович"),
        (None, "%"),
        (None, "Ив_нов Иван Иванович"),
        (None, "Петров Иван Иванович"),
        (PHONE, "Петров Иван Иванович"),
        ("+79160000000", NAME),
    ],
)
def test_nobody_is_found_by_a_part_or_by_another(espo: EspoRig, phone: str | None, name: str | None) -> None:
    assert found(espo, phone, name) == []


@pytest.mark.parametrize("stored", ["+79161234568", "8 (916) 123-45-68", "9161234568", "8-916-123-45-68 доб. 12"])
@pytest.mark.parametrize("asked", ["+79161234568", "89161234568", "8 (916) 123-45-68", "7 916 123 45 68", "9161234568"])
def test_a_phone_is_found_in_any_notation_stored_in_any(espo: EspoRig, stored: str, asked: str) -> None:
    other = espo.server.add("Contact", lastName="Петрова", phones=[stored])
    assert found(espo, asked) == [other]


def test_a_number_that_only_contains_the_digits_is_another(espo: EspoRig) -> None:
    espo.server.add("Contact", lastName="Петрова", phones=["+3759161234567"])
    espo.server.add("Contact", lastName="Сидоров", phones=["+49 916 1234567"])
    assert found(espo, PHONE) == [espo.card.id]


def test_a_number_of_another_country_is_found(espo: EspoRig) -> None:
    other = espo.server.add("Contact", lastName="Петрова", phones=["+375 (29) 123-45-67"])
    assert found(espo, "+375291234567") == [other]


@pytest.mark.parametrize(
    "stored",
    [
        {"lastName": "Сидорова", "firstName": "Алёна", "middleName": "Петровна"},
        {"lastName": "Сидорова", "firstName": "Алена Петровна"},
        {"lastName": "Алёна Петровна", "firstName": "Сидорова"},
        {"lastName": "Сидорова Алёна Петровна"},
        {"lastName": "СИДОРОВА", "firstName": "АЛЁНА", "middleName": "ПЕТРОВНА"},
    ],
)
@pytest.mark.parametrize("asked", ["Сидорова Алёна Петровна", "алена петровна  сидорова"])
def test_a_full_name_is_found_however_it_is_split(espo: EspoRig, stored: dict[str, str], asked: str) -> None:
    other = espo.server.add("Contact", **stored)
    espo.server.add("Contact", lastName="Сидорова", firstName="Алёна")
    assert found(espo, name=asked) == [other]


def test_all_namesakes_are_found_page_by_page(espo: EspoRig) -> None:
    for _ in range(230):
        espo.server.add("Contact", lastName="Иванов", firstName="Иван", middleName="Иванович")
    assert len(found(espo, name=NAME)) == 231
    # Together with the phone it is one again.
    assert found(espo, PHONE, NAME) == [espo.card.id]


def test_far_too_many_matches_are_refused(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/Contact", json={"total": -1, "list": [{"id": "65f", "lastName": "Иванов"}] * 200})
    with pytest.raises(CrmRefused, match="more than 2000 matches"):
        connector.find_contact(name="Иванов")


def test_a_main_number_costs_one_request(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/Contact", json={"total": -1, "list": [{"id": "65f", "phoneNumber": "8 916 123-45-67"}]})
    assert [card.ref.id for card in connector.find_contact(PHONE)] == ["65f"]
    asked: Any = crm.calls[0].request
    assert asked.params["where[0][attribute]"] == "phoneNumberNumeric"
    assert asked.params["where[0][value]"] == "9161234567"


def test_leads_are_looked_at_where_that_is_wanted_but_not_those_that_became_contacts() -> None:
    with rig(search_in=["contact", "lead"]) as espo:
        lead = espo.server.add("Lead", lastName="Петрова", phones=[PHONE], status="New")
        espo.server.add("Lead", lastName="Иванов", phones=[PHONE], status="Converted")
        cards = espo.connector.find_contact(PHONE)
        assert [card.ref for card in cards] == [espo.card, CardRef("lead", lead)]


# --- cards -----------------------------------------------------------------------------------------


def test_a_card_is_read_with_all_its_numbers_and_its_address(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    crm.get(f"{URL}/Contact/{CONTACT.id}", json=payload("contact__full"))
    card = connector.read_card(CONTACT)
    assert card is not None
    assert (card.ref, card.name) == (CONTACT, "Иванов Иван Иванович")
    assert card.phones == ("8 (495) 000-11-22", "8 (916) 123-45-67")
    assert card.url == f"{SITE}/#Contact/view/{CONTACT.id}"


@pytest.mark.parametrize(("kind", "entity"), [("account", "Account"), ("opportunity", "Opportunity"), ("case", "Case")])
def test_a_card_without_numbers_is_read(
    crm: responses.RequestsMock, connector: EspoConnector, kind: str, entity: str
) -> None:
    crm.get(f"{URL}/{entity}/65f1", json={"id": "65f1", "name": " "})
    card = connector.read_card(CardRef(kind, "65f1"))
    assert card is not None
    assert (card.name, card.phones, card.url) == (None, (), f"{SITE}/#{entity}/view/65f1")


def test_a_card_of_a_type_that_there_is_not_is_none(
    crm: responses.RequestsMock, make: Callable[..., EspoConnector]
) -> None:
    assert make().read_card(CardRef("deal", "65f1")) is None
    assert len(crm.calls) == 0
