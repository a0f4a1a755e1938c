"""One request carries a call's writes, or many calls'; each is settled on its own and read back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from connectors.base import (
    Assignee,
    CardRef,
    Done,
    NotDone,
    Outcome,
    Unknown,
    Write,
)
from connectors.bitrix24 import Bitrix24Connector
from connectors.kit.reference_mark import reference_mark
from tests.connectors.bitrix24.rig import connected, with_application, with_webhook
from tests.connectors.bitrix24.server import Portal
from tests.connectors.bitrix24.writes import COORDINATOR, DUE, comment, mail, reminder, whole_call, written
from tests.support.fake_api import Fault

# --- failures -------------------------------------------------------------------------------------------


def test_a_card_that_does_not_exist_fails_its_own_writes_and_no_others(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    gone = CardRef("contact", "999999")
    outcomes = connector.write([comment(gone, key), reminder(gone, key), comment(card, key), mail(key)])
    assert [isinstance(outcome, Done) for outcome in outcomes] == [False, False, True, True]
    for outcome in outcomes[:2]:
        assert isinstance(outcome, NotDone)
        assert (outcome.permanent, outcome.status, outcome.code) == (True, 404, "OWNER_NOT_FOUND")
    assert len(portal.requests) == 1


@pytest.mark.parametrize(
    "impossible",
    [CardRef("contact", "x"), CardRef("contact", "0"), CardRef("invoice", "1"), CardRef("contact", "1&id=2")],
)
def test_a_card_that_this_crm_cannot_have_is_not_even_asked_for(
    connector: Bitrix24Connector, portal: Portal, impossible: CardRef, key: str
) -> None:
    outcome = connector.add_comment(impossible, "Просит не звонить.", key)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 404)
    assert connector.read_card(impossible) is None
    assert portal.requests == []


@pytest.mark.parametrize("person", [Assignee(None, "five@example.org"), Assignee("ivanova"), Assignee("0")])
def test_who_is_no_user_of_the_portal_cannot_be_reminded(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, person: Assignee, key: str
) -> None:
    for write in (reminder(card, key, person), mail(key, person)):
        outcome = connector.write([write])[0]
        assert isinstance(outcome, NotDone)
        assert outcome.permanent
    assert portal.requests == []


def test_more_writes_than_it_takes_at_once_are_a_mistake_of_the_caller(
    connector: Bitrix24Connector, card: CardRef, key: str
) -> None:
    with pytest.raises(ValueError, match="25 writes at once, allowed: 24"):
        connector.write([comment(card, key)] * 25)


@pytest.mark.parametrize("gone", ["404", "7"])
def test_a_reminder_that_nobody_would_see_is_noticed_and_taken_back(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str, gone: str
) -> None:
    portal.records.users["7"]["ACTIVE"] = False
    outcomes = connector.write([reminder(card, key, Assignee(gone)), comment(card, key), reminder(card, key)])
    assert isinstance(outcomes[0], NotDone)
    assert (outcomes[0].permanent, outcomes[0].code) == (True, "CUT_BY_CRM")
    assert f"user {gone} is no active employee of the portal; it was removed again" in outcomes[0].why
    assert [type(outcome) for outcome in outcomes[1:]] == [Done, Done]
    assert len(portal.records.activities) == 1
    assert len(portal.requests) == 2


def test_without_the_right_to_see_people_reminders_are_written_all_the_same(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    portal.failing["user.get"] = [{"error": "insufficient_scope", "error_description": ""}]
    assert isinstance(connector.write([reminder(card, key, Assignee("404"))])[0], Done)


CUTS: list[tuple[str, str, Callable[[dict[str, Any]], None], str]] = [
    (
        "todo",
        "crm.activity.todo.add",
        lambda one: one.update(RESPONSIBLE_ID="1"),
        "it was given to user 1 instead of 5",
    ),
    ("todo", "crm.activity.todo.add", lambda one: one.update(OWNER_ID="0"), "it is not linked to the card"),
    ("todo", "crm.activity.todo.add", lambda one: one.update(DESCRIPTION=one["DESCRIPTION"][:8]), "its text was cut"),
    ("todo", "crm.timeline.comment.add", lambda one: one.update(COMMENT=one["COMMENT"][:8]), "its text was cut"),
    ("todo", "crm.timeline.comment.add", lambda one: one.update(ENTITY_ID="1"), "it stands in another card"),
    ("task", "tasks.task.add", lambda one: one.update(ufCrmTask=[]), "it is not linked to the card"),
    ("task", "tasks.task.add", lambda one: one.update(responsibleId="1"), "it was given to user 1 instead of 5"),
    ("task", "tasks.task.add", lambda one: one.update(description=""), "its text was cut"),
]


@pytest.mark.parametrize(("reminders", "method", "spoil", "why"), CUTS)
def test_whatever_else_the_portal_quietly_cuts_is_noticed_and_taken_back(
    portal: Portal,
    card: CardRef,
    key: str,
    reminders: str,
    method: str,
    spoil: Callable[[dict[str, Any]], None],
    why: str,
) -> None:
    portal.records.cut = lambda created, record: spoil(record) if created == method else None
    connector = connected(with_webhook(portal, reminders=reminders))
    write: Write = comment(card, key) if "comment" in method else reminder(card, key)
    outcome = connector.write([write])[0]
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (True, "CUT_BY_CRM")
    assert why in outcome.why
    assert (portal.records.activities, portal.records.comments, portal.records.tasks) == ({}, {}, {})
    assert connector.find("comment" if "comment" in method else "reminder", card, key) is None
    # The batch, and one more that takes it back.
    assert sum(request.path.endswith("batch") for request in portal.requests) == 2
    assert connector.limits().requests_per_write == 2


def test_what_was_cut_and_cannot_be_taken_back_is_left_to_a_human(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    portal.failing["crm.activity.delete"] = [{"error": "", "error_description": "Access denied."}]
    outcome = connector.write([reminder(card, key, Assignee("404"))])[0]
    assert isinstance(outcome, NotDone)
    assert "could not be removed: do it by hand" in outcome.why


def test_a_write_that_cannot_be_read_back_counts_as_written(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    portal.failing["crm.activity.get"] = [{"error": "OPERATION_TIME_LIMIT", "error_description": ""}]
    assert isinstance(connector.write([reminder(card, key)])[0], Done)


def test_a_write_that_is_not_there_when_it_is_read_back_has_to_be_looked_for(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    portal.failing["crm.activity.get"] = [{"error": "", "error_description": "Activity is not found."}]
    assert isinstance(connector.write([reminder(card, key)])[0], Unknown)


def test_a_command_left_out_of_the_answer_is_unknown(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    portal.silent = {"crm.timeline.comment.add"}
    outcomes = connector.write([comment(card, key), reminder(card, key)])
    assert isinstance(outcomes[0], Unknown)
    assert isinstance(outcomes[1], Done)


def test_a_notification_that_was_not_made_is_told(connector: Bitrix24Connector, key: str) -> None:
    outcome = connector.write([mail(key, Assignee("404"))])[0]
    assert isinstance(outcome, NotDone)
    assert outcome.permanent


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault.THROTTLED, NotDone),
        (Fault.BLOCKED, NotDone),
        (Fault.REFUSED, NotDone),
        (Fault.ERROR_AFTER, Unknown),
        (Fault.TIME_OUT_AFTER, Unknown),
        (Fault.DROP_AFTER, Unknown),
        (Fault.HTML, Unknown),
        (Fault.NOT_UTF8, Unknown),
    ],
)
def test_what_befalls_the_whole_batch_befalls_every_write_in_it(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, fault: Fault, expected: type[Outcome]
) -> None:
    portal.fault(fault)
    outcomes = connector.write(whole_call(card, 1))
    assert [type(outcome) for outcome in outcomes] == [expected] * 5
    assert len(set(map(str, outcomes))) == 1
    # Nothing is sent again on its own.
    assert len(portal.requests) == 1


@pytest.mark.parametrize("fault", [Fault.TIME_OUT_AFTER])
def test_of_a_batch_that_timed_out_each_write_is_found_by_its_key(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, fault: Fault
) -> None:
    writes = whole_call(card, 1)
    portal.fault(fault)
    connector.write(writes)
    assert connector.find("comment", card, writes[0].key) == "1001"
    assert connector.find("reminder", card, writes[1].key) == "1002"
    assert connector.find("reminder", card, writes[2].key) == "1003"


# --- successes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reminders", ["todo", "task"])
def test_a_calls_comment_reminders_and_notifications_are_one_request(
    portal: Portal, card: CardRef, reminders: str
) -> None:
    connector = connected(with_webhook(portal, reminders=reminders))
    outcomes = connector.write(whole_call(card, 1))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert [request.path.rpartition("/")[2] for request in portal.requests] == ["batch"]
    assert len(portal.records.comments) == 1
    assert len(portal.records.notifications) == 2
    assert len(portal.records.tasks if reminders == "task" else portal.records.activities) == 2


@pytest.mark.parametrize("reminders", ["todo", "task"])
@pytest.mark.slow
def test_a_backlog_of_a_thousand_calls_takes_at_most_a_quarter_of_a_request_a_call(
    portal: Portal, card: CardRef, reminders: str
) -> None:
    connector = connected(with_webhook(portal, reminders=reminders))
    writes = [write for number in range(1000) for write in whole_call(card, number)]
    outcomes = written(connector, writes)
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len(portal.records.comments) == 1000
    # Reading back included: it is done in the same batches.
    assert len(portal.requests) == 209
    assert len(portal.requests) / 1000 <= 0.25


def test_a_reminder_is_linked_to_its_card_given_to_its_person_and_pings_before_the_deadline(
    portal: Portal, key: str
) -> None:
    portal.records.add_item("deal", "10", title="Сделка")
    connector = connected(with_webhook(portal, ping_minutes=[120]))
    assert connector.create_reminder(CardRef("deal", "10"), COORDINATOR, "ИСКЛЮЧИТЬ", "Исключить.", DUE, key) == Done(
        "1001"
    )
    record = portal.records.activities["1001"]
    assert (record["OWNER_TYPE_ID"], record["OWNER_ID"], record["RESPONSIBLE_ID"]) == ("2", "10", "5")
    assert (record["SUBJECT"], record["DEADLINE"]) == ("ИСКЛЮЧИТЬ", "2026-11-23T10:15:00+00:00")
    assert "pingOffsets[0]=120" in portal.requests[0].data["cmd"]["w0"]


@pytest.mark.parametrize(
    ("kind", "number", "link"),
    [("lead", 1, "L_10"), ("deal", 2, "D_10"), ("contact", 3, "C_10"), ("company", 4, "CO_10")],
)
def test_every_kind_of_card_takes_comments_to_dos_and_tasks(
    portal: Portal, key: str, kind: str, number: int, link: str
) -> None:
    portal.records.add_item(kind, "10", title="Карточка")
    card = CardRef(kind, "10")
    todo, task = (connected(with_webhook(portal, reminders=way)) for way in ("todo", "task"))
    assert [type(one) for one in todo.write([comment(card, key), reminder(card, key)])] == [Done, Done]
    assert [type(one) for one in task.write([reminder(card, key)])] == [Done]
    assert {one["ENTITY_TYPE"] for one in portal.records.comments.values()} == {kind}
    assert {one["OWNER_TYPE_ID"] for one in portal.records.activities.values()} == {str(number)}
    assert [one["ufCrmTask"] for one in portal.records.tasks.values()] == [[link]]


def test_a_task_keeps_the_whole_key(portal: Portal, card: CardRef, key: str) -> None:
    connector = connected(with_webhook(portal, reminders="task"))
    assert connector.write([reminder(card, key)]) == [Done("task-1001")]
    assert portal.records.tasks["1001"]["xmlId"] == key


def test_ten_thousand_signs_in_cyrillic_arrive_whole(
    connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str
) -> None:
    text = "Клиент просит: «не звонить»; 100% & точка. " * 240 + reference_mark(key)
    assert isinstance(connector.add_comment(card, text, key), Done)
    assert portal.records.comments["1001"]["COMMENT"] == text


def test_the_same_notification_again_takes_the_place_of_the_first(
    connector: Bitrix24Connector, portal: Portal, key: str
) -> None:
    for _ in range(2):
        assert isinstance(connector.notify_email(COORDINATOR, "ИСКЛЮЧИТЬ", "Исключить.", key), Done)
    assert len(portal.records.notifications) == 1
    assert connector.find("email", None, key) is None


def test_the_mail_of_a_notification_begins_with_the_subject(
    connector: Bitrix24Connector, portal: Portal, key: str
) -> None:
    connector.notify_email(COORDINATOR, "ИСКЛЮЧИТЬ", "Исключить.", key)
    sent = portal.records.notifications["1001"]
    assert sent["MESSAGE_OUT"] == "ИСКЛЮЧИТЬ\nИсключить."
    assert sent["MESSAGE"] == "[b]ИСКЛЮЧИТЬ[/b]\nИсключить."
    assert (sent["TAG"], sent["CLIENT_ID"]) == (f"optout|{key}", "optout")


def test_an_application_has_a_client_of_its_own_and_names_none(portal: Portal, key: str) -> None:
    connector = connected(with_application(portal))
    connector.notify_email(COORDINATOR, "ИСКЛЮЧИТЬ", "Исключить.", key)
    assert "CLIENT_ID" not in portal.records.notifications["1001"]
