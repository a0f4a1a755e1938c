"""What the rules read of cards, held against what the CRM and the mapping of its fields say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.base import CardFieldState
from plugin.deciding.ruleset import Script
from plugin.events.card_field_check import card_field_remarks
from tests.plugin.events.support import edited_rules


def scripts(fact: Mapping[str, Any], *wanted: Any) -> dict[str, Script]:
    """The shipped script with this fact from ``card.brand``, read by the conditions of comments."""

    def edit(content: dict[str, Any]) -> None:
        content["survey_opt_out/vocabulary.toml"]["fact"]["brand"] = {"label": "Марка", "from": "card.brand", **fact}
        actions = content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["action"]
        for number, one in enumerate(wanted):
            actions.append({"id": f"a{number}", "kind": "comment", "text": "Марка", "when": {"brand": one}})

    return {name: decider.script for name, decider in edited_rules(edit).scripts.items()}


TEXT = {"type": "text"}
CHOICE = {"type": "choice", "values": ["Kia", "Lada"]}


def told(states: list[CardFieldState], scripts: dict[str, Script], *, declared_only: bool = True) -> list[str]:
    return [remark.what for remark in card_field_remarks(states, scripts, "rest", others_bring=not declared_only)]


def state(values: set[str | bool] | None = None, *, exists: bool | None = True, unmapped: tuple[str, ...] = ()) -> Any:
    return CardFieldState("brand", "UF_1", exists, None if values is None else frozenset(values), unmapped)


@pytest.mark.parametrize("exists", [True, None])
def test_a_field_that_fits_is_not_remarked_on(exists: bool | None) -> None:
    assert told([state({"Kia", "Lada"}, exists=exists)], scripts(TEXT, "kia")) == []
    assert told([state({"Kia", "Lada"}, exists=exists)], scripts(CHOICE, "Kia")) == []
    assert told([state(None, exists=exists)], scripts(TEXT, "Kia")) == []


def test_a_field_that_the_crm_has_not_got_is_a_fault() -> None:
    (what,) = told([state(exists=False)], scripts(TEXT, "Kia"))
    assert what == "the CRM has no field UF_1, from which card.brand is read"


def test_entries_that_mean_nothing_are_named() -> None:
    (what,) = told([state({"Kia"}, unmapped=("53 («Opel»)",))], scripts(TEXT, "Kia"))
    assert "53 («Opel»)" in what


def test_a_value_that_the_rules_do_not_know_is_a_fault() -> None:
    assert told([state({"Kia", "Lada", "Opel"})], scripts(CHOICE, "Kia")) == [
        'card.brand can be "Opel" in the CRM, which the fact brand does not know'
    ]


def test_a_value_that_the_crm_has_not_got_is_a_fault() -> None:
    assert told([state({"45", "46"})], scripts(TEXT, "Kia", {"not": "Lada"})) == [
        'the rules ask whether card.brand is "Kia", which it cannot be in the CRM',
        'the rules ask whether card.brand is "Lada", which it cannot be in the CRM',
    ]


def test_a_mask_that_some_value_fits_is_no_fault() -> None:
    assert told([state({"Kia Rio"})], scripts(TEXT, {"contains": "kia"}, {"matches": "*rio"})) == []
    assert len(told([state({"Kia Rio"})], scripts(TEXT, {"contains": "lada"}))) == 1


def test_yes_or_no_mapped_as_text_is_a_fault() -> None:
    fact = {"type": "bool"}
    assert told([state({True, False})], scripts(fact, True)) == []
    assert told([state(None)], scripts(fact, True)) == [
        "the fact brand is yes or no, and card.brand is read as any text"
    ]
    assert told([state({"Y", "N"})], scripts(fact, True)) == [
        'card.brand can be "N" in the CRM, which the fact brand does not know',
        'card.brand can be "Y" in the CRM, which the fact brand does not know',
    ]


def test_a_field_that_nobody_brings_is_a_fault() -> None:
    (what,) = told([], scripts(TEXT, "Kia"))
    assert what == "the rules read card.brand, and no field of the CRM is declared for it"
    assert told([], scripts(TEXT, "Kia"), declared_only=False) == []


def test_what_no_condition_reads_and_what_every_event_brings_need_no_field() -> None:
    assert told([], scripts(TEXT)) == []
    assert told([], scripts({"type": "text", "from": "card.id"}, "42")) == []
