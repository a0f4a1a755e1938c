"""``[crm.espocrm]``: what is refused, what is assumed, and that no secret is shown."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import settings

GIVEN = {"base_url": "https://crm.example.org", "api_key": "k"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"api_key": ""}, "api_key"),
        ({"base_url": "https://u:p@crm.example.org"}, "base_url"),
        ({"hmac_secret_key": ""}, "hmac_secret_key"),
        ({"own_user": "a/b"}, "own_user"),
        ({"webhooks": ""}, "webhooks"),
        ({"webhooks": ["Call.create a b"]}, "webhooks"),
        ({"webhooks": "Call.create 65f1"}, "webhooks"),
        ({"webhooks": "Call.created 65f1 key"}, "webhooks"),
        ({"webhooks": "call.create 65f1 key"}, "webhooks"),
        ({"webhooks": "Call.create 65/f1 key"}, "webhooks"),
        ({"external_id_field": "c external"}, "external_id_field"),
        ({"card_types": ["deal"]}, "card_types"),
        ({"card_types": []}, "card_types"),
        ({"search_in": ["account"]}, "search_in"),
        ({"mail_sender": "crm"}, "mail_sender"),
        ({"popup_minutes": [-1]}, "popup_minutes"),
        ({"popup_minutes": [1.5]}, "popup_minutes"),
        ({"statuses": {"Held": "finished"}}, "statuses"),
        ({"facts": {"kind": {}}}, "facts"),
        ({"apikey": "k"}, "apikey"),
    ],
)
def test_wrong_settings_name_the_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EspoConnector.Settings().load(GIVEN | changes)
    assert list(caught.value.messages_dict) == [field]


def test_a_wrong_webhook_is_named_by_its_place_without_its_key() -> None:
    with pytest.raises(ValidationError) as caught:
        EspoConnector.Settings().load(GIVEN | {"webhooks": "Call.create 65f1 k3y\nCall.update s3cret"})
    assert "webhook 2 is not" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_webhooks_stand_one_a_line_or_between_semicolons() -> None:
    found = settings(webhooks="Call.create 65f1 a\r\n\n  Call.fieldUpdate.status 65f2 b ; CSurvey.update 65f3 c")[
        "webhooks"
    ]
    assert [(item.event, item.entity, item.id, item.secret) for item in found] == [
        ("Call.create", "Call", "65f1", "a"),
        ("Call.fieldUpdate.status", "Call", "65f2", "b"),
        ("CSurvey.update", "CSurvey", "65f3", "c"),
    ]
    assert repr(found[0]) == "Webhook(Call.create, 65f1)"


def test_what_is_left_out_is_assumed() -> None:
    found = EspoConnector.Settings().load(GIVEN)
    assert found["external_id_field"] == "cExternalId"
    assert found["card_types"] == ["contact", "lead", "account", "opportunity", "case"]
    assert (found["requests_per_second"], found["search_in"], found["webhooks"]) == (5.0, ["contact"], ())


def test_statuses_of_ones_own_stand_beside_the_usual_ones() -> None:
    found = settings(statuses={"No answer": "none"})["statuses"]
    assert found == {"Held": "over", "Planned": "open", "Not Held": "none", "No answer": "none"}


def test_secrets_are_marked() -> None:
    fields = EspoConnector.Settings().fields
    secret = {name for name, field in fields.items() if field.metadata.get("secret")}
    assert secret == {"api_key", "hmac_secret_key", "webhooks"}


def test_limits_come_from_the_settings() -> None:
    connector = EspoConnector(settings(requests_per_second=3, burst=2, settling_seconds=7))
    limits = connector.limits()
    connector.close()
    assert (limits.requests_per_second, limits.burst, limits.settling_seconds) == (3, 2, 7)
    assert (limits.requests_per_write, limits.requests_per_event) == (6, 4)
