"""Cards are read with their names and phones; contacts are found by phone in any notation and by full name."""

from __future__ import annotations

from typing import Any

import pytest
import responses

from connectors.base import Card, CardRef, CrmRefused, CrmUnavailable
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24.conftest import fixture
from tests.connectors.bitrix24.outcomes import REST
from tests.connectors.bitrix24.outcomes import connector as played
from tests.connectors.bitrix24.server import Portal

PHONE = "+79161234567"


def names(found: Any) -> list[str]:
    return [card.ref.id for card in found]


# --- reading ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["contact", "lead", "deal", "company"])
def test_a_card_that_is_not_there_is_none(connector: Bitrix24Connector, kind: str) -> None:
    assert connector.read_card(CardRef(kind, "404")) is None


def test_a_card_that_may_not_be_seen_is_refused(connector: Bitrix24Connector, portal: Portal, card: CardRef) -> None:
    portal.failing["crm.item.get"] = [{"error": "ACCESS_DENIED", "error_description": "Нет прав"}]
    with pytest.raises(CrmRefused) as error:
        connector.read_card(card)
    assert error.value.code == "ACCESS_DENIED"


def test_a_throttled_read_of_a_card_comes_again(connector: Bitrix24Connector, portal: Portal, card: CardRef) -> None:
    portal.failing["crm.item.get"] = [{"error": "QUERY_LIMIT_EXCEEDED", "error_description": ""}]
    with pytest.raises(CrmUnavailable):
        connector.read_card(card)


@responses.activate
def test_the_documented_lead_is_read() -> None:
    lead = fixture("crm_item_get__lead")["result"]
    answer = {"result": {"result": {"card": lead}, "result_error": {"contact": {"error": "NOT_FOUND"}}}}
    responses.post(f"{REST}/batch", json=answer)
    assert played().read_card(CardRef("lead", "250")) == Card(
        CardRef("lead", "250"),
        "Иванов Иван Иванович",
        "https://portal.example.org/crm/lead/details/250/",
        ("+6111111111",),
        emails=("ivanov@example.com",),
    )


def test_a_deal_is_called_after_its_contact_and_has_its_phones_with_one_request(
    connector: Bitrix24Connector, portal: Portal, card: CardRef
) -> None:
    portal.records.add_item("deal", "10", title="Покупка машины", contactId=42)
    assert connector.read_card(CardRef("deal", "10")) == Card(
        CardRef("deal", "10"), "Иванов Иван Иванович", f"{portal.url}/crm/deal/details/10/", ("8 (916) 123-45-67",)
    )
    assert len(portal.requests) == 1


def test_many_cards_are_read_by_as_few_batches_as_hold_them(
    connector: Bitrix24Connector, portal: Portal, card: CardRef
) -> None:
    for number in range(100, 140):
        portal.records.add_item("deal", str(number), title=f"Сделка {number}", contactId=42)
    # A deal is two commands of a batch, a contact one.
    wanted = [*(CardRef("deal", str(number)) for number in range(100, 140)), card, CardRef("contact", "404")]
    alone = {one: connector.read_card(one) for one in wanted}
    before = len(portal.requests)
    assert connector.read_cards(wanted) == alone
    assert len(portal.requests) == before + 2
    assert alone[CardRef("contact", "404")] is None


def test_of_many_cards_one_that_may_not_be_seen_is_left_out(
    connector: Bitrix24Connector, portal: Portal, card: CardRef
) -> None:
    portal.records.add_item("contact", "43", lastName="Другой")
    portal.failing["crm.item.get"] = [{"error": "ACCESS_DENIED", "error_description": "Нет прав"}]
    found = connector.read_cards([card, CardRef("contact", "43")])
    assert [one.id for one in found] == ["43"]
    portal.failing["crm.item.get"] = [{"error": "QUERY_LIMIT_EXCEEDED", "error_description": ""}]
    with pytest.raises(CrmUnavailable):
        connector.read_cards([card, CardRef("contact", "43")])


def test_a_deal_without_a_contact_has_its_title(connector: Bitrix24Connector, portal: Portal) -> None:
    portal.records.add_item("deal", "10", title="Покупка машины", contactId=None)
    portal.records.add_item("company", "11", title="ООО «Ромашка»", phones=("+7 495 000-00-00",))
    deal, company = connector.read_card(CardRef("deal", "10")), connector.read_card(CardRef("company", "11"))
    assert deal is not None
    assert company is not None
    assert (deal.name, deal.phones) == ("Покупка машины", ())
    assert (company.name, company.phones) == ("ООО «Ромашка»", ("+7 495 000-00-00",))


def test_a_deal_without_a_contact_is_never_called_after_another_one(
    connector: Bitrix24Connector, portal: Portal
) -> None:
    # A reference to an empty field is filled in with something of which the portal makes a 1.
    portal.records.add_item("contact", "1", name="Пётр", phones=("+7 916 000-00-00",))
    portal.records.add_item("deal", "10", title="Покупка машины", contactId=None)
    deal = connector.read_card(CardRef("deal", "10"))
    assert deal is not None
    assert (deal.name, deal.phones) == ("Покупка машины", ())


def test_a_card_is_known_by_its_type_in_any_case(connector: Bitrix24Connector, card: CardRef) -> None:
    found = connector.read_card(CardRef("CONTACT", "42"))
    assert found is not None
    assert found.ref == card


# --- by phone ---------------------------------------------------------------------------------------------


@responses.activate
def test_nothing_found_is_a_list_and_not_a_map() -> None:
    responses.post(f"{REST}/crm.duplicate.findbycomm", json=fixture("crm_duplicate_findbycomm__none"))
    assert played().find_contact(PHONE) == []
    assert len(responses.calls) == 1


