"""Each profile against a server that behaves as the product's documentation says, from the first check to removal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import Assignee, CardRef, CrmRefused, Done, Kind, NotDone, Outcome, ReminderState, Unknown
from connectors.kit.reference_mark import reference_mark
from connectors.rest import RestConnector
from tests.connectors.rest.products import bottlecrm, dataverse, dolibarr, odoo
from tests.support.fake_api import FakeApi, Fault

KEY, OTHER = "0123456789abcdef" * 4, "fedcba9876543210" * 4
DUE = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
NAME, PHONE = "О'Коннор-Ёлкин Шон (мл.)", "+79161234567"
WORDS = 'О\'Коннор: «нет» & <b>"никогда"</b>\nвторая строка'


@dataclass
class Product:
    """A profile connected to its server; ``records`` tells what is kept of a kind, ``gone`` an id that is no card's."""

    api: Any
    connector: RestConnector
    card: CardRef
    gone: CardRef
    people: tuple[Assignee, Assignee]
    nobody: Assignee
    records: Callable[[str], list[Mapping[str, Any]]]

    def remind(self, who: Assignee | None = None, card: CardRef | None = None) -> Outcome:
        text = f"{WORDS}\n{reference_mark(KEY)}"
        return self.connector.create_reminder(card or self.card, who or self.people[0], "ИСКЛЮЧИТЬ", text, DUE, KEY)

    def comment(self, card: CardRef | None = None) -> Outcome:
        return self.connector.add_comment(card or self.card, f"{WORDS}\n{reference_mark(OTHER)}", OTHER)


def connected(name: str, api: FakeApi, path: str, **account: Any) -> RestConnector:
    quick = {"requests_per_second": 500, "burst": 500, "time_zone": "Europe/Moscow"}
    given = {"profile": name, "base_url": f"{api.url}/{path}", **quick, **account}
    return RestConnector(RestConnector.Settings().load(given))


def a_dolibarr() -> Product:
    api = dolibarr.Dolibarr()
    constants = {"user": str(dolibarr.USER), "site": "https://crm.example.org"}
    connector = connected("dolibarr", api, "api/index.php", token=dolibarr.KEY, constants=constants)

    def records(kind: str) -> list[Mapping[str, Any]]:
        return [one for one in api.events.values() if (one["percentage"] == -1) is (kind == "comment")]

    people = (Assignee("4"), Assignee("5"))
    return Product(api, connector, CardRef("contact", "7"), CardRef("contact", "999"), people, Assignee("99"), records)


def an_odoo() -> Product:
    api = odoo.Odoo()
    constants = {"database": odoo.DATABASE, "site": "https://crm.example.org"}
    connector = connected("odoo", api, "json/2", token=odoo.KEY, constants=constants)

    def records(kind: str) -> list[Mapping[str, Any]]:
        return list(api.tables["mail.message" if kind == "comment" else "mail.activity"].values())

    people = (Assignee("4"), Assignee("5"))
    return Product(api, connector, CardRef("contact", "7"), CardRef("contact", "999"), people, Assignee("99"), records)


def a_dataverse() -> Product:
    api = dataverse.Dataverse()
    auth = {"kind": "oauth2", "token_url": f"{api.url}/token", "client_id": dataverse.CLIENT_ID, "scope": "x/.default"}
    connector = connected("odata", api, "api/data/v9.2", client_secret=dataverse.SECRET, auth=auth)

    def records(kind: str) -> list[Mapping[str, Any]]:
        return list(api.tables["annotations" if kind == "comment" else "tasks"].values())

    people = (Assignee(dataverse.COORDINATOR), Assignee(dataverse.MANAGER))
    gone = CardRef("contact", dataverse.MANAGER)
    return Product(api, connector, CardRef("contact", dataverse.SEAN), gone, people, Assignee(dataverse.SEAN), records)


def a_bottlecrm() -> Product:
    api = bottlecrm.BottleCrm()
    connector = connected("bottlecrm", api, "api", token=bottlecrm.TOKEN)

    def records(kind: str) -> list[Mapping[str, Any]]:
        return list((api.comments if kind == "comment" else api.tasks).values())

    people = (Assignee(bottlecrm.COORDINATOR), Assignee(bottlecrm.MANAGER))
    gone = CardRef("contact", bottlecrm.MANAGER)
    nobody = Assignee(bottlecrm.SEAN)
    return Product(api, connector, CardRef("contact", bottlecrm.SEAN), gone, people, nobody, records)


