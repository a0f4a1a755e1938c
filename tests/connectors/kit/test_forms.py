"""Forms in PHP's notation."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import EventMalformed
from connectors.kit.forms import form_of, nested


@pytest.mark.parametrize("wanted", [None, lambda name: name == "a"])
def test_more_fields_than_are_expected_are_refused(wanted: Any) -> None:
    with pytest.raises(EventMalformed, match="more than 3 fields"):
        form_of(b"a=1&b=2&c=3&d=4", 3, wanted)


@pytest.mark.parametrize("bad", [b"x=%C8%E2", b"x=\xc8\xe2", b"%C8%E2=x", b"x=%00%1F", b"x=%ED%A0%BD", b"x=%zz", b"=x"])
def test_a_field_that_nobody_needs_spoils_no_other(bad: bytes) -> None:
    form = form_of(bad + b"&a=%D0%90%D0%BD%D0%BD%D0%B0", 3)
    assert form["a"] == "Анна"
    "".join([*form, *form.values()]).encode()
    assert "\0" not in "".join(form.values())


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"%EF%BB%BF", b"%ef%bb%bf"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(mark: bytes) -> None:
    assert form_of(mark + b"a=1&b=2", 3) == {"a": "1", "b": "2"}


def test_only_wanted_fields_are_kept() -> None:
    assert form_of(b"a%5Bb%5D=1&c=2&&a=x+y", 4, lambda name: name.startswith("a")) == {"a[b]": "1", "a": "x y"}


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
