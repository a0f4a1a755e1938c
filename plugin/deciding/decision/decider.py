"""One script, compiled: typed facts in, a decision out. Pure: no clock, no input, no output."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from plugin.deciding.decision.chosen_actions import ActionChooser
from plugin.deciding.decision.facts import FactTyper, spelt
from plugin.deciding.decision.model import Action, Decision, NextQuestion, Target, TranscriptStep
from plugin.deciding.decision.trace import RuleTrace
from plugin.deciding.engine.durable import Engine
from plugin.deciding.engine.network import EngineRule, Pattern
from plugin.deciding.ruleset import LABELS, Context, Script, Template
from plugin.deciding.ruleset.model import ActionSpec, Condition, OutcomeSpec, Question, TargetSpec
from plugin.deciding.ruleset.value_classes import Classes, Listed
from plugin.deciding.ruleset.values import SKIPPED, Facts, FactValue
from plugin.errors import BadFacts, FactError, NoOutcome, OutcomeConflict

#: How many different sets of facts a revision remembers its answer to.
REMEMBERED = 8192

#: The name of the engine's own rule that asserts the facts of the call.
_CALL = "(call)"

#: Stands for the facts in an error's message.
_FACTS = "‹facts›"

#: The class of each fact's value (``ruleset.value_classes``), None where it is missing: all that makes a difference.
_Key = tuple[str | None, ...]

#: Stands for the class of an optional fact that was not asked for again; no class has this name.
_PASSED_OVER = "(skipped)"

#: Actions with their texts, filled in as far as may be.
_Rendered = tuple[tuple[ActionSpec, Template], ...]

#: Actions as they are told where none of these facts was answered: the most frequent case, worded once.
_Final = tuple[frozenset[str], tuple[Action, ...]]


@dataclass(frozen=True, slots=True)
class _Outline:
    """What the rules make of some facts, before the call's data and free texts are filled in.

    ``actions`` have the ready answers filled in already; ``without_call`` are the same with labels for the call's
    data; ``final`` are those with all texts filled in, for decisions that quote no fact. With an outcome, ``open`` is
    an optional question.
    """

    answered: tuple[Question, ...]
    open: NextQuestion | None = None
    outcome: OutcomeSpec | None = None
    target: TargetSpec | None = None
    actions: _Rendered = ()
    without_call: _Rendered = ()
    final: _Final = (frozenset(), ())


class Decider:
    """One script of one revision. Thread-safe.

    A fact takes part only once a question of the conversation asks for it, so that an answer that was not asked for on
    this path changes nothing.
    """

    def __init__(self, script: Script, revision: str) -> None:
        self.script = script
        self.name = script.name
        self.title = script.title
        self.promise_hours = script.promise_hours
        self.unfinished_roles = script.unfinished_roles
        self.fact_names: Collection[str] = script.facts.keys()
        self.revision = revision
        self._typer = FactTyper(script.facts)
        #: The facts that the call brings along: name → field of the call, e.g. ``call.duration``.
        self.sources: Mapping[str, str] = {f.name: f.source for f in script.facts.values() if f.source}
        asked = {question.fact for question in script.questions}
        self._inputs = tuple(name for name in script.facts if name in asked or name in self.sources)
        self._optional = script.optional_facts
        self._key_of = tuple(_key_of(script.classes[name], name in self._optional) for name in self._inputs)
        # Ready answers are told by their labels; what else was answered, and what the call brings, as it is.
        self._labelled = frozenset(
            f"fact.{fact.name}" for fact in script.facts.values() if fact.listed and not fact.source
        )
        self._ending = [rule for rule in script.rules if rule.outcome or rule.target]
        self._offered = {q.id: _offered(script.classes[q.fact], q) for q in script.questions}
        self._rendered = {name: _rendered(outcome.actions) for name, outcome in script.outcomes.items()}
        self._quoting = {
            outcome.name
            for outcome in script.outcomes.values()
            if any(action.text.names & self._labelled for action in outcome.actions)
        }
        self._chooser = ActionChooser(script)
        self._engine = Engine(engine_rules(script))
        self._outline = lru_cache(REMEMBERED)(self._work_out)
        self._without_call = lru_cache(REMEMBERED)(self._decide_without_call)

    def type_facts(self, raw: Mapping[str, Any]) -> dict[str, FactValue]:
        """Typed facts of a JSON object. Raises BadFacts naming every wrong one."""
        return self._typer.type(raw)

    def decide(
        self, facts: Facts, context: Context | None = None, due: Callable[[ActionSpec], str] | None = None
    ) -> Decision:
        """The decision on typed facts, its texts filled in from the facts and the call's ``context``.

        ``due`` tells when a reminder is due that is due by the calendar: that is the deadline in its text.
        Without a context the call's data stand in the texts by their labels (‹номер телефона›).
        Raises BadFacts for an answer that the question asked on this path does not offer, NoOutcome and
        OutcomeConflict where the rules have a gap or contradict each other.
        """
        if context is None:
            get = facts.get
            return self._without_call(tuple([get(name) for name in self._inputs]))
        return self._fill(self._outline_of(facts), facts, context, due)

    def path(self, facts: Facts) -> tuple[str, ...]:
        """The facts asked for, in the order of the conversation, up to and with the first one that is lacking."""
        fired = self._engine.run(self._codes(self._key(facts)))
        names = []
        for name, question in self.script.asked(fired).items():
            names.append(name)
            if name not in facts and not question.optional:
                break
        return tuple(names)

    def fired(self, facts: Facts) -> frozenset[str]:
        """The ids of the rules and questions that fire on these facts, whether or not they end the conversation."""
        return self._engine.run(self._codes(self._key(facts))) - {_CALL}

    def actions(self, outcome: str, facts: Facts) -> tuple[ActionSpec, ...]:
        """What is done at the end of a conversation with this outcome, a reminder once for each person."""
        if outcome in self._chooser.fixed:
            return self.script.outcomes[outcome].actions
        return self._chooser.actions(outcome, self.fired(facts), self._codes(self._key(facts)))

    @property
    def chooses(self) -> bool:
        """Whether some outcome's actions or people depend on more than the outcome."""
        return len(self._chooser.fixed) < len(self.script.outcomes)

    def people(self, role: str, facts: Facts) -> list[str | None]:
        """The people of a role who are reminded of a call that brings these facts along; [None]: it has one."""
        return self._chooser.people(role, self._codes(self._key(facts)))

    def trace(self, facts: Facts) -> RuleTrace:
        """What fires on these facts, and why everything else does not. Never raises BadFacts."""
        return RuleTrace(self.script, self._codes(self._key(facts)), self.fired(facts))

    def outcome_label(self, outcome: str) -> str:
        """The outcome in the admin's words; its name where a later revision no longer has it."""
        spec = self.script.outcomes.get(outcome)
        return spec.label if spec else outcome

    def text(self, name: str, context: Context) -> str:
        """One of the script's own texts (``plugin.deciding.ruleset.build.TEXTS``), filled in."""
        return self.script.texts[name].fill(context)

    def close(self) -> None:
        """Free the compiled rules."""
        self._engine.close()

    # --- deciding --------------------------------------------------------------------------------

    def _outline_of(self, facts: Facts) -> _Outline:
        """What the rules make of these facts. Raises as ``decide``, with the facts as they were given."""
        try:
            return self._outline(self._key(facts))
        except (NoOutcome, OutcomeConflict) as error:
            # Remembered by classes of values, and told by the values themselves.
            message = error.message.replace(_FACTS, self._in_words(facts))
            raise type(error)(message, hint=error.hint) from None

    def _in_words(self, facts: Facts) -> str:
        """The facts that take part; what else a client said stays out of the errors."""
        answered = [name for name in self._inputs if name in facts and facts[name] is not SKIPPED]
        known = [(name, self.script.facts[name].type, facts[name]) for name in answered]
        told = [f"{name}={'(text)' if type_ == 'text' else shown(value)}" for name, type_, value in known]
        return ", ".join(told) or "without facts"

    def _key(self, facts: Facts) -> _Key:
        get = facts.get
        values = [get(name) for name in self._inputs]
        return tuple([None if v is None else key_of(v) for v, key_of in zip(values, self._key_of, strict=True)])

    def _codes(self, key: _Key) -> dict[str, str]:
        """What the engine is told of these facts."""
        codes: dict[str, str] = {}
        for name, part in zip(self._inputs, key, strict=True):
            if part is not None and part != _PASSED_OVER:
                codes.update(self.script.classes[name].codes(name, part))
        return codes

    def _work_out(self, key: _Key) -> _Outline:
        codes = self._codes(key)
        fired = self._engine.run(codes)
        asked = list(self.script.asked(fired).values())
        self._check_answers(asked, codes)
        passed_over = [name for name, part in zip(self._inputs, key, strict=True) if part == _PASSED_OVER]
        open_ = [question for question in asked if question.fact not in codes and question.fact not in passed_over]
        ask = _next_question(open_[0]) if open_ else None
        lacking = next((place for place, q in enumerate(asked) if q in open_ and not q.optional), None)
        answered = tuple([question for question in asked[:lacking] if question.fact in codes])
        if lacking is not None:
            return _Outline(answered, ask)
        try:
            outcome, target = self._end(fired, codes)
        except (NoOutcome, OutcomeConflict):
            # Rules that end only with the optional answer are at fault; a conversation that goes on need not meet it.
            if ask is not None:
                return _Outline(answered, ask)
            raise
        if outcome.name in self._chooser.fixed:
            actions, without_call, final = self._rendered[outcome.name]
            quotes = outcome.name in self._quoting
        else:
            chosen = self._chooser.actions(outcome.name, fired, codes)
            actions, without_call, final = _rendered(chosen)
            quotes = any(action.text.names & self._labelled for action in chosen)
        if quotes:
            labels = _labels(asked, codes, self.script.classes)
            actions, without_call = self._quote(actions, labels), self._quote(without_call, labels)
            final = _final(without_call)
        return _Outline(answered, ask, outcome, target, actions, without_call, final)

    def _check_answers(self, asked: Collection[Question], codes: Mapping[str, str]) -> None:
        errors = []
        for question in asked:
            code, offered = codes.get(question.fact), self._offered[question.id]
            if code is not None and offered and code not in offered:
                allowed = ", ".join(shown(answer.value) for answer in question.answers)
                errors.append(FactError(question.fact, code, allowed, question=question.say or question.hint))
        if errors:
            raise BadFacts(errors)

    def _end(self, fired: frozenset[str], codes: Mapping[str, str]) -> tuple[OutcomeSpec, TargetSpec | None]:
        """The one outcome and target that the fired rules give."""
        rules = [rule for rule in self._ending if rule.id in fired]
        outcomes = {rule.outcome for rule in rules if rule.outcome}
        targets = {rule.target for rule in rules if rule.target}
        if len(outcomes) > 1 or len(targets) > 1:
            ends = ", ".join(f"{rule.id} → {rule.outcome}" for rule in rules if rule.outcome)
            raise OutcomeConflict(
                f"script {self.name}: the rules contradict each other on {_FACTS}: {ends}",
                hint="`optout rules explain --facts …` tells why each of them fired",
            )
        if not outcomes:
            raise NoOutcome(
                f"script {self.name}: no rule ends the conversation {_FACTS}",
                hint=RuleTrace(self.script, codes, fired).hint(),
            )
        return self.script.outcomes[outcomes.pop()], next(iter(targets), None)

    def _quote(self, actions: _Rendered, labels: Context) -> _Rendered:
        """The actions with this path's ready answers in their texts."""
        return tuple([(spec, text.bind(labels, self._labelled)) for spec, text in actions])

    # --- filling in ------------------------------------------------------------------------------

    def _decide_without_call(self, values: tuple[FactValue | None, ...]) -> Decision:
        """Remembered whole, texts included. Calls are decided with their context: no client's name stays in memory."""
        facts = {name: value for name, value in zip(self._inputs, values, strict=True) if value is not None}
        return self._fill(self._outline_of(facts), facts, None)

    def _fill(
        self,
        outline: _Outline,
        facts: Facts,
        context: Context | None,
        due: Callable[[ActionSpec], str] | None = None,
    ) -> Decision:
        steps = tuple([TranscriptStep(q.id, q.fact, q.say, facts[q.fact]) for q in outline.answered])
        outcome = outline.outcome
        if outcome is None:
            return Decision(self.revision, False, None, outline.open, steps, None, ())
        if context is None and outline.target is None:
            quoted, final = outline.final
            if quoted.isdisjoint([step.fact for step in steps]) and quoted.isdisjoint(self.sources):
                return Decision(self.revision, True, outcome.name, outline.open, steps, outcome.say, final)
        values: dict[str, str | None] = {} if context is None else dict(context)
        for name in (*[step.fact for step in steps], *self.sources):
            if name in facts and f"fact.{name}" not in self._labelled:
                values[f"fact.{name}"] = spelt(self.script.facts[name], facts[name])
        spec = outline.target
        target = None if spec is None else Target(spec.name.value(values), spec.phone.value(values))
        actions = [
            _action(
                spec, text.fill(values if due is None or not spec.working else _with_due(values, due(spec))), target
            )
            for spec, text in (outline.without_call if context is None else outline.actions)
        ]
        return Decision(self.revision, True, outcome.name, outline.open, steps, outcome.say, tuple(actions))


