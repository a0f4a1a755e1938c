"""Phones and names in any notation."""

from __future__ import annotations

import pytest

from connectors.phones import notations, same_name, same_phone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+79161234567", "8 (916) 123-45-67"),
        ("9161234567", "+7 916 1234567"),
        ("+375 29 123-45-67", "+375291234567"),
        ("375291234567", "+375 29 123-45-67"),
        ("79161234567", "+79161234567"),
        ("375291234567", "8 10 375 29 123-45-67"),
        ("998 90 123-45-67", "+998901234567"),
        ("７９１６１２３４５６７", "+79161234567"),
    ],
)
def test_one_number_in_two_notations_is_the_same(one: str, other: str) -> None:
    assert same_phone(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+79161234567", "+79161234568"),
        ("+375291234567", "+79291234567"),
        ("", ""),
        ("нет", "нет"),
        ("916123456", "+916123456"),
        # Ten digits, or eleven that begin with 8, are Russian whatever country they might be of with a +.
        ("4930123456", "+4930123456"),
        ("81312345678", "+81312345678"),
    ],
)
def test_other_numbers_and_no_numbers_are_not(one: str, other: str) -> None:
    assert not same_phone(one, other)


def test_the_notations_of_a_russian_number() -> None:
    assert notations("8 (916) 123-45-67") == ("+79161234567", "79161234567", "89161234567", "9161234567")
    assert notations("+375 29 123 45 67") == ("+375291234567", "375291234567")


@pytest.mark.parametrize("other", ["Иванов  Иван Иванович", "иван иванович ИВАНОВ"])
def test_a_name_is_the_same_in_any_order_and_case(other: str) -> None:
    assert same_name("Иванов Иван Иванович", other)


@pytest.mark.parametrize("other", ["Иванов Иван", "Иванова Иван Иванович", ""])
def test_another_name_is_another(other: str) -> None:
    assert not same_name("Иванов Иван Иванович", other)


def test_no_name_is_nobodys() -> None:
    assert not same_name("", " ")
