"""Mails of the CRM: sent once, kept as drafts where they could not be, and then sent as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.base import Assignee, CrmUnavailable, Done, NotDone, Unknown
from connectors.espocrm import EspoConnector
from connectors.espocrm.unsent_mail import UnsentMails
from tests.connectors.espocrm.payloads import KEY, OWN_USER, PERSON, URL, payload
from tests.connectors.espocrm.rig import EspoRig
from tests.support.fake_api import Fault

MAIL = "65f1c0de000000801"
TEXT = "Исключить <до> срока\n[ref:abababababababab]"
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


def send(connector: EspoConnector, person: Assignee = PERSON) -> Any:
    return connector.notify_email(person, "ИСКЛЮЧИТЬ", TEXT, KEY)


# --- not sent --------------------------------------------------------------------------------------


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
    crm.put(f"{URL}/Email/{MAIL}", json=payload("email__sent"))

    assert isinstance(send(connector), NotDone)
    assert send(connector) == Done(MAIL)
    assert [call.request.method for call in crm.calls] == ["POST", "GET", "PUT"]
    assert json.loads(crm.calls[-1].request.body or b"") == {"status": "Sending"}


def test_as_long_as_the_crm_cannot_send_there_is_one_draft(espo: EspoRig) -> None:
    espo.server.smtp = "Connection refused"
    for _ in range(3):
        assert isinstance(send(espo.connector, espo.people[0]), NotDone)
    assert [mail["status"] for mail in espo.server.all("Email")] == ["Draft"]
    espo.server.smtp = None
    assert isinstance(send(espo.connector, espo.people[0]), Done)
    assert len(espo.server.mails) == len(espo.server.all("Email")) == 1
    # The next mail with another key is another mail.
    assert isinstance(espo.connector.notify_email(espo.people[1], "ИСКЛЮЧИТЬ", "x", "cd" * 32), Done)
    assert len(espo.server.mails) == 2


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


def test_a_draft_that_somebody_deleted_is_written_anew(espo: EspoRig) -> None:
    espo.server.smtp = "Connection refused"
    send(espo.connector, espo.people[0])
    espo.server.records["Email"].clear()
    espo.server.smtp = None
    assert isinstance(send(espo.connector, espo.people[0]), Done)
    assert len(espo.server.mails) == 1


def test_no_write_makes_more_requests_than_leases_are_reckoned_by(espo: EspoRig) -> None:
    person = Assignee(espo.people[0].user)
    espo.server.smtp = "Connection refused"
    send(espo.connector, person)
    espo.server.records["Email"].clear()
    before = len(espo.server.requests)
    send(espo.connector, person)
    assert len(espo.server.requests) - before == espo.connector.limits().requests_per_write


def test_drafts_are_forgotten_in_the_end() -> None:
    drafts = UnsentMails()
    for number in range(250):
        drafts.put(f"{number:064x}", str(number))
    assert drafts.get(f"{0:064x}") is None
    assert drafts.get(f"{249:064x}") == "249"


def test_a_crm_without_a_mail_server_leaves_it_unknown_and_then_unsent(espo: EspoRig) -> None:
    # NoSmtp: a bare 500 after the record was written with the status Sending.
    espo.server.senders = ["another@example.org"]
    assert isinstance(send(espo.connector, espo.people[0]), Unknown)
    assert espo.connector.find("email", None, KEY) is None
    espo.server.senders = ["crm@example.org"]
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
    crm.put(f"{URL}/Email/{MAIL}", json=payload("email__sent"))
    outcome = send(connector)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (False, "cut")
    assert send(connector) == Done(MAIL)


def test_without_a_sender_no_mail_goes_out(crm: responses.RequestsMock, make: Callable[..., EspoConnector]) -> None:
    outcome = send(make(mail_sender=None))
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    assert "mail_sender" in outcome.why
    assert len(crm.calls) == 0


@pytest.mark.parametrize(
    ("status", "user", "permanent"),
    [(200, {"emailAddress": None}, False), (404, {}, False), (403, {}, True), (500, {}, False)],
)
def test_a_person_without_an_address_is_not_mailed(
    crm: responses.RequestsMock, connector: EspoConnector, status: int, user: dict[str, Any], permanent: bool
) -> None:
    reason = {"X-Status-Reason": "x"}
    crm.get(f"{URL}/User/{PERSON.user}", status=status, json=payload("user__employee") | user, headers=reason)
    outcome = send(connector, Assignee(PERSON.user))
    assert isinstance(outcome, NotDone)
    assert outcome.permanent is permanent


def test_nobody_is_not_mailed(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    outcome = send(connector, Assignee())
    assert isinstance(outcome, NotDone)
    assert outcome.permanent


# --- sent ------------------------------------------------------------------------------------------


def test_a_mail_is_plain_text_with_the_exact_subject(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.post(f"{URL}/Email", json=payload("email__sent"))
    assert send(connector) == Done(MAIL)
    assert json.loads(crm.calls[0].request.body or b"") == {
        "from": "crm@example.org",
        "to": "petrova@example.org",
        "name": "ИСКЛЮЧИТЬ",
        "subject": "ИСКЛЮЧИТЬ",
        "body": TEXT,
        "isHtml": False,
        "status": "Sending",
    }


def test_without_an_address_of_the_role_the_users_own_is_taken(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    crm.get(f"{URL}/User/{PERSON.user}", json=payload("user__employee"))
    crm.post(f"{URL}/Email", json=payload("email__sent"))
    assert send(connector, Assignee(PERSON.user)) == Done(MAIL)
    assert json.loads(crm.calls[-1].request.body or b"")["to"] == "petrova@example.org"


# --- find ------------------------------------------------------------------------------------------


def test_a_mail_is_looked_for_by_its_mark_among_those_of_the_api_user(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    crm.get(f"{URL}/Email", json={"total": -1, "list": [payload("email__sent")]})
    assert connector.find("email", None, KEY) == MAIL
    asked: Any = crm.calls[0].request
    assert asked.params["where[0][attribute]"] == "body"
    assert asked.params["where[0][value]"] == "ref:abababababababab"
    assert [asked.params[f"where[1][value][{place}][value]"] for place in range(3)] == ["Sent", "Draft", "Sending"]
    assert asked.params["where[2][value]"] == OWN_USER


def test_a_mail_whose_answer_was_lost_is_found(espo: EspoRig) -> None:
    espo.fault(Fault.DROP_AFTER)
    assert isinstance(send(espo.connector, espo.people[0]), Unknown)
    assert espo.connector.find("email", espo.card, KEY) == espo.server.all("Email")[0]["id"]
    assert espo.connector.find("email", espo.card, "cd" * 32) is None


def test_a_draft_is_no_mail_and_is_sent_at_the_next_try(espo: EspoRig) -> None:
    espo.server.smtp = "Connection refused"
    send(espo.connector, espo.people[0])
    espo.server.smtp = None
    # Another process, which never heard of the failure.
    connector = EspoConnector(espo.connector.settings)
    assert connector.find("email", None, KEY) is None
    assert isinstance(send(connector, espo.people[0]), Done)
    connector.close()
    assert len(espo.server.all("Email")) == 1


def test_a_sent_mail_counts_more_than_a_draft_beside_it(espo: EspoRig) -> None:
    espo.server.add("Email", body=TEXT, status="Draft")
    sent = espo.server.add("Email", body=TEXT, status="Sent")
    espo.server.add("Email", body=TEXT, status="Draft")
    assert espo.connector.find("email", None, KEY) == sent
