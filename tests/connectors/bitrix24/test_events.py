"""Events are taken from the portal alone, and name what is to be read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.base import EventMalformed, EventNotAuthentic, Reference
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24 import server
from tests.connectors.bitrix24.conftest import fixture
from tests.connectors.bitrix24.outcomes import connector
from tests.connectors.bitrix24.rig import call_end

TOKEN = {"application_token": server.APPLICATION_TOKEN}


def form(event: Mapping[str, Any]) -> bytes:
    """As the portal's queue sends it: a form in PHP's notation."""
    return urlencode(list(_pairs(event))).encode()


def _pairs(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        name = f"{prefix}[{key}]" if prefix else key
        if isinstance(inner, Mapping):
            yield from _pairs(inner, name)
        else:
            yield name, inner


def heard(crm: Bitrix24Connector, body: bytes) -> list[Any]:
    return list(crm.parse_event({"content-type": "application/x-www-form-urlencoded"}, None, {}, body))


# --- authenticity -----------------------------------------------------------------------------------------


def test_without_a_token_in_the_settings_no_event_is_believed() -> None:
    with pytest.raises(EventNotAuthentic, match="no application_token is set"):
        heard(connector(), call_end())


@pytest.mark.parametrize(
    "forged",
    [
        {"auth[application_token]": ""},
        {"auth[application_token]": server.APPLICATION_TOKEN.upper()},
        {"auth[application_token]": server.APPLICATION_TOKEN + "0"},
        {"auth[application_token]": "неверный"},
        {"auth[application_token][x]": server.APPLICATION_TOKEN, "auth[application_token]": ""},
    ],
)
def test_an_event_with_a_wrong_token_is_not_authentic(forged: dict[str, str]) -> None:
    with pytest.raises((EventNotAuthentic, EventMalformed)):
        heard(connector(**TOKEN), call_end(**forged))


@pytest.mark.parametrize(
    "body", [b"", b"event=ONVOXIMPLANTCALLEND", b"auth=" + server.APPLICATION_TOKEN.encode(), b"{}"]
)
def test_an_event_without_any_token_is_not_authentic(body: bytes) -> None:
    with pytest.raises(EventNotAuthentic):
        heard(connector(**TOKEN), body)


def test_an_event_of_another_portal_is_not_authentic() -> None:
    crm = connector(**TOKEN, member_id=server.MEMBER)
    assert heard(crm, call_end())
    with pytest.raises(EventNotAuthentic, match="member_id differs"):
        heard(crm, call_end(**{"auth[member_id]": "another"}))


def test_a_refusal_tells_no_token() -> None:
    for crm in (connector(), connector(**TOKEN)):
        with pytest.raises(EventNotAuthentic) as error:
            heard(crm, call_end(**{"auth[application_token]": "guessed-token"}))
        assert server.APPLICATION_TOKEN not in str(error.value)
        assert "guessed-token" not in str(error.value)


# --- form ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"&".join(b"a%d=1" % number for number in range(501)),
        b"data=1&data[CALL_ID]=x",
    ],
)
def test_what_is_no_form_of_the_portal_is_malformed(body: bytes) -> None:
    with pytest.raises(EventMalformed):
        heard(connector(**TOKEN), body)


@pytest.mark.parametrize(
    "broken",
    [
        {"data[CALL_ID]": ""},
        {"data[CALL_ID]": "с пробелом"},
        {"data[CALL_ID]": "x" * 201},
        {"event": ""},
        {"event": "ONCRMACTIVITYADD"},
        {"event": "ONCRMCONTACTUPDATE"},
    ],
)
def test_an_event_that_names_nothing_to_read_is_malformed(broken: dict[str, str]) -> None:
    with pytest.raises(EventMalformed):
        heard(connector(**TOKEN), call_end(**broken))


# --- what they name -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            "onvoximplantcallend__cancelled",
            [Reference("call", "externalCall.7b0c7de811455ef32b18dc5917e4306a.1773239327", {"activity": "7953"})],
        ),
        ("oncrmactivityupdate__application", [Reference("activity", "999")]),
        ("oncrmactivityadd__outgoing_webhook", [Reference("activity", "7405")]),
        ("oncrmdynamicitemupdate__application", [Reference("item", "24")]),
        ("oncrmdealadd__outgoing_webhook", [Reference("card", "deal:7405")]),
    ],
)
def test_the_documented_events_name_what_is_read_again(payload: str, expected: list[Reference]) -> None:
    event = fixture(payload)
    crm = connector(application_token=event["auth"]["application_token"], record_type=1220)
    assert heard(crm, form(event)) == expected


def test_a_call_without_an_activity_is_named_alone() -> None:
    found = heard(connector(**TOKEN), call_end(**{"data[CRM_ACTIVITY_ID]": "0"}))
    assert found == [Reference("call", "externalCall.7b0c7de811455ef32b18dc5917e4306a.1773239327")]


@pytest.mark.parametrize("event", ["ONAPPUNINSTALL", "ONTASKADD", "ONCRMDEALDELETE", "ONCRMDYNAMICITEMUPDATE"])
def test_events_of_no_interest_are_taken_and_mean_nothing(event: str) -> None:
    assert heard(connector(**TOKEN), call_end(event=event)) == []


def test_an_item_of_another_smart_process_is_none_of_ours() -> None:
    event = fixture("oncrmdynamicitemupdate__application")
    assert heard(connector(**TOKEN, record_type=1221), form(event)) == []


def test_the_portal_does_not_send_an_event_again() -> None:
    assert Bitrix24Connector.repeats_events is False


@pytest.mark.parametrize("odd", [b"", b"data[COMMENT]=%C8%E2&", b"data[COMMENT]=\xc8\x00&"])
def test_a_byte_order_mark_and_what_nobody_needs_spoil_no_event(odd: bytes) -> None:
    expected = heard(connector(**TOKEN), call_end())
    assert expected
    assert heard(connector(**TOKEN), b"\xef\xbb\xbf" + odd + call_end()) == expected
