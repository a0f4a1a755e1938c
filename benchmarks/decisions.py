"""Deciding beside other engines: the opt-out script, random complete facts, all answers compared."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from durable import engine as durable

from benchmarks.measure import Row, each, rates, ratio, resident_mb
from benchmarks.peers import business_rules, random_facts, rule_engine_rules, zen_expression, zen_table
from plugin.config.load import shipped_dir
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider, engine_rules
from plugin.deciding.engine.durable import START, ruleset_definition
from plugin.deciding.engine.network import UNKNOWN, EngineRule

#: What a call brings along besides the facts.
CALL = {
    "call.id": "c-77",
    "call.phone": "+79161234567",
    "call.time": "22.11.2026 10:15 (МСК)",
    "call.operator": "ivanova",
    "card.name": "Иванова Анна",
    "card.url": "https://crm.example.org/contact/42",
    "deadline": "23.11.2026 10:15 (МСК)",
}


def compare() -> list[Row]:
    """Decisions on facts seen before, with their texts, beside engines that choose the outcome alone."""
    decider = load()
    space = random_facts(1000)
    peers = {
        "zen-engine, expression": zen_expression(),
        "zen-engine, decision table": zen_table(),
        "rule-engine": rule_engine_rules(),
        "business-rules": business_rules(),
    }
    for name, choose in peers.items():
        differing = [facts for facts in space if choose(facts) != decider.decide(facts).outcome]
        if differing:
            raise SystemExit(f"{name} answers differently on {differing[0]}")
    subjects: dict[str, Callable[[], int]] = {
        "ours": each(decider.decide, space, 50),
        "ours, with a call": each(lambda facts: decider.decide(facts, CALL), space, 10),
        **{name: each(choose, space, 50 if "expression" in name else 2) for name, choose in peers.items()},
    }
    found = rates(subjects)
    ours = found["ours"]
    return [
        ratio("ours ÷ business-rules", ours / found["business-rules"], ">= 3", least=3),
        ratio("ours ÷ zen-engine, expression", ours / found["zen-engine, expression"], ">= 1", least=1),
        ratio("ours ÷ zen-engine, decision table", ours / found["zen-engine, decision table"]),
        ratio("ours ÷ rule-engine", ours / found["rule-engine"]),
        ratio("ours filling in a call's data ÷ business-rules", found["ours, with a call"] / found["business-rules"]),
        Row("(decisions per second, for scale)", f"{ours:,.0f}"),
    ]


def first_time() -> list[Row]:
    """Decisions on facts never seen, beside durable-rules alone with the same rules and messages."""
    decider = load()
    space = random_facts(500)

    def ours() -> int:
        for facts in space:
            decider._without_call.cache_clear()
            decider._outline.cache_clear()
            decider.decide(facts)
        return len(space)

    bare = _BareEngine(engine_rules(decider.script), [decider._codes(decider._key(facts)) for facts in space])
    found = rates({"ours": ours, "bare": bare.run}, rounds=9)
    return [ratio("time of a first decision ÷ bare durable-rules", found["bare"] / found["ours"], "<= 1.3", most=1.3)]


def memory() -> list[Row]:
    """Resident memory over 200,000 decisions that nothing remembers."""
    decider = load()
    space = itertools.cycle(random_facts(500))

    def decide(count: int) -> None:
        for number, facts in zip(range(count), space, strict=False):
            decider._outline.cache_clear()
            decider.decide(facts | {"client_name": f"Клиент {number}"})

    decide(20_000)
    before = resident_mb()
    decide(200_000)
    growth = resident_mb() - before
    return [Row("growth over 200,000 decisions, MB", f"{growth:.1f}", "<= 5", growth <= 5)]


def load() -> Decider:
    """The shipped script, compiled."""
    return Rulebook.load(Path(shipped_dir()) / "rules").script("survey_opt_out")


class _BareHost(durable.Host):  # type: ignore[misc]
    def _run(self) -> None:
        return None


class _BareEngine:
    """durable-rules with the same rules and messages and nothing around it."""

    def __init__(self, rules: list[EngineRule], space: list[dict[str, str]]) -> None:
        self._space = space
        self._facts: dict[str, str] = {}
        self._read = {(p.subject, code) for rule in rules for p in rule.patterns for code in p.codes}
        self._host = _BareHost()
        self._host.register_rulesets({"bare": ruleset_definition(rules, self._action)})
        for sid in range(7):
            self._host.assert_fact("bare", {"sid": f"p{sid}", "on": START})
        for sid in range(7):
            self._host.delete_state("bare", f"p{sid}")

    def run(self) -> int:
        for facts in self._space:
            self._facts = facts
            self._host.assert_fact("bare", {"sid": "s", "on": START})
            self._host.delete_state("bare", "s")
        return len(self._space)

    def _action(self, rules: tuple[EngineRule, ...]) -> Callable[[Any], None]:
        asks = [subject for rule in rules for subject in rule.asks]
        concludes = [told for rule in rules for told in rule.concludes if told in self._read]

        def fire(closure: Any) -> None:
            for subject in asks:
                code = self._facts.get(subject, UNKNOWN)
                if (subject, code) in self._read:
                    closure.assert_fact({"on": subject, "is": code})
            for subject, code in concludes:
                closure.assert_fact({"on": subject, "is": code})

        return fire
