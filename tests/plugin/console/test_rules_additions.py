"""Additions to a draft: each leaves rules without a fault, and lines of others as they were."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from plugin.authoring.drafts.checking import DraftChecks
from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.authoring.verification.time_limits import with_term
from plugin.console import rules_additions as additions
from plugin.console.rules_words import RulesWords
from plugin.errors import InputError

FILES = rule_texts(Path(__file__).parents[3] / "rules")
SCRIPT = "survey_opt_out"
CHECKS = DraftChecks()
Addition = Callable[[DraftEditor, Mapping[str, str]], str]

KIND = {"number": "3", "label": "Только от анкет в мессенджерах", "outcome": "new"}
OUTCOME = {
    "outcome-label": "исключить из анкет в мессенджерах",
    "say": "Спасибо, в течение суток Вас исключат из анкет в мессенджерах",
    "comment": "Клиент просит исключить из анкет в мессенджерах",
    "reminder": "Исключить клиента из анкет в мессенджерах.",
    "roles[]": "survey_coordinator",
}
SHORT = {"source": "call.duration", "label": "Длительность, с", "word": "less_than", "typed": "10", "outcome": "none"}
STEP = {"hours": "2", "side": "after", "roles[]": "supervisor", "subject": "НЕ ИСПОЛНЕНО", "text": "{undone}"}
REASON = {"number": "7", "label": "Причина отказа", "hint": "Спросите о причине", "kind": "text", "optional": "yes"}


def choice(fact: str, wanted: object) -> str:
    return json.dumps([fact, wanted])


def added(addition: Addition, form: Mapping[str, str], files: Mapping[str, str] = FILES) -> dict[str, str]:
    editor = DraftEditor(files, SCRIPT)
    assert addition(editor, form)
    return editor.files


def changed(files: Mapping[str, str]) -> list[str]:
    return [
        line
        for name in sorted({*files, *FILES})
        for line in difflib.unified_diff(FILES.get(name, "").split("\n"), files.get(name, "").split("\n"), n=0)
        if line[0] in "+-" and line[:3] not in ("+++", "---")
    ]


@pytest.mark.parametrize(
    ("addition", "form"),
    [
        (additions.add_answer, KIND | {"label": " "}),
        (additions.add_answer, KIND | {"number": "0"}),
        (additions.add_question, REASON | {"kind": "choice", "options": "один"}),
        (additions.add_rule, {"outcome": "none"}),
        (additions.add_condition, {"entry": "roles.role.x", "choice": "[]"}),
        (additions.add_condition, {"entry": "rules.rule[#0]", "choice": choice("survey_type", {"less_than": None})}),
        (additions.add_override, SHORT | {"typed": "десять"}),
        (additions.add_step, STEP | {"hours": "0", "side": "before"}),
        (additions.add_step, STEP | {"hours": "два"}),
        (additions.add_step, STEP | {"roles[]": ""}),
        (additions.add_step, STEP | {"text": " "}),
        (additions.remove_entry, {"entry": "script.title"}),
        (additions.change_term, {"hours": "сутки"}),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_added(addition: Addition, form: Mapping[str, str]) -> None:
    with pytest.raises(InputError):
        addition(DraftEditor(FILES, SCRIPT), form)


@pytest.mark.parametrize(
    ("addition", "form"),
    [
        (additions.add_answer, KIND | OUTCOME),
        (additions.add_answer, KIND | {"outcome": "exclude_calls"}),
        (additions.add_override, SHORT),
        (additions.add_person, {"name": "survey_coordinator", "first": "Соколова"}),
        (additions.add_calendar, {}),
        (additions.add_question, REASON | {"choice": choice("survey_type", "calls")}),
        (additions.add_step, STEP),
        (additions.add_step, STEP | {"to": "person", "by[]": "mail\ntask"}),
    ],
    ids=["answer with an outcome", "answer", "override", "person", "calendar", "optional question", "step", "own step"],
)
def test_an_addition_leaves_rules_without_a_fault(addition: Addition, form: Mapping[str, str]) -> None:
    files = added(addition, form)

    faults = [str(fault) for fault in CHECKS.of(files).faults if not fault.file.endswith("cases.toml")]
    assert faults == []
    assert changed(files)


def test_an_answer_only_adds_lines() -> None:
    gone = [line for line in changed(added(additions.add_answer, KIND | OUTCOME)) if line[0] == "-"]
    assert [line for line in gone if "values = " not in line] == []


def test_a_role_an_own_field_and_an_action_by_it_go_together() -> None:
    files = added(additions.add_role, {"label": "Руководитель", "crm_user": "head", "address": "head@example.org"})
    files = added(additions.add_call_field, {"label": "VIP", "source": "card.vip", "kind": "bool"}, files)
    form = {"choice": choice("vip", True), "text": "Проверить запись.", "roles[]": "rukovoditel"}
    files = added(additions.add_extra_action, form, files)

    assert [str(fault) for fault in CHECKS.of(files).faults] == []
    assert all(line[0] == "+" for line in changed(files))


def test_what_was_added_can_be_taken_out_again() -> None:
    files = added(additions.add_rule, {"choice1": choice("survey_type", "all"), "outcome": "none"})
    number = len(DraftEditor(files, SCRIPT).get("rules.rule")) - 1
    assert added(additions.remove_entry, {"entry": f"rules.rule[#{number}]"}, files) == FILES


def test_a_step_comes_after_the_others_and_is_taken_out_again_to_the_byte() -> None:
    files = added(additions.add_step, STEP)
    assert [line for line in changed(files) if line != "+"] == [
        "+[[escalation]]",
        '+id = "after_2"',
        "+after_hours = 2",
        '+roles = ["supervisor"]',
        '+subject = "НЕ ИСПОЛНЕНО"',
        '+text = "{undone}"',
    ]
    assert added(additions.remove_entry, {"entry": "script.escalation[#3]"}, files) == FILES


def test_conditions_are_told_by_the_labels_that_people_know() -> None:
    words = RulesWords(DraftEditor(FILES, SCRIPT).content, SCRIPT)
    assert words.condition("survey_type", "calls") == "От каких опросов отказывается: «Только от звонков с опросом»"
    assert words.condition("client_name", {"known": True}) == "ФИО ответившего клиента: известно"
    assert words.condition("related_to_car", {"not": True}).endswith("не «Да, имеет отношение»")


@pytest.mark.parametrize(
    ("text", "hours", "wanted"),
    [
        ("в течение суток номер исключат", 12, "в течение 12 часов номер исключат"),
        ("В течение 24 часов", 48, "В течение двух суток"),
        ("не позднее чем через сутки", 21, "не позднее чем через 21 час"),
        ("в течение недели", 12, "в течение недели"),
        ("за сутки до звонка", 12, "за сутки до звонка"),
    ],
)
def test_only_the_promised_term_is_worded_anew(text: str, hours: int, wanted: str) -> None:
    assert with_term(text, 24, hours) == wanted


def test_another_term_leaves_no_contradiction_in_any_script() -> None:
    files = added(additions.change_term, {"hours": "12"})
    assert [str(fault) for fault in CHECKS.of(files).faults] == []
