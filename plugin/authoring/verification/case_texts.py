"""What a case expects beyond the decision: people, the promise, unfinished calls, corrections, other clients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from plugin.authoring.verification.case_escalation import escalation_differences
from plugin.deciding.decision.conversations import reach
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Decision, NextQuestion
from plugin.deciding.decision.trace import RuleTrace, toml
from plugin.deciding.ruleset import Role
from plugin.deciding.ruleset.calendar import due_by
from plugin.deciding.ruleset.cases import Case, Wording
from plugin.deciding.ruleset.people import addressee, are_recipients, recipient_of
from plugin.deciding.ruleset.values import SKIPPED, FactValue
from plugin.errors import BadFacts, DecisionError

#: Cases tell what the rules come to wherever they are run: by clocks that are never changed.
_CLOCKS = ZoneInfo("UTC")

#: The texts of a correction by their names in ``then`` and in script.toml's [correction] → ``ruleset.build.TEXTS``.
CORRECTIONS: Mapping[str, str] = {
    "line": "correction",
    "reminder": "correction_reminder",
    "comment": "correction_comment",
    "other_card": "correction_elsewhere",
    "withdrawal_subject": "withdrawal_subject",
    "withdrawal": "withdrawal",
}


@dataclass(frozen=True, slots=True)
class TextMismatch:
    """A text that is not as expected: which expectation of the case it is, and both texts."""

    what: str
    expected: Wording
    got: str


def read_aloud(decider: Decider, trace: RuleTrace, asked: NextQuestion | None, decision: Decision) -> str | None:
    """How the question's phrase, or the closing one, is read out; None where that is not written apart."""
    if asked is not None:
        return trace.asked[asked.fact].read
    return decider.script.outcomes[decision.outcome].read if decision.outcome else None


