"""Refused log-ins: the first one stops the requests, and an account that is shut out waits and loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import responses

from connectors.base import CrmRefused, CrmUnavailable, Done, NotDone, Outcome
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import CONTACT, KEY, URL, payload, settings
from tests.connectors.espocrm.rig import EspoRig, account

REASON = "X-Status-Reason"
TEXT = "Текст\n[ref:abababababababab]"


class Watch:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def connector(watch: Watch) -> Iterator[EspoConnector]:
    made = EspoConnector(settings(), monotonic=watch)
    yield made
    made.close()


def comment(connector: EspoConnector) -> Outcome:
    return connector.add_comment(CONTACT, TEXT, KEY)


# --- shut out --------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [{}, {REASON: "Max failed login attempts exceeded for IP address 10.1.2.3."}])
def test_a_shut_out_account_waits_a_minute_and_does_not_ask_meanwhile(
    crm: responses.RequestsMock, connector: EspoConnector, watch: Watch, reason: dict[str, str]
) -> None:
    crm.post(f"{URL}/Note", status=403, headers=reason)
    crm.get(f"{URL}/App/user", status=403)
    crm.get(f"{URL}/Contact/{CONTACT.id}", json=payload("contact__full"))

    outcome = comment(connector)

    assert isinstance(outcome, NotDone)
    # Throttling by the status that says so everywhere: the account is away, nothing is wrong with the comment.
    assert (outcome.permanent, outcome.after, outcome.status, outcome.code) == (False, 60.0, 429, "shutOut")
    assert "10.1.2.3" not in outcome.why

    asked = len(crm.calls)
    watch.seconds += 59.0
    again = comment(connector)
    assert isinstance(again, NotDone)
    assert (again.permanent, again.after, again.status) == (False, 1.0, 429)
    with pytest.raises(CrmUnavailable) as caught:
        connector.read_card(CONTACT)
    assert (caught.value.status, caught.value.after) == (429, 1.0)
    assert len(crm.calls) == asked

    watch.seconds += 1.0
    assert connector.read_card(CONTACT) is not None


def test_a_refusal_without_a_word_is_final_while_the_account_is_let_in(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    crm.post(f"{URL}/Note", status=403)
    crm.get(f"{URL}/Contact/{CONTACT.id}/posts", status=403)
    crm.get(f"{URL}/App/user", json=payload("app_user__api"))
    crm.get(f"{URL}/Contact/{CONTACT.id}", json=payload("contact__full"))

    outcome = comment(connector)

    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 403)
    with pytest.raises(CrmRefused):
        connector.find("comment", CONTACT, KEY)


@pytest.mark.parametrize(
    ("answer", "status"), [({"status": 500}, 500), ({"status": 401}, 401), ({"body": ConnectionError("gone")}, None)]
)
def test_a_refusal_without_a_word_is_not_final_while_the_account_cannot_be_asked(
    crm: responses.RequestsMock, connector: EspoConnector, answer: dict[str, Any], status: int | None
) -> None:
    crm.post(f"{URL}/Note", status=403)
    crm.get(f"{URL}/App/user", **answer)
    outcome = comment(connector)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (False, status)


def test_a_look_that_is_shut_out_proves_no_absence(espo: EspoRig) -> None:
    made = espo.connector.create_reminder(
        espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, espo.server.now + timedelta(hours=24), KEY
    )
    assert isinstance(made, Done)
    espo.server.fail_log_ins()
    for kind in ("comment", "reminder", "email"):
        with pytest.raises(CrmUnavailable) as caught:
            espo.connector.find(kind, espo.card, KEY)
        assert caught.value.status == 429
    for look in (lambda: espo.connector.reminder_state(made.remote_id), lambda: espo.connector.read_card(espo.card)):
        with pytest.raises(CrmUnavailable):
            look()
    espo.server.now += timedelta(seconds=61)
    assert espo.connector.find("reminder", espo.card, KEY) == made.remote_id


# --- a key that is not accepted ----------------------------------------------------------------------


def test_a_key_that_is_refused_does_not_shut_the_address_out(espo: EspoRig) -> None:
    watch = Watch()
    connector = EspoConnector(account(espo.server), now=lambda: espo.server.now, monotonic=watch)
    espo.server.active = False
    for _ in range(120):
        outcome = connector.add_comment(espo.card, TEXT, KEY)
        assert isinstance(outcome, NotDone)
        assert (outcome.permanent, outcome.status) == (False, 401)
        assert outcome.after is not None
        watch.seconds += 1.0
        espo.server.now += timedelta(seconds=1)
    assert len(espo.server.requests) == 6
    assert not espo.server.is_shut_out()
    espo.server.active = True
    assert isinstance(connector.add_comment(espo.card, TEXT, KEY), Done)
    connector.close()
