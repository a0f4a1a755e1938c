"""Reminders to several people of a role and actions with conditions, planned once for each person and taken back so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.plugin.events.support import ALL, CALLS, HALF, Office, at, edited_rules, office_on

PEOPLE = [
    {"name": "Иванова", "crm_user": "ivanova", "address": "i@example.org", "when": {"card": {"brand": "Kia"}}},
    {"name": "Петрова", "crm_user": "petrova", "address": "p@example.org", "when": {"card.brand": {"not": "Kia"}}},
    {"name": "Петрова", "crm_user": "petrova", "address": "p@example.org", "when": {"card.brand": {"unknown": True}}},
]


def _edit(content: dict[str, Any]) -> None:
    people = [*PEOPLE[:2], {**PEOPLE[2], "name": "Сидорова"}]
    content["roles.toml"]["role"]["survey_coordinator"] = {"label": "Координатор опросов", "person": people}
    for script in ("survey_opt_out", "survey_opt_in"):
        facts = content[f"{script}/vocabulary.toml"]["fact"]
        facts["brand"] = {"type": "text", "from": "card.brand", "label": "Марка"}
        facts["vip"] = {"type": "bool", "from": "card.vip", "label": "VIP"}
    head = {"id": "head", "kind": "comment", "text": "Особый клиент", "when": {"vip": True}}
    content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["action"].append(head)


@pytest.fixture
def office(ledger_url: str) -> Iterator[Office]:
    with office_on(ledger_url) as office:
        office.rules.activate(edited_rules(_edit), "test", "people")
        yield office


def _reminded(office: Office, number: int | None = None) -> list[str | None]:
    return [row["role"] for row in office.deliveries(number) if row["kind"] == "reminder"]


def test_each_person_who_is_chosen_gets_a_reminder_and_a_mail_of_their_own(office: Office) -> None:
    office.taken(CALLS, card={"brand": "Kia"})

    kinds = [(row["kind"], row["role"]) for row in office.deliveries()]
    assert kinds == [
        ("comment", None),
        ("reminder", "survey_coordinator:Иванова"),
        ("smtp_email", "survey_coordinator:Иванова"),
    ]


def test_the_keys_of_two_people_of_one_role_differ(office: Office) -> None:
    office.taken(ALL)

    keys = [row["key"] for row in office.deliveries()]
    assert len(set(keys)) == len(keys)


def test_a_correction_withdraws_the_reminder_of_each_person_and_tells_who_gets_no_new_one(office: Office) -> None:
    office.taken(CALLS, card={"brand": "Kia"})
    office.deliver()
    office.taken(CALLS, card={"brand": "Lada"}, occurred_at=at(1))

    assert office.outcomes() == [(1, "exclude_calls"), (2, "exclude_calls")]
    assert _reminded(office, 2) == ["survey_coordinator:Петрова"]
    taken_back = [(row["kind"], row["role"]) for row in office.deliveries(2) if row["withdraws"] is not None]
    assert taken_back == [
        ("withdrawal", "survey_coordinator:Иванова"),
        ("smtp_email", "survey_coordinator:Иванова"),
    ]


def test_the_same_people_and_actions_reported_again_write_nothing(office: Office) -> None:
    office.taken(CALLS, card={"brand": "Lada"})
    office.taken(CALLS, card={"brand": "BMW"}, occurred_at=at(1))

    assert office.outcomes() == [(1, "exclude_calls")]


def test_an_action_that_comes_in_by_a_later_event_is_a_new_decision(office: Office) -> None:
    office.taken(CALLS, card={"brand": "Kia"})
    office.deliver()
    office.taken(CALLS, card={"brand": "Kia", "vip": True}, occurred_at=at(1))

    assert office.outcomes() == [(1, "exclude_calls"), (2, "exclude_calls")]
    assert "Особый клиент" in [row["text"].split("\n")[0] for row in office.deliveries(2)]


def test_an_unfinished_call_reminds_the_person_of_its_brand(office: Office) -> None:
    office.taken(HALF, card={"brand": "Kia"}, final=True)

    assert _reminded(office) == ["survey_coordinator:Иванова"]


def test_several_roles_are_told_of_an_unfinished_call(ledger_url: str) -> None:
    def edit(content: dict[str, Any]) -> None:
        unfinished = content["survey_opt_out/script.toml"]["unfinished"]
        del unfinished["role"]
        unfinished["roles"] = ["survey_coordinator", "sms_manager"]

    with office_on(ledger_url) as office:
        office.rules.activate(edited_rules(edit), "test", "test")
        office.taken(HALF, final=True)
        assert _reminded(office) == ["survey_coordinator", "sms_manager"]
        office.taken(CALLS, occurred_at=at(1))
        office.deliver()
        withdrawn = [row["role"] for row in office.deliveries(2) if row["kind"] == "withdrawal"]
        assert withdrawn in ([], ["survey_coordinator", "sms_manager"])


def test_a_final_event_without_the_optional_answer_is_decided(ledger_url: str) -> None:
    def edit(content: dict[str, Any]) -> None:
        content["survey_opt_out/vocabulary.toml"]["fact"]["reason"] = {"type": "text", "label": "Причина"}
        question = {"id": "reason", "paragraph": "1", "fact": "reason", "hint": "?", "optional": True}
        question["when"] = {"survey_type": ["calls", "online", "all"]}
        content["survey_opt_out/rules.toml"]["question"].append(question)

    with office_on(ledger_url) as office:
        office.rules.activate(edited_rules(edit), "test", "test")
        office.taken(CALLS, final=True)
        assert office.outcomes() == [(1, "exclude_calls")]
        office.taken({**CALLS, "reason": "Часто звонят"}, occurred_at=at(1), final=True)
        assert office.outcomes() == [(1, "exclude_calls")]
