"""The doctor's points: each that fails says what to do about it, and a good account passes all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.base import Assignee, Check
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import PERSON, SITE, URL
from tests.connectors.espocrm.rig import FACTS, WEBHOOK, WEBHOOK_SECRET, EspoRig, account
from tests.connectors.espocrm.server import API_KEY, OWN_USER
from tests.support.processes import free_port

FIELDS: dict[str, dict[str, Any]] = {
    "cRelated": {"type": "enum", "options": ["", "Yes", "No"]},
    "cKind": {"type": "enum", "options": ["", "Calls", "All"]},
    "cWho": {"type": "varchar", "maxLength": 150},
}


@pytest.fixture
def sound(espo: EspoRig) -> EspoRig:
    """An account that has all it needs."""
    espo.server.call_fields = {name: dict(field) for name, field in FIELDS.items()}
    return espo


@pytest.fixture
def points() -> Callable[..., dict[str, str]]:
    """The points that fail, with their remedies, of an account of this server with these settings."""

    def failed(espo: EspoRig, now: datetime | None = None, **overrides: Any) -> dict[str, str]:
        connector = EspoConnector(account(espo.server, **overrides), now=lambda: now or datetime.now(UTC))
        before = espo.writes()
        found = connector.check()
        connector.close()
        assert espo.writes() == before
        return faults(found)

    return failed


def faults(found: Any) -> dict[str, str]:
    assert all(isinstance(point, Check) and bool(point.remedy) != point.ok for point in found)
    names = [point.name for point in found]
    assert len(names) == len(set(names))
    return {point.name: point.remedy for point in found if not point.ok}


Points = Callable[..., dict[str, str]]


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


# --- rights ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "action", "name"),
    [
        ("Contact", "stream", "the role lets Contact be used (read, stream)"),
        ("Case", "read", "the role lets Case be used (read, stream)"),
        ("Task", "create", "the role lets Task be used (create, read, edit, delete)"),
        ("Email", "create", "the role lets Email be used (create, read, edit)"),
        ("Call", "read", "the role lets Call be used (read)"),
        ("User", "read", "the role lets User be used (read)"),
    ],
)
def test_a_right_that_lacks_is_named(sound: EspoRig, points: Points, entity: str, action: str, name: str) -> None:
    sound.server.role[entity] = sound.server.role[entity] | {action: "no"}
    assert points(sound) == {name: f"Allow in the API user's role, {entity}: {action}"}


@pytest.mark.parametrize("rights", [False, None, {}])
def test_an_entity_that_the_role_does_not_know_is_named(sound: EspoRig, points: Points, rights: Any) -> None:
    sound.server.role["Lead"] = rights
    assert "read, stream" in points(sound)["the role lets Lead be used (read, stream)"]


@pytest.mark.parametrize("level", ["no", None])
def test_a_role_that_may_assign_to_nobody_is_said(sound: EspoRig, points: Points, level: str | None) -> None:
    sound.server.assignment_permission = level  # type: ignore[assignment]
    assert "Assignment Permission" in points(sound)["tasks may be given to others"]


def test_an_administrators_key_is_said(sound: EspoRig, points: Points) -> None:
    sound.server.user_type = "admin"
    assert "role of its own" in points(sound)["the key is no administrator's"]


def test_a_wrong_own_user_is_said(sound: EspoRig, points: Points) -> None:
    assert f"Set own_user to {OWN_USER}" in points(sound, own_user="65fa")["own_user is the API user"]
    assert points(sound, own_user=OWN_USER) == {}


def test_what_is_not_used_needs_no_rights(sound: EspoRig, points: Points) -> None:
    for entity in ("Lead", "Account", "Opportunity", "Case", "Email", "Call"):
        sound.server.role[entity] = False
        sound.server.disabled_streams.add(entity)
    sound.server.senders = []
    alone = {"base_url": sound.server.url, "api_key": API_KEY, "card_types": ["contact"], "requests_per_second": 500}
    connector = EspoConnector(EspoConnector.Settings().load(alone))
    assert faults(connector.check()) == {}
    connector.close()


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
    assert "outbound address" in found["the CRM can send mail from mail_sender"]
    assert points(sound, mail_sender="CRM@example.org") == {}


def test_facts_without_webhooks_are_said(sound: EspoRig, points: Points) -> None:
    given = {"base_url": sound.server.url, "api_key": API_KEY, "facts": FACTS}
    connector = EspoConnector(EspoConnector.Settings().load(given))
    assert "webhooks" in faults(connector.check())["its events can be verified"]
    connector.close()


def test_a_good_account_passes_every_point(sound: EspoRig, points: Points) -> None:
    assert points(sound) == {}
    assert len(sound.connector.check()) > 30


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
        ({"isActive": False}, None, "the user exists and is active"),
        ({"emailAddress": None}, None, "the user has an address"),
    ],
)
def test_people_who_cannot_are_named_with_the_remedy(
    sound: EspoRig, user: dict[str, Any], assignee: Assignee | None, name: str
) -> None:
    made = sound.server.add("User", **({"isActive": True, "emailAddress": "a@example.org"} | user))
    assert name in faults(sound.connector.check_assignee(assignee or Assignee(made), mailed=True))


def test_mail_needs_a_sender(make: Callable[..., EspoConnector], crm: responses.RequestsMock) -> None:
    crm.get(f"{URL}/User/{PERSON.user}", json={"id": PERSON.user, "isActive": True})
    connector = make(mail_sender=None)
    assert list(faults(connector.check_assignee(PERSON, mailed=True))) == ["mail_sender is set"]
    assert faults(connector.check_assignee(PERSON, mailed=False)) == {}


def test_people_who_cannot_be_read_are_said(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/User/{PERSON.user}", status=403)
    assert "read users" in faults(connector.check_assignee(PERSON, mailed=False))["the user can be read"]
    assert SITE not in str(connector.check_assignee(PERSON, mailed=False))
