"""Rewrites cases whose texts or terms were changed on purpose: what a case says of them becomes what came out.

Only what a case quotes word for word is rewritten, and terms in hours, in the text of the file itself, so that remarks
and order stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from plugin.authoring.verification.case_texts import TextMismatch, further_differences, persons_of, read_aloud
from plugin.authoring.verification.cases import CaseResult
from plugin.common.toml.writer import literal, text_literals
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import Role
from plugin.deciding.ruleset.cases import Wording

_CASE = "[[case]]"


@dataclass(frozen=True, slots=True)
class Rewording:
    """One text of one case: what it says now and what it is to say; a number with the name of its field."""

    result: CaseResult
    old: str
    new: str
    is_number: bool = False


def rewordings(rulebook: Rulebook, results: Sequence[CaseResult]) -> list[Rewording]:
    """Every text that a failed case quotes otherwise than it came out, and every term."""
    failed = [result for result in results if not result.ok and result.run.decision is not None]
    return [
        Rewording(result, old, new, is_number)
        for result in failed
        for pairs, is_number in (
            (dict(_pairs(rulebook, rulebook.roles, result)), False),
            (dict(_terms(rulebook, result)), True),
        )
        for old, new in pairs.items()
        if old and new
    ]


def rewritten(text: str, changes: Sequence[Rewording]) -> tuple[str, list[Rewording]]:
    """The file's text with these changes made, and those that were not found in it as they are quoted."""
    lines, left = text.split("\n"), []
    # From the last case on, so that the lines of those before stay where they are.
    for change in sorted(changes, key=lambda one: -one.result.case.line):
        start = change.result.case.line - 1
        end = next((n for n in range(start + 1, len(lines)) if lines[n].startswith(_CASE)), len(lines))
        block = "\n".join(lines[start:end])
        written = _number(change.old, block) if change.is_number else _text(change.old, block)
        if written is None:
            left.append(change)
            continue
        new = change.new if change.is_number else literal(change.new)
        lines[start:end] = block.replace(written, new).split("\n")
    return "\n".join(lines), left


def _text(old: str, block: str) -> str | None:
    return next((one for one in text_literals(old) if one in block), None)


def _number(old: str, block: str) -> str | None:
    """The field with its number as the block has them, at the beginning of a line."""
    key, _, number = old.partition(" = ")
    found = re.search(rf"^{key}[ \t]*=[ \t]*{number}\b", block, re.MULTILINE)
    return found[0] if found else None


def _terms(rulebook: Rulebook, result: CaseResult) -> Iterator[tuple[str, str]]:
    """``due_in_hours`` where all reminders agree, and ``promise_hours``: the field with its number, old and new."""
    expected, decision = result.case.expected, result.run.decision
    due = {action.due_in_hours for action in decision.actions if action.role} if decision else set()
    promised = {rulebook.script(result.case.script).promise_hours}
    for key, wanted, found in (
        ("due_in_hours", expected.due_in_hours, due),
        ("promise_hours", expected.promise_hours, promised),
    ):
        if wanted is not None and len(found) == 1 and wanted not in found:
            yield f"{key} = {wanted}", f"{key} = {found.pop()}"


def _pairs(rulebook: Rulebook, roles: Mapping[str, Role], result: CaseResult) -> Iterator[tuple[str, str]]:
    case, run = result.case, result.run
    expected, decision = case.expected, run.decision
    assert decision is not None
    decider = rulebook.script(case.script)
    asked = decision.next if not decision.complete or expected.next is not None else None
    comments = "\n".join(action.text for action in decision.actions if action.kind == "comment")
    reminders = {action.text for action in decision.actions if action.role}
    quoted: list[tuple[Wording | None, str | None]] = [
        (expected.say, asked.say if asked else decision.say),
        (expected.read, read_aloud(decider, run.trace, asked, decision) if run.trace else None),
        (expected.hint, asked.hint if asked else None),
        (expected.comment, comments or None),
        (expected.reminder, next(iter(reminders)) if len(reminders) == 1 else None),
    ]
    further = further_differences(decider, roles, case, run.facts, decision)
    quoted += [(one.expected, one.got) for one in further if isinstance(one, TextMismatch)]
    for wording, got in quoted:
        if wording is not None and wording.exact is not None and got and not wording.fits(got):
            yield wording.exact, got
    if expected.persons is not None:
        got_persons = persons_of(roles, decision)
        gone = [one for one in expected.persons if one not in got_persons]
        new = [one for one in got_persons if one not in expected.persons]
        yield from zip(gone, new, strict=False)
