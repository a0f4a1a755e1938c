"""Forms in PHP's notation."""

from __future__ import annotations

import pytest

from connectors.base import EventMalformed
from connectors.kit.forms import form_of, nested


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"a=\xff", id="bytes that are no UTF-8"),
        pytest.param(b"a=%FF", id="escaped bytes that are no UTF-8"),
        pytest.param(b"a=1&b=2&c=3&d=4", id="more fields than are wanted"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes) -> None:
    with pytest.raises(EventMalformed, match="no form in UTF-8, or has too many fields"):
        form_of(body, 3)


@pytest.mark.parametrize("body", [b"a=1&a[b]=2", b"a[b]=2&a[b][c]=3", b"a[b][c]=3&a[b][c][d]=4"])
def test_fields_that_contradict_each_other_are_refused(body: bytes) -> None:
    with pytest.raises(EventMalformed, match="contradict"):
        nested(form_of(body, 10))


def test_phps_notation_is_read_in_any_depth() -> None:
    form = form_of(b"a=1&b%5Bc%5D=2&b[d][e]=3&f[]=4&g=", 10)
    assert form == {"a": "1", "b[c]": "2", "b[d][e]": "3", "f[]": "4", "g": ""}
    assert nested(form) == {"a": "1", "b": {"c": "2", "d": {"e": "3"}}, "f": {"": "4"}, "g": ""}


def test_the_last_of_several_counts() -> None:
    assert form_of("a=Анна&a=Ёлка".encode(), 2) == {"a": "Ёлка"}
