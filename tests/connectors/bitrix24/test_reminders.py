"""A reminder's state is read, it is withdrawn with the reason in it, and trials are taken out again."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import CardRef, Done, NotDone, ReminderState, Unknown
from connectors.bitrix24 import Bitrix24Connector
from connectors.kit.reference_mark import reference_mark
from tests.connectors.bitrix24.rig import connected, with_webhook
from tests.connectors.bitrix24.server import Portal
from tests.connectors.bitrix24.writes import COORDINATOR, comment, reminder
from tests.support.fake_api import Fault

WHY = "ОТМЕНА: исключать не нужно"
WITHDRAWAL = "9".rjust(16, "d").ljust(64, "e")
WAYS = pytest.mark.parametrize("reminders", ["todo", "task"])


def reminded(portal: Portal, card: CardRef, key: str, reminders: str) -> tuple[Bitrix24Connector, str, dict[str, Any]]:
    connector = connected(with_webhook(portal, reminders=reminders))
    outcome = connector.write([reminder(card, key)])[0]
    assert isinstance(outcome, Done)
    portal.requests.clear()
    records = portal.records.activities if reminders == "todo" else portal.records.tasks
    return connector, outcome.remote_id, records["1001"]


def text(record: dict[str, Any]) -> str:
    return str(record.get("DESCRIPTION", record.get("description")))


def finish(record: dict[str, Any]) -> None:
    record |= {"COMPLETED": "Y"} if "COMPLETED" in record else {"status": "5"}


# --- state --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unknown", ["404", "task-404", "nonsense", "task-x", "", "1/2", "task-"])
def test_a_reminder_that_is_not_there_is_missing(connector: Bitrix24Connector, unknown: str) -> None:
    assert connector.reminder_state(unknown) is ReminderState.MISSING


@WAYS
def test_a_reminder_is_open_until_it_is_done(portal: Portal, card: CardRef, key: str, reminders: str) -> None:
    connector, remote_id, record = reminded(portal, card, key, reminders)
    assert connector.reminder_state(remote_id) is ReminderState.OPEN
    finish(record)
    assert connector.reminder_state(remote_id) is ReminderState.DONE


def test_a_task_that_waits_for_approval_is_done_for_its_person(portal: Portal, card: CardRef, key: str) -> None:
    connector, remote_id, record = reminded(portal, card, key, "task")
    record["status"] = "4"
    assert connector.reminder_state(remote_id) is ReminderState.DONE


def test_reminders_of_before_are_known_after_the_settings_changed(portal: Portal, card: CardRef, key: str) -> None:
    _, task_id, _ = reminded(portal, card, key, "task")
    assert connected(with_webhook(portal, reminders="todo")).reminder_state(task_id) is ReminderState.OPEN


# --- withdrawing ----------------------------------------------------------------------------------------------


@WAYS
def test_a_withdrawal_without_a_proof_that_it_closed_is_unknown(
    portal: Portal, card: CardRef, key: str, reminders: str
) -> None:
    connector, remote_id, _ = reminded(portal, card, key, reminders)
    closing = "crm.activity.update" if reminders == "todo" else "tasks.task.complete"
    run = portal.records.run
    portal.records.run = lambda method, params: True if method == closing else run(method, params)  # type: ignore[method-assign]
    assert isinstance(connector.withdraw_reminder(remote_id, WHY, WITHDRAWAL), Unknown)


@WAYS
def test_a_refused_withdrawal_is_not_done(portal: Portal, card: CardRef, key: str, reminders: str) -> None:
    connector, remote_id, _ = reminded(portal, card, key, reminders)
    closing = "crm.activity.update" if reminders == "todo" else "tasks.task.complete"
    portal.failing[closing] = [{"error": "", "error_description": "Access denied."}]
    outcome = connector.withdraw_reminder(remote_id, WHY, WITHDRAWAL)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 400)


@WAYS
def test_a_withdrawal_that_timed_out_is_made_again_and_gives_its_reason_once(
    portal: Portal, card: CardRef, key: str, reminders: str
) -> None:
    connector, remote_id, record = reminded(portal, card, key, reminders)
    closing = "crm.activity.update" if reminders == "todo" else "tasks.task.complete"
    portal.failing[closing] = [{"error": "INTERNAL_SERVER_ERROR", "error_description": ""}]
    why = f"{WHY} {reference_mark(WITHDRAWAL)}"
    assert isinstance(connector.withdraw_reminder(remote_id, why, WITHDRAWAL), Unknown)
    assert connector.withdraw_reminder(remote_id, why, WITHDRAWAL) == Done(remote_id)
    assert text(record).count(WHY) == 1


@pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.BLOCKED, Fault.ERROR_AFTER])
def test_an_error_of_the_whole_request_is_the_withdrawals_outcome(
    portal: Portal, card: CardRef, key: str, fault: Fault
) -> None:
    connector, remote_id, _ = reminded(portal, card, key, "todo")
    portal.fault(fault)
    outcome = connector.withdraw_reminder(remote_id, WHY, WITHDRAWAL)
    assert isinstance(outcome, Unknown if fault is Fault.ERROR_AFTER else NotDone)


def test_a_reminder_that_cannot_even_be_read_is_not_withdrawn(portal: Portal, card: CardRef, key: str) -> None:
    connector, remote_id, _ = reminded(portal, card, key, "todo")
    for error, permanent in (("QUERY_LIMIT_EXCEEDED", False), ("insufficient_scope", True)):
        portal.failing["crm.activity.get"] = [{"error": error, "error_description": ""}]
        outcome = connector.withdraw_reminder(remote_id, WHY, WITHDRAWAL)
        assert isinstance(outcome, NotDone)
        assert (outcome.code, outcome.permanent) == (error, permanent)


@pytest.mark.parametrize("unknown", ["404", "task-404", "nonsense"])
def test_a_reminder_that_is_gone_counts_as_withdrawn(connector: Bitrix24Connector, unknown: str) -> None:
    assert connector.withdraw_reminder(unknown, WHY, WITHDRAWAL) == Done(unknown)


@WAYS
def test_a_done_reminder_stays_as_it_is(portal: Portal, card: CardRef, key: str, reminders: str) -> None:
    connector, remote_id, record = reminded(portal, card, key, reminders)
    finish(record)
    before = dict(record)
    assert connector.withdraw_reminder(remote_id, WHY, WITHDRAWAL) == Done(remote_id)
    assert record == before


@WAYS
def test_a_withdrawn_reminder_is_closed_and_says_why_above_what_it_said(
    portal: Portal, card: CardRef, key: str, reminders: str
) -> None:
    connector, remote_id, record = reminded(portal, card, key, reminders)
    before = text(record)
    assert connector.withdraw_reminder(remote_id, WHY, WITHDRAWAL) == Done(remote_id)
    assert connector.reminder_state(remote_id) is ReminderState.DONE
    assert text(record) == f"{WHY}\n\n{before}"
    # One to see that it is still open, one to close it and see that it is closed.
    assert sum(request.path.endswith("batch") for request in portal.requests) == 3


# --- removing -------------------------------------------------------------------------------------------------


@WAYS
def test_what_a_trial_wrote_is_taken_out_again(portal: Portal, card: CardRef, key: str, reminders: str) -> None:
    connector = connected(with_webhook(portal, reminders=reminders))
    written = connector.write([comment(card, key), reminder(card, key)])
    notified = connector.notify_email(COORDINATOR, "ИСКЛЮЧИТЬ", "Исключить.", key)
    for kind, outcome in (("comment", written[0]), ("reminder", written[1]), ("email", notified)):
        assert isinstance(outcome, Done)
        assert connector.remove(kind, outcome.remote_id, card) == outcome  # type: ignore[arg-type]
    records = portal.records
    assert (records.comments, records.activities, records.tasks, records.notifications) == ({}, {}, {}, {})


@pytest.mark.parametrize(("kind", "number"), [("comment", "404"), ("reminder", "404"), ("comment", "x")])
def test_what_is_gone_counts_as_removed(connector: Bitrix24Connector, kind: Any, number: str) -> None:
    assert connector.remove(kind, number, None) == Done(number)


def test_a_mail_that_was_sent_cannot_be_taken_back(connector: Bitrix24Connector, key: str) -> None:
    outcome = connector.remove("email", f"mail-{key[:16]}", None)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent


def test_what_may_not_be_removed_is_told(connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str) -> None:
    connector.write([comment(card, key)])
    portal.failing["crm.timeline.comment.delete"] = [{"error": "ACCESS_DENIED", "error_description": ""}]
    outcome = connector.remove("comment", "1001", card)
    assert isinstance(outcome, NotDone)
    assert outcome.code == "ACCESS_DENIED"


# --- watching -------------------------------------------------------------------------------------------------


def test_tasks_and_to_dos_are_read_by_one_batch_with_who_closed_them(portal: Portal, card: CardRef, key: str) -> None:
    connector, task_id, task = reminded(portal, card, key, "task")
    to_do = connected(with_webhook(portal, reminders="todo")).write([reminder(card, "e" * 64)])[0]
    assert isinstance(to_do, Done)
    task |= {"status": "5", "closedBy": "9", "closedDate": "2026-11-22T10:15:00+03:00"}
    portal.requests.clear()
    found = connector.reminder_states([task_id, to_do.remote_id, "nonsense", "task-404"])
    assert {one: status.state for one, status in found.items()} == {
        task_id: ReminderState.DONE,
        to_do.remote_id: ReminderState.OPEN,
        "nonsense": ReminderState.MISSING,
        "task-404": ReminderState.MISSING,
    }
    assert (found[task_id].done_by, str(found[task_id].done_at)) == ("9", "2026-11-22 10:15:00+03:00")
    assert found[task_id].person == found[to_do.remote_id].person == COORDINATOR.user
    assert len(portal.requests) == 1


def test_a_to_do_that_is_refused_by_itself_is_left_out(portal: Portal, card: CardRef, key: str) -> None:
    connector, remote_id, _ = reminded(portal, card, key, "todo")
    portal.failing["crm.activity.get"] = [{"error": "ACCESS_DENIED", "error_description": "Access denied!"}]
    assert remote_id not in connector.reminder_states([remote_id])
