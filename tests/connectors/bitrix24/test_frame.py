"""The operator's page opens only where the portal itself says whose the token is, and for the plugin's application."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import responses

from connectors.base import CardRef, CrmUnavailable, EventMalformed, EventNotAuthentic, FrameCall
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24 import server
from tests.connectors.bitrix24.conftest import fixture
from tests.connectors.bitrix24.outcomes import connector as played
from tests.connectors.bitrix24.rig import connected, with_application, with_client, with_webhook
from tests.connectors.bitrix24.server import Portal

Opening = tuple[dict[str, str], dict[str, str]]


@pytest.fixture
def host(portal: Portal) -> Iterator[Bitrix24Connector]:
    with_client(portal)
    connector = connected(with_webhook(portal, client_id=server.CLIENT_ID, frame_token=server.APPLICATION_TOKEN))
    yield connector
    connector.close()


def opening(portal: Portal, payload: str = "placement__call_card", **changed: str) -> Opening:
    given = fixture(payload)
    domain = portal.url.partition("://")[2]
    return given["query"] | {"DOMAIN": domain}, given["form"] | changed


def options(**values: Any) -> str:
    given = json.loads(fixture("placement__call_card")["form"]["PLACEMENT_OPTIONS"])
    return json.dumps({key: value for key, value in (given | values).items() if value is not None})


# --- failures -----------------------------------------------------------------------------------------------


def test_without_a_client_id_nobody_is_believed(connector: Bitrix24Connector, portal: Portal) -> None:
    with pytest.raises(EventNotAuthentic, match="no client_id is set"):
        connector.open_frame(*opening(portal))
    assert portal.requests == []


def test_without_a_proof_of_the_portal_nobody_is_believed(portal: Portal) -> None:
    connector = connected(with_webhook(portal, client_id=server.CLIENT_ID))
    with pytest.raises(EventNotAuthentic, match="neither frame_token nor member_id is set"):
        connector.open_frame(*opening(portal))
    assert portal.requests == []


def test_a_token_that_was_refused_is_not_asked_about_again(host: Bitrix24Connector, portal: Portal) -> None:
    forged = opening(portal, AUTH_ID="0123456789abcdef0123456789abcdef")
    for _ in range(3):
        with pytest.raises(EventNotAuthentic):
            host.open_frame(*forged)
    assert len(portal.requests) == 1
    host.open_frame(*opening(portal))


def test_openings_take_a_fifth_of_the_quota_and_wait_no_longer_than_a_moment(portal: Portal) -> None:
    with_client(portal)
    slow = {"requests_per_second": 1.0, "burst": 50, "frame_token": server.APPLICATION_TOKEN}
    connector = connected(with_webhook(portal, client_id=server.CLIENT_ID, **slow))
    for _ in range(10):
        connector.open_frame(*opening(portal))
    started = time.monotonic()
    with pytest.raises(CrmUnavailable) as error:
        connector.open_frame(*opening(portal))
    assert time.monotonic() - started < 1.0
    assert error.value.after is not None
    assert len(portal.requests) == 10
    # What deliveries need is left.
    assert connector.read_card(CardRef("contact", "42")) is not None


def test_a_card_is_read_by_the_operators_own_rights(host: Bitrix24Connector, portal: Portal) -> None:
    portal.failing["crm.item.get"] = [{"error": "ACCESS_DENIED", "error_description": "Access denied."}]
    opened = host.open_frame(*opening(portal, "placement__contact_tab"))
    assert opened == FrameCall("7", None, None, CardRef("contact", "42"), None, card_seen=False)
    assert [request.path for request in portal.requests] == ["/rest/batch"]
    assert portal.requests[0].data["auth"] == server.FRAME_AUTH


@pytest.mark.parametrize(
    "forged",
    [
        {"APPLICATION_TOKEN": "wrong"},
        {"APPLICATION_TOKEN": ""},
        {"AUTH_ID": ""},
        {"AUTH_ID": "short"},
        {"AUTH_ID": "x" * 300},
        {"AUTH_ID": "4172bb66/../batch?auth=1"},
    ],
)
def test_a_forged_opening_is_refused_without_asking_the_portal(
    host: Bitrix24Connector, portal: Portal, forged: dict[str, str]
) -> None:
    with pytest.raises(EventNotAuthentic):
        host.open_frame(*opening(portal, **forged))
    assert portal.requests == []


def test_another_portals_opening_is_refused(portal: Portal, host: Bitrix24Connector) -> None:
    query, form = opening(portal)
    with pytest.raises(EventNotAuthentic, match="another portal"):
        host.open_frame(query | {"DOMAIN": "evil.example.org"}, form)
    strict = connected(with_webhook(portal, client_id=server.CLIENT_ID, member_id="another"))
    with pytest.raises(EventNotAuthentic, match="member_id differs"):
        strict.open_frame(query, form)
    assert portal.requests == []


@responses.activate
def test_the_token_is_shown_to_the_portal_of_the_settings_alone() -> None:
    responses.post("https://portal.example.org/rest/batch", json={"error": "expired_token"}, status=401)
    given = fixture("placement__call_card")
    form = given["form"] | {"SERVER_ENDPOINT": "https://evil.example.org/rest/"}
    with pytest.raises(EventNotAuthentic) as error:
        played(client_id=server.CLIENT_ID, member_id=given["form"]["member_id"]).open_frame(given["query"], form)
    assert [call.request.url for call in responses.calls] == ["https://portal.example.org/rest/batch"]
    assert form["AUTH_ID"] not in str(error.value)


@pytest.mark.parametrize("auth", ["access-of-yesterday-0123456789", "0123456789abcdef0123456789abcdef"])
def test_a_token_that_the_portal_does_not_take_is_refused(host: Bitrix24Connector, portal: Portal, auth: str) -> None:
    with pytest.raises(EventNotAuthentic):
        host.open_frame(*opening(portal, AUTH_ID=auth.replace("-", "")))


def test_a_token_of_another_application_is_refused(host: Bitrix24Connector, portal: Portal) -> None:
    portal.records.application["CODE"] = "local.another"
    with pytest.raises(EventNotAuthentic, match="another application"):
        host.open_frame(*opening(portal))


def test_a_user_who_is_no_longer_active_is_refused(host: Bitrix24Connector, portal: Portal) -> None:
    run = portal.records.run
    portal.records.run = lambda method, params: {} if method == "profile" else run(method, params)  # type: ignore[method-assign]
    with pytest.raises(EventNotAuthentic, match="no active user"):
        host.open_frame(*opening(portal))


def test_a_portal_that_does_not_answer_just_now_is_asked_again(host: Bitrix24Connector, portal: Portal) -> None:
    portal.failing["profile"] = [{"error": "QUERY_LIMIT_EXCEEDED", "error_description": ""}]
    with pytest.raises(CrmUnavailable):
        host.open_frame(*opening(portal))


@pytest.mark.parametrize(
    "broken",
    [
        {"PLACEMENT": "DEFAULT"},
        {"PLACEMENT": "CRM_CONTACT_DETAIL_TAB"},
        {"PLACEMENT_OPTIONS": ""},
        {"PLACEMENT_OPTIONS": "[]"},
        {"PLACEMENT_OPTIONS": "{"},
        {"PLACEMENT_OPTIONS": "[" * 30_000},
        {"PLACEMENT_OPTIONS": '{"CALL_ID": ""}'},
    ],
)
def test_an_opening_for_nothing_is_malformed(host: Bitrix24Connector, portal: Portal, broken: dict[str, str]) -> None:
    with pytest.raises(EventMalformed):
        host.open_frame(*opening(portal, **broken))


# --- successes ----------------------------------------------------------------------------------------------


def test_the_documented_call_card_opens_for_its_call(host: Bitrix24Connector, portal: Portal) -> None:
    portal.records.add_item("company", "17", title="ООО «Ромашка»")
    assert host.open_frame(*opening(portal)) == FrameCall(
        operator="7",
        call_id="externalCall.c3ee67f1a63f6e6117c230ab59cc49ea.1723556778",
        phone="+79001234567",
        card=CardRef("company", "17"),
        name="ООО «Ромашка»",
        card_seen=True,
    )


def test_the_documented_tab_opens_for_its_card(host: Bitrix24Connector, portal: Portal) -> None:
    assert host.open_frame(*opening(portal, "placement__contact_tab")) == FrameCall(
        "7", None, "8 (916) 123-45-67", CardRef("contact", "42"), "Иванов Иван Иванович", card_seen=True
    )


def test_of_several_cards_the_persons_own_is_taken(host: Bitrix24Connector, portal: Portal) -> None:
    bindings = [{"ENTITY_TYPE": "DEAL", "ENTITY_ID": "25"}, {"ENTITY_TYPE": "CONTACT", "ENTITY_ID": "42"}]
    opened = host.open_frame(*opening(portal, PLACEMENT_OPTIONS=options(CRM_BINDINGS=bindings)))
    assert opened.card == CardRef("contact", "42")


@pytest.mark.parametrize("nothing", [{"CRM_ENTITY_TYPE": "", "CRM_ENTITY_ID": "0"}, {"CRM_ENTITY_TYPE": None}])
def test_a_call_that_the_portal_knows_no_card_of_opens_without_one(
    host: Bitrix24Connector, portal: Portal, nothing: dict[str, Any]
) -> None:
    given = options(CRM_BINDINGS=None, **nothing)
    opened = host.open_frame(*opening(portal, PLACEMENT_OPTIONS=given))
    assert (opened.card, opened.name, opened.phone) == (None, None, "+79001234567")


def test_a_card_that_was_deleted_meanwhile_is_left_out(host: Bitrix24Connector, portal: Portal) -> None:
    assert host.open_frame(*opening(portal)).card is None


def test_an_application_opens_its_own_page(portal: Portal) -> None:
    with_client(portal)
    connector = connected(with_application(portal))
    assert connector.open_frame(*opening(portal, "placement__contact_tab")).operator == "7"
    strict = connected(with_application(portal, frame_token="another"))
    with pytest.raises(EventNotAuthentic, match="APPLICATION_TOKEN"):
        strict.open_frame(*opening(portal, "placement__contact_tab"))
