"""Several people of a role: a table by a field, and the conditions of each person."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from plugin.authoring.drafts.checking import DraftChecks
from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.console.rules_days import period_shown, period_written
from plugin.console.rules_people import (
    add_person_condition,
    conditions_of_person,
    person_choices,
    remove_person_condition,
    share_by_field,
)
from plugin.console.rules_words import RulesWords
from plugin.errors import InputError

FILES = rule_texts(Path(__file__).parents[3] / "rules")
FIRST = "roles.role.survey_coordinator.person[#0]"
BRANDS = {
    "name": "survey_coordinator",
    "source": "card.brand",
    "label": "Марка",
    "first": "Иванова",
    "value1": "Kia",
    "person1": "Соколова",
    "crm_user1": "o.sokolova",
    "address1": "o.sokolova@example.org",
}


def shared(**more: str) -> DraftEditor:
    editor = DraftEditor(FILES, "survey_opt_out")
    share_by_field(editor, BRANDS | more)
    return editor


def words(editor: DraftEditor) -> RulesWords:
    return RulesWords(editor.content, "survey_opt_out")


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": "brand"},
        {"label": " "},
        {"first": ""},
        {"person1": ""},
        {"value1": "", "person1": "", "crm_user1": "", "address1": ""},
    ],
)
def test_what_is_missing_in_the_table_is_told(wrong: Mapping[str, str]) -> None:
    with pytest.raises(InputError):
        shared(**wrong)


def test_a_role_is_divided_only_once() -> None:
    with pytest.raises(InputError, match="уже несколько человек"):
        share_by_field(shared(), BRANDS)


def test_whatever_the_field_says_somebody_is_reminded_and_both_scripts_know_it() -> None:
    faults = DraftChecks().of(
        shared(value2="Lada, УАЗ", person2="Белова", crm_user2="b", address2="b@example.org").files
    )
    assert [str(fault) for fault in faults.faults if not fault.file.endswith("cases.toml")] == []


def test_people_stand_right_after_their_role() -> None:
    text = shared().files["roles.toml"]
    assert text.index('name = "Соколова"') < text.index("[role.sms_manager]")


def test_another_condition_on_a_field_takes_the_place_of_the_former_and_all_can_go() -> None:
    editor = shared()
    add_person_condition(editor, {"entry": FIRST, "choice": json.dumps(["brand", {"not": None}]), "typed": "Lada"})
    assert editor.get(f"{FIRST}.when") == {"card": {"brand": {"not": "Lada"}}}
    assert 'when = { card.brand = { not = "Lada" } }' in editor.files["roles.toml"]
    assert conditions_of_person(words(editor), editor.get(f"{FIRST}.when")) == [("card.brand", "Марка: не «Lada»")]
    remove_person_condition(editor, {"entry": FIRST, "fact": "card.brand"})
    assert editor.get(f"{FIRST}.when") is None
    with pytest.raises(InputError):
        remove_person_condition(editor, {"entry": FIRST, "fact": "card.brand"})


def test_people_are_chosen_by_fields_of_the_call_and_the_card_alone() -> None:
    editor = shared()
    assert [about for about, _ in person_choices(words(editor))] == ["Марка"]
    for form in (
        {"entry": FIRST, "choice": json.dumps(["is_client", True])},
        {"entry": "script.title", "choice": "[]"},
    ):
        with pytest.raises(InputError):
            add_person_condition(editor, form)


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("24.12.2026–08.01.2027", "2026-12-24/2027-01-08"),
        ("1.1.2027 - 8.1.2027", "2027-01-01/2027-01-08"),
        ("14.02.2026", "2026-02-14"),
        ("2026-02-14", "2026-02-14"),
        ("завтра", "завтра"),
    ],
)
def test_days_are_typed_as_people_write_them(typed: str, written: str) -> None:
    assert period_written(typed) == written
    assert period_written(period_shown(written)) == written
