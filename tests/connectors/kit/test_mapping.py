"""``[crm.<name>.facts]``: which field holds which fact, and what an unmapped value is answered with."""

from __future__ import annotations

from typing import Any

import pytest
from marshmallow import Schema, ValidationError

from connectors.base import NotMapped
from connectors.kit.mapping import FactFields, FactsTable


class Account(Schema):
    facts = FactsTable()


def loaded(facts: Any) -> FactFields:
    found: FactFields = Account().load({"facts": facts})["facts"]
    return found


@pytest.mark.parametrize(
    "facts",
    [
        "related",
        {"related": "UF_1"},
        {"related": {}},
        {"related": {"field": ""}},
        {"related": {"field": "UF_1", "values": {}}},
        {"related": {"field": "UF_1", "values": {"45": 1}}},
        {"related": {"field": "UF_1", "values": {"45": ""}}},
        {"related": {"field": "UF_1", "value": {"45": True}}},
        {"related": {"field": "UF_1", "empty": "44"}},
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(facts: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        loaded(facts)
    assert "facts" in caught.value.normalized_messages()


@pytest.mark.parametrize("value", ["47", 47, ["45", "46"], {"id": 45}, "Может быть"])
def test_a_value_that_is_not_mapped_is_named_with_its_field_and_the_remedy(value: Any) -> None:
    fields = loaded({"related": {"field": "UF_1", "values": {"45": True, "46": False}}})

    with pytest.raises(NotMapped, match=r"field .UF_1. holds .* map it in plugin.toml, values of the fact 'related'"):
        fields.read({"UF_1": value})


def test_an_unmapped_value_shows_no_phone_number() -> None:
    fields = loaded({"related": {"field": "UF_1", "values": {"45": True}}})

    with pytest.raises(NotMapped) as caught:
        fields.read({"UF_1": "перезвонить на +7 916 123-45-67"})
    assert "123" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "  ", [], "44"])
def test_an_empty_field_says_nothing(value: Any) -> None:
    fields = loaded({"related": {"field": "UF_1", "values": {"45": True}, "empty": ["44"]}})

    assert fields.read({"UF_1": value}) == {}
    assert fields.read({}) == {}


def test_values_are_read_however_the_crm_writes_them() -> None:
    fields = loaded(
        {
            "related": {"field": "UF_1", "values": {"45": True, "true": True, "false": False}},
            "kind": {"field": "UF_2", "values": {"Звонки": "calls"}},
            "name": {"field": "UF_3"},
        }
    )

    assert fields.read({"UF_1": 45, "UF_2": ["Звонки"], "UF_3": " Иванов Иван "}) == {
        "related": True,
        "kind": "calls",
        "name": "Иванов Иван",
    }
    assert fields.read({"UF_1": False}) == {"related": False}


@pytest.mark.parametrize(
    ("mapped", "held"), [("Мой", "Мои\u0306"), ("Мои\u0306", "Мой"), ("Да", "\ufeffДа\u200b\u00a0")]
)
def test_a_value_is_read_however_its_letters_are_composed(mapped: str, held: str) -> None:
    fields = loaded({"kind": {"field": "UF_1", "values": {mapped: "calls"}, "empty": [f"Не {mapped}"]}})
    assert fields.read({"UF_1": held}) == {"kind": "calls"}
    assert fields.read({"UF_1": f"Не {held}"}) == {}


def test_it_tells_which_facts_and_values_can_come() -> None:
    fields = loaded({"related": {"field": "UF_1", "values": {"45": True, "46": False}}, "name": {"field": "UF_3"}})

    assert fields.facts() == {"related": frozenset({True, False}), "name": None}
    assert fields.names == ("UF_1", "UF_3")


def test_nothing_is_mapped_where_nothing_is_said() -> None:
    assert Account().load({})["facts"].facts() == {}