def engine_rules(script: Script) -> list[EngineRule]:
    """The script's questions and rules as the engine takes them; the facts of the call take part at once."""
    call_facts = [subject for fact in script.facts.values() if fact.source for subject in _subjects(script, fact.name)]
    rules = [EngineRule(_CALL, (), asks=tuple(call_facts))] if call_facts else []
    rules += [EngineRule(q.id, _patterns(q.when), asks=_subjects(script, q.fact)) for q in script.questions]
    return rules + [EngineRule(rule.id, _patterns(rule.when), concludes=rule.conclude) for rule in script.rules]


def _subjects(script: Script, fact: str) -> tuple[str, ...]:
    """The engine's subjects for a fact: the fact itself and, of a text, each test."""
    classes = script.classes[fact]
    return tuple(classes.codes(fact, classes.keys[0]))


def _patterns(when: tuple[Condition, ...]) -> tuple[Pattern, ...]:
    return tuple(pattern for condition in when for pattern in condition.patterns)


def _key_of(classes: Classes, optional: bool) -> Callable[[FactValue], str]:
    """How a value's class is found; ready answers by a look-up in a dict."""
    known = {v: classes.key(v) for v in classes.values}.__getitem__ if isinstance(classes, Listed) else classes.key
    return (lambda value: _PASSED_OVER if value is SKIPPED else known(value)) if optional else known


