"""Cases of a draft that no longer come out as they are written: what of them is rewritten where that was meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from plugin.authoring.drafts.compiled import CompiledDraft
from plugin.authoring.drafts.fields import DraftEditor
from plugin.authoring.verification.case_escalation import as_written, escalation_differences, people_told
from plugin.authoring.verification.case_mismatches import Run
from plugin.authoring.verification.case_texts import (
    DueFound,
    TextMismatch,
    corrected,
    dues_found,
    further_differences,
    persons_of,
    written_moment,
)
from plugin.authoring.verification.cases import CaseResult
from plugin.common.russian import counted
from plugin.common.toml.source import Place
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset.cases import Expected, Wording
from plugin.deciding.ruleset.model import EscalationStep
from plugin.deciding.ruleset.people import are_recipients, recipient_of

#: A place in a case, and what is to stand there; None: nothing.
_Rewrite = tuple[Place, Any]


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case as a page shows it; ``number`` is its place in the file of its script."""

    script: str
    number: int
    name: str
    ok: bool
    differences: tuple[str, ...]


def case_rows(compiled: CompiledDraft, script: str | None = None) -> list[CaseRow]:
    """The cases in the order of the files, those of one script or of all."""
    return [
        CaseRow(result.case.script, number, result.case.name, result.ok, result.differences)
        for number, result in _numbered(compiled.cases)
        if script in (None, result.case.script)
    ]


def accept_cases(editor: DraftEditor, compiled: CompiledDraft, only: int | None = None) -> str:
    """Let the failed cases of the draft expect what came out; ``only`` one of the draft's own script.

    What was refused, or has no outcome, stays as it is: that is to be looked at.
    """
    done = 0
    for number, result in _numbered(compiled.cases):
        if result.ok or (only is not None and (result.case.script, number) != (editor.script, only)):
            continue
        rewrites = list(_rewrites(compiled.rulebook, result))
        for place, value in rewrites:
            _write(editor, result.case.file, ("case", number, *place), value)
        done += bool(rewrites)
    return f"{counted(done, 'случай поправлен', 'случая поправлены', 'случаев поправлены')}"


def _write(editor: DraftEditor, file: str, place: Place, value: Any) -> None:
    if value is None:
        editor.remove_at(file, place)
    else:
        editor.set_at(file, place, value)


def _numbered(results: Sequence[CaseResult]) -> Iterator[tuple[int, CaseResult]]:
    counts: dict[str, int] = {}
    for result in results:
        number = counts.get(result.case.script, 0)
        counts[result.case.script] = number + 1
        yield number, result


def _rewrites(book: Rulebook, result: CaseResult) -> Iterator[_Rewrite]:
    run, expected = result.run, result.case.expected
    if run.decision is None or expected.error is not None:
        return
    ended = list(_end(expected, run.decision))
    yield from ended
    decider = book.script(result.case.script)
    asked = run.decision.next if not run.decision.complete or expected.next is not None else None
    yield from _texts(expected, run.decision, asked)
    yield from _lists(book, expected, run, run.decision, asked)
    yield from _plain(expected, run.decision, decider.title, decider.promise_hours, decider)
    if list(escalation_differences(decider, result.case, run.facts, run.decision)):
        yield (
            ("escalation",),
            [
                {"step": step.id, "hours": step.hours, "to": who} | _kept_texts(expected, step)
                for step in decider.script.escalation
                if (who := people_told(decider, step, run.facts, run.decision))
            ],
        )
    told = (expected.unfinished or {}).get("remind")
    if told is not None:
        people = [
            recipient_of(role, one) for role in decider.unfinished_roles for one in decider.people(role, run.facts)
        ]
        if not are_recipients(told, people):
            yield ("unfinished", "remind"), people
    yield from _dues(dues_found(decider, result.case, run.decision))
    after = corrected(decider, result.case)
    if expected.then and expected.then["outcome"] and after and after.outcome != expected.then["outcome"]:
        yield ("then", "outcome"), after.outcome
    for one in further_differences(decider, book.roles, result.case, run.facts, run.decision):
        if isinstance(one, TextMismatch):
            place = tuple(one.what.removeprefix("текст ").split("."))
            yield place, one.got


def _dues(found: Iterable[DueFound]) -> Iterator[_Rewrite]:
    """The wrong ones, where all reminders of a place are due at one moment; gone where there is none."""
    by_place: dict[Place, list[DueFound]] = {}
    for one in found:
        by_place.setdefault(one.place, []).append(one)
    for place, (first, *others) in by_place.items():
        if first.got != first.wanted and all(one.got == first.got for one in others):
            yield place, first.got and written_moment(first.got)


