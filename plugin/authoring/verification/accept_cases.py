"""Rewrites cases whose texts were changed on purpose: the wording that a case quotes becomes the one that came out.

Only what a case quotes word for word is rewritten, in the text of the file itself, so that remarks and order stay.
"""

from __future__ import annotations

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
    """One text of one case: what it says now and what it is to say."""

    result: CaseResult
    old: str
    new: str


def rewordings(rulebook: Rulebook, results: Sequence[CaseResult]) -> list[Rewording]:
    """Every text that a failed case quotes otherwise than it came out."""
    return [
        Rewording(result, old, new)
        for result in results
        if not result.ok and result.run.decision is not None
        for old, new in dict(_pairs(rulebook, rulebook.roles, result)).items()
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
        written = next((one for one in text_literals(change.old) if one in block), None)
        if written is None:
            left.append(change)
            continue
        lines[start:end] = block.replace(written, literal(change.new)).split("\n")
    return "\n".join(lines), left


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
