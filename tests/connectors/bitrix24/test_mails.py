"""Mails from a mailbox connected to the portal: exact subject, and a repeat with the same key is no second mail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.base import Assignee, CardRef, Done, EmailWrite, NotDone, Unknown
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24.rig import connected, with_application, with_webhook
from tests.connectors.bitrix24.server import Portal
from tests.connectors.bitrix24.writes import whole_call
from tests.support.fake_api import Fault

PERSON = Assignee("5", "five@example.org")


@pytest.fixture
def mailer(portal: Portal) -> Iterator[Bitrix24Connector]:
    portal.records.senders = ["box@example.org"]
    connector = connected(with_webhook(portal, mail="message", mail_from="box@example.org"))
    yield connector
    connector.close()


def test_without_an_address_nothing_is_sent(mailer: Bitrix24Connector, portal: Portal, key: str) -> None:
    outcome = mailer.notify_email(Assignee("5"), "ИСКЛЮЧИТЬ", "Исключить.", key)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert portal.requests == []


def test_a_mailbox_that_does_not_send_just_now_is_tried_again(
    mailer: Bitrix24Connector, portal: Portal, key: str
) -> None:
    portal.records.senders = []
    outcome = mailer.notify_email(PERSON, "ИСКЛЮЧИТЬ", "Исключить.", key)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (False, "MESSAGE_SEND_FAILED")


@pytest.mark.parametrize("fault", [Fault.TIME_OUT_AFTER, Fault.ERROR_AFTER, Fault.DROP_AFTER])
def test_a_mail_whose_answer_was_lost_is_sent_once(
    mailer: Bitrix24Connector, portal: Portal, key: str, fault: Fault
) -> None:
    portal.fault(fault)
    assert isinstance(mailer.notify_email(PERSON, "ИСКЛЮЧИТЬ", "Исключить.", key), Unknown)
    assert isinstance(mailer.notify_email(PERSON, "ИСКЛЮЧИТЬ", "Исключить.", key), Done)
    assert len(portal.records.mails) == 1


def test_a_mail_that_went_out_with_another_wording_went_out(
    mailer: Bitrix24Connector, portal: Portal, key: str
) -> None:
    first = mailer.notify_email(PERSON, "ИСКЛЮЧИТЬ", "Исключить.", key)
    assert mailer.notify_email(PERSON, "ИСКЛЮЧИТЬ", "Исключить, срок прошёл.", key) == first
    assert len(portal.records.mails) == 1


def test_the_subject_is_exact_and_markup_is_shown(mailer: Bitrix24Connector, portal: Portal, key: str) -> None:
    assert mailer.notify_email(PERSON, "ИСКЛЮЧИТЬ", "Имя: <b>Иван</b>\nСрок: завтра", key) == Done(f"mail-{key[:16]}")
    assert portal.records.mails == [
        {
            "from": "box@example.org",
            "to": ["five@example.org"],
            "subject": "ИСКЛЮЧИТЬ",
            "body": "Имя: &lt;b&gt;Иван&lt;/b&gt;<br>\nСрок: завтра",
        }
    ]
    assert portal.requests[0].headers["idempotency-key"] == key


def test_an_application_sends_mails_with_its_token(portal: Portal, key: str) -> None:
    portal.records.senders = ["box@example.org"]
    connector = connected(with_application(portal, mail="message", mail_from="box@example.org"))
    assert isinstance(connector.notify_email(PERSON, "ИСКЛЮЧИТЬ", "Исключить.", key), Done)
    assert "auth" not in portal.records.mails[0]


def test_a_calls_other_writes_are_one_request_and_each_mail_one_more(
    mailer: Bitrix24Connector, portal: Portal, card: CardRef
) -> None:
    outcomes = mailer.write(whole_call(card, 1))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert [request.path.rpartition("/")[2] for request in portal.requests] == ["batch", *["mail.message.send"] * 2]


def test_many_mails_are_sent_in_several_goes(mailer: Bitrix24Connector, portal: Portal) -> None:
    mails = [EmailWrite(PERSON, "ИСКЛЮЧИТЬ", "Исключить.", f"{number:064x}") for number in range(8)]
    outcomes = mailer.write(mails)
    assert [type(outcome) for outcome in outcomes] == [Done] * 6 + [NotDone] * 2
    assert isinstance(outcomes[-1], NotDone)
    assert (outcomes[-1].permanent, outcomes[-1].after, outcomes[-1].status) == (False, 1.0, None)
    assert len(portal.requests) + 2 == mailer.limits().requests_per_write
    assert [type(outcome) for outcome in mailer.write(mails[6:])] == [Done, Done]
