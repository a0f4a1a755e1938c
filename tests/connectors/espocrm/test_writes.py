"""Comments and reminders written: what is sent, and what is read back in the answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import responses

from connectors.base import Assignee, CardRef, CrmUnavailable, Done, NotDone, Unknown
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.payloads import CONTACT, KEY, PERSON, URL, payload
from tests.connectors.espocrm.rig import EspoRig, rig
from tests.connectors.espocrm.server import HMAC_SECRET

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


@pytest.mark.parametrize("person", ["inactive", "hidden"])
def test_a_person_who_cannot_be_read_may_be_inactive(espo: EspoRig, person: str) -> None:
    if person == "inactive":
        espo.server.records["User"][str(espo.people[0].user)]["isActive"] = False
    else:
        espo.server.role["User"]["read"] = "no"
    outcome = espo.connector.create_reminder(espo.card, espo.people[0], "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (True, "cannotRelateForbidden:User")
    assert "the user is inactive, or" in outcome.why


def test_a_person_may_be_named_by_the_login_which_is_looked_up_once(espo: EspoRig) -> None:
    for _ in range(2):
        made = espo.connector.create_reminder(espo.card, Assignee("coordinator"), "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
        assert isinstance(made, Done)
    assert {task["assignedUserId"] for task in espo.server.all("Task")} == {espo.people[0].user}
    assert sum(request.path.endswith("/User") for request in espo.server.requests) == 1


def test_a_login_that_another_person_has_by_now_is_looked_up_again(espo: EspoRig) -> None:
    named = Assignee("coordinator")
    assert isinstance(espo.connector.create_reminder(espo.card, named, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY), Done)
    del espo.server.records["User"][str(espo.people[0].user)]
    successor = espo.server.add("User", userName="coordinator", isActive=True)
    outcomes = [espo.connector.create_reminder(espo.card, named, "ИСКЛЮЧИТЬ", TEXT, DUE, KEY) for _ in range(2)]
    assert [type(outcome) for outcome in outcomes] == [NotDone, Done]
    assert espo.server.all("Task")[-1]["assignedUserId"] == successor


def test_a_login_that_cannot_be_looked_up_now_waits(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/User", status=500)
    outcome = connector.create_reminder(CONTACT, Assignee("coordinator"), "ИСКЛЮЧИТЬ", TEXT, DUE, KEY)
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    assert [call.request.method for call in crm.calls] == ["GET"]


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