PRODUCTS = {"bottlecrm": a_bottlecrm, "dolibarr": a_dolibarr, "odoo": an_odoo, "odata": a_dataverse}


@pytest.fixture(params=PRODUCTS)
def product(request: pytest.FixtureRequest) -> Iterator[Product]:
    made = PRODUCTS[request.param]()
    with made.api.running():
        yield made
        made.connector.close()


# --- optout doctor -----------------------------------------------------------------------------------


def test_every_point_of_the_doctor_holds(product: Product) -> None:
    points = [*product.connector.check(), *product.connector.check_card(product.card)]
    points += product.connector.check_assignee(product.people[0], mailed=False)
    assert [(point.name, point.remedy) for point in points if not point.ok] == []
    assert len(points) >= 6


def test_a_person_that_the_crm_does_not_have_is_told(product: Product) -> None:
    (point,) = product.connector.check_assignee(product.nobody, mailed=False)
    assert not point.ok
    assert "crm_user" in point.remedy


def test_a_wrong_key_is_told_by_the_first_check(product: Product) -> None:
    settings = {**product.connector.settings, "token": "wrong", "client_secret": "wrong"}
    made = RestConnector(settings)
    point = next(point for point in made.check() if point.ok is not True)
    assert point.name.startswith("the CRM answers")
    assert point.ok is False
    assert "wrong" not in point.remedy.split("(")[0]
    made.close()


# --- clients -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("phone", [PHONE, "8 (916) 123-45-67", "9161234567"])
def test_a_client_is_found_by_number_and_by_a_name_with_quotes_and_brackets(product: Product, phone: str) -> None:
    assert [one.ref for one in product.connector.find_contact(phone=phone)] == [product.card]
    assert [one.ref for one in product.connector.find_contact(name=NAME)] == [product.card]
    assert [one.ref for one in product.connector.find_contact(phone, NAME)] == [product.card]
    assert list(product.connector.find_contact(phone="+79160000000")) == []
    assert list(product.connector.find_contact(name="Сидоров Сидор")) == []
    for rude in ("x') or (t.rowid:>:0", "%", "O' or '1'='1"):
        assert list(product.connector.find_contact(name=rude)) == []


def test_a_card_is_read_and_one_that_is_gone_is_missing(product: Product) -> None:
    card = product.connector.read_card(product.card)
    assert card is not None
    assert sorted((card.name or "").split()) == sorted(NAME.split())
    assert product.connector.read_card(product.gone) is None


# --- comments and reminders --------------------------------------------------------------------------


def test_a_comment_is_written_found_and_removed(product: Product) -> None:
    made = product.comment()
    assert isinstance(made, Done)
    (record,) = product.records("comment")
    assert "О'Коннор: «нет»" in json.dumps(record, ensure_ascii=False)
    assert product.connector.find("comment", product.card, OTHER) == made.remote_id
    assert product.connector.find("comment", product.card, KEY) is None
    assert isinstance(product.connector.remove("comment", made.remote_id, product.card), Done)
    assert product.records("comment") == []
    assert product.connector.find("comment", product.card, OTHER) is None


def test_a_reminder_is_written_read_back_taken_back_and_removed(product: Product) -> None:
    made = product.remind()
    assert isinstance(made, Done)
    assert product.connector.find("reminder", product.card, KEY) == made.remote_id
    assert product.connector.reminder_state(made.remote_id) is ReminderState.OPEN
    for _ in range(2):
        outcome = product.connector.withdraw_reminder(made.remote_id, "Клиент передумал, О'Коннор", KEY)
        assert isinstance(outcome, Done)
        assert product.connector.reminder_state(made.remote_id) is ReminderState.DONE
    assert isinstance(product.connector.remove("reminder", made.remote_id, product.card), Done)
    assert product.connector.reminder_state(made.remote_id) is ReminderState.MISSING
    assert product.connector.withdraw_reminder(made.remote_id, "x", KEY) == made


def test_nothing_is_written_to_a_card_that_is_gone(product: Product) -> None:
    for outcome in (product.comment(product.gone), product.remind(card=product.gone)):
        assert isinstance(outcome, NotDone)
        assert (outcome.permanent, outcome.status) == (True, 404)
    assert product.records("comment") == product.records("reminder") == []


def test_a_reminder_for_nobody_is_noticed_and_does_not_stay(product: Product) -> None:
    outcome = product.remind(product.nobody)
    assert isinstance(outcome, NotDone)
    assert product.records("reminder") == []


