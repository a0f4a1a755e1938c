"""What was written with a key is found again by the CRM's own means, and absent is said only when it is sure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.base import CardRef, CrmRefused, CrmUnavailable, Done
from connectors.bitrix24 import Bitrix24Connector
from connectors.kit.reference_mark import reference_mark
from tests.connectors.bitrix24.rig import connected, with_webhook
from tests.connectors.bitrix24.server import Portal
from tests.connectors.bitrix24.writes import comment, reminder


def aged(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat(timespec="seconds")


def with_comments(portal: Portal, count: int, **values: Any) -> None:
    """Comments of other people, newer than all there are."""
    for _ in range(count):
        number = str(len(portal.records.comments) + 5001)
        record = {"ID": number, "ENTITY_ID": "42", "ENTITY_TYPE": "contact", "COMMENT": "Звонил.", "CREATED": aged()}
        portal.records.comments[number] = record | values


@pytest.mark.parametrize("kind", ["comment", "reminder"])
def test_what_was_never_written_is_absent(connector: Bitrix24Connector, card: CardRef, key: str, kind: Any) -> None:
    assert connector.find(kind, card, key) is None


def test_a_mail_or_notification_cannot_be_looked_for(connector: Bitrix24Connector, portal: Portal, key: str) -> None:
    assert connector.find("email", None, key) is None
    assert portal.requests == []


def test_a_comment_is_looked_for_in_its_card_only(connector: Bitrix24Connector, key: str) -> None:
    with pytest.raises(CrmRefused, match="only be looked for in the card"):
        connector.find("comment", None, key)


def test_a_card_that_is_gone_is_told_so_that_it_is_looked_for_elsewhere(connector: Bitrix24Connector, key: str) -> None:
    with pytest.raises(CrmRefused) as error:
        connector.find("comment", CardRef("contact", "404"), key)
    assert error.value.status == 404


def test_a_card_that_may_not_be_seen_is_not_taken_for_one_that_is_gone(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    portal.failing["crm.timeline.comment.list"] = [{"error": "", "error_description": "Access denied."}]
    with pytest.raises(CrmRefused) as error:
        connector.find("comment", card, key)
    assert error.value.status == 400


@pytest.mark.parametrize("answer", [{"a": 1}, None, "x", 7])
def test_an_answer_that_is_no_list_does_not_mean_absent(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str, answer: Any
) -> None:
    portal.records.run = lambda method, params: answer  # type: ignore[method-assign]
    with pytest.raises(CrmUnavailable):
        connector.find("comment", card, key)


def test_too_many_newer_ones_are_no_proof_of_absence(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    with_comments(portal, 2001)
    with pytest.raises(CrmRefused, match="too many records"):
        connector.find("comment", card, key)
    assert len(portal.requests) == 40


def test_a_key_of_another_write_is_not_taken_for_this_one(
    connector: Bitrix24Connector, card: CardRef, key: str
) -> None:
    other = key[:15] + ("0" if key[15] != "0" else "1") + key[16:]
    assert isinstance(connector.write([comment(card, other)])[0], Done)
    assert connector.find("comment", card, key) is None


@pytest.mark.parametrize("reminders", ["todo", "task"])
def test_comments_and_reminders_are_found_by_their_key(portal: Portal, card: CardRef, key: str, reminders: str) -> None:
    connector = connected(with_webhook(portal, reminders=reminders))
    written = connector.write([comment(card, key), reminder(card, key)])
    assert [Done(str(connector.find(kind, card, key))) for kind in ("comment", "reminder")] == written


@pytest.mark.parametrize("reminders", ["todo", "task"])
def test_a_reminder_is_found_without_its_card_as_well(portal: Portal, card: CardRef, key: str, reminders: str) -> None:
    connector = connected(with_webhook(portal, reminders=reminders))
    written = connector.write([reminder(card, key)])
    assert [Done(str(connector.find("reminder", None, key)))] == written


def test_a_done_reminder_is_found_too(connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str) -> None:
    connector.write([reminder(card, key)])
    portal.records.activities["1001"]["COMPLETED"] = "Y"
    assert connector.find("reminder", card, key) == "1001"


def test_the_mark_is_known_again_however_the_portal_shows_its_brackets(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    with_comments(portal, 1, COMMENT=f"Просит не звонить. &#91;{reference_mark(key)[1:-1]}&#93;")
    assert connector.find("comment", card, key) == "5001"


def test_it_is_found_behind_a_page_of_newer_ones(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    connector.write([comment(card, key)])
    with_comments(portal, 120)
    portal.requests.clear()
    assert connector.find("comment", card, key) == "1001"
    assert [request.data["start"] for request in portal.requests] == [0, 50, 100]


def test_it_is_not_looked_for_among_what_is_older_than_any_delivery(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    with_comments(portal, 500, CREATED=aged(days=40))
    assert connector.find("comment", card, key) is None
    assert len(portal.requests) == 1
