"""Comments and reminders found again, the state of a reminder, and how both are taken back."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import responses

from connectors.base import CrmRefused, Done, NotDone, ReminderState, Unknown
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import CONTACT, KEY, URL, payload
from tests.connectors.espocrm.rig import EspoRig, rig
from tests.support.fake_api import Fault

Make = Callable[..., EspoConnector]
DUE = datetime(2026, 3, 12, 12, 0, tzinfo=timezone(timedelta(hours=3)))
TASK = "65f1c0de000000701"
TEXT = "Исключить до срока\n[ref:abababababababab]"


def sent(crm: responses.RequestsMock, place: int = -1) -> Any:
    return json.loads(crm.calls[place].request.body or b"null")


# --- find ------------------------------------------------------------------------------------------


def test_a_comment_is_found_by_its_mark(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/Contact/{CONTACT.id}/posts", json=payload("posts__two"))
    assert connector.find("comment", CONTACT, KEY) == "65f1c0de000000e02"
    assert connector.find("comment", CONTACT, "cd" * 32) is None


def test_a_comment_is_looked_for_page_by_page(espo: EspoRig) -> None:
    made = espo.connector.add_comment(espo.card, TEXT, KEY)
    for number in range(250):
        espo.server.add("Note", parentType="Contact", parentId=espo.card.id, post=f"Другой {number}")
    assert made == Done(str(espo.connector.find("comment", espo.card, KEY)))


def test_a_comment_is_not_looked_for_among_what_is_older_than_any_delivery(espo: EspoRig) -> None:
    for number in range(501):
        espo.server.add("Note", parentType="Contact", parentId=espo.card.id, post=f"Раньше {number}")
    for note in espo.server.all("Note"):
        note["createdAt"] = espo.server.stamp(-40 * 86_400)
    assert espo.connector.find("comment", espo.card, KEY) is None


def test_too_many_newer_posts_are_no_proof_of_absence(espo: EspoRig) -> None:
    for number in range(500):
        espo.server.add("Note", parentType="Contact", parentId=espo.card.id, post=f"Позже {number}")
    with pytest.raises(CrmRefused, match="more than 500 posts"):
        espo.connector.find("comment", espo.card, KEY)


def test_a_comment_is_looked_for_in_a_card_only(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    with pytest.raises(CrmRefused):
        connector.find("comment", None, KEY)


def test_a_reminder_is_found_by_its_key_with_one_request(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/Task", json=payload("tasks__one"))
    assert connector.find("reminder", CONTACT, KEY) == TASK
    asked = crm.calls[0].request
    assert asked.params == {  # type: ignore[attr-defined]
        "select": "id,cExternalId",
        "where[0][type]": "equals",
        "where[0][attribute]": "cExternalId",
        "where[0][value]": KEY,
        "maxSize": "5",
        "offset": "0",
    }
    assert asked.headers["X-No-Total"] == "true"


def test_without_the_field_a_reminder_is_found_by_its_mark() -> None:
    with rig(external_id_field="") as espo:
        made = espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
        assert made == Done(str(espo.connector.find("reminder", espo.card, KEY)))
        assert made == Done(str(espo.connector.find("reminder", None, KEY)))
        assert espo.connector.find("reminder", espo.missing, KEY) is None
        assert espo.connector.find("reminder", espo.card, "cd" * 32) is None


@pytest.mark.parametrize("how", ["absent", "not editable"])
def test_a_key_that_the_crm_did_not_keep_does_not_hide_the_reminder(espo: EspoRig, how: str) -> None:
    if how == "absent":
        espo.server.task_fields.clear()
    else:
        espo.server.not_editable["Task"] = {"cExternalId"}
    made = espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    assert made == Done(str(espo.connector.find("reminder", espo.card, KEY)))


def test_a_search_that_is_refused_for_another_reason_is_no_absence(espo: EspoRig) -> None:
    espo.server.role["Task"]["read"] = "no"
    with pytest.raises(CrmRefused):
        espo.connector.find("reminder", espo.card, KEY)


# --- state and withdrawal --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Not Started", ReminderState.OPEN),
        ("Started", ReminderState.OPEN),
        ("Deferred", ReminderState.OPEN),
        ("Completed", ReminderState.DONE),
        ("Canceled", ReminderState.DONE),
    ],
)
def test_the_state_is_the_tasks_status(
    crm: responses.RequestsMock, connector: EspoConnector, status: str, state: ReminderState
) -> None:
    crm.get(f"{URL}/Task/{TASK}", json=payload("task__created") | {"status": status})
    assert connector.reminder_state(TASK) is state


def test_a_withdrawal_cancels_the_task_and_says_why(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/Task/{TASK}", json=payload("task__created"))
    crm.put(f"{URL}/Task/{TASK}", json=payload("task__canceled"))
    assert connector.withdraw_reminder(TASK, "Клиент *передумал*", KEY) == Done(TASK)
    assert sent(crm) == {"status": "Canceled", "description": "Исключить до срока\n\nКлиент \\*передумал\\*"}


@pytest.mark.parametrize("fixture", ["task__completed", "task__canceled"])
def test_a_reminder_that_is_done_needs_no_withdrawal(
    crm: responses.RequestsMock, connector: EspoConnector, fixture: str
) -> None:
    crm.get(f"{URL}/Task/{TASK}", json=payload(fixture))
    assert connector.withdraw_reminder(TASK, "Передумал", KEY) == Done(TASK)
    assert len(crm.calls) == 1


@pytest.mark.parametrize("gone_at", ["GET", "PUT"])
def test_a_reminder_that_is_gone_counts_as_withdrawn(
    crm: responses.RequestsMock, connector: EspoConnector, gone_at: str
) -> None:
    crm.get(f"{URL}/Task/{TASK}", json=payload("task__created"))
    gone = {"X-Status-Reason": "Record does not exist."}
    crm.upsert(gone_at, f"{URL}/Task/{TASK}", status=404, headers=gone)
    assert connector.withdraw_reminder(TASK, "Передумал", KEY) == Done(TASK)


@pytest.mark.parametrize(("status", "permanent"), [(403, True), (401, False), (500, False)])
def test_a_task_that_cannot_be_read_is_not_withdrawn(
    crm: responses.RequestsMock, connector: EspoConnector, status: int, permanent: bool
) -> None:
    crm.get(f"{URL}/Task/{TASK}", status=status, headers={"X-Status-Reason": "No read access."} if permanent else {})
    outcome = connector.withdraw_reminder(TASK, "Передумал", KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (permanent, status)


def test_a_withdrawal_that_the_crm_cut_is_noticed(espo: EspoRig) -> None:
    espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    reminder = espo.written("reminder")[0].id
    espo.server.not_editable["Task"] = {"status"}
    outcome = espo.connector.withdraw_reminder(reminder, "Передумал", KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (True, "cut")
    assert espo.connector.reminder_state(reminder) is ReminderState.OPEN


def test_a_withdrawal_whose_answer_was_lost_is_seen_in_the_state(espo: EspoRig) -> None:
    espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    reminder = espo.written("reminder")[0].id
    espo.fault(Fault.DROP_AFTER)
    assert isinstance(espo.connector.withdraw_reminder(reminder, "Передумал", KEY), Unknown)
    assert espo.connector.reminder_state(reminder) is ReminderState.DONE


# --- removal ---------------------------------------------------------------------------------------


def test_what_a_trial_wrote_is_removed(espo: EspoRig) -> None:
    espo.server.role["Email"]["delete"] = "own"
    for kind, outcome in {
        "comment": espo.connector.add_comment(espo.card, TEXT, KEY),
        "reminder": espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY),
        "email": espo.connector.notify_email(espo.people[0], "ИСКЛЮЧИТЬ", TEXT, KEY),
    }.items():
        assert isinstance(outcome, Done)
        for _ in range(2):
            assert espo.connector.remove(kind, outcome.remote_id, espo.card) == outcome  # type: ignore[arg-type]
        assert espo.written(kind) == []  # type: ignore[arg-type]


def test_a_removal_that_is_not_allowed_is_told(espo: EspoRig) -> None:
    made = espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    espo.server.role["Task"]["delete"] = "no"
    assert isinstance(made, Done)
    outcome = espo.connector.remove("reminder", made.remote_id, espo.card)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
