"""The description of BottleCRM, request by request, against the real one."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import Assignee, CardRef, Done, NotDone, ReminderState
from connectors.rest import RestConnector
from connectors.rest.profiles import laid_over
from tests.real_crm.crm import Contact, RealCrm

DUE = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)
RUDE = "Иванов \"}], <b>Иван</b> [b]{{ key }}[/b]\n\\ '; 🚗"


@pytest.fixture
def key() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def card(contact: Contact) -> CardRef:
    return CardRef("contact", contact.id)


@pytest.fixture
def coordinator(crm: RealCrm) -> Assignee:
    return Assignee(crm.coordinator, "coordinator@example.org")


def changed(connector: RestConnector, **changes: Any) -> RestConnector:
    """The connector with other settings than the profile's."""
    settings = connector.settings
    given = {"profile": "bottlecrm", "time_zone": "Europe/Moscow"}
    given |= {name: settings[name] for name in ("base_url", "token")}
    return RestConnector(RestConnector.Settings().load(laid_over(given, changes)))


def text_with(key: str) -> str:
    return f"{RUDE}\n[ref:{key[:16]}]"


# --- what goes wrong ---------------------------------------------------------------------------------


def test_a_wrong_token_waits_for_a_right_one(connector: RestConnector, card: CardRef, key: str) -> None:
    outcome = changed(connector, token="bcrm_pat_wrong").add_comment(card, text_with(key), key)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (False, 401)
    assert "bcrm_pat_wrong" not in outcome.why


def test_a_missing_scope_waits_for_being_granted(
    crm: RealCrm, connector: RestConnector, card: CardRef, key: str
) -> None:
    # From this user the CRM hides the card as well (404), so the write itself is tried.
    reader = changed(connector, token=crm.environ["CRM_COORDINATOR_TOKEN"], card_must_exist=False)
    outcome = reader.add_comment(card, text_with(key), key)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (False, 403)
    assert "contacts:write" in outcome.why


def test_a_user_instead_of_a_profile_is_noticed_and_leaves_nothing_behind(
    crm: RealCrm, connector: RestConnector, card: CardRef, key: str
) -> None:
    user = Assignee(crm.environ["CRM_COORDINATOR_USER_ID"])
    outcome = connector.create_reminder(card, user, "ИСКЛЮЧИТЬ", text_with(key), DUE, key)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert "crm_user in roles.toml must be the id of an active profile" in outcome.why
    assert crm.tasks_with_key(key) == []


def test_a_contact_that_was_dropped_from_a_task_is_noticed(
    crm: RealCrm, connector: RestConnector, coordinator: Assignee, key: str
) -> None:
    nowhere = CardRef("contact", str(uuid.uuid4()))
    blind = changed(connector, card_must_exist=False)
    outcome = blind.create_reminder(nowhere, coordinator, "ИСКЛЮЧИТЬ", text_with(key), DUE, key)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert "not linked" in outcome.why
    assert crm.tasks_with_key(key) == []
    outcome = connector.create_reminder(nowhere, coordinator, "ИСКЛЮЧИТЬ", text_with(key), DUE, key)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 404)
    assert crm.tasks_with_key(key) == []


def test_without_the_custom_field_nothing_is_written(
    crm: RealCrm, connector: RestConnector, contact: Contact, coordinator: Assignee, key: str
) -> None:
    lacking = {"reminder": {"require": {"expect": [{"path": "definitions[*].key", "contains": "no_such_field"}]}}}
    card = CardRef("contact", contact.id)
    outcome = changed(connector, **lacking).create_reminder(card, coordinator, "ИСКЛЮЧИТЬ", "x", DUE, key)
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    assert "Create the custom field" in outcome.why
    assert crm.tasks(contact) == []


def test_a_comment_to_a_missing_contact_is_refused_as_gone(connector: RestConnector, key: str) -> None:
    outcome = connector.add_comment(CardRef("contact", str(uuid.uuid4())), text_with(key), key)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 404)


def test_a_task_that_somebody_unassigned_is_not_found_as_a_reminder(
    crm: RealCrm, connector: RestConnector, card: CardRef, coordinator: Assignee, key: str
) -> None:
    written = connector.create_reminder(card, coordinator, "ИСКЛЮЧИТЬ", text_with(key), DUE, key)
    assert isinstance(written, Done)
    crm.call("PATCH", f"tasks/{written.remote_id}/", {"assigned_to": []})
    assert connector.find("reminder", card, key) is None


# --- what works --------------------------------------------------------------------------------------


def test_a_comment_is_kept_letter_by_letter_and_found_by_its_mark(
    crm: RealCrm, connector: RestConnector, contact: Contact, card: CardRef, key: str
) -> None:
    outcome = connector.add_comment(card, text_with(key), key)
    assert isinstance(outcome, Done)
    assert connector.find("comment", card, key) == outcome.remote_id
    assert connector.find("comment", card, secrets.token_hex(32)) is None
    assert crm.comments(contact) == [text_with(key)]