@responses.activate
def test_what_the_portal_found_is_compared_again() -> None:
    responses.post(f"{REST}/crm.duplicate.findbycomm", json=fixture("crm_duplicate_findbycomm__found"))
    items = [
        {"id": 275, "name": "Иван", "fm": [{"typeId": "PHONE", "value": "8 916 123-45-67"}]},
        # The portal does not look at extensions, and may know a number that has been changed since.
        {"id": 2297, "name": "Пётр", "fm": [{"typeId": "PHONE", "value": "8 916 123-45-68"}]},
    ]
    responses.post(f"{REST}/crm.item.list", json={"result": {"items": items}, "total": 2, "time": {}})
    assert names(played().find_contact(PHONE)) == ["275"]


@pytest.mark.parametrize(
    "stored", ["+7 916 123-45-67", "8 (916) 123-45-67", "89161234567", "79161234567", "9161234567", "+7(916)123 45 67"]
)
@pytest.mark.parametrize("asked", ["+79161234567", "8-916-123-45-67", "79161234567", "9161234567"])
def test_a_contact_is_found_by_phone_in_any_notation(
    connector: Bitrix24Connector, portal: Portal, stored: str, asked: str
) -> None:
    portal.records.add_item("contact", "1", name="Иван", phones=("+7 495 000-00-00", stored))
    portal.records.add_item("contact", "2", name="Пётр", phones=("8 (916) 123-45-68",))
    assert names(connector.find_contact(asked)) == ["1"]


def test_a_foreign_number_is_found_as_well(connector: Bitrix24Connector, portal: Portal) -> None:
    portal.records.add_item("contact", "1", name="Иван", phones=("+375 29 123-45-67",))
    assert names(connector.find_contact("+375291234567")) == ["1"]


def test_all_contacts_with_the_number_are_found(connector: Bitrix24Connector, portal: Portal) -> None:
    for number in range(1, 61):
        portal.records.add_item("contact", str(number), name="Иван", phones=(PHONE,))
    assert len(connector.find_contact(PHONE)) == 60


@pytest.mark.parametrize("nothing", ["", "доб.", None])
def test_without_a_number_nobody_is_found(connector: Bitrix24Connector, card: CardRef, nothing: str | None) -> None:
    assert connector.find_contact(nothing) == []


# --- by name ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    ["Иванов Иван Иванович", "Иван Иванович Иванов", "ИВАНОВ ИВАН ИВАНОВИЧ", "иванов  иван иванович"],
)
def test_a_contact_is_found_by_full_name_in_any_order(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, asked: str
) -> None:
    portal.records.add_item("contact", "43", lastName="Иванов", name="Иван", secondName="Петрович")
    portal.records.add_item("contact", "44", lastName="Иванов", name="Иван")
    assert names(connector.find_contact(name=asked)) == ["42"]


@pytest.mark.parametrize(("stored", "asked"), [("Королёв", "Королев"), ("Королев", "Королёв")])
def test_e_and_yo_are_one_letter(connector: Bitrix24Connector, portal: Portal, stored: str, asked: str) -> None:
    portal.records.add_item("contact", "1", lastName=stored, name="Пётр")
    assert names(connector.find_contact(name=f"{asked} Петр")) == ["1"]


@pytest.mark.parametrize("field", ["name", "lastName"])
def test_a_name_that_an_import_left_in_one_field_is_found(
    connector: Bitrix24Connector, portal: Portal, field: str
) -> None:
    portal.records.add_item("contact", "1", **{field: "Иванов Иван Иванович"})
    assert names(connector.find_contact(name="Иванов Иван Иванович")) == ["1"]


def test_phone_and_name_have_both_to_fit(connector: Bitrix24Connector, portal: Portal, card: CardRef) -> None:
    portal.records.add_item("contact", "43", lastName="Петров", name="Пётр", phones=(PHONE,))
    assert names(connector.find_contact(PHONE, "Иванов Иван Иванович")) == ["42"]
    assert connector.find_contact(PHONE, "Сидоров Сидор") == []
    assert sorted(names(connector.find_contact(PHONE))) == ["42", "43"]


@pytest.mark.parametrize("held", ["8 (903) 765-43-21 (жена)", "8 903 765-43-21 моб", "8 (903) 765-43-21 Иван"])
def test_a_number_is_found_in_whatever_the_field_holds(connector: Bitrix24Connector, portal: Portal, held: str) -> None:
    portal.records.add_item("contact", "1", name="Иван", phones=(held,))
    assert names(connector.find_contact("+79037654321")) == ["1"]


@pytest.mark.parametrize("asked", ["+79165550001", "+79037654321"])
@responses.activate
def test_a_field_with_two_numbers_that_the_portal_finds_is_one_of_either(asked: str) -> None:
    held = [{"typeId": "PHONE", "value": "8 916 555-00-01, жена 8 903 765-43-21"}]
    responses.post(f"{REST}/crm.duplicate.findbycomm", json={"result": {"CONTACT": [1]}, "time": {}})
    responses.post(f"{REST}/crm.item.list", json={"result": {"items": [{"id": 1, "fm": held}]}, "time": {}})
    assert names(played().find_contact(asked)) == ["1"]


def test_a_name_with_a_latin_letter_is_looked_for_as_it_is_meant(connector: Bitrix24Connector, card: CardRef) -> None:
    assert names(connector.find_contact(name="Ивaнов Ивaн Ивaнович")) == ["42"]
