"""Whatever data is written as TOML, reading it gives the same data."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.common.toml.writer import to_toml

ROOT = Path(__file__).parents[4]

# Surrogates are no text; tomllib takes every other character, escaped or not.
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_SCALARS = _TEXTS | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_DATA = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4), max_leaves=20
)


def test_what_toml_cannot_say_is_refused() -> None:
    with pytest.raises(TypeError, match="NoneType"):
        to_toml({"a": None})


@given(st.dictionaries(_TEXTS, _DATA, max_size=5))
def test_any_data_reads_back_the_same(data: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(data)) == data


@pytest.mark.parametrize("file", sorted((ROOT / "rules").rglob("*.toml")), ids=lambda file: "/".join(file.parts[-2:]))
def test_the_shipped_rules_read_back_the_same(file: Path) -> None:
    data = tomllib.loads(file.read_text(encoding="utf-8"))
    assert tomllib.loads(to_toml(data)) == data


def test_a_text_of_several_lines_stays_readable() -> None:
    assert to_toml({"say": 'Один «"\nДва\\'}) == 'say = """\nОдин «\\"\nДва\\\\"""\n'
