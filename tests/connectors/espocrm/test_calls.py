"""Calls read again: what of them becomes a call result, and whose answers count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import responses

from connectors.base import CrmRefused, CrmUnavailable, NotMapped, Reference
from connectors.espocrm import EspoConnector
from plugin.events.schema import CallResultSchema
from tests.connectors.espocrm.asking import CALL, resolve
from tests.connectors.espocrm.payloads import OWN_USER, SITE, URL, payload

Make = Callable[..., EspoConnector]


# --- no call of ours -------------------------------------------------------------------------------


def test_a_call_that_is_gone_is_none(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/Call/{CALL.id}", status=404, headers={"X-Status-Reason": "Record does not exist."})
    assert connector.resolve(CALL) is None


@pytest.mark.parametrize("kind", ["User", "CSurvey", "call", "../Call"])
def test_a_record_that_no_webhook_tells_of_is_not_read(
    crm: responses.RequestsMock, connector: EspoConnector, kind: str
) -> None:
    assert connector.resolve(Reference(kind, CALL.id)) is None
    assert len(crm.calls) == 0


@pytest.mark.parametrize("by", [{"modifiedById": OWN_USER}, {"modifiedById": None, "createdById": OWN_USER}])
def test_answers_in_a_call_that_the_plugins_own_user_changed_last_are_told(
    crm: responses.RequestsMock, connector: EspoConnector, by: dict[str, Any]
) -> None:
    with pytest.raises(NotMapped, match="the plugin's own user, which nothing else may use"):
        resolve(crm, connector, **by)


def test_a_call_without_answers_that_the_plugins_own_user_changed_is_none(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    assert resolve(crm, connector, modifiedById=OWN_USER, cRelated=None, cKind=None) is None


def test_a_call_that_the_plugins_own_user_made_and_a_person_answered_counts(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    assert resolve(crm, connector, createdById=OWN_USER) is not None


def test_who_the_own_user_is_is_asked_once(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(own_user=None)
    crm.get(f"{URL}/App/user", json=payload("app_user__api"))
    with pytest.raises(NotMapped):
        resolve(crm, connector, modifiedById=OWN_USER)
    assert resolve(crm, connector) is not None
    assert sum(str(call.request.url).endswith("App/user") for call in crm.calls) == 1


@pytest.mark.parametrize(("status", "body"), [(500, {}), (200, []), (200, {"user": {}})])
def test_an_unknown_own_user_is_no_stranger(crm: responses.RequestsMock, make: Make, status: int, body: Any) -> None:
    connector = make(own_user=None)
    crm.get(f"{URL}/App/user", status=status, json=body)
    with pytest.raises(CrmUnavailable):
        resolve(crm, connector)


def test_a_call_that_did_not_take_place_is_none(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    assert resolve(crm, connector, status="Not Held") is None


@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_a_call_without_answers_is_none(
    crm: responses.RequestsMock, connector: EspoConnector, nothing: str | None
) -> None:
    assert resolve(crm, connector, cRelated=nothing, cKind=nothing, cWho=nothing) is None


# --- not to be understood ----------------------------------------------------------------------------


def test_an_answer_that_is_not_mapped_is_named(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    with pytest.raises(NotMapped, match=r"field 'cKind' holds 'Letters'.*values of the fact 'kind'"):
        resolve(crm, connector, cKind="Letters")


def test_a_status_that_is_not_mapped_is_named(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    with pytest.raises(NotMapped, match=r"status 'No answer'.*plugin.toml, statuses"):
        resolve(crm, connector, status="No answer")


def test_a_status_of_ones_own_can_be_mapped(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(statuses={"No answer": "none", "Talked": "over"})
    assert resolve(crm, connector, status="No answer") is None
    assert (resolve(crm, connector, status="Talked") or {})["final"] is True


def test_a_call_without_any_time_is_refused(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    with pytest.raises(CrmRefused, match="read its dates"):
        resolve(crm, connector, dateEnd=None, modifiedAt=None, createdAt=None)


# --- a call result ---------------------------------------------------------------------------------


def test_a_held_call_is_a_call_result(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    result = resolve(crm, connector)
    assert result is not None
    assert result.pop("id").startswith(f"{CALL.id}-")
    assert result == {
        "occurred_at": "2026-03-11T08:55:00+00:00",
        "final": True,
        "call": {"id": CALL.id, "phone": "+79161234567", "operator": "Петрова Анна"},
        "card": {
            "type": "contact",
            "id": "65f1c0de000000b01",
            "name": "Иванов Иван Иванович",
            "url": f"{SITE}/#Contact/view/65f1c0de000000b01",
        },
        "facts": {"related": True, "kind": "calls"},
        "note": "Просит не звонить",
    }


def test_a_call_that_is_still_on_is_not_final_and_ends_no_later_than_now(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    result = resolve(crm, connector, "call__planned")
    assert result is not None
    assert (result["final"], result["occurred_at"]) == (False, "2026-03-11T08:56:10+00:00")
    assert result["facts"] == {"related": True}


def test_a_call_of_a_lead_has_the_leads_card(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    result = resolve(crm, connector, "call__lead")
    assert result is not None
    assert (result["card"]["type"], result["card"]["name"]) == ("lead", "Сидоров Пётр")
    assert result["call"]["phone"] == "+79161234568"


@pytest.mark.parametrize(
    ("changes", "card"),
    [
        # A call from a contact's page belongs to the contact's account.
        ({}, ("contact", "65f1c0de000000b01")),
        ({"parentType": "Lead", "parentId": "65fa"}, ("lead", "65fa")),
        ({"parentType": "Opportunity", "parentId": "65fa", "contactsIds": []}, ("opportunity", "65fa")),
        ({"contactsIds": ["65fa", "65fb"]}, ("account", "65f1c0de000000a01")),
        ({"contactsIds": [], "leadsIds": ["65fa"]}, ("lead", "65fa")),
        ({"parentType": "CCar", "parentId": "65fa", "contactsIds": []}, None),
        ({"parentType": None, "parentId": None, "contactsIds": None}, None),
    ],
)
def test_the_card_is_the_persons_who_was_called(
    crm: responses.RequestsMock, connector: EspoConnector, changes: dict[str, Any], card: tuple[str, str] | None
) -> None:
    result = resolve(crm, connector, **changes)
    assert result is not None
    given = result.get("card")
    assert (None if given is None else (given["type"], given["id"])) == card


def test_the_number_that_was_dialled_comes_from_its_field(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(phone_field="cDialled")
    assert (resolve(crm, connector) or {})["call"]["phone"] == "8 916 123-45-67"


@pytest.mark.parametrize("empty", [None, "", " "])
def test_where_its_field_is_empty_the_clients_number_counts(
    crm: responses.RequestsMock, make: Make, empty: str | None
) -> None:
    result = resolve(crm, make(phone_field="cDialled"), cDialled=empty)
    assert (result or {})["call"]["phone"] == "+79161234567"


@pytest.mark.parametrize(
    ("numbers", "phone"),
    [
        ({"Contact_65fc": "+79160000001"}, "+79160000001"),
        ({"Contact_65fc": "+79160000001", "Lead_65fd": "+79160000001"}, "+79160000001"),
        # Whose of them was dialled is not known.
        ({"Contact_65fc": "+79160000001", "Lead_65fd": "+79160000002"}, None),
        ({}, None),
        ([], None),
    ],
)
def test_the_number_of_the_only_one_who_has_one_counts(
    crm: responses.RequestsMock, connector: EspoConnector, numbers: Any, phone: str | None
) -> None:
    result = resolve(crm, connector, phoneNumbersMap=numbers)
    assert (result or {})["call"].get("phone") == phone


def test_a_note_of_any_length_and_with_any_character_fits(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    result = resolve(crm, connector, description="Ж\x00\n" * 9_000, assignedUserName="Пет\nрова")
    assert result is not None
    assert len(result["note"]) == 10_000
    assert "\x00" not in result["note"]
    assert result["call"]["operator"] == "Пет рова"


def test_the_same_state_is_the_same_event_and_a_changed_one_another(
    crm: responses.RequestsMock, connector: EspoConnector
) -> None:
    ids = [
        (resolve(crm, connector, **changes) or {})["id"]
        for changes in ({}, {}, {"cKind": "All"}, {"modifiedAt": "2026-03-11 09:10:00"})
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_answer_that_was_emptied_is_retracted(crm: responses.RequestsMock, connector: EspoConnector) -> None:
    crm.get(f"{URL}/Call/{CALL.id}", json=payload("call__held"))
    result = connector.resolve(Reference("Call", CALL.id, {"cleared": ["cWho", "cRelated"]}))
    # cRelated was answered again since; the record counts.
    assert result is not None
    assert result["facts"] == {"related": True, "kind": "calls", "who": None}


def test_a_record_of_the_admins_own_entity_is_a_finished_call(crm: responses.RequestsMock, make: Make) -> None:
    connector = make(webhooks="CSurvey.create 65f1 key")
    record = {"id": "65fa", "createdAt": "2026-03-11 08:56:00", "createdById": "x", "cKind": "All"}
    crm.get(f"{URL}/CSurvey/65fa", json=record | {"parentType": "Contact", "parentId": "65fb", "parentName": "Иванов"})
    result = connector.resolve(Reference("CSurvey", "65fa"))
    assert result is not None
    CallResultSchema().load(result)
    assert (result["final"], result["occurred_at"]) == (True, "2026-03-11T08:56:00+00:00")
    assert result["card"]["id"] == "65fb"


def test_the_facts_that_can_come_are_told(connector: EspoConnector) -> None:
    assert connector.facts() == {
        "related": frozenset({True, False}),
        "kind": frozenset({"calls", "all"}),
        "who": None,
    }
