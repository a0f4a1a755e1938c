"""Comments and reminders: what is sent, what is read back, how it is found again and taken back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import responses

from connectors.base import Assignee, CardRef, CrmRefused, CrmUnavailable, Done, NotDone, ReminderState, Unknown
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import CONTACT, KEY, PERSON, URL, payload
from tests.connectors.espocrm.rig import EspoRig, rig
from tests.connectors.espocrm.server import HMAC_SECRET
from tests.support.fake_api import Fault

Make = Callable[..., EspoConnector]
DUE = datetime(2026, 3, 12, 12, 0, tzinfo=timezone(timedelta(hours=3)))
TASK = "65f1c0de000000701"
TEXT = "Исключить до срока\n[ref:abababababababab]"


def sent(crm: responses.RequestsMock, place: int = -1) -> Any:
    return json.loads(crm.calls[place].request.body or b"null")


# --- comment ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "entity"),
    [
        ("contact", "Contact"),
        ("lead", "Lead"),
        ("account", "Account"),
        ("opportunity", "Opportunity"),
        ("case", "Case"),
    ],
)
def test_a_comment_is_a_post_in_the_cards_stream(
    crm: responses.RequestsMock, connector: EspoConnector, kind: str, entity: str
) -> None:
    crm.post(f"{URL}/Note", json=payload("note__created") | {"parentType": entity})

    assert connector.add_comment(CardRef(kind, CONTACT.id), "Для @petrova *", KEY) == Done("65f1c0de000000e01")
    assert sent(crm) == {
        "type": "Post",
        "parentType": entity,
        "parentId": CONTACT.id,
        "post": "Для @\u2060petrova \\*",
    }
    assert crm.calls[0].request.headers["X-Api-Key"] == "an-api-key"
    assert "X-Skip-Duplicate-Check" not in crm.calls[0].request.headers


def test_a_card_of_a_type_that_is_not_used_is_not_written_to(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(card_types=["lead"])
    for outcome in (
        connector.add_comment(CONTACT, "Текст", KEY),
        connector.add_comment(CardRef("deal", "1"), "Текст", KEY),
        connector.create_reminder(CONTACT, PERSON, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY),
    ):
        assert isinstance(outcome, NotDone)
        assert outcome.permanent
    assert len(crm.calls) == 0


@pytest.mark.parametrize("changes", [{"parentId": None}, {"parentType": "Lead"}, {"post": "Исключить из опросов"}])
def test_a_post_that_the_crm_cut_is_taken_away(
    crm: responses.RequestsMock, connector: EspoConnector, changes: dict[str, Any]
) -> None:
    crm.post(f"{URL}/Note", json=payload("note__created") | {"post": TEXT} | changes)
    crm.delete(f"{URL}/Note/65f1c0de000000e01", json=True)

    outcome = connector.add_comment(CONTACT, TEXT, KEY)

    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (True, "cut")
    assert next(iter(changes)) in outcome.why
    assert [call.request.method for call in crm.calls] == ["POST", "DELETE"]


def test_hmac_signs_the_method_and_the_path(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(hmac_secret_key="s3cret")
    crm.post(f"{URL}/Note", json=payload("note__created"))
    connector.add_comment(CONTACT, "Текст", KEY)

    # printf 'POST /Note' | openssl dgst -sha256 -hmac s3cret
    digest = "6d3efc8b39123c499e7caa542746d487b7f7626c526497588d9c8e994d4bafe1"
    given = crm.calls[0].request.headers
    assert base64.b64decode(given["X-Hmac-Authorization"]).decode() == f"an-api-key:{digest}"
    assert "X-Api-Key" not in given


def test_hmac_is_accepted_for_reads_and_writes() -> None:
    with rig(hmac_secret_key=HMAC_SECRET) as espo:
        espo.server.hmac = True
        assert espo.connector.read_card(espo.card) is not None
        assert len(espo.connector.find_contact("+79161234567")) == 1
        assert isinstance(espo.connector.add_comment(espo.card, TEXT, KEY), Done)


# --- reminder --------------------------------------------------------------------------------------


def test_a_reminder_is_a_task_for_the_person_linked_to_the_card(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    crm.post(f"{URL}/Task", json=payload("task__created") | {"description": TEXT})

    assert connector.create_reminder(CONTACT, PERSON, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY) == Done(TASK)
    assert len(crm.calls) == 1
    assert sent(crm) == {
        "name": "ИСКЛЮЧИТЬ",
        "assignedUserId": PERSON.user,
        "parentType": "Contact",
        "parentId": CONTACT.id,
        "dateEnd": "2026-03-12 09:00:00",
        "description": "Исключить до срока\n\\[ref:abababababababab\\]",
        "reminders": [{"type": "Popup", "seconds": 3600}, {"type": "Popup", "seconds": 0}],
        "priority": "Urgent",
        "cExternalId": KEY,
    }


def test_what_is_switched_off_is_not_sent(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(external_id_field="", priority="", popup_minutes=[])
    crm.post(f"{URL}/Task", json=payload("task__created") | {"description": TEXT})
    connector.create_reminder(CONTACT, PERSON, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    assert set(sent(crm)) == {
        *("name", "assignedUserId", "parentType", "parentId", "dateEnd", "description", "reminders")
    }
    assert sent(crm)["reminders"] == []


def test_a_role_without_a_user_cannot_be_reminded(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    outcome = connector.create_reminder(CONTACT, Assignee(address="a@example.org"), "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert len(crm.calls) == 0


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"assignedUserId": None}, "assignedUserId"),
        ({"assignedUserId": "65f1c0de000000f01"}, "assignedUserId"),
        ({"parentId": None, "parentType": None}, "parentType, parentId"),
        ({"dateEnd": None}, "dateEnd"),
        ({"description": None}, "description"),
    ],
)
def test_a_task_that_the_crm_cut_is_taken_away(
    crm: responses.RequestsMock, connector: EspoConnector, changes: dict[str, Any], lost: str
) -> None:
    crm.post(f"{URL}/Task", json=payload("task__created") | {"description": TEXT} | changes)
    crm.delete(f"{URL}/Task/{TASK}", json=True)

    outcome = connector.create_reminder(CONTACT, PERSON, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)

    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (True, "cut")
    assert f"without {lost};" in outcome.why
    assert crm.calls[-1].request.method == "DELETE"


def test_fields_that_the_role_may_not_edit_are_noticed(espo: EspoRig) -> None:
    espo.server.not_editable["Task"] = {"parentId", "parentType"}
    outcome = espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    assert isinstance(outcome, NotDone)
    assert "parentType, parentId" in outcome.why
    assert espo.written("reminder") == []


def test_an_unknown_person_is_refused(espo: EspoRig) -> None:
    outcome = espo.connector.create_reminder(espo.card, Assignee("65fnobody"), "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 403)
    assert espo.written("reminder") == []


def test_a_subject_with_signs_that_names_must_not_hold_is_written_all_the_same(espo: EspoRig) -> None:
    outcome = espo.connector.create_reminder(espo.card, espo.people[0], "<ИСКЛЮЧИТЬ> = да", TEXT, DUE, KEY)
    assert isinstance(outcome, Done)
    assert espo.written("reminder")[0].subject == "‹ИСКЛЮЧИТЬ› ꞊ да"


# --- duplicates ------------------------------------------------------------------------------------


def test_a_duplicate_is_what_was_to_be_written(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.post(f"{URL}/Task", status=409, json=payload("task__duplicates"), headers={"X-Status-Reason": "duplicate"})
    crm.get(f"{URL}/Task", json=payload("tasks__one"))
    assert connector.create_reminder(CONTACT, PERSON, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY) == Done(TASK)


def test_a_duplicate_of_something_else_is_refused(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.post(f"{URL}/Task", status=409, json=payload("task__duplicates"), headers={"X-Status-Reason": "duplicate"})
    crm.get(f"{URL}/Task", json={"total": -1, "list": []})
    outcome = connector.create_reminder(CONTACT, PERSON, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status, outcome.code) == (True, 409, "duplicate")


def test_a_duplicate_that_cannot_be_looked_up_is_unknown(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.post(f"{URL}/Task", status=409, json=payload("task__duplicates"), headers={"X-Status-Reason": "duplicate"})
    crm.get(f"{URL}/Task", status=500)
    assert isinstance(connector.create_reminder(CONTACT, PERSON, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY), Unknown)


def test_where_the_crm_looks_for_duplicates_itself_the_same_key_gives_the_same_task(espo: EspoRig) -> None:
    espo.server.checks_duplicates = True
    outcomes = [
        espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY) for _ in range(2)
    ]
    assert outcomes[0] == outcomes[1]
    assert len(espo.written("reminder")) == 1


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
    crm.get(f"{URL}/Task/{TASK}", status=status)
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


# --- quota -----------------------------------------------------------------------------------------


class Nobody:
    """A quota in which it is never anybody's turn."""

    def acquire(self, longest: float) -> float:
        return 30.0


def test_the_quota_is_shared_with_other_processes(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    connector.share_quota(Nobody())
    outcome = connector.add_comment(CONTACT, TEXT, KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.after) == (False, 30.0)
    with pytest.raises(CrmUnavailable):
        connector.read_card(CONTACT)
    assert len(crm.calls) == 0
