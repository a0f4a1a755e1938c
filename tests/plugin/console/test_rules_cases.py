"""What was changed on purpose is accepted in one step: afterwards every case expects what comes out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from plugin.authoring.drafts.compiled import CompiledDraft, CompiledDrafts
from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.console.rules_cases import accept_cases
from plugin.deciding.decision.compiled_rules import Rulebook
from tests.plugin.events.support import RULES

OUT = "survey_opt_out"
SHIPPED = dict(rule_texts(RULES))
OUTCOMES = ("exclude_calls", "exclude_all", "exclude_mailings", "exclude_all_not_client", "none")
_ENDS = [found.span(1) for found in re.finditer(r'outcome = "([a-z_]+)"', SHIPPED[f"{OUT}/rules.toml"])]
DUE = """
[[case]]
name = "Напоминание к сроку"
called_at = "2026-03-06 15:00"
facts = { related_to_car = true, survey_type = "calls" }
outcome = "exclude_calls"
due = "2026-03-07 15:00"
[case.unfinished]
due = "2026-03-07 15:00"
"""


class Drafts:
    """Drafts beside the shipped rules."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book
        self._compiled = CompiledDrafts()

    def of(self, files: dict[str, str]) -> CompiledDraft:
        return self._compiled.of(files, self._book)

    def accepted(self, files: dict[str, str]) -> dict[str, str]:
        """After one «Так и задумано», with which every case comes out."""
        editor = DraftEditor(files, OUT)
        accept_cases(editor, self.of(files))
        assert self.failing(editor.files) == []
        return editor.files

    def failing(self, files: dict[str, str]) -> list[tuple[str, tuple[str, ...]]]:
        return [(one.case.name, one.differences) for one in self.of(files).failed]


@pytest.fixture(scope="module")
def drafts() -> Iterator[Drafts]:
    with closing(Rulebook.load(RULES)) as book:
        yield Drafts(book)


@pytest.mark.parametrize("end", _ENDS, ids=[str(number) for number in range(len(_ENDS))])
def test_another_outcome_of_a_rule(drafts: Drafts, end: tuple[int, int]) -> None:
    file = f"{OUT}/rules.toml"
    text = SHIPPED[file]
    other = OUTCOMES[(OUTCOMES.index(text[slice(*end)]) + 1) % len(OUTCOMES)]
    files = SHIPPED | {file: text[: end[0]] + other + text[end[1] :]}
    assert drafts.failing(files) != []
    drafts.accepted(files)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (f"{OUT}/script.toml", "promise_hours = 24", "promise_hours = 48"),
        (f"{OUT}/script.toml", 'subject = "ИСКЛЮЧИТЬ"', 'subject = "УБРАТЬ"'),
        (f"{OUT}/outcomes.toml", '["survey_coordinator", "sms_manager"]', '["survey_coordinator"]'),
        (f"{OUT}/outcomes.toml", "исключить из рассылок", "убрать из рассылок"),
        (f"{OUT}/script.toml", "Прежнее напоминание", "Напоминание"),
    ],
)
def test_another_term_subject_person_label_or_text(drafts: Drafts, file: str, old: str, new: str) -> None:
    assert old in SHIPPED[file]
    files = SHIPPED | {file: SHIPPED[file].replace(old, new)}
    assert drafts.failing(files) != []
    drafts.accepted(files)


def test_another_due_time_and_a_reminder_that_is_no_longer(drafts: Drafts) -> None:
    cases = f"{OUT}/cases.toml"
    with_due = SHIPPED | {cases: SHIPPED[cases] + DUE}
    assert drafts.failing(with_due) == []
    later = with_due | {
        f"{OUT}/script.toml": SHIPPED[f"{OUT}/script.toml"]
        .replace("due_in_hours = 24", "due_in_hours = 12")
        .replace("promise_hours = 24", "promise_hours = 48")
    }
    rewritten = drafts.accepted(later)[cases]
    assert 'due = "2026-03-07 03:00"' in rewritten
    assert 'due = "2026-03-08 15:00"' in rewritten

    rules = f"{OUT}/rules.toml"
    nobody = with_due | {rules: SHIPPED[rules].replace('outcome = "exclude_calls"', 'outcome = "none"', 1)}
    assert drafts.failing(nobody) != []
    drafts.accepted(nobody)
