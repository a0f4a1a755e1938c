"""``[crm.amocrm]``: one way of signing in, within the documented quota."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import ValidationError

from connectors.amocrm import AmoConnector
from tests.connectors.amocrm.rig import oauth, settings

URL = "https://example.amocrm.ru"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"base_url": "example.amocrm.ru"}, "base_url"),
        ({"base_url": "https://user:pw@example.amocrm.ru"}, "base_url"),
        ({"token": ""}, "token"),
        ({"token": None}, "token"),
        ({"code": "c0de"}, "code"),
        ({"token": None, **oauth(), "client_secret": None}, "client_secret"),
        ({"token": None, "code": "c0de"}, "client_id"),
        ({"account_id": None}, "account_id"),
        ({"account_id": "30112233"}, "account_id"),
        ({"own_user": "700001"}, "own_user"),
        ({"task_type": 0}, "task_type"),
        ({"webhook_secret": "short"}, "webhook_secret"),
        ({"webhook_secret": "with a/slash-and-more"}, "webhook_secret"),
        ({"requests_per_second": 8}, "requests_per_second"),
        ({"requests_per_second": 0}, "requests_per_second"),
        ({"call_window_hours": 24}, "call_window_hours"),
        ({"facts": {"refuses": {}}}, "facts"),
        ({"tokenn": "x"}, "tokenn"),
    ],
)
def test_wrong_settings_name_the_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AmoConnector.Settings().load(settings(URL, **given))
    assert list(caught.value.messages_dict) == [field]


@pytest.mark.parametrize("first", [{"code": "c0de"}, {"code": None, "refresh_token": "r"}])
def test_oauth_takes_a_code_or_a_refresh_token(first: dict[str, Any]) -> None:
    loaded = AmoConnector.Settings().load(settings(URL, **oauth(**first)))
    assert loaded["token"] is None
    AmoConnector(loaded).close()


def test_by_default_the_account_is_never_asked_more_than_seven_times_in_a_second() -> None:
    given = settings(URL)
    del given["burst"]
    connector = AmoConnector(AmoConnector.Settings().load(given))
    limits = connector.limits()
    connector.close()
    assert limits.burst + limits.requests_per_second <= 7
    assert limits.requests_per_write == 11


def test_secrets_are_marked_and_not_shown() -> None:
    marked = {name for name, field in AmoConnector.Settings().fields.items() if field.metadata.get("secret")}
    assert marked == {"token", "client_secret", "code", "refresh_token", "webhook_secret"}


def test_it_says_what_it_can() -> None:
    assert (AmoConnector.most_writes, AmoConnector.sends_mail, AmoConnector.repeats_events) == (50, False, False)
