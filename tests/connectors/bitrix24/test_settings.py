"""The settings of an account say what is wrong with them without repeating a secret."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from connectors.bitrix24 import Bitrix24Connector
from connectors.bitrix24.settings import is_call_field, mapped_fields, way_of
from tests.connectors.bitrix24.rig import FACTS

SECRET = "wh00kwh00kwh00k1"
WEBHOOK = f"https://portal.example.org/rest/1/{SECRET}/"
APPLICATION = {
    "portal": "https://portal.example.org",
    "client_id": "local.1",
    "client_secret": "s3cret",
    "refresh_token": "first",
}


def loaded(**settings: Any) -> Any:
    return Bitrix24Connector.Settings().load(settings)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "client_id"),
        ({"webhook": None}, "client_id"),
        ({name: APPLICATION[name] for name in ("portal", "client_id", "client_secret")}, "refresh_token"),
        ({"webhook": WEBHOOK, "client_secret": "s3cret"}, "client_secret"),
        ({"webhook": WEBHOOK, "portal": "https://portal.example.org"}, "portal"),
        ({"webhook": f"https://portal.example.org/{SECRET}"}, "webhook"),
        ({"webhook": f"https://portal.example.org/rest/1/{SECRET}/crm.deal.add"}, "webhook"),
        ({"webhook": f"https://user:pass@portal.example.org/rest/1/{SECRET}/"}, "webhook"),
        ({"webhook": f"ftp://portal.example.org/rest/1/{SECRET}/"}, "webhook"),
        (APPLICATION | {"portal": "https://user:pass@portal.example.org"}, "portal"),
        ({"webhook": WEBHOOK, "base_url": "https://portal.example.org"}, "base_url"),
        ({"webhook": WEBHOOK, "mail": "message"}, "mail_from"),
        ({"webhook": WEBHOOK, "mail": "message", "mail_from": "nobody"}, "mail_from"),
        ({"webhook": WEBHOOK, "mail": "pigeon"}, "mail"),
        ({"webhook": WEBHOOK, "reminders": "calendar"}, "reminders"),
        ({"webhook": WEBHOOK, "ping_minutes": [-1]}, "ping_minutes"),
        ({"webhook": WEBHOOK, "own_user": "ivanova"}, "own_user"),
        ({"webhook": WEBHOOK, "card_types": ["invoice"]}, "card_types"),
        ({"webhook": WEBHOOK, "card_types": []}, "card_types"),
        ({"webhook": WEBHOOK, "record_type": 3}, "record_type"),
        ({"webhook": WEBHOOK, "facts": FACTS}, "facts_changed_field"),
        ({"webhook": WEBHOOK, "facts": {"a": {"field": "B", "values": {"1": 2}}}}, "facts"),
        ({"webhook": WEBHOOK, "unknown": 1}, "unknown"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as error:
        loaded(**settings)
    assert list(error.value.messages) == [field]
    for secret in (SECRET, "s3cret", "pass@"):
        assert secret not in str(error.value.messages)


@pytest.mark.parametrize("unresolved", [("webhook",), ("client_secret", "refresh_token")])
def test_a_secret_that_could_not_be_looked_up_is_not_told_twice(unresolved: tuple[str, ...]) -> None:
    given = {} if unresolved == ("webhook",) else {name: APPLICATION[name] for name in ("portal", "client_id")}
    Bitrix24Connector.Settings().load(given, partial=unresolved)


@pytest.mark.parametrize("webhook", [WEBHOOK, WEBHOOK.rstrip("/")])
def test_a_webhook_says_where_and_as_whom(webhook: str) -> None:
    way = way_of(loaded(webhook=webhook))
    assert (way.portal, way.webhook_user) == ("https://portal.example.org", "1")
    assert (way.v2, way.v3) == (f"rest/1/{SECRET}", f"rest/api/1/{SECRET}")
    assert SECRET not in repr(way)


def test_an_application_comes_in_by_the_portals_address() -> None:
    way = way_of(loaded(**APPLICATION))
    assert (way.portal, way.v2, way.v3, way.webhook_user) == ("https://portal.example.org", "rest", "rest/api", None)


def test_every_secret_is_marked_as_one() -> None:
    secret = {name for name, field in Bitrix24Connector.Settings().fields.items() if field.metadata.get("secret")}
    assert secret == {"webhook", "client_secret", "refresh_token", "application_token", "frame_token"}


@pytest.mark.parametrize(
    ("name", "of_call"),
    [("COMMENT", True), ("RESULT_MARK", True), ("UF_CRM_1700000001", False), ("comments", False), ("ufCrm_1", False)],
)
def test_a_mapped_field_is_the_calls_or_the_cards_by_its_name(name: str, of_call: bool) -> None:
    assert is_call_field(name) is of_call


def test_the_mapping_is_divided_by_where_its_fields_stand() -> None:
    facts = loaded(webhook=WEBHOOK, facts=FACTS | {"note": {"field": "COMMENT"}}, facts_changed_field="UF_CRM_1")[
        "facts"
    ]
    assert [item.fact for item in mapped_fields(facts, of_call=True).fields] == ["note"]
    assert [item.fact for item in mapped_fields(facts, of_call=False).fields] == ["related_to_car", "survey_type"]


def test_answers_in_the_calls_own_records_or_a_smart_process_need_no_time_field() -> None:
    assert loaded(webhook=WEBHOOK, facts={"survey_type": {"field": "COMMENT"}})
    assert loaded(webhook=WEBHOOK, facts=FACTS, record_type=1220)
