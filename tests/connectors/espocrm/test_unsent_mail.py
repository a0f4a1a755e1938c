"""Mails that EspoCRM could not send: kept as drafts, read before they are sent again, sent once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import responses

from connectors.base import Assignee, CrmUnavailable, Done, NotDone, Unknown
from connectors.espocrm import EspoConnector
from connectors.espocrm.unsent_mail import UnsentMails
from tests.connectors.espocrm.asking import MAIL, send
from tests.connectors.espocrm.payloads import KEY, URL, payload
from tests.connectors.espocrm.rig import EspoRig, rig
from tests.connectors.espocrm.server import SENDER

FAILED = {"X-Status-Reason": "sendingFail"}


class Shelf:
    """A store that other processes see as well."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.away = False

    def get(self, name: str) -> str | None:
        if self.away:
            raise CrmUnavailable("the store is away")
        return self.kept.get(name)

    def change(self, name: str, change: Callable[[str | None], str]) -> str:
        if self.away:
            raise CrmUnavailable("the store is away")
        self.kept[name] = change(self.kept.get(name))
        return self.kept[name]


def test_a_mail_that_could_not_be_sent_is_tried_again_later(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    crm.post(f"{URL}/Email", status=500, json=payload("error__sending_failed"), headers=FAILED)
    crm.get(f"{URL}/Email", json={"total": -1, "list": [payload("email__kept_as_draft")]})

    outcome = send(connector)

    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status, outcome.code) == (False, 500, "sendingFail")
    assert "petrova@example.org" not in outcome.why


