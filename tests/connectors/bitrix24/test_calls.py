"""Calls are read again over the API; old answers on a card count for no new call."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.base import CardRef, CrmRefused, CrmUnavailable, NotMapped, Reference
from connectors.bitrix24 import Bitrix24Connector
from tests.connectors.bitrix24.rig import (
    CALL_STARTED,
    CHANGED,
    FACTS,
    RELATED,
    SURVEYS,
    call_end,
    connected,
    with_call,
    with_client,
    with_webhook,
)
from tests.connectors.bitrix24.server import Portal

CALL = "externalCall.7b0c7de811455ef32b18dc5917e4306a.1773239327"
ENDED = "2026-11-22T10:15:00+03:00"
ANSWERS = {"related_to_car": True, "survey_type": "calls"}
BY_CALL, BY_ACTIVITY, BY_CARD = (
    Reference("call", CALL, {"activity": "7953"}),
    Reference("activity", "7953"),
    Reference("card", "contact:42"),
)
RECORD = {"record_type": 1220, "record_phone_field": "UF_CRM_PHONE", "record_time_field": "UF_CRM_TIME"}


@pytest.fixture
def reader(portal: Portal) -> Iterator[Bitrix24Connector]:
    with_client(portal)
    with_call(portal)
    connector = connected(with_webhook(portal, facts=FACTS, facts_changed_field=CHANGED))
    yield connector
    connector.close()


def contact(portal: Portal) -> dict[str, Any]:
    return portal.records.items[3]["42"]


def facts(connector: Bitrix24Connector, reference: Reference = BY_CALL) -> Any:
    result = connector.resolve(reference)
    assert result is not None
    return result["facts"]


# --- failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refused", ["voximplant.statistic.get", "crm.activity.get", "crm.item.get"])
def test_what_cannot_be_read_just_now_comes_again(reader: Bitrix24Connector, portal: Portal, refused: str) -> None:
    portal.failing[refused] = [{"error": "QUERY_LIMIT_EXCEEDED", "error_description": ""}]
    with pytest.raises(CrmUnavailable):
        reader.resolve(BY_CALL)


def test_a_right_that_is_missing_is_told(reader: Bitrix24Connector, portal: Portal) -> None:
    portal.failing["voximplant.statistic.get"] = [{"error": "insufficient_scope", "error_description": ""}]
    with pytest.raises(CrmRefused):
        reader.resolve(BY_CALL)


def test_an_activity_does_without_the_statistics(reader: Bitrix24Connector, portal: Portal) -> None:
    portal.failing["voximplant.statistic.get"] = [{"error": "insufficient_scope", "error_description": ""}]
    result = reader.resolve(BY_ACTIVITY)
    assert result is not None
    assert (result["call"], result["occurred_at"]) == ({"id": "activity-7953", "operator": "7"}, ENDED)


def test_a_value_that_nobody_mapped_is_told_with_its_field(reader: Bitrix24Connector, portal: Portal) -> None:
    contact(portal)[SURVEYS] = "48"
    with pytest.raises(NotMapped, match=f"field '{SURVEYS}' holds '48'"):
        reader.resolve(BY_CALL)


@pytest.mark.parametrize("reference", [BY_CALL, BY_ACTIVITY, Reference("item", "1"), Reference("other", "1")])
def test_what_is_gone_is_no_call_of_ours(portal: Portal, reference: Reference) -> None:
    connector = connected(with_webhook(portal, facts=FACTS, facts_changed_field=CHANGED))
    assert connector.resolve(reference) is None


def test_another_activity_is_no_call(reader: Bitrix24Connector, portal: Portal) -> None:
    portal.records.activities["7953"]["TYPE_ID"] = "6"
    assert reader.resolve(BY_ACTIVITY) is None


def test_a_call_whose_activity_was_deleted_is_still_in_the_statistics(
    reader: Bitrix24Connector, portal: Portal
) -> None:
    del portal.records.activities["7953"]
    assert facts(reader) == ANSWERS
    assert reader.resolve(BY_ACTIVITY) is None


@pytest.mark.parametrize("code", ["304", "486", "603-S", "OTHER"])
def test_a_call_that_nobody_answered_says_nothing(portal: Portal, code: str) -> None:
    with_client(portal)
    with_call(portal, CALL_FAILED_CODE=code)
    connector = connected(with_webhook(portal, facts=FACTS, facts_changed_field=CHANGED))
    assert connector.resolve(BY_CALL) is None


@pytest.mark.parametrize("own", [None, "7"])
def test_what_the_plugins_own_user_changed_is_no_news(portal: Portal, own: str | None) -> None:
    with_client(portal)
    with_call(portal)
    portal.records.activities["7953"]["EDITOR_ID"] = own or "1"
    connector = connected(with_webhook(portal, facts=FACTS, facts_changed_field=CHANGED, own_user=own))
    assert connector.resolve(BY_ACTIVITY) is None
    # The end of a call is the telephony's doing, whoever wrote its activity.
    assert connector.resolve(BY_CALL) is not None


# --- old answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        None,
        "",
        "nonsense",
        "2026-11-22T10:14:00",
        # A month ago, a minute and a second before the call, hours after it, for the next call.
        "2026-10-22T10:14:00+03:00",
        "2026-11-22T10:08:59+03:00",
        "2026-11-22T14:15:01+03:00",
        "2026-11-29T10:14:00+03:00",
    ],
)
@pytest.mark.parametrize("reference", [BY_CALL, BY_ACTIVITY, BY_CARD])
def test_answers_that_were_not_given_in_this_call_do_not_count(
    reader: Bitrix24Connector, portal: Portal, changed: str | None, reference: Reference
) -> None:
    contact(portal)[CHANGED] = changed
    # The card itself was changed in the call: that proves nothing about the answers on it.
    contact(portal)["updatedTime"] = "2026-11-22T10:14:00+03:00"
    assert facts(reader, reference) == {}


@pytest.mark.parametrize(
    "changed", ["2026-11-22T10:10:00+03:00", "2026-11-22T07:14:00+00:00", "2026-11-22T14:14:59+03:00"]
)
def test_answers_given_during_the_call_or_soon_after_count(
    reader: Bitrix24Connector, portal: Portal, changed: str
) -> None:
    contact(portal)[CHANGED] = changed
    assert facts(reader) == ANSWERS


def test_a_change_of_the_card_is_heard_for_its_last_call(reader: Bitrix24Connector, portal: Portal) -> None:
    result = reader.resolve(BY_CARD)
    assert result is not None
    assert (result["call"]["id"], result["facts"]) == (CALL, ANSWERS)


def test_a_change_of_a_card_without_a_call_says_nothing(reader: Bitrix24Connector, portal: Portal) -> None:
    portal.records.add_item("deal", "10", title="Сделка")
    assert reader.resolve(Reference("card", "deal:10")) is None
    assert reader.resolve(Reference("card", "invoice:10")) is None


def test_no_card_is_read_for_answers_that_stand_elsewhere(portal: Portal) -> None:
    with_client(portal)
    with_call(portal)
    connector = connected(with_webhook(portal, facts={"survey_type": {"field": "COMMENT"}}))
    assert connector.resolve(BY_CARD) is None
    assert portal.requests == []


# --- whole calls --------------------------------------------------------------------------------------------


def test_a_call_is_read_with_its_card_and_answers(reader: Bitrix24Connector, portal: Portal) -> None:
    found = reader.parse_event({}, None, {}, call_end())
    assert found == [BY_CALL]
    result = reader.resolve(found[0])
    assert result is not None
    assert {name: value for name, value in result.items() if name != "id"} == {
        "occurred_at": ENDED,
        "final": False,
        "call": {"id": CALL, "phone": "+79161234567", "operator": "7"},
        "facts": ANSWERS,
        "card": {
            "type": "contact",
            "id": "42",
            "name": "Иванов Иван Иванович",
            "url": f"{portal.url}/crm/contact/details/42/",
        },
    }
    assert len(portal.requests) == 2


def test_a_call_that_belongs_to_a_deal_has_the_answers_of_its_contact(
    reader: Bitrix24Connector, portal: Portal
) -> None:
    portal.records.add_item("deal", "10", title="Сделка", contactId=42)
    portal.records.activities["7953"] |= {"OWNER_TYPE_ID": "2", "OWNER_ID": "10"}
    result = reader.resolve(BY_CALL)
    assert result is not None
    assert (result["card"]["type"], result["facts"]) == ("deal", ANSWERS)


def test_the_calls_own_records_count_whenever_they_were_filled_in(portal: Portal) -> None:
    with_client(portal)
    with_call(portal, COMMENT=" отказ от звонков ")
    mapping = {
        "survey_type": {"field": "COMMENT", "values": {"отказ от звонков": "calls"}},
        "related_to_car": {"field": "RESULT_MARK", "values": {"1": True}},
    }
    portal.records.activities["7953"]["RESULT_MARK"] = "1"
    connector = connected(with_webhook(portal, facts=mapping))
    result = connector.resolve(BY_CALL)
    assert result is not None
    assert (result["facts"], result["note"]) == (ANSWERS, "отказ от звонков")


def test_the_same_call_told_twice_is_one_event_and_after_a_change_another(
    reader: Bitrix24Connector, portal: Portal
) -> None:
    ids = []
    for answer, updated in (("45", "1"), ("45", "1"), ("46", "2"), ("45", "3")):
        contact(portal)[SURVEYS] = answer
        portal.records.activities["7953"]["LAST_UPDATED"] = f"2026-11-22T10:15:0{updated}+03:00"
        result = reader.resolve(BY_CALL)
        assert result is not None
        ids.append(result["id"])
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_answer_that_was_emptied_is_taken_back(reader: Bitrix24Connector, portal: Portal) -> None:
    contact(portal)[SURVEYS] = ""
    assert facts(reader) == {"related_to_car": True, "survey_type": None}
    contact(portal)[RELATED] = None
    assert facts(reader) == {}


def test_a_call_without_a_card_is_told_by_its_number(portal: Portal) -> None:
    with_client(portal)
    with_call(portal, CRM_ENTITY_TYPE="", CRM_ENTITY_ID="0", CRM_ACTIVITY_ID="0")
    connector = connected(with_webhook(portal))
    result = connector.resolve(Reference("call", CALL))
    assert result is not None
    assert "card" not in result
    assert result["call"]["phone"] == "+79161234567"


@pytest.mark.parametrize("shown", ["Unknown", "anonymous"])
def test_a_hidden_caller_is_told_as_one_with_the_card(portal: Portal, shown: str) -> None:
    with_client(portal)
    with_call(portal, PHONE_NUMBER=shown)
    result = connected(with_webhook(portal)).resolve(BY_CALL)
    assert result is not None
    assert (result["call"]["phone"], result["card"]["id"]) == (shown, "42")


# --- items of a smart process ---------------------------------------------------------------------------------


def item(portal: Portal, **values: Any) -> None:
    given = {"updatedTime": "2026-11-22T10:20:00+03:00", "createdTime": ENDED, "assignedById": 7, "contactId": 42}
    given |= {"UF_CRM_PHONE": "8 916 123-45-67", "UF_CRM_TIME": CALL_STARTED, RELATED: "Y", SURVEYS: "45"}
    portal.records.add_item(1220, "24", **(given | values))


def test_an_item_of_the_smart_process_is_a_call_of_its_own(portal: Portal, card: CardRef) -> None:
    item(portal)
    connector = connected(with_webhook(portal, facts=FACTS, **RECORD))
    result = connector.resolve(Reference("item", "24"))
    assert result is not None
    assert result["call"] == {"id": "item-1220-24", "phone": "8 916 123-45-67", "operator": "7"}
    assert (result["occurred_at"], result["facts"], result["card"]["id"]) == (CALL_STARTED, ANSWERS, "42")
    assert len(portal.requests) == 1


def test_an_item_is_linked_to_a_deal_where_it_has_no_contact(portal: Portal) -> None:
    portal.records.add_item("deal", "10", title="Сделка", phones=("+7 916 123-45-67",))
    item(portal, contactId=0, parentId2=10, UF_CRM_PHONE=None)
    connector = connected(with_webhook(portal, facts=FACTS, **RECORD))
    result = connector.resolve(Reference("item", "24"))
    assert result is not None
    assert (result["card"]["type"], result["call"]["phone"]) == ("deal", "+7 916 123-45-67")


@pytest.mark.parametrize("shown", ["Unknown", "номер скрыт", "", 0])
def test_an_item_without_a_number_goes_by_that_of_its_card(portal: Portal, shown: object) -> None:
    portal.records.add_item("deal", "10", title="Сделка", phones=("+7 916 123-45-67",))
    item(portal, contactId=0, parentId2=10, UF_CRM_PHONE=shown)
    result = connected(with_webhook(portal, facts=FACTS, **RECORD)).resolve(Reference("item", "24"))
    assert result is not None
    assert result["call"]["phone"] == "+7 916 123-45-67"


def test_an_item_that_says_no_time_yet_is_not_ready(portal: Portal, card: CardRef) -> None:
    item(portal, UF_CRM_TIME=None)
    connector = connected(with_webhook(portal, facts=FACTS, **RECORD))
    assert connector.resolve(Reference("item", "24")) is None


def test_an_item_that_the_plugins_own_user_changed_is_no_news(portal: Portal, card: CardRef) -> None:
    item(portal, updatedBy=1)
    connector = connected(with_webhook(portal, facts=FACTS, **RECORD))
    assert connector.resolve(Reference("item", "24")) is None


def test_the_facts_that_may_come_are_told() -> None:
    connector = Bitrix24Connector(
        Bitrix24Connector.Settings().load(
            {
                "webhook": "https://portal.example.org/rest/1/abcd/",
                "facts": FACTS | {"client_name": {"field": "UF_CRM_NAME"}},
                "facts_changed_field": CHANGED,
            }
        )
    )
    assert connector.facts() == {
        "related_to_car": frozenset({True, False}),
        "survey_type": frozenset({"calls", "online", "all"}),
        "client_name": None,
    }
