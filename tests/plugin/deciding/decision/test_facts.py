"""Values of facts as the texts of the rules spell them."""

from __future__ import annotations

from typing import Any

import pytest

from plugin.deciding.decision.facts import spelt
from plugin.deciding.ruleset.model import Fact


@pytest.mark.parametrize(
    ("type_", "value", "text"),
    [
        ("bool", True, "да"),
        ("bool", False, "нет"),
        ("choice", "calls", "calls"),
        ("text", "true", "true"),
        ("text", "2026-11-22", "2026-11-22"),
        ("number", 7, "7"),
        ("number", 7.0, "7"),
        ("number", -0.5, "-0,5"),
        ("number", 1e14, "100000000000000"),
        ("date", "2026-11-02", "02.11.2026"),
        ("datetime", "2026-11-22T10:05:59+03:00", "22.11.2026 10:05 (UTC+03:00)"),
        ("datetime", "2026-11-22T10:05:00Z", "22.11.2026 10:05 (UTC)"),
    ],
)
def test_a_value_is_spelt_for_people(type_: str, value: Any, text: str) -> None:
    assert spelt(Fact("it", type_, "Оно"), value) == text
