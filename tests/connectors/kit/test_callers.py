"""Whose number a call result names."""

from __future__ import annotations

import pytest

from connectors.kit.callers import caller


@pytest.mark.parametrize("empty", [None, "", " ", True, [], {}])
def test_an_empty_field_without_others_names_nobody(empty: object) -> None:
    assert caller(empty) is None


@pytest.mark.parametrize("hidden", ["Unknown", "anonymous", "Номер скрыт", "0", 0])
def test_a_hidden_caller_is_told_as_one(hidden: object) -> None:
    assert caller(hidden) == str(hidden)
    assert caller(hidden, ["нет", "-"]) == str(hidden)


def test_the_first_field_with_a_number_counts_as_it_is_written() -> None:
    assert caller(" 8 916 123-45-67 моб ", ["+79037654321"]) == "8 916 123-45-67 моб"
    assert caller(79161234567) == "79161234567"
    assert caller("Unknown", ["нет", "8 903 765-43-21 (жена)"]) == "8 903 765-43-21 (жена)"
