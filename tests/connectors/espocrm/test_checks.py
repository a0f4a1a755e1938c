"""The doctor's points: each that fails says what to do about it, and a good account passes all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.base import Assignee
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import PERSON, SITE, URL
from tests.connectors.espocrm.points import FIELDS, Points, faults
from tests.connectors.espocrm.rig import FACTS, WEBHOOK, WEBHOOK_SECRET, EspoRig
from tests.connectors.espocrm.server import API_KEY
from tests.support.processes import free_port

# --- not reachable ---------------------------------------------------------------------------------


def test_a_crm_that_is_down_is_said(sound: EspoRig, points: Points) -> None:
    found = points(sound, base_url=f"http://127.0.0.1:{free_port()}")
    assert list(found) == ["the CRM answers"]
    assert "the connection was refused" in found["the CRM answers"]


def test_a_wrong_key_is_said_without_repeating_it(sound: EspoRig, points: Points) -> None:
    found = points(sound, api_key="wr0ng")
    assert list(found) == ["the key is accepted"]
    assert "wr0ng" not in str(found)


def test_hmac_without_its_key_is_said(sound: EspoRig, points: Points) -> None:
    sound.server.hmac = True
    assert "hmac_secret_key" in points(sound)["the key is accepted"]


def test_a_machine_that_is_shut_out_is_told_why(sound: EspoRig, points: Points) -> None:
    sound.server.fail_log_ins()
    found = points(sound)
    assert list(found) == ["the CRM lets this machine in"]
    assert "Wait a minute" in found["the CRM lets this machine in"]


@pytest.mark.parametrize("body", [{}, [], {"user": None}])
def test_another_address_is_said(crm: responses.RequestsMock, connector: EspoConnector, body: Any) -> None:
    crm.get(f"{URL}/App/user", json=body)
    assert faults(connector.check()) == {"the CRM answers": "base_url leads to something else; correct it"}


def test_a_certificate_or_a_proxy_in_the_way_is_said(sound: EspoRig, points: Points) -> None:
    sound.server.maintenance = True
    assert "maintenance mode" in points(sound)["the CRM answers"]


def test_unencrypted_traffic_to_another_machine_is_said(make: Callable[..., EspoConnector]) -> None:
    found = faults(make(base_url="http://crm.invalid", connect_seconds=0.5).check())
    assert "https" in found["what is sent stays private"]


def test_clocks_that_differ_are_said(sound: EspoRig, points: Points) -> None:
    assert "s ahead" in points(sound, datetime.now(UTC) + timedelta(minutes=2))["the clocks agree"]


@pytest.mark.parametrize("date", [None, "yesterday"])
def test_an_answer_without_a_date_is_said(
    crm: responses.RequestsMock, connector: EspoConnector, date: str | None
) -> None:
    crm.get(f"{URL}/App/user", json={"user": {}}, headers={"Date": date} if date else {})
    crm.get(f"{URL}/Metadata", json={})
    assert "Date header" in faults(connector.check())["the clocks agree"]


# --- set-up ----------------------------------------------------------------------------------------


def test_a_card_type_without_a_stream_is_named(sound: EspoRig, points: Points) -> None:
    sound.server.disabled_streams = {"Case"}
    assert "'case'" in points(sound)["Case takes comments"]


def test_a_card_type_that_tasks_cannot_be_linked_to_is_named(sound: EspoRig, points: Points) -> None:
    sound.server.task_fields["parent"] = {"type": "linkParent", "entityList": ["Contact", "Account", "Lead", "Case"]}
    assert list(points(sound)) == ["tasks can be linked to Opportunity"]


@pytest.mark.parametrize("field", [None, {"type": "text"}, {"type": "varchar", "maxLength": 50}])
def test_the_field_for_the_key_is_missed_or_does_not_fit(
    sound: EspoRig, points: Points, field: dict[str, Any] | None
) -> None:
    sound.server.task_fields = {"cExternalId": field} if field else {}
    remedy = points(sound)["Task.cExternalId exists"]
    assert "Create externalId at Task" in remedy
    assert points(sound, external_id_field="") == {}


@pytest.mark.parametrize(
    ("field", "change", "name", "remedy"),
    [
        ("cKind", None, "field cKind exists", "Create kind in the Entity Manager of Call"),
        ("cKind", {"options": ["", "Calls", "Mail"]}, "all values of Call.cKind are mapped", "fact 'kind': Mail"),
        ("cKind", {"options": ["Calls", "All"]}, "an untouched Call.cKind says nothing", "first option is empty"),
        ("cKind", {"default": "All"}, "an untouched Call.cKind says nothing", "add 'All'"),
        ("cRelated", {"type": "bool"}, "an untouched Call.cRelated says nothing", "add 'false'"),
        ("cRelated", {"type": "bool", "default": True}, "an untouched Call.cRelated says nothing", "add 'true'"),
        ("cWho", {"default": "Иванов"}, "an untouched Call.cWho says nothing", "add 'Иванов'"),
    ],
)
def test_a_field_that_cannot_be_relied_on_is_named(
    sound: EspoRig, points: Points, field: str, change: dict[str, Any] | None, name: str, remedy: str
) -> None:
    if change is None:
        del sound.server.call_fields[field]
    else:
        sound.server.call_fields[field] |= change
    assert remedy in points(sound)[name]


def test_a_field_of_the_card_has_to_be_audited(sound: EspoRig, points: Points) -> None:
    facts = {"kind": FACTS["kind"] | {"field": "card.cKind"}}
    assert "Contact or Lead" in points(sound, facts=facts, card_types=["contact", "lead"])["field card.cKind exists"]
    sound.server.card_fields = {"cKind": FIELDS["cKind"]}
    remedy = points(sound, facts=facts, card_types=["contact"])["changes of Contact.cKind are recorded"]
    assert "Tick Audited at Contact.cKind" in remedy
    sound.server.card_fields = {"cKind": FIELDS["cKind"] | {"audited": True}}
    assert points(sound, facts=facts, card_types=["contact"]) == {}


def test_metadata_that_cannot_be_read_is_said(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/App/user", json={"user": {"type": "api"}})
    crm.get(f"{URL}/Metadata", status=500)
    assert "Try again" in faults(connector.check())["its metadata can be read"]


def test_an_address_that_mail_cannot_be_sent_from_is_said(sound: EspoRig, points: Points) -> None:
    found = points(sound, mail_sender="other@example.org")
    assert "outbound address" in "".join(found[name] for name in found if "choose mail_sender" in name)
    assert points(sound, mail_sender="CRM@example.org") == {}


def test_a_phone_field_that_does_not_exist_is_said(sound: EspoRig, points: Points) -> None:
    assert "Create dialled" in points(sound, phone_field="cDialled")["phone_field cDialled exists"]
    sound.server.call_fields["cDialled"] = {"type": "varchar"}
    assert points(sound, phone_field="cDialled") == {}


def test_facts_without_webhooks_are_said(sound: EspoRig, points: Points) -> None:
    given = {"base_url": sound.server.url, "api_key": API_KEY, "facts": FACTS}
    connector = EspoConnector(EspoConnector.Settings().load(given))
    assert "webhooks" in faults(connector.check())["its events can be verified"]
    connector.close()


def test_a_good_account_passes_every_point(sound: EspoRig, points: Points) -> None:
    assert points(sound) == {}
    assert len(sound.connector.check()) > 40


def test_nothing_of_the_account_is_told(sound: EspoRig) -> None:
    told = repr(sound.connector.check()) + repr(sound.connector.check_assignee(sound.people[0], mailed=True))
    for secret in (API_KEY, WEBHOOK_SECRET, WEBHOOK):
        assert secret not in told


# --- people ----------------------------------------------------------------------------------------


def test_people_who_can_be_reminded_and_mailed_pass(sound: EspoRig) -> None:
    for person in sound.people:
        assert faults(sound.connector.check_assignee(person, mailed=True)) == {}
        assert faults(sound.connector.check_assignee(Assignee(person.user), mailed=True)) == {}


@pytest.mark.parametrize(
    ("user", "assignee", "name"),
    [
        ({}, Assignee(None, "a@example.org"), "the role has a CRM user"),
        ({}, Assignee("65fnobody"), "the user exists and is active"),
        # EspoCRM shows inactive users to administrators only.
        ({"isActive": False}, None, "the user can be read"),
        ({}, Assignee("nobody.at.all"), "the user exists and is active"),
        ({"emailAddress": None}, None, "the user has an address"),
    ],
)
def test_people_who_cannot_are_named_with_the_remedy(
    sound: EspoRig, user: dict[str, Any], assignee: Assignee | None, name: str
) -> None:
    made = sound.server.add("User", **({"isActive": True, "emailAddress": "a@example.org"} | user))
    assert name in faults(sound.connector.check_assignee(assignee or Assignee(made), mailed=True))


def test_a_user_may_be_named_by_the_login(sound: EspoRig) -> None:
    assert faults(sound.connector.check_assignee(Assignee("coordinator"), mailed=True)) == {}


def test_an_inactive_user_is_said_to_be_that_perhaps(sound: EspoRig) -> None:
    user = str(sound.people[0].user)
    sound.server.records["User"][user]["isActive"] = False
    found = faults(sound.connector.check_assignee(Assignee(user), mailed=False))
    assert found["the user can be read"].startswith("Activate the user if inactive")


def test_mail_needs_a_sender(make: Callable[..., EspoConnector], crm: responses.RequestsMock) -> None:
    crm.get(f"{URL}/User/{PERSON.user}", json={"id": PERSON.user, "isActive": True})
    connector = make(mail_sender=None)
    assert list(faults(connector.check_assignee(PERSON, mailed=True))) == ["mail_sender is set"]
    assert faults(connector.check_assignee(PERSON, mailed=False)) == {}


def test_people_who_cannot_be_read_are_said(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/User/{PERSON.user}", status=403, headers={"X-Status-Reason": "No 'read' access."})
    assert "read users" in faults(connector.check_assignee(PERSON, mailed=False))["the user can be read"]
    assert SITE not in str(connector.check_assignee(PERSON, mailed=False))
