"""Values are told apart at the ends of what a type can hold, too."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from plugin.deciding.ruleset.predicates import Comparable
from plugin.deciding.ruleset.value_classes import Intervals, parse


@pytest.mark.parametrize(
    ("type_", "cuts", "classes"),
    [
        ("date", [date.max], 2),
        ("date", [date.min], 2),
        ("date", [date.min, date.max], 3),
        ("date", [date(2026, 1, 1)], 3),
        ("datetime", [datetime.max.replace(tzinfo=UTC)], 2),
        ("datetime", [datetime.min.replace(tzinfo=UTC)], 2),
        ("number", [1.7e308], 3),
        ("number", [1.7976931348623157e308], 2),
        ("number", [-1.7e308, 1.7e308], 5),
        ("number", [1e17], 3),
        ("number", [5.0], 3),
    ],
)
def test_each_class_that_has_values_has_an_example_and_the_others_have_none(
    type_: str, cuts: list[Comparable], classes: int
) -> None:
    found = Intervals(type_, cuts, None, None)
    assert len(found.keys) == classes
    for key in found.keys:
        assert found.key(found.example(key)) == key
        parse(type_, found.example(key))