@pytest.mark.parametrize("kind", ["comment", "reminder"])
def test_what_was_written_and_not_answered_is_found_by_its_key(product: Product, kind: Kind) -> None:
    product.api.fault(Fault.DROP_AFTER)
    outcome = product.comment() if kind == "comment" else product.remind()
    assert isinstance(outcome, Unknown)
    found = product.connector.find(kind, product.card, OTHER if kind == "comment" else KEY)
    assert found is not None
    assert len(product.records(kind)) == 1


def test_a_right_that_lacks_is_waited_for(product: Product) -> None:
    product.api.lacks_rights = True
    for outcome in (product.comment(), product.remind()):
        assert isinstance(outcome, NotDone)
        assert not outcome.permanent
    product.api.lacks_rights = False
    assert isinstance(product.comment(), Done)


# --- events ------------------------------------------------------------------------------------------


def heard(connector: RestConnector, secret: str, event: Mapping[str, Any]) -> Any:
    (reference,) = connector.parse_event({}, secret, {}, json.dumps(event).encode())
    return connector.resolve(reference)


def test_a_call_in_dolibarrs_agenda_comes_in_by_its_webhook() -> None:
    """Module Webhook: ``{"triggercode", "object"}`` to an address, within what the user saves."""
    product = a_dolibarr()
    described: dict[str, Any] = {
        "event_secret": "in-the-address",
        "event": {
            "id": "object.id",
            "when": [{"path": "triggercode", "one_of": ["ACTION_CREATE", "ACTION_MODIFY"]}],
            "own": [{"path": "object.label", "equals": "Отказ от опросов"}],
            "always_answers": 200,
            "proof": {"kind": "token", "place": "path"},
        },
        "call": {
            "path": "agendaevents/{{ id }}",
            "id": "id",
            "occurred_at": "datep",
            "times": "unix",
            "when": [{"path": "type_code", "equals": "AC_TEL"}],
            "operator": "userownerid",
        },
        "facts": {"survey_type": {"field": "array_options.options_survey", "values": {"1": "calls"}}},
    }
    constants = {"user": str(dolibarr.USER)}
    made = connected("dolibarr", product.api, "api/index.php", token=dolibarr.KEY, constants=constants, **described)
    product.api.events["50"] = {
        "id": "50",
        "type_code": "AC_TEL",
        "datep": 1795331700,
        "userownerid": "4",
        "array_options": {"options_survey": "1"},
    }
    assert made.always_answers == 200
    with product.api.running():
        result = heard(made, "in-the-address", {"triggercode": "ACTION_CREATE", "object": {"id": "50", "label": "x"}})
        assert result["facts"] == {"survey_type": "calls"}
        assert result["call"] == {"id": "50", "operator": "4"}
        assert made.parse_event({}, "in-the-address", {}, b'{"triggercode": "USER_MODIFY", "object": {}}') == []
        made.close()


def test_a_record_of_odoo_comes_in_by_an_automation_rule() -> None:
    """Send Webhook Notification: ``{"_model", "_id", …}``, unsigned, so the secret stands in the address."""
    product = an_odoo()
    product.api.tables["x_call"] = {
        9: {"id": 9, "x_ended": "2026-11-22 07:15:00", "x_partner": [7, "О'Коннор"], "x_survey": "phone"}
    }
    asked = {"domain": [["id", "=", "{{ id | int }}"]], "fields": ["x_ended", "x_partner", "x_survey"]}
    described: dict[str, Any] = {
        "event_secret": "in-the-address",
        "event": {
            "id": "_id",
            "when": [{"path": "_model", "equals": "x_call"}],
            "proof": {"kind": "token", "place": "path"},
        },
        "call": {
            "method": "POST",
            "path": "x_call/search_read",
            "json": asked,
            "record": "[0]",
            "id": "id",
            "occurred_at": "x_ended",
            "card_id": "x_partner[0]",
            "default_card_type": "contact",
        },
        "facts": {"survey_type": {"field": "x_survey", "values": {"phone": "calls"}}},
        "time_zone": "UTC",
    }
    made = connected("odoo", product.api, "json/2", token=odoo.KEY, constants={"database": odoo.DATABASE}, **described)
    with product.api.running():
        result = heard(made, "in-the-address", {"_model": "x_call", "_id": 9, "_action": "x(#1)"})
        assert result["facts"] == {"survey_type": "calls"}
        assert result["occurred_at"] == "2026-11-22T07:15:00+00:00"
        assert result["card"]["id"] == "7"
        assert result["card"]["name"] == NAME
        with pytest.raises(CrmRefused):
            made.find("email", product.card, KEY)
        made.close()
