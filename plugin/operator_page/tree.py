"""A script's conversation as data that a page walks through by itself: the next phrase needs no request.

Equal continuations are one node. Where an answer cannot be listed and the rules tell some from others (a number, a
date, words in a text), and beyond what fits into a page, there is no next node: the server is to be asked.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from plugin.deciding.decision.conversations import question_asked
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.facts import MAX_TEXT, spelt
from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset.values import SKIPPED, FactValue
from plugin.errors import BadFacts, DecisionError
from plugin.operator_page.endings import PageEnding, ending_node
from plugin.operator_page.requirements import name_facts

#: A tree with its texts, as UTF-8 JSON: with the page around it, it is to stay under 150 kB.
LARGEST_BYTES = 55_000
#: Decisions asked for while one tree grows.
_MOST_DECISIONS = 3_000
#: So many questions further each time, as long as it fits.
_STRIDE = 4
_KEPT = 32


@dataclass(frozen=True, slots=True)
class PageTree:
    """The conversation from here on. ``nodes[start]`` comes next; ``json`` is both, safe to stand inside HTML.

    A node is a question, ``{"q", "fact", "label", "say", "hint"}`` (and ``read``: how ``say`` is read out) with
    ``answers`` (``value``, ``label``, ``next``) or with ``input`` (what is typed in) and ``next``, an optional one with
    ``skip`` (what comes next where it is passed over); or an end,
    ``plugin.operator_page.endings``; or ``{"fault": true}`` where the rules do not know an end. ``next`` null: ask the
    server with all facts.
    """

    start: int
    nodes: tuple[Mapping[str, Any], ...]

    def to_json(self) -> dict[str, Any]:
        return {"start": self.start, "nodes": list(self.nodes)}


class PageTrees:
    """The trees of the scripts in use, each grown once. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, str], PageTree] = OrderedDict()

    def of(self, decider: Decider, call_facts: Mapping[str, FactValue]) -> PageTree:
        """The whole conversation of a call that brings these facts along."""
        key = (decider.revision, decider.name, json.dumps(call_facts, sort_keys=True))
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        grown = grow(decider, call_facts)
        with self._lock:
            self._kept[key] = grown
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return grown


def grow(decider: Decider, facts: Mapping[str, FactValue], largest: int = LARGEST_BYTES) -> PageTree:
    """The tree from these facts on, as deep as ``largest`` bytes hold. Raises BadFacts for facts that do not fit."""
    decider.decide(facts)
    depth, best = _STRIDE, None
    while True:
        grower = _Grower(decider, depth)
        try:
            start = grower.grow(dict(facts), {}, 0)
        except _TooLargeError:
            break
        tree = PageTree(start, tuple(grower.nodes))
        if best is not None and size_of(tree) > largest:
            break
        best = tree
        if not grower.cut:
            break
        depth += _STRIDE
    if best is None:
        grower = _Grower(decider, 1)
        best = PageTree(grower.grow(dict(facts), {}, 0), tuple(grower.nodes))
    return best


def size_of(tree: PageTree) -> int:
    """Its bytes as they are sent."""
    return len(json.dumps(tree.to_json(), ensure_ascii=False, separators=(",", ":")).encode())


class _TooLargeError(Exception):
    """More decisions would be needed than are worth it."""


@dataclass
class _Grower:
    decider: Decider
    deepest: int
    nodes: list[dict[str, Any]] = field(default_factory=list)
    cut: bool = False
    _known: dict[str, int] = field(default_factory=dict)
    _decisions: int = 0

    def grow(self, facts: dict[str, FactValue], told: dict[str, str | None], depth: int) -> int:
        """The node after these answers; ``told``: those that texts name, None for one that is typed in on the page."""
        self._decisions += 1
        if depth > 1 and self._decisions > _MOST_DECISIONS:
            raise _TooLargeError
        try:
            decision = self.decider.decide(facts)
        except (BadFacts, DecisionError):
            return self._node({"fault": True})
        if decision.next is None:
            return self._node(ending_node(self.decider, PageEnding(decision, facts, told)))
        return self._node(self._question(decision, facts, told, depth))

    def _question(
        self, decision: Decision, facts: dict[str, FactValue], told: dict[str, str | None], depth: int
    ) -> dict[str, Any]:
        assert decision.next is not None
        script = self.decider.script
        question = question_asked(script, decision.next)
        fact = script.facts[question.fact]
        node: dict[str, Any] = {"q": question.id, "fact": fact.name, "label": fact.label}
        node |= {"say": question.say, "hint": question.hint}
        if question.read:
            node["read"] = question.read

        def after(value: FactValue, words: str | None) -> int | None:
            said = told if value is SKIPPED else {**told, fact.name: words}
            if depth + 1 >= self.deepest:
                self.cut = True
                return None
            return self.grow({**facts, fact.name: value}, said, depth + 1)

        if question.optional:
            node["skip"] = after(SKIPPED, None)
        if question.answers:
            node["answers"] = [
                {"value": answer.value, "label": answer.label, "next": after(answer.value, answer.label)}
                for answer in question.answers
            ]
            return node
        classes = script.classes[fact.name]
        one_way = len(classes.keys) == 1 and not classes.unproven
        node["input"] = {"type": fact.type, "least": fact.least, "most": fact.most}
        if fact.type == "text":
            node["input"] |= {"longest": MAX_TEXT, "is_name": fact.name in name_facts(script)}
        node["next"] = after(classes.example(classes.keys[0]), None) if one_way else None
        return node

    def _node(self, node: dict[str, Any]) -> int:
        key = json.dumps(node, ensure_ascii=False, sort_keys=True)
        if key not in self._known:
            self._known[key] = len(self.nodes)
            self.nodes.append(node)
        return self._known[key]


def call_fact_words(decider: Decider, call_facts: Mapping[str, FactValue]) -> dict[str, str]:
    """What the call brings along, as texts name it: ``fact.NAME`` → words."""
    facts = decider.script.facts
    return {f"fact.{name}": spelt(facts[name], value) for name, value in call_facts.items() if name in decider.sources}
