"""Deciding by a large script that chooses among actions and people, beside the same script without these."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.choosing_script import card_facts, write_choosing
from benchmarks.large_script import FACTS, write
from benchmarks.measure import Row, each, rates, ratio
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.decider import Decider

Facts = Mapping[str, Any]


def decisions() -> list[Row]:
    """A large script with 200 conditional actions and 50 people, beside the same script without."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Rulebook.load(write(Path(folder) / "plain", entangled=False)).script("large")
        chosen = Rulebook.load(write_choosing(Path(folder) / "choosing")).script("large")
    # Each conversation with another wrong answer, so that none is known from the one before.
    answers = [{f"f{place}": f"v{int(place == wrong)}" for place in range(FACTS)} for wrong in range(1, FACTS)]
    brought = [{**facts, **card_facts(number)} for number, facts in enumerate(answers)]

    def first(decider: Decider, space: Sequence[Facts]) -> Callable[[], int]:
        def run() -> int:
            decider._without_call.cache_clear()
            decider._outline.cache_clear()
            return each(decider.decide, space, 1)()

        return run

    subjects = {"plain": first(plain, answers), "chosen": first(chosen, brought)}
    subjects |= {"plain again": each(plain.decide, answers, 20), "chosen again": each(chosen.decide, brought, 20)}
    found = rates(subjects)
    return [
        ratio("a first decision ÷ without them", found["plain"] / found["chosen"], "<= 2", most=2),
        ratio("a decision seen before ÷ without them", found["plain again"] / found["chosen again"], "<= 2", most=2),
    ]
