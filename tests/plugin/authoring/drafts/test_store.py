"""Drafts in the ledger: private, saved at each edit, undone and done again to the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.authoring.drafts.edits import Edit
from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.drafts.store import MOST_EDITS, Change, Drafts
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.errors import InputError, NoActiveRules
from plugin.ledger import Ledger
from tests.plugin.authoring.drafts.conftest import MOMENT, RULES, SCRIPT
from tests.support.databases import migrate

FILES = rule_texts(RULES)
ADDRESSES = (
    "script.promise_hours",
    "script.reminder.details",
    "rules.question[section-1-kind].say",
    "rules.question[section-1-kind].answers[#1].label",
    "rules.rule[2.1].when.point",
    "outcomes.outcome.exclude_all.action[remind].text",
    "roles.role.sms_manager.address",
    "vocabulary.fact.survey_type.values",
    "cases.case[#2].hint",
    "script.escalation[reminded_again].text",
    "script.escalation[#1].roles",
)


def setting(address: str, value: object) -> Change:
    def change(files: Mapping[str, str]) -> Mapping[str, str]:
        editor = DraftEditor(files, SCRIPT)
        editor.set(address, value)
        return editor.files

    return change


def test_there_is_no_draft_before_any_rules_are_active(ledger: Ledger) -> None:
    migrate(ledger)
    with pytest.raises(NoActiveRules):
        Drafts(ledger, lambda: MOMENT).change("anna", SCRIPT, "фраза", dict)


@pytest.mark.parametrize("address", ["rules.question[none].say", "rules", "../roles.role", "rules.question[#99].say"])
def test_an_unknown_field_is_refused_and_nothing_is_kept(drafts: Drafts, address: str) -> None:
    with pytest.raises(InputError):
        drafts.change("anna", SCRIPT, "?", setting(f"{address}.x", "y") if address != "rules" else setting("", "y"))
    assert drafts.mentions() == []


def test_nothing_to_undo_or_to_do_again_is_refused(drafts: Drafts) -> None:
    drafts.change("anna", SCRIPT, "срок", setting("script.promise_hours", 12))
    with pytest.raises(InputError):
        drafts.redo("anna", SCRIPT)
    drafts.undo("anna", SCRIPT)
    with pytest.raises(InputError):
        drafts.undo("anna", SCRIPT)


def test_a_draft_begins_with_the_active_rules_and_is_its_owners_alone(drafts: Drafts, base: str) -> None:
    made = drafts.change("anna", SCRIPT, "срок", setting("script.promise_hours", 12))

    assert made.base == base
    assert {name for name in FILES if made.files[name] != FILES[name]} == {f"{SCRIPT}/script.toml"}
    assert drafts.find("boris", SCRIPT) is None
    assert [(one.owner, one.script) for one in drafts.mentions()] == [("anna", SCRIPT)]


def test_undo_and_redo_say_what_they_do_and_give_the_same_bytes(drafts: Drafts) -> None:
    first = drafts.change("anna", SCRIPT, "срок", setting("script.promise_hours", 12))
    second = drafts.change("anna", SCRIPT, "адрес", setting("roles.role.sms_manager.address", "x@example.org"))
    assert (second.undo, second.redo) == ("адрес", None)

    back = drafts.undo("anna", SCRIPT)
    assert (back.files, back.undo, back.redo) == (first.files, "срок", "адрес")
    assert drafts.undo("anna", SCRIPT).files == FILES
    assert drafts.redo("anna", SCRIPT).files == first.files
    assert drafts.redo("anna", SCRIPT).files == second.files


def test_an_edit_after_an_undo_takes_the_place_of_what_was_undone(drafts: Drafts) -> None:
    drafts.change("anna", SCRIPT, "срок", setting("script.promise_hours", 12))
    drafts.undo("anna", SCRIPT)
    made = drafts.change("anna", SCRIPT, "снова", setting("script.promise_hours", 6))
    assert (made.undo, made.redo, made.edits) == ("снова", None, 1)


def test_a_change_that_lost_a_race_is_made_on_top_of_the_other(drafts: Drafts) -> None:
    drafts.change("anna", SCRIPT, "срок", setting("script.promise_hours", 12))
    raced: list[bool] = []

    def late(files: Mapping[str, str]) -> Mapping[str, str]:
        if not raced:
            raced.append(True)
            drafts.change("anna", SCRIPT, "тема", setting("script.reminder.subject", "Тема"))
        return setting("script.title", "Название")(files)

    made = drafts.change("anna", SCRIPT, "название", late).files[f"{SCRIPT}/script.toml"]
    assert 'title = "Название"' in made
    assert 'subject = "Тема"' in made


def test_a_discarded_draft_is_gone_unless_it_was_changed_meanwhile(drafts: Drafts) -> None:
    made = drafts.change("anna", SCRIPT, "срок", setting("script.promise_hours", 12))
    with pytest.raises(InputError):
        drafts.discard("anna", SCRIPT, made.version - 1)
    drafts.discard("anna", SCRIPT, made.version)
    assert drafts.find("anna", SCRIPT) is None


def test_the_base_goes_back_with_an_undone_merge(drafts: Drafts, base: str, ledger: Ledger) -> None:
    made = drafts.change("anna", SCRIPT, "срок", setting("script.promise_hours", 12))
    merged = drafts.rebase("anna", SCRIPT, made.version, base, {**made.files, "roles.toml": "# x\n"}, "объединено")
    assert merged.files["roles.toml"] == "# x\n"
    assert drafts.undo("anna", SCRIPT).files == made.files


def test_only_so_many_edits_can_be_taken_back(monkeypatch: pytest.MonkeyPatch, drafts: Drafts) -> None:
    monkeypatch.setattr("plugin.authoring.drafts.store.MOST_EDITS", 3)
    assert MOST_EDITS >= 100
    for hours in range(1, 7):
        drafts.change("anna", SCRIPT, f"{hours}", setting("script.promise_hours", hours))
    for _ in range(3):
        drafts.undo("anna", SCRIPT)
    with pytest.raises(InputError):
        drafts.undo("anna", SCRIPT)


@settings(max_examples=25)
@given(edits=st.lists(st.tuples(st.sampled_from(ADDRESSES), st.text(max_size=60)), min_size=1, max_size=6))
def test_whatever_is_edited_undoing_it_gives_the_same_bytes(edits: list[tuple[str, str]]) -> None:
    states, kept = [dict(FILES)], []
    for address, value in edits:
        after = dict(setting(address, value)(states[-1]))
        kept.append(Edit.from_json(Edit.between(states[-1], after).to_json()))
        states.append(after)

    for number, edit in reversed(list(enumerate(kept))):
        assert edit.undone(states[number + 1]) == states[number]
        assert edit.done(states[number]) == states[number + 1]


def test_files_that_come_and_go_are_undone_too(tmp_path: Path) -> None:
    before, after = {"a": "x"}, {"b": ""}
    edit = Edit.between(before, after)
    assert edit.done(before) == after
    assert edit.undone(after) == before