def _next_question(question: Question) -> NextQuestion:
    return NextQuestion(question.fact, question.say, question.hint, question.answers, question.optional)


def _offered(classes: Classes, question: Question) -> frozenset[str]:
    return frozenset(classes.key(answer.value) for answer in question.answers)


def _rendered(specs: Iterable[ActionSpec]) -> tuple[_Rendered, _Rendered, _Final]:
    """The actions with their texts, the same with labels for the call's data, and these as they are told."""
    actions = tuple((spec, spec.text) for spec in specs)
    without_call = tuple((spec, text.bind(LABELS, LABELS)) for spec, text in actions)
    return actions, without_call, _final(without_call)


def _final(without_call: _Rendered) -> _Final:
    quoted = frozenset(name.removeprefix("fact.") for _, text in without_call for name in text.names)
    return quoted, tuple(_action(spec, text.fill({}), None) for spec, text in without_call)


def _action(spec: ActionSpec, text: str, target: Target | None) -> Action:
    timing = (spec.due_in_hours, spec.email, target, spec.person, spec.working)
    return Action(spec.id, spec.kind, text, spec.role, spec.subject, *timing)


def _with_due(values: Context, due: str) -> dict[str, str | None]:
    return {**values, "deadline": due}


def _labels(
    asked: Collection[Question], codes: Mapping[str, str], classes: Mapping[str, Classes]
) -> dict[str, str | None]:
    """The ready answers of this path by their labels, as placeholders name them."""
    return {
        f"fact.{question.fact}": answer.label
        for question in asked
        for answer in question.answers
        if classes[question.fact].key(answer.value) == codes.get(question.fact)
    }


def shown(value: FactValue) -> str:
    """A value as JSON and the rules write it, without quotes."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
