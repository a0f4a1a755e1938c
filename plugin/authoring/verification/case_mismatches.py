"""How a decision differs from what a case expects of it, in Russian, for the admin: precise, and no more than that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from plugin.authoring.verification.case_texts import further_differences, read_aloud
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Action, Decision
from plugin.deciding.decision.trace import RuleTrace, TracedCondition, toml, written
from plugin.deciding.ruleset import Role
from plugin.deciding.ruleset.cases import Case, Expected, Wording
from plugin.deciding.ruleset.conditions import allowed_values
from plugin.deciding.ruleset.people import are_recipients
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, DecisionError, FactError, OutcomeConflict

#: Texts longer than this are shown where they differ only.
_LONG = 80
_AROUND = 30


@dataclass(frozen=True, slots=True)
class Run:
    """What the rules made of a case's facts; ``trace`` is None where the facts themselves were refused."""

    facts: Mapping[str, FactValue] = field(default_factory=dict)
    trace: RuleTrace | None = None
    decision: Decision | None = None
    fault: BadFacts | DecisionError | None = None


def differences(decider: Decider, case: Case, run: Run, roles: Mapping[str, Role] | None = None) -> Iterator[str]:
    """Every expectation of the case that is not met; ``roles`` are those of the revision."""
    if case.expected.error is not None:
        yield from _refusal(decider, case.expected.error, run)
    elif run.decision is None:
        yield from _undecided(decider, run)
    else:
        yield from _Differences(decider, case.expected, run, run.decision).all()
        for one in further_differences(decider, roles or {}, case, run.facts, run.decision):
            yield from [one] if isinstance(one, str) else _wording(one.what, one.expected, one.got)


def _refusal(decider: Decider, wanted: str, run: Run) -> Iterator[str]:
    """``error``: this fact is refused."""
    refused = [error.field for error in run.fault.errors] if isinstance(run.fault, BadFacts) else []
    if wanted in refused:
        return
    yield f"ожидалось, что «{wanted}» не будет принят, а он принят"
    if run.fault is not None:
        yield from _undecided(decider, run)


def _undecided(decider: Decider, run: Run) -> Iterator[str]:
    if isinstance(run.fault, BadFacts):
        yield from (_refused(decider, error) for error in run.fault.errors)
    elif isinstance(run.fault, OutcomeConflict) and run.trace:
        rules = [rule for rule in decider.script.rules if rule.outcome and rule.id in run.trace.fired]
        yield "правила спорят между собой: " + ", ".join(f"«{rule.id}» → {rule.outcome}" for rule in rules)
    elif run.trace:
        # Of a rule none of whose conditions holds it cannot be said to be near.
        near = [(rule, checks) for rule, checks in run.trace.nearest() if len(checks) < len(rule.when)]
        told = [f"; ближе всех «{rule.id}», не выполнено: {_unmet(checks)}" for rule, checks in near[:1]]
        yield "".join(["ни одно правило не завершает этот разговор", *told])


def _unmet(failed: Iterable[TracedCondition]) -> str:
    return "; ".join(written(check.condition) for check in failed)


def _refused(decider: Decider, error: FactError) -> str:
    fact = decider.script.facts.get(error.field)
    if fact is None:
        return f"факт «{error.field}» этому скрипту неизвестен; есть: {', '.join(decider.script.facts)}"
    if error.question:
        return f"ответ {error.field} = {toml(error.given)} на этом пути не предлагается; допустимы: {error.allowed}"
    bounds = [f"не меньше {toml(fact.least)}"] * (fact.least is not None)
    bounds += [f"не больше {toml(fact.most)}"] * (fact.most is not None)
    kind = "непустой текст" if fact.type == "text" else allowed_values(fact)
    return f"факт {error.field} = {toml(error.given)} не принят; допустимо: {', '.join([kind, *bounds])}"


