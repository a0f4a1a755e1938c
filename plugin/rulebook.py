"""One revision of the rules, compiled: typed facts in, a decision out. Pure: no clock, no input, no output."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from plugin.decision import Action, Decision, Facts, FactValue, NextQuestion, Step, Target
from plugin.engine import Engine, EngineRule, Pattern
from plugin.errors import BadFacts, FactError, InputError, NoOutcome, OutcomeConflict
from plugin.facts import FactTyper
from plugin.ruleset import CALL_PLACEHOLDERS, Context, Role, Script, Template, build, digest, read_folder
from plugin.ruleset.model import TEXT_KNOWN, ActionSpec, Condition, OutcomeSpec, Question, Rule, TargetSpec

#: How many different sets of facts a revision remembers its answer to.
REMEMBERED = 8192

#: The facts that the outcome depends on: values of those with ready answers, and which free texts are known.
_Key = tuple[tuple[FactValue | None, ...], tuple[bool, ...]]

#: What stands in a text for the call's own data while there is no call.
_NO_CALL: Context = {name: f"‹{label}›" for name, label in CALL_PLACEHOLDERS.items()}


@dataclass(frozen=True, slots=True)
class _Outline:
    """What the rules make of some facts, before the call's data and free texts are filled in.

    ``actions`` have the ready answers filled in already; ``bare`` are the same with labels for the call's data.
    """

    answered: tuple[Question, ...]
    open: NextQuestion | None = None
    outcome: OutcomeSpec | None = None
    target: TargetSpec | None = None
    actions: tuple[tuple[ActionSpec, Template], ...] = ()
    bare: tuple[tuple[ActionSpec, Template], ...] = ()


class Decider:
    """One script of one revision. Thread-safe.

    A fact takes part only once a question of the conversation asks for it, so that an answer nobody asked for on this
    path changes nothing.
    """

    def __init__(self, script: Script, revision: str) -> None:
        self.script = script
        self.name = script.name
        self.title = script.title
        self.promise_hours = script.promise_hours
        self.unfinished_role = script.unfinished_role
        self.fact_names: Collection[str] = script.facts.keys()
        self._revision = revision
        self._typer = FactTyper(script.facts)
        asked = {question.fact for question in script.questions}
        self._coded = tuple(f.name for f in script.facts.values() if f.name in asked and f.type != "text")
        self._texts = tuple(f.name for f in script.facts.values() if f.name in asked and f.type == "text")
        self._coded_names = frozenset(f"fact.{name}" for name in script.facts if name not in self._texts)
        self._engine = Engine(engine_rules(script))
        self._outline = lru_cache(REMEMBERED)(self._work_out)
        self._plain = lru_cache(REMEMBERED)(self._decide_plain)

    def type_facts(self, raw: Mapping[str, Any]) -> dict[str, FactValue]:
        """Typed facts of a JSON object. Raises BadFacts naming every wrong one."""
        return self._typer.type(raw)

    def decide(self, facts: Facts, context: Context | None = None) -> Decision:
        """The decision on typed facts, its texts filled in from the facts and the call's ``context``.

        Without a context the call's data stand in the texts by their labels (‹номер телефона›).
        Raises BadFacts for an answer that the question asked on this path does not offer, NoOutcome and
        OutcomeConflict where the rules have a gap or contradict each other.
        """
        key = self._key(facts)
        if context is None and not any(key[1]):
            return self._plain(key)
        return self._fill(self._outline(key), facts, context)

    def path(self, facts: Facts) -> tuple[str, ...]:
        """The facts asked for, in the order of the conversation, up to and with the first unanswered one."""
        fired = self._engine.run(self._codes(self._key(facts)))
        names = []
        for question in self._asked(fired):
            names.append(question.fact)
            if question.fact not in facts:
                break
        return tuple(names)

    def outcome_label(self, outcome: str) -> str:
        """The outcome in the admin's words; its name where a later revision no longer has it."""
        spec = self.script.outcomes.get(outcome)
        return spec.label if spec else outcome

    def text(self, name: str, context: Context) -> str:
        """One of the script's own texts (``plugin.ruleset.build.TEXTS``), filled in."""
        return self.script.texts[name].fill(context)

    def close(self) -> None:
        """Free the compiled rules."""
        self._engine.close()

    # --- deciding --------------------------------------------------------------------------------

    def _key(self, facts: Facts) -> _Key:
        """All that can make a difference to the outcome: values that conditions can tell apart, and known texts."""
        get = facts.get
        return tuple([get(name) for name in self._coded]), tuple([name in facts for name in self._texts])

    def _codes(self, key: _Key) -> dict[str, str]:
        values, known = key
        codes = {name: TEXT_KNOWN for name, is_known in zip(self._texts, known, strict=True) if is_known}
        for name, value in zip(self._coded, values, strict=True):
            code = None if value is None else self.script.facts[name].code(value)
            if code is not None:
                codes[name] = code
        return codes

    def _work_out(self, key: _Key) -> _Outline:
        codes = self._codes(key)
        fired = self._engine.run(codes)
        asked = self._asked(fired)
        given = dict(zip(self._coded, key[0], strict=True))
        _check_answers(asked, given)
        for position, question in enumerate(asked):
            if question.fact not in codes:
                ask = NextQuestion(question.fact, question.say, question.hint, question.answers)
                return _Outline(tuple(asked[:position]), ask)
        outcome, target = self._end([rule for rule in self.script.rules if rule.id in fired], given)
        answers = _labels(asked, given)
        actions = [(spec, spec.text.bind(answers, self._coded_names)) for spec in outcome.actions]
        bare = [(spec, text.bind(_NO_CALL, _NO_CALL)) for spec, text in actions]
        return _Outline(tuple(asked), None, outcome, target, tuple(actions), tuple(bare))

    def _end(
        self, rules: Collection[Rule], given: Mapping[str, FactValue | None]
    ) -> tuple[OutcomeSpec, TargetSpec | None]:
        """The one outcome and target that these fired rules give."""
        outcomes = sorted({rule.outcome for rule in rules if rule.outcome})
        targets = {rule.target for rule in rules if rule.target}
        if len(outcomes) > 1 or len(targets) > 1:
            ends = ", ".join(f"{rule.id} → {rule.outcome}" for rule in rules if rule.outcome)
            raise OutcomeConflict(f"script {self.name}: the rules contradict each other on {_shown(given)}: {ends}")
        if not outcomes:
            fired = ", ".join(rule.id for rule in rules) or "none"
            raise NoOutcome(f"script {self.name}: no rule ends the conversation {_shown(given)}; rules fired: {fired}")
        return self.script.outcomes[outcomes[0]], next(iter(targets), None)

    def _asked(self, fired: Collection[str]) -> list[Question]:
        """The questions of this path in the order of the file; a fact is asked for once."""
        seen = frozenset(fired)
        asked: dict[str, Question] = {}
        for question in self.script.questions:
            if question.id in seen:
                asked.setdefault(question.fact, question)
        return list(asked.values())

    # --- filling in ------------------------------------------------------------------------------

    def _decide_plain(self, key: _Key) -> Decision:
        facts = {name: value for name, value in zip(self._coded, key[0], strict=True) if value is not None}
        return self._fill(self._outline(key), facts, None)

    def _fill(self, outline: _Outline, facts: Facts, context: Context | None) -> Decision:
        steps = tuple([Step(q.id, q.fact, q.say, facts[q.fact]) for q in outline.answered])
        outcome = outline.outcome
        if outcome is None:
            return Decision(self._revision, False, None, outline.open, steps, None, ())
        values: dict[str, str | None] = {} if context is None else dict(context)
        for step in steps:
            if step.fact in self._texts:
                values[f"fact.{step.fact}"] = str(step.answer)
        spec = outline.target
        target = None if spec is None else Target(spec.name.value(values), spec.phone.value(values))
        actions = [
            Action(a.id, a.kind, text.fill(values), a.role, a.subject, a.due_in_hours, a.email, target)
            for a, text in (outline.bare if context is None else outline.actions)
        ]
        return Decision(self._revision, True, outcome.name, None, steps, outcome.say, tuple(actions))