def test_the_draft_is_sent_instead_of_a_second_mail(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.post(f"{URL}/Email", status=500, json=payload("error__sending_failed"), headers=FAILED)
    crm.get(f"{URL}/Email", json={"total": -1, "list": [payload("email__kept_as_draft")]})
    crm.get(f"{URL}/Email/{MAIL}", json=payload("email__kept_as_draft"))
    crm.put(f"{URL}/Email/{MAIL}", json=payload("email__sent"))

    assert isinstance(send(connector), NotDone)
    assert send(connector) == Done(MAIL)
    assert [call.request.method for call in crm.calls] == ["POST", "GET", "GET", "PUT"]
    assert json.loads(crm.calls[-1].request.body or b"") == {"status": "Sending"}


def test_as_long_as_the_crm_cannot_send_there_is_one_draft(espo: EspoRig) -> None:
    espo.server.smtp = "Connection refused"
    for _ in range(3):
        assert isinstance(send(espo.connector, espo.people[0]), NotDone)
    # The second failure leaves it Sending, and Sending again would send nothing.
    assert [mail["status"] for mail in espo.server.all("Email")] == ["Sending"]
    espo.server.smtp = None
    assert isinstance(send(espo.connector, espo.people[0]), Done)
    assert len(espo.server.mails) == len(espo.server.all("Email")) == 1
    # The next mail with another key is another mail.
    assert isinstance(espo.connector.notify_email(espo.people[1], "ИСКЛЮЧИТЬ", "x", "cd" * 32), Done)
    assert len(espo.server.mails) == 2


def test_what_may_still_be_on_its_way_is_made_a_draft_only_after_the_settling_time() -> None:
    with rig(settling_seconds=30.0) as espo:
        espo.server.smtp = "Connection refused"
        for _ in range(2):
            send(espo.connector, espo.people[0])
        espo.server.smtp = None
        espo.server.now += timedelta(seconds=20)
        early = send(espo.connector, espo.people[0])
        assert isinstance(early, NotDone)
        assert (early.permanent, early.after) == (False, 10.0)
        assert espo.server.mails == []
        espo.server.now += timedelta(seconds=10)
        assert isinstance(send(espo.connector, espo.people[0]), Done)
        assert len(espo.server.mails) == 1


@pytest.mark.parametrize("failures", [1, 2])
def test_a_mail_that_was_sent_by_hand_meanwhile_is_done(espo: EspoRig, failures: int) -> None:
    espo.server.smtp = "Connection refused"
    for _ in range(failures):
        send(espo.connector, espo.people[0])
    espo.server.smtp = None
    (mail,) = espo.server.all("Email")
    espo.server.send_by_hand(mail)
    assert send(espo.connector, espo.people[0]) == Done(mail["id"])
    assert len(espo.server.mails) == 1


def test_an_unsent_mail_that_cannot_be_looked_at_is_not_written_again(espo: EspoRig) -> None:
    espo.server.smtp = "Connection refused"
    send(espo.connector, espo.people[0])
    espo.server.smtp = None
    espo.server.role["Email"]["read"] = "no"
    assert isinstance(send(espo.connector, espo.people[0]), Unknown)
    assert len(espo.server.all("Email")) == 1
    assert espo.server.mails == []


def test_a_mail_that_was_archived_by_hand_is_written_anew(espo: EspoRig) -> None:
    espo.server.smtp = "Connection refused"
    send(espo.connector, espo.people[0])
    espo.server.smtp = None
    espo.server.all("Email")[0]["status"] = "Archived"
    assert isinstance(send(espo.connector, espo.people[0]), Done)
    assert len(espo.server.mails) == 1


def test_another_process_knows_the_draft(espo: EspoRig) -> None:
    shelf = Shelf()
    other = EspoConnector(espo.connector.settings)
    for connector in (espo.connector, other):
        assert isinstance(connector, EspoConnector)
        connector.keep_in(shelf)
    espo.server.smtp = "Connection refused"
    send(espo.connector, espo.people[0])
    espo.server.smtp = None
    assert isinstance(send(other, espo.people[0]), Done)
    other.close()
    assert len(espo.server.all("Email")) == 1
    assert shelf.kept == {"espocrm.drafts": "{}"}


@pytest.mark.parametrize("broken", ["away", "garbled"])
def test_a_store_that_fails_costs_a_draft_and_no_mail(espo: EspoRig, broken: str) -> None:
    shelf = Shelf()
    espo.connector.keep_in(shelf)
    espo.server.smtp = "Connection refused"
    send(espo.connector, espo.people[0])
    espo.server.smtp = None
    shelf.away = broken == "away"
    shelf.kept["espocrm.drafts"] = "{"
    assert isinstance(send(espo.connector, espo.people[0]), Done)
    assert len(espo.server.mails) == 1


def test_a_draft_that_was_deleted_by_hand_is_written_anew(espo: EspoRig) -> None:
    espo.server.smtp = "Connection refused"
    send(espo.connector, espo.people[0])
    espo.server.records["Email"].clear()
    espo.server.smtp = None
    assert isinstance(send(espo.connector, espo.people[0]), Done)
    assert len(espo.server.mails) == 1


def test_no_write_makes_more_requests_than_leases_are_reckoned_by(espo: EspoRig) -> None:
    person = Assignee("coordinator")
    espo.server.smtp = "Connection refused"
    send(espo.connector, person)
    espo.server.records["Email"].clear()
    before = len(espo.server.requests)
    other = EspoConnector(espo.connector.settings)
    shelf = Shelf()
    shelf.kept["espocrm.drafts"] = json.dumps({KEY: "65f000000000000ff"})
    other.keep_in(shelf)
    send(other, person)
    other.close()
    # A refusal without a word would cost one more.
    assert len(espo.server.requests) - before == espo.connector.limits().requests_per_write - 1


def test_drafts_are_forgotten_in_the_end() -> None:
    drafts = UnsentMails()
    for number in range(250):
        drafts.put(f"{number:064x}", str(number))
    assert drafts.get(f"{0:064x}") is None
    assert drafts.get(f"{249:064x}") == "249"


def test_a_crm_without_a_mail_server_leaves_it_unknown_and_then_unsent(espo: EspoRig) -> None:
    # NoSmtp: a bare 500 after the record was written with the status Sending.
    espo.server.senders, espo.server.own_addresses = [], [SENDER]
    assert isinstance(send(espo.connector, espo.people[0]), Unknown)
    assert espo.connector.find("email", None, KEY) is None
    espo.server.senders = [SENDER]
    assert isinstance(send(espo.connector, espo.people[0]), Done)
    assert len(espo.server.all("Email")) == 1


def test_an_address_that_may_not_be_sent_from_is_refused(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.post(f"{URL}/Email", status=403, headers={"X-Status-Reason": "Not allowed 'from' address."})
    outcome = send(connector)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 403)


def test_a_mail_that_the_crm_took_and_did_not_send_is_noticed(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    crm.post(f"{URL}/Email", json=payload("email__kept_as_draft"))
    crm.get(f"{URL}/Email/{MAIL}", json=payload("email__kept_as_draft"))
    crm.put(f"{URL}/Email/{MAIL}", json=payload("email__sent"))
    outcome = send(connector)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (False, "cut")
    assert send(connector) == Done(MAIL)