def test_a_comment_that_is_too_long_keeps_its_mark(
    crm: RealCrm, connector: RestConnector, contact: Contact, card: CardRef, key: str
) -> None:
    outcome = connector.add_comment(card, "Ж" * 10_000 + text_with(key), key)
    assert isinstance(outcome, Done)
    (kept,) = crm.comments(contact)
    assert len(kept) == 10_000
    assert kept.endswith(f"Ж…\n[ref:{key[:16]}]")
    assert connector.find("comment", card, key) == outcome.remote_id


def test_a_reminder_is_assigned_linked_and_due_on_the_local_date(
    crm: RealCrm, connector: RestConnector, card: CardRef, coordinator: Assignee, key: str
) -> None:
    outcome = connector.create_reminder(card, coordinator, "ИСКЛЮЧИТЬ", text_with(key), DUE, key)
    assert isinstance(outcome, Done)
    task = crm.task(outcome.remote_id)
    assert (task["title"], task["description"], task["priority"]) == ("ИСКЛЮЧИТЬ", text_with(key), "High")
    assert task["due_date"] == "2026-11-23"  # half past midnight in Moscow
    assert [one["id"] for one in task["assigned_to"]] == [crm.coordinator]
    assert [one["id"] for one in task["contacts"]] == [card.id]
    assert connector.find("reminder", None, key) == outcome.remote_id


def test_a_reminder_is_withdrawn_saying_why_and_once(
    crm: RealCrm, connector: RestConnector, card: CardRef, coordinator: Assignee, key: str
) -> None:
    written = connector.create_reminder(card, coordinator, "ИСКЛЮЧИТЬ", text_with(key), DUE, key)
    assert isinstance(written, Done)
    assert connector.reminder_state(written.remote_id) is ReminderState.OPEN
    for _ in range(2):
        assert connector.withdraw_reminder(written.remote_id, f"ОТМЕНА {RUDE}", key) == written
    assert connector.reminder_state(written.remote_id) is ReminderState.DONE
    assert crm.task(written.remote_id)["description"] == f"{text_with(key)}\n\nОТМЕНА {RUDE}".strip()


def test_a_removed_reminder_is_missing_and_counts_as_withdrawn(
    connector: RestConnector, card: CardRef, coordinator: Assignee, key: str
) -> None:
    written = connector.create_reminder(card, coordinator, "ИСКЛЮЧИТЬ", text_with(key), DUE, key)
    assert isinstance(written, Done)
    for _ in range(2):
        assert connector.remove("reminder", written.remote_id, card) == written
    assert connector.reminder_state(written.remote_id) is ReminderState.MISSING
    assert connector.withdraw_reminder(written.remote_id, "why", key) == written


def test_a_removed_comment_is_gone(
    crm: RealCrm, connector: RestConnector, contact: Contact, card: CardRef, key: str
) -> None:
    written = connector.add_comment(card, text_with(key), key)
    assert isinstance(written, Done)
    assert connector.remove("comment", written.remote_id, card) == written
    assert crm.comments(contact) == []


@pytest.mark.parametrize("shape", ["{0}", "8{1}", "8 ({2}) {3}-{4}", "7{1}", "{1}"])
def test_a_contact_is_found_by_any_notation_of_its_phone(
    connector: RestConnector, contact: Contact, shape: str
) -> None:
    digits = contact.phone[2:]
    written = shape.format(contact.phone, digits, digits[:3], digits[3:6], digits[6:])
    (found,) = connector.find_contact(phone=written)
    assert found.ref == CardRef("contact", contact.id)
    assert found.url == f"https://crm.example.org/contacts/{contact.id}"


def test_a_contact_is_found_by_its_full_name_in_any_order(crm: RealCrm, connector: RestConnector) -> None:
    last_name = f"Иванова{secrets.token_hex(4)}"
    made = crm.new_contact(first_name="Алёна", last_name=last_name)
    for written in (f"Алена {last_name}", f"{last_name}  алёна"):
        assert [card.ref.id for card in connector.find_contact(name=written)] == [made.id]
    assert connector.find_contact(name=f"Ирина {last_name}") == []
    assert connector.find_contact(phone=made.phone, name=f"Ирина {last_name}") == []


def test_the_card_shows_name_phone_and_link(connector: RestConnector, contact: Contact, card: CardRef) -> None:
    read = connector.read_card(card)
    assert read is not None
    assert (read.name, read.url) == ("Иванов Иван", f"https://crm.example.org/contacts/{contact.id}")
    assert connector.read_card(CardRef("contact", str(uuid.uuid4()))) is None


def test_the_doctor_finds_everything_in_order(crm: RealCrm, connector: RestConnector) -> None:
    assert [check for check in connector.check() if not check.ok] == []
    assert [check.ok for check in connector.check_assignee(Assignee(crm.coordinator), mailed=True)] == [True, True]


def test_the_doctor_tells_a_wrong_token_and_an_unknown_profile(crm: RealCrm, connector: RestConnector) -> None:
    points = {point.name: point for point in changed(connector, token="bcrm_pat_wrong").check()}
    assert "personal access token" in points["the CRM answers, and shows contacts"].remedy
    (unknown,) = connector.check_assignee(Assignee(crm.environ["CRM_COORDINATOR_USER_ID"]), mailed=False)
    assert not unknown.ok
    assert "profile" in unknown.remedy
