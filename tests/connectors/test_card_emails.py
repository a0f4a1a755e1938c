"""A card's e-mail addresses, as each CRM writes them into its records."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from connectors.amocrm.contacts import AmoContacts
from connectors.base import CardRef
from connectors.espocrm.contacts import card_of
from connectors.kit.mapping import NO_FIELDS
from connectors.rest.contacts import RestContacts
from connectors.rest.context import TemplateValues
from connectors.rest.model import Shape
from connectors.rest.paths import Path

CONTACT = CardRef("contact", "7")


def test_espocrm_lists_all_of_a_record_that_is_read_by_itself() -> None:
    api: Any = SimpleNamespace(address=lambda entity, record_id: "https://crm.example.org")
    data = [{"emailAddress": "a@example.org", "primary": True}, {"emailAddress": "b@example.org"}, {}, "odd"]
    record = {"id": "7", "emailAddress": "a@example.org", "emailAddressData": data}
    assert card_of(api, "contact", record).emails == ("a@example.org", "b@example.org")
    assert card_of(api, "contact", {"id": "7", "emailAddress": None}).emails == ()


def test_amocrm_keeps_them_in_a_field_of_its_own_code() -> None:
    api: Any = SimpleNamespace(base_url="https://crm.example.org")
    fields = [
        {"field_code": "PHONE", "values": [{"value": "+79161234567"}]},
        {"field_code": "EMAIL", "values": [{"value": "a@example.org"}, {"value": ""}, "odd"]},
    ]
    card = AmoContacts(api, NO_FIELDS).shown(CONTACT, {"id": 7, "custom_fields_values": fields})
    assert (card.phones, card.emails) == (("+79161234567",), ("a@example.org",))


def test_a_description_says_where_they_are() -> None:
    settings = {"constants": {}, "time_zone": None, "auth": {"kind": "none"}}
    account: Any = None
    contacts = RestContacts(account, TemplateValues(settings), settings, lambda card: None)
    shape = Shape(emails=(Path.parse("mails[*].value"), Path.parse("mail")))
    record = {"mails": [{"value": "a@example.org"}, {"value": None}], "mail": "a@example.org"}
    assert contacts.shaped(shape, record).emails == ("a@example.org",)