class _Differences:
    def __init__(self, decider: Decider, expected: Expected, run: Run, decision: Decision) -> None:
        self._decider = decider
        self._expected = expected
        self._run = run
        self._decision = decision
        self._reminders = [action for action in decision.actions if action.kind == "reminder"]

    def all(self) -> Iterator[str]:
        ended_otherwise = list(self._end())
        yield from ended_otherwise
        # Where the end is another one, its texts and recipients differ as a matter of course.
        if not ended_otherwise:
            yield from self._texts()
            yield from self._recipients()
            yield from self._reminders_as_expected()
            yield from self._target()
        if self._expected.transcript is not None:
            order = [step.fact for step in self._decision.transcript]
            if list(self._expected.transcript) != order:
                yield f"ожидался порядок вопросов {_path(self._expected.transcript)}, получен {_path(order)}"
        yield from self._rules()

    def _texts(self) -> Iterator[str]:
        """``say``, ``hint``, ``read``, ``answers``, ``comment``."""
        expected, decision = self._expected, self._decision
        # Of a complete decision the closing phrase is meant, unless the case speaks of the optional question.
        asked = decision.next if not decision.complete or expected.next is not None else None
        say, hint = (asked.say, asked.hint) if asked else (decision.say, None)
        yield from _wording("фраза", expected.say, say)
        yield from _wording("подсказка", expected.hint, hint)
        if expected.read is not None and self._run.trace is not None:
            yield from _wording(
                "фраза для чтения", expected.read, read_aloud(self._decider, self._run.trace, asked, decision)
            )
        if expected.answers is not None:
            offered = list(asked.answers) if asked else []
            by_label = {answer.label for answer in offered} & {one for one in expected.answers if isinstance(one, str)}
            got = [answer.label if by_label else answer.value for answer in offered]
            yield from _same("ответы", expected.answers, got)
        comments = "\n".join(action.text for action in decision.actions if action.kind == "comment")
        yield from _wording("комментарий", expected.comment, comments or None)

    def _end(self) -> Iterator[str]:
        """``outcome`` and ``next``."""
        expected, decision = self._expected, self._decision
        asked = decision.next.fact if decision.next else None
        got = self._outcome(decision.outcome) if decision.outcome else f"разговор ещё не закончен, вопрос о «{asked}»"
        if expected.outcome is not None and expected.outcome != decision.outcome:
            yield f"ожидался итог {self._outcome(expected.outcome)}, получен{' ' if decision.outcome else 'о: '}{got}"
        if expected.next is not None and expected.next != asked:
            ended = f"разговор закончен итогом {got}" if decision.outcome else f"получен вопрос о «{asked}»"
            yield f"ожидался вопрос о «{expected.next}», {ended}"

    def _outcome(self, name: str) -> str:
        return f"«{name}» ({self._decider.outcome_label(name)})"

    def _recipients(self) -> Iterator[str]:
        if self._expected.remind is None:
            return
        roles = [str(action.recipient) for action in self._reminders]
        if not are_recipients(self._expected.remind, roles):
            yield f"ожидалось напоминание: {_people(self._expected.remind)}, получено: {_people(roles)}"

    def _reminders_as_expected(self) -> Iterator[str]:
        """``reminder``, ``subject``, ``due_in_hours``, ``email``."""
        expected = self._expected
        wanted: list[tuple[str, object, Callable[[Action], object]]] = [
            ("тема", expected.subject, lambda action: action.subject),
            ("срок в часах", expected.due_in_hours, lambda action: action.due_in_hours),
            ("письмо", expected.email, lambda action: action.email),
        ]
        wanted = [one for one in wanted if one[1] is not None]
        if (wanted or expected.reminder) and not self._reminders:
            yield "ожидалось напоминание, его нет"
        for action in self._reminders:
            for what, value, of in wanted:
                if of(action) != value:
                    yield f"{_whose(action)}, {what}: ожидалось {toml(value)}, получено {toml(of(action))}"
            for told in _wording("текст", expected.reminder, action.text):
                yield f"{_whose(action)}: {told}"

    def _target(self) -> Iterator[str]:
        wanted = self._expected.target
        if wanted is None:
            return
        targets = {action.target.name if action.target else "" for action in self._decision.actions}
        if not targets:
            yield f"ожидалась запись в карточке {_card(wanted)}, записей нет"
        for name in sorted(targets - {wanted}, key=str):
            yield f"ожидалась карточка {_card(wanted)}, получена карточка {_card(name)}"

    def _rules(self) -> Iterator[str]:
        trace = self._run.trace
        for entry in self._decider.script.entries:
            if trace and entry.id in (self._expected.rules or ()) and entry.id not in trace.fired:
                failed = [check for check in trace.checks(entry) if not check.holds]
                yield f"ожидалось, что сработает «{entry.id}», а не выполнено: {_unmet(failed)}"


# --- words -------------------------------------------------------------------------------------------

_FEMININE = ("фраза", "фраза для чтения", "подсказка")


def _wording(what: str, wanted: Wording | None, got: str | None) -> Iterator[str]:
    if wanted is None or wanted.fits(got):
        return
    feminine = what in _FEMININE
    expected, received, none = ("ожидалась", "получена", "её") if feminine else ("ожидался", "получен", "его")
    if wanted.exact is None:
        missing = [part for part in wanted.contains if part not in (got or "")]
        told = [(f"{expected} {what} со словами «{part}»", got) for part in missing]
    elif not wanted.exact:
        told = [(f"{what}: ничего не ожидалось", got)]
    else:
        one, other = _where_they_differ(wanted.exact, got or "")
        told = [(f"{expected} {what} «{one}»", other)]
    for words, instead in told:
        yield f"{words}, {received} «{instead}»" if instead else f"{words}, а {none} нет"


def _same(what: str, wanted: Sequence[FactValue], got: Sequence[FactValue]) -> Iterator[str]:
    if list(map(toml, wanted)) != list(map(toml, got)):
        yield f"ожидались {what} {_listed(wanted)}, {f'получены {_listed(got)}' if got else 'а готовых нет'}"


def _where_they_differ(one: str, other: str) -> tuple[str, str]:
    """Both texts, long ones cut to where they differ."""
    if not other or max(len(one), len(other)) <= _LONG:
        return one, other
    shortest = min(len(one), len(other))
    before = next((i for i in range(shortest) if one[i] != other[i]), shortest)
    after = next((i for i in range(shortest - before) if one[-1 - i] != other[-1 - i]), shortest - before)
    return _cut(one, before, after), _cut(other, before, after)


def _cut(text: str, before: int, after: int) -> str:
    start, end = max(0, before - _AROUND), min(len(text), len(text) - after + _AROUND)
    return f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"


def _listed(values: Iterable[FactValue]) -> str:
    return ", ".join(map(toml, values))


def _path(facts: Iterable[str]) -> str:
    return " → ".join(facts) or "без вопросов"


def _people(roles: Iterable[str]) -> str:
    return ", ".join(sorted(roles)) or "никому"


def _whose(action: Action) -> str:
    return f"напоминание для «{action.role}»"


def _card(name: str | None) -> str:
    return f"клиента «{name}»" if name else "звонка"
