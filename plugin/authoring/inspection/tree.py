"""The conversation tree of a script in which equal continuations are one: where two ways meet, they stay together.

Two questions are the same where they are worded the same and every answer leads on the same way. Values that lead on
the same way are one branch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from plugin.authoring.inspection.wording import class_words, named, plain, text_tests, wording
from plugin.deciding.decision.conversations import answer_values, question_asked, reach
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.model import Target
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import ActionSpec, Fact, Question
from plugin.deciding.ruleset.values import SKIPPED, FactValue
from plugin.errors import BadFacts, DecisionError, NoOutcome

#: Conversations followed to their end; what a larger script has beyond them is shown as cut off.
MOST_CONVERSATIONS = 2_000
#: Questions in a row before a conversation is cut off.
DEEPEST = 150

GAP = "Ни одно правило не заканчивает этот разговор"
CONFLICT = "Правила спорят: этот разговор они заканчивают по-разному"
NOT_OFFERED = "Правила спорят: вопрос задан о том, что уже отвечено по-другому"
CUT = "Дальше не показано: скрипт слишком велик"


@dataclass(frozen=True, slots=True, eq=False)
class TreeEnd:
    """How a conversation ends: with an outcome, or (``fault``) without one, and why. ``actions``: what is written."""

    outcome: str | None
    fault: str | None = None
    actions: tuple[ActionSpec, ...] = ()

    @property
    def acts(self) -> bool:
        return bool(self.actions)


@dataclass(frozen=True, slots=True, eq=False)
class TreeQuestion:
    """A question to the client, or (``question`` None) a field that the call brings along.

    ``acts``: something is written at some end below.
    """

    fact: Fact
    question: Question | None
    branches: tuple[TreeBranch, ...]
    acts: bool


@dataclass(frozen=True, slots=True)
class TreeBranch:
    """An answer, in words and by an example (None: not known), and where it leads.

    ``target``: from here on everything is written to this client's card instead of the call's.
    """

    label: str
    value: FactValue | None
    to: Node
    target: Target | None


Node = TreeQuestion | TreeEnd


@dataclass(frozen=True, slots=True)
class ConversationTree:
    """``cut``: there is more than stands here."""

    script: Script
    root: Node
    cut: bool


@dataclass(frozen=True, slots=True)
class TreeRow:
    """One way through the tree: who was asked what and answered what, the end, and whose card it is written to."""

    steps: tuple[tuple[TreeQuestion, TreeBranch], ...]
    end: TreeEnd
    target: Target | None

    def known(self, script: Script) -> dict[str, str]:
        """What the texts of this conversation are filled in with, values that are typed in by their labels."""
        call_facts = script.call_facts
        values = {
            f"fact.{fact.name}": named(fact.label)
            for fact in script.facts.values()
            if fact.source and fact.name not in call_facts
        }
        for ask, branch in self.steps:
            if branch.value is not None:
                fact = ask.fact
                by_label = branch.label if ask.question else plain(branch.value)
                values[f"fact.{fact.name}"] = by_label if fact.listed else named(fact.label)
        return values


def grow(decider: Decider, most: int = MOST_CONVERSATIONS) -> ConversationTree:
    """The tree of a script. Pure; raises EngineError only."""
    grower = _Grower(decider, most)
    root, target = grower.begin()
    if isinstance(target, Target) and isinstance(root, TreeQuestion):
        # Every way leads to the same other client's card: the first answers say so, since nothing comes before them.
        root = replace(root, branches=tuple(replace(branch, target=target) for branch in root.branches))
    return ConversationTree(decider.script, root, grower.cut)


def rows(root: Node) -> Iterator[TreeRow]:
    """Every way from this node to an end, in the order of the answers."""
    open_: list[tuple[Node, tuple[tuple[TreeQuestion, TreeBranch], ...], Target | None]] = [(root, (), None)]
    while open_:
        node, steps, target = open_.pop()
        if isinstance(node, TreeEnd):
            yield TreeRow(steps, node, target)
        else:
            open_.extend(
                (branch.to, (*steps, (node, branch)), branch.target or target) for branch in reversed(node.branches)
            )


#: Whose card the ends below a node are about: one target (None: the call's), no matter, or different ones.
_Aim = Target | None | str
_ANY, _MIXED = "any", "mixed"


@dataclass
class _Grower:
    decider: Decider
    most: int
    cut: bool = False
    _ends: int = 0
    _nodes: dict[tuple[Any, ...], Node] = field(default_factory=dict)

    def begin(self) -> tuple[Node, _Aim]:
        return self._hear(self.decider.script.call_facts, {})

    def _hear(self, names: Sequence[str], facts: dict[str, FactValue]) -> tuple[Node, _Aim]:
        """Branch on what the call may bring along, before anything is asked."""
        if not names or self._ends >= self.most:
            return self._grow(facts, 0)
        name, others = names[0], names[1:]
        classes = self.decider.script.classes[name]
        grown: list[tuple[str | None, Node, _Aim]] = [(None, *self._hear(others, facts))]
        for key in classes.keys:
            grown.append((key, *self._hear(others, {**facts, name: classes.example(key)})))
        if len({(id(node), aim) for _, node, aim in grown}) == 1:
            return grown[0][1], grown[0][2]
        return self._asking(self.decider.script.facts[name], None, grown)

    def _grow(self, facts: dict[str, FactValue], depth: int) -> tuple[Node, _Aim]:
        if self._ends >= self.most or depth > DEEPEST:
            self.cut = True
            return self._end(None, CUT), _ANY
        here = reach(self.decider, facts)
        decision = here.decision
        if decision is None:
            return self._end(None, fault_words(here.fault)), _ANY
        if decision.next is None:
            # An outcome without actions is written to no card.
            aim = self._target(facts) if decision.actions and decision.actions[0].target else None
            actions = self.decider.actions(decision.outcome or "", facts)
            return self._end(decision.outcome, None, actions), aim if decision.actions else _ANY
        question = question_asked(self.decider.script, decision.next)
        grown: list[tuple[str | None, Node, _Aim]] = []
        for key, value in self._answers(question):
            grown.append((key, *self._grow({**facts, question.fact: value}, depth + 1)))
        if question.optional:
            grown.append((None, *self._grow({**facts, question.fact: SKIPPED}, depth + 1)))
        return self._asking(self.decider.script.facts[question.fact], question, grown)

    def _target(self, facts: dict[str, FactValue]) -> Target | None:
        """Whose card, worded: an example that was chosen for the conversation must not stand for a name."""
        script = self.decider.script
        spec = script.target(self.decider.fired(facts))
        return None if spec is None else Target(wording(script, spec.name), wording(script, spec.phone))

    def _answers(self, question: Question) -> list[tuple[str, FactValue]]:
        """The answers to a question, each with its class; a text that no condition reads is shown by its label."""
        script = self.decider.script
        classes, fact = script.classes[question.fact], script.facts[question.fact]
        if fact.type == "text" and not text_tests(script, fact.name):
            return [(key, named(fact.label)) for key in classes.keys]
        return [(classes.key(value), value) for value in answer_values(script, question)]

    def _asking(
        self, fact: Fact, question: Question | None, grown: Sequence[tuple[str | None, Node, _Aim]]
    ) -> tuple[Node, _Aim]:
        aims = {aim for _, _, aim in grown} - {_ANY}
        lifted: _Aim = _MIXED if len(aims) > 1 or _MIXED in aims else next(iter(aims), _ANY)
        branches = tuple(self._branches(fact, question, grown, told=lifted == _MIXED))
        worded = (question.say, question.hint, question.answers) if question else None
        key = (fact.name, worded, tuple((b.label, id(b.to), b.target) for b in branches))
        return self._nodes.setdefault(
            key, TreeQuestion(fact, question, branches, any(b.to.acts for b in branches))
        ), lifted

    def _branches(
        self, fact: Fact, question: Question | None, grown: Sequence[tuple[str | None, Node, _Aim]], *, told: bool
    ) -> Iterator[TreeBranch]:
        script = self.decider.script
        together: dict[tuple[int, Target | None], list[str]] = {}
        where: dict[tuple[int, Target | None], Node] = {}
        for key, node, aim in grown:
            target = aim if told and isinstance(aim, Target) else None
            if key is None:
                yield TreeBranch("пропущено" if question else "неизвестно", None, node, target)
            elif fact.listed:
                value = script.classes[fact.name].example(key)
                label = question.label_of(value) if question else plain(value)
                yield TreeBranch(label or plain(value), value, node, target)
            else:
                together.setdefault((id(node), target), []).append(key)
                where[id(node), target] = node
        for place, keys in together.items():
            if fact.type == "text" and question and not text_tests(script, fact.name):
                yield TreeBranch(named(fact.label), named(fact.label), where[place], place[1])
                continue
            example = script.classes[fact.name].example(keys[0])
            for label in class_words(script, fact, keys):
                yield TreeBranch(label, example, where[place], place[1])

    def _end(self, outcome: str | None, fault: str | None, actions: tuple[ActionSpec, ...] = ()) -> Node:
        self._ends += fault != CUT
        done = tuple((action.id, action.person) for action in actions)
        return self._nodes.setdefault((outcome, fault, done), TreeEnd(outcome, fault, actions))


def fault_words(fault: BadFacts | DecisionError | None) -> str:
    """Why a conversation has no outcome."""
    if isinstance(fault, BadFacts):
        return NOT_OFFERED
    return GAP if isinstance(fault, NoOutcome) else CONFLICT