def resolved(decider: Decider, given: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a case with answers that are given by their labels turned into values, question by question.

    A label that the question on this path does not offer stays as it is, and is refused like any wrong value.
    """
    facts = decider.script.facts
    by_label = {
        name: value
        for name, value in given.items()
        if isinstance(value, str) and name in facts and facts[name].listed and value not in facts[name].values
    }
    known: dict[str, Any] = {name: value for name, value in given.items() if name not in by_label}
    passed: dict[str, FactValue] = {}
    while by_label:
        try:
            asked = decider.decide({**decider.type_facts(known), **passed}).next
        except (BadFacts, DecisionError):
            break
        if asked is None:
            break
        if asked.fact not in by_label:
            if not asked.optional:
                break
            passed[asked.fact] = SKIPPED
            continue
        label = by_label.pop(asked.fact)
        known[asked.fact] = next((answer.value for answer in asked.answers if answer.label == label), label)
    return known | by_label


def further_differences(
    decider: Decider, roles: Mapping[str, Role], case: Case, facts: Mapping[str, FactValue], decision: Decision
) -> Iterator[str | TextMismatch]:
    """Every such expectation that is not met, in Russian; texts with both wordings."""
    expected = case.expected
    if expected.title not in (None, decider.title):
        yield f"ожидалось название скрипта {toml(expected.title)}, получено {toml(decider.title)}"
    if expected.promise_hours not in (None, decider.promise_hours):
        yield f"ожидался срок обещания {expected.promise_hours} ч, получен {decider.promise_hours} ч"
    outcome = decision.outcome
    if expected.label is not None and outcome and expected.label != decider.outcome_label(outcome):
        yield f"ожидался итог с названием {toml(expected.label)}, получен {toml(decider.outcome_label(outcome))}"
    for name, label in (expected.labels or {}).items():
        if decider.script.facts[name].label != label:
            yield f"ожидалось название факта «{name}» {toml(label)}, получено {toml(decider.script.facts[name].label)}"
    yield from _persons(roles, case, decision)
    yield from _dues(decider, case, decision)
    yield from _other_client(decider, case, decision)
    yield from _unfinished(decider, case, facts)
    yield from _then(decider, case, decision)
    yield from escalation_differences(decider, case, facts, decision)


def persons_of(roles: Mapping[str, Role], decision: Decision) -> list[str]:
    """Who gets the decision's reminders, one for each: ``role: user <address> mode``."""
    found = []
    for action in decision.actions:
        role = addressee(roles, action.recipient or "") if action.role else None
        if role:
            found.append(f"{action.recipient}: {role.crm_user} <{role.address}> {role.email}")
    return found


def _persons(roles: Mapping[str, Role], case: Case, decision: Decision) -> Iterator[str]:
    if case.expected.persons is None:
        return
    found = persons_of(roles, decision)
    if sorted(found) != sorted(case.expected.persons):
        wanted = "; ".join(case.expected.persons) or "никто"
        yield f"ожидалось, что напоминание получит: {wanted}, получит: {'; '.join(found) or 'никто'}"


class DueFound(NamedTuple):
    """A due time of a case: its place there, whose it is, what is expected, and what came out (None: no reminder)."""

    place: tuple[str, ...]
    what: str
    wanted: datetime
    got: datetime | None


def dues_found(decider: Decider, case: Case, decision: Decision) -> Iterator[DueFound]:
    """``due``, of the reminders and of that of a conversation that ends here."""
    expected = case.expected
    told = [(f"напоминание ({one.recipient})", one.due_in_hours, one.working) for one in decision.actions if one.role]
    if expected.due is not None:
        yield from (
            DueFound(("due",), what, expected.due, _due(decider, case, hours, working=working))
            for what, hours, working in told
        )
        if not told:
            yield DueFound(("due",), "напоминание", expected.due, None)
    unfinished = (expected.unfinished or {}).get("due")
    if unfinished is not None:
        got = _due(decider, case, None, working=decider.script.unfinished_working)
        yield DueFound(("unfinished", "due"), "о незавершённом разговоре", unfinished, got)


def _due(decider: Decider, case: Case, hours: int | None, *, working: bool) -> datetime:
    assert case.called_at is not None  # cases that expect a due time say when the call ended
    promised = case.called_at + timedelta(hours=hours or decider.promise_hours)
    return due_by(decider.script.calendar if working else None, case.called_at, promised, _CLOCKS).at


def _dues(decider: Decider, case: Case, decision: Decision) -> Iterator[str]:
    for _, what, wanted, got in dues_found(decider, case, decision):
        if got is None:
            yield f"ожидалось напоминание к {written_moment(wanted)}, напоминания нет"
        elif got != wanted:
            yield f"{what}: ожидался срок {written_moment(wanted)}, получен {written_moment(got)}"


def written_moment(moment: datetime) -> str:
    """As a case writes it."""
    return f"{moment:%Y-%m-%d %H:%M}"


def _other_client(decider: Decider, case: Case, decision: Decision) -> Iterator[str | TextMismatch]:
    target = next((action.target for action in decision.actions if action.target), None)
    wanted = case.expected.target_phone
    if wanted is not None and (target is None or target.phone != wanted):
        yield f"ожидался номер другого клиента {toml(wanted)}, получен {toml(target.phone if target else None)}"
    for kind, wording in (case.expected.other_client or {}).items():
        if wording is not None:
            placeholders = {"target.name": target and target.name, "target.phone": target and target.phone}
            text = decider.text(f"other_client_{kind}", {**case.context, **placeholders})
            yield from _told(("other_client", kind), wording, text)


def _unfinished(decider: Decider, case: Case, facts: Mapping[str, FactValue]) -> Iterator[str | TextMismatch]:
    expected = case.expected.unfinished or {}
    for key, name in (("subject", "unfinished_subject"), ("text", "unfinished")):
        if expected.get(key) is not None:
            text = decider.text(name, case.context)
            yield from _told(("unfinished", key), expected[key], text)
    if expected.get("remind") is not None:
        told = [
            recipient_of(role, person) for role in decider.unfinished_roles for person in decider.people(role, facts)
        ]
        if not are_recipients(expected["remind"], told):
            wanted = ", ".join(expected["remind"]) or "никому"
            yield f"о незавершённом разговоре ожидалось напоминание: {wanted}, получено: {', '.join(told)}"


def corrected(decider: Decider, case: Case) -> Decision | None:
    """What the call comes to with the facts that correct it; None where the case has none, or the rules no outcome."""
    if case.expected.then is None:
        return None
    try:
        return reach(decider, decider.type_facts(resolved(decider, case.expected.then["facts"])), case.context).decision
    except BadFacts:
        return None


def _then(decider: Decider, case: Case, decision: Decision) -> Iterator[str | TextMismatch]:
    then = case.expected.then
    if then is None:
        return
    after = corrected(decider, case)
    if after is None:
        yield "после исправления правила не дают итога"
        return
    if then["outcome"] is not None and then["outcome"] != after.outcome:
        yield f"после исправления ожидался итог «{then['outcome']}», получен «{after.outcome}»"
    subject = next((action.subject for action in decision.actions if action.role), None)
    context = {
        **case.context,
        "previous.outcome": _label(decider, decision),
        "outcome": _label(decider, after),
        "reminder.subject": subject,
    }
    for key, name in CORRECTIONS.items():
        if then[key] is not None:
            yield from _told(("then", key), then[key], decider.text(name, context))


def _label(decider: Decider, decision: Decision) -> str:
    return decider.outcome_label(decision.outcome) if decision.outcome else decider.text("unfinished_subject", {})


def _told(key: tuple[str, ...], expected: Wording, got: str) -> Iterator[TextMismatch]:
    if not expected.fits(got):
        yield TextMismatch(f"текст {'.'.join(key)}", expected, got)