def _kept_texts(expected: Expected, step: EscalationStep) -> dict[str, Any]:
    """What the case holds of a step's subject and text, as it is where it does not fit any more."""
    told = next((one for one in expected.escalation or () if one["step"] == step.id), None)
    kept: dict[str, Any] = {}
    for key in ("subject", "text"):
        wording: Wording | None = told[key] if told else None
        written = as_written(getattr(step, key))
        if wording is not None:
            parts = {"contains": list(wording.contains)} if wording.exact is None else wording.exact
            kept[key] = parts if wording.fits(written) else written
    return kept


def _end(expected: Expected, decision: Decision) -> Iterator[_Rewrite]:
    asked = decision.next.fact if decision.next else None
    if expected.outcome is not None and expected.outcome != decision.outcome:
        yield ("outcome",), decision.outcome
        if decision.outcome is None:
            yield ("next",), asked
    if expected.next is not None and expected.next != asked:
        yield ("next",), asked
        if decision.outcome and expected.outcome is None:
            yield ("outcome",), decision.outcome


def _texts(expected: Expected, decision: Decision, asked: Any) -> Iterator[_Rewrite]:
    comments = "\n".join(action.text for action in decision.actions if action.kind == "comment")
    reminders = {action.text for action in decision.actions if action.role}
    told: Mapping[str, tuple[Wording | None, str]] = {
        "say": (expected.say, (asked.say if asked else decision.say) or ""),
        "hint": (expected.hint, (asked.hint if asked else None) or ""),
        "comment": (expected.comment, comments),
        "reminder": (expected.reminder, next(iter(reminders)) if len(reminders) == 1 else ""),
    }
    for key, (wanted, got) in told.items():
        if key == "reminder" and not reminders and wanted is not None:
            yield (key,), None
        elif wanted is not None and not wanted.fits(got) and (key != "reminder" or len(reminders) < 2):
            yield (key,), got


def _lists(book: Rulebook, expected: Expected, run: Run, decision: Decision, asked: Any) -> Iterator[_Rewrite]:
    if expected.answers is not None:
        offered = list(asked.answers) if asked else []
        by_label = {answer.label for answer in offered} & {one for one in expected.answers if isinstance(one, str)}
        got = [answer.label if by_label else answer.value for answer in offered]
        if list(map(repr, expected.answers)) != list(map(repr, got)):
            yield ("answers",), got or None
    roles = [str(action.recipient) for action in decision.actions if action.kind == "reminder"]
    if expected.remind is not None and not are_recipients(expected.remind, roles):
        yield ("remind",), roles
    persons = persons_of(book.roles, decision)
    if expected.persons is not None and sorted(expected.persons) != sorted(persons):
        yield ("persons",), persons
    order = [step.fact for step in decision.transcript]
    if expected.transcript is not None and list(expected.transcript) != order:
        yield ("transcript",), order
    fired = run.trace.fired if run.trace else ()
    kept = [one for one in expected.rules or () if one in fired]
    if expected.rules is not None and kept != list(expected.rules):
        yield ("rules",), kept


def _plain(expected: Expected, decision: Decision, title: str, hours: int, decider: Any) -> Iterator[_Rewrite]:
    reminders = [action for action in decision.actions if action.kind == "reminder"]
    for key, of in (("subject", "subject"), ("due_in_hours", "due_in_hours"), ("email", "email")):
        wanted, got = getattr(expected, key), {getattr(action, of) for action in reminders}
        if wanted is not None and got != {wanted}:
            yield (key,), next(iter(got)) if len(got) == 1 else None
    if expected.title not in (None, title):
        yield ("title",), title
    if expected.promise_hours not in (None, hours):
        yield ("promise_hours",), hours
    if expected.label is not None and decision.outcome and expected.label != decider.outcome_label(decision.outcome):
        yield ("label",), decider.outcome_label(decision.outcome)
    for name, label in (expected.labels or {}).items():
        if decider.script.facts[name].label != label:
            yield ("labels", name), decider.script.facts[name].label
    target = next((action.target.name if action.target else "" for action in decision.actions), None)
    if expected.target is not None and target != expected.target:
        yield ("target",), target
    person = next((action.target for action in decision.actions if action.target), None)
    if expected.target_phone is not None and (person is None or person.phone != expected.target_phone):
        yield ("target_phone",), person and person.phone
