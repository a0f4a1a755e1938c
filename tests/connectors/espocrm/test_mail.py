"""Mails of the CRM: sent once, kept as drafts where they could not be, and then sent as they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.base import Assignee, Done, NotDone, Unknown
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.asking import MAIL, TEXT, send
from tests.connectors.espocrm.payloads import KEY, OWN_USER, PERSON, URL, payload
from tests.connectors.espocrm.rig import EspoRig
from tests.connectors.espocrm.server import OWN_USER as SERVERS_OWN_USER
from tests.support.fake_api import Fault

# --- not sent --------------------------------------------------------------------------------------


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
    own = {"body": TEXT, "createdById": SERVERS_OWN_USER}
    espo.server.add("Email", **own, status="Draft")
    sent = espo.server.add("Email", **own, status="Sent")
    espo.server.add("Email", **own, status="Draft")
    assert espo.connector.find("email", None, KEY) == sent
