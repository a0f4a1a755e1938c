"""Secrets compared."""

from __future__ import annotations

import pytest

from connectors.kit.secrets import same_secret


@pytest.mark.parametrize(
    ("given", "expected"),
    [("s3cret", "S3cret"), ("s3cret ", "s3cret"), ("", "s3cret"), (None, "s3cret"), (["s3cret"], "s3cret"), (1, "1")],
)
def test_another_value_is_not_the_secret(given: object, expected: str) -> None:
    assert not same_secret(given, expected)


def test_no_secret_is_nobodys() -> None:
    assert not same_secret("", "")


@pytest.mark.parametrize("odd", ["неверный", "\udcff"])
def test_text_that_is_not_ascii_is_compared_like_any_other(odd: str) -> None:
    assert not same_secret(odd, "s3cret")
    assert same_secret(odd, odd)


def test_the_time_of_a_comparison_tells_nothing() -> None:
    assert "compare_digest" in same_secret.__code__.co_names