class Rulebook:
    """One revision of the rules folder: its roles and compiled scripts."""

    def __init__(self, content: Mapping[str, Any], roles: Mapping[str, Role], scripts: Mapping[str, Script]) -> None:
        self.content: dict[str, Any] = dict(content)
        self.revision = digest(content)
        self.roles = roles
        self.scripts = {name: Decider(script, self.revision) for name, script in scripts.items()}

    @classmethod
    def load(cls, folder: Path) -> Rulebook:
        """Read, check and compile a rules folder. Raises RulesError with everything that is wrong with it.

        What this does not prove (every conversation ends in one outcome) is ``plugin.conversation.unsound``.
        """
        content, sources = read_folder(folder)
        return cls(content, *build(content, sources))

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Rulebook:
        """Compile a revision kept in the ledger."""
        return cls(content, *build(content))

    def script(self, name: str) -> Decider:
        """The script's decider. Raises InputError naming the scripts there are."""
        if name not in self.scripts:
            raise InputError(f"unknown script {name!r}", hint=f"Scripts: {', '.join(sorted(self.scripts))}")
        return self.scripts[name]

    def close(self) -> None:
        """Free the compiled rules; the rulebook cannot decide afterwards."""
        for decider in self.scripts.values():
            decider.close()


def engine_rules(script: Script) -> list[EngineRule]:
    """The script's questions and rules as the engine takes them."""
    asks = [EngineRule(q.id, _patterns(q.when), asks=(q.fact,)) for q in script.questions]
    return asks + [EngineRule(rule.id, _patterns(rule.when), concludes=rule.conclude) for rule in script.rules]


def _patterns(when: tuple[Condition, ...]) -> tuple[Pattern, ...]:
    return tuple(Pattern(condition.subject, condition.codes) for condition in when)


def _check_answers(asked: Collection[Question], given: Mapping[str, FactValue | None]) -> None:
    errors = []
    for question in asked:
        value = given.get(question.fact)
        if value is not None and question.answers and all(answer.value != value for answer in question.answers):
            allowed = ", ".join(_json(answer.value) for answer in question.answers)
            errors.append(FactError(question.fact, value, allowed, question=question.say or question.hint))
    if errors:
        raise BadFacts(errors)


def _labels(asked: Collection[Question], given: Mapping[str, FactValue | None]) -> dict[str, str | None]:
    """The ready answers of this path by their labels, as placeholders name them."""
    return {
        f"fact.{question.fact}": answer.label
        for question in asked
        for answer in question.answers
        if answer.value == given.get(question.fact)
    }


def _json(value: FactValue) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else value


def _shown(given: Mapping[str, FactValue | None]) -> str:
    return ", ".join(f"{name}={_json(value)}" for name, value in given.items() if value is not None) or "no facts"
