"""The connector's settings, its check and its reads, against the running CRM, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from connectors.base import Assignee, CardRef, CrmRefused, CrmUnavailable
from connectors.embedded import EmbeddedConnector
from tests.support.crm import CrmApi, RunningCrm, embedded_crm
from tests.support.processes import free_port

# --- settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"token": "t"}, "base_url"),
        ({"base_url": "http://127.0.0.1:1"}, "token"),
        ({"base_url": "http://u:p@127.0.0.1:1", "token": "t"}, "base_url"),
        ({"base_url": "127.0.0.1:1", "token": "t"}, "base_url"),
        ({"base_url": "http://127.0.0.1:1", "token": "t", "tocken": "t"}, "tocken"),
        ({"base_url": "http://127.0.0.1:1", "token": ""}, "token"),
        ({"base_url": "http://127.0.0.1:1", "token": "t", "read_seconds": 0}, "read_seconds"),
        ({"base_url": "http://127.0.0.1:1", "token": "t", "settling_seconds": -1}, "settling_seconds"),
        ({"base_url": "http://127.0.0.1:1", "token": "t", "requests_per_second": 0}, "requests_per_second"),
        ({"base_url": "http://127.0.0.1:1", "token": "t", "burst": 1.5}, "burst"),
    ],
)
def test_wrong_settings_name_the_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EmbeddedConnector.Settings().load(given)
    assert list(caught.value.messages_dict) == [field]


def test_limits_come_from_the_settings(crm: RunningCrm) -> None:
    limits = crm.connector(settling_seconds=7, requests_per_second=3, burst=2).limits()
    assert (limits.settling_seconds, limits.requests_per_second, limits.burst) == (7, 3, 2)


# --- check -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("assignee", "mailed", "failed"),
    [
        (Assignee(None, "coordinator@dealer.example"), False, ["is a user of the CRM"]),
        (Assignee("nobody"), True, ["is a user of the CRM"]),
        (Assignee("../cards/42"), False, ["is a user of the CRM"]),
        (Assignee("mute"), True, ["has an address in the CRM"]),
        (Assignee("mute"), False, []),
        (Assignee("coordinator"), True, []),
    ],
)
def test_a_person_can_be_reminded_if_the_crm_has_the_user_and_mailed_with_an_address(
    crm: RunningCrm, assignee: Assignee, mailed: bool, failed: list[str]
) -> None:
    crm.api.request("POST", "users", {"id": "mute", "name": "Без почты"})
    connector = crm.connector()
    found = connector.check_assignee(assignee, mailed=mailed)
    connector.close()
    assert [check.name for check in found if not check.ok] == failed
    assert all(bool(check.remedy) != check.ok for check in found)
    assert "dealer.example" not in repr(found)


def points(connector: EmbeddedConnector) -> dict[str, bool]:
    checks = connector.check()
    connector.close()
    assert all(bool(check.remedy) != check.ok for check in checks)
    return {check.name: check.ok for check in checks}


def test_a_crm_that_is_down_is_said() -> None:
    down = {"base_url": f"http://127.0.0.1:{free_port()}", "token": "t"}
    assert points(EmbeddedConnector(EmbeddedConnector.Settings().load(down))) == {
        "what is sent stays private": True,
        "the CRM answers": False,
    }


def test_a_wrong_token_is_said_without_repeating_it(crm: RunningCrm) -> None:
    connector = crm.connector(token="wr0ng")
    assert "wr0ng" not in repr(connector.check())
    assert points(connector)["the token is accepted"] is False


def test_another_address_is_said(crm: RunningCrm) -> None:
    assert points(crm.connector(base_url=f"{crm.base_url}/elsewhere"))["the CRM answers"] is False


def test_unencrypted_traffic_to_another_machine_is_said(crm: RunningCrm) -> None:
    connector = crm.connector(base_url="http://crm.invalid")
    assert points(connector)["what is sent stays private"] is False


def test_missing_mail_and_secret_are_said(tmp_path: Any) -> None:
    with embedded_crm(tmp_path, mail=None, webhook_url=f"http://127.0.0.1:{free_port()}/") as crm:
        found = points(crm.connector(webhook_secret=None))
    assert (found["the CRM can send mail"], found["its events can be verified"]) == (False, False)


def test_a_good_account_passes_every_point(crm: RunningCrm) -> None:
    found = points(crm.connector())
    assert len(found) == 5
    assert all(found.values())


# --- reading ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "card_id", ["999999", "", ".", "..", "a/b", "1 OR 1=1", "-1", "9" * 40, "٤٢", "../users/coordinator"]
)
def test_a_card_that_does_not_exist_is_none(connector: EmbeddedConnector, card_id: str) -> None:
    assert connector.read_card(CardRef("contact", card_id)) is None
    assert connector.read_card(CardRef("deal", "42")) is None


def test_reading_with_a_wrong_token_waits_for_a_right_one(crm: RunningCrm) -> None:
    connector = crm.connector(token="wrong")
    with pytest.raises(CrmUnavailable) as caught:
        connector.read_card(CardRef("contact", "42"))
    assert caught.value.status == 401
    connector.close()


def test_an_address_that_is_no_crm_is_not_a_missing_card(crm: RunningCrm) -> None:
    connector = crm.connector(base_url=f"{crm.base_url}/elsewhere")
    with pytest.raises(CrmRefused):
        connector.read_card(CardRef("contact", "42"))
    connector.close()


def test_a_card_is_read(connector: EmbeddedConnector, crm: RunningCrm) -> None:
    card = connector.read_card(CardRef("contact", "42"))
    assert card is not None
    assert (card.ref, card.name) == (CardRef("contact", "42"), "Иванов Иван Иванович")
    assert card.phones == ("+7 (916) 123-45-67", "8 495 000-11-22")
    assert card.url == f"{crm.base_url}/cards/42"


@pytest.mark.parametrize(
    "phone", ["+79161234567", "89161234567", "8 (916) 123-45-67", "7 916 123 45 67", "9161234567", "84950001122"]
)
def test_a_contact_is_found_by_its_phone_in_any_notation(connector: EmbeddedConnector, phone: str) -> None:
    assert [card.ref.id for card in connector.find_contact(phone)] == ["42"]


@pytest.mark.parametrize("name", ["Петрова Алёна Игоревна", "петрова алена  игоревна", " ПЕТРОВА АЛЁНА ИГОРЕВНА "])
def test_a_contact_is_found_by_its_full_name(connector: EmbeddedConnector, name: str) -> None:
    assert [card.ref.id for card in connector.find_contact(name=name)] == ["43"]


@pytest.mark.parametrize(
    ("phone", "name"),
    [
        ("+79160000000", None),
        (None, "Петрова"),
        (None, "Петрова Алёна"),
        (None, "%"),
        ("+79161234567", "Петрова Алёна Игоревна"),
        ("abc", None),
        (None, None),
        ("", ""),
    ],
)
def test_nobody_is_found_by_a_part_or_by_another(
    connector: EmbeddedConnector, phone: str | None, name: str | None
) -> None:
    assert list(connector.find_contact(phone, name)) == []


def test_all_contacts_are_found_page_by_page(connector: EmbeddedConnector, api: CrmApi) -> None:
    for number in range(120):
        api.send("POST", "cards", {"name": f"Двойник {number}", "phones": ["+7 999 000-00-00"]})
    assert len({card.ref.id for card in connector.find_contact("89990000000")}) == 120


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
def test_a_number_is_found_in_whatever_the_field_holds(
    connector: EmbeddedConnector, api: CrmApi, held: str, asked: str
) -> None:
    card = api.send("POST", "cards", {"name": "Клиент", "phones": [held, "нет"]})
    # Other cases have put a card with the same number there.
    found = {one.ref.id: one.phones for one in connector.find_contact(asked)}
    assert found[card["id"]] == (held, "нет")
