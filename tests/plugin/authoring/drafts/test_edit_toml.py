"""Edits of TOML texts: the field says the new value, and every other byte stays."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.authoring.drafts.edit_toml import (
    EditFailed,
    insert_entry,
    insert_table,
    remove_field,
    remove_table,
    set_field,
)
from plugin.common.toml.lines import Place, locate

RULES = Path(__file__).parents[4] / "rules"
TEXTS = {str(file.relative_to(RULES)): file.read_bytes().decode() for file in sorted(RULES.rglob("*.toml"))}
TEXT = '''# Начало.
title = "Скрипт" # как есть

[reminder]
details = """
Одна
Другая"""

# ── Разговор ──

[[question]]
id = "a"
answers = [
    { value = "x", label = "Икс" },
    # между ними
    { value = "y", label = "Игрек" },  # второй
]

# о правиле
[[rule]]
id = "1"
when = { a = "x" }

[[question]]
id = "b"

[[rule]]
id = "2"
when = { a = "y" }
# в конце
'''


def places(node: Any, place: Place = ()) -> list[Place]:
    if isinstance(node, dict):
        return [one for key, inner in node.items() for one in places(inner, (*place, key))]
    if isinstance(node, list) and node and isinstance(node[0], dict):
        return [one for key, inner in enumerate(node) for one in places(inner, (*place, key))]
    return [place]


FIELDS = [(name, place) for name, text in TEXTS.items() for place in places(tomllib.loads(text))]


def changed(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    ("place", "value"),
    [(("nowhere", "deep"), "x"), (("rule", 7, "id"), "x"), (("title",), object())],
    ids=["no such table", "no such entry", "no value of TOML"],
)
def test_what_cannot_be_written_is_refused(place: Place, value: Any) -> None:
    with pytest.raises((EditFailed, TypeError)):
        set_field("" if place[0] == "nowhere" else TEXT, place if place[0] != "nowhere" else (0, "x"), value)


def test_a_text_that_is_no_toml_is_refused() -> None:
    with pytest.raises(EditFailed):
        set_field('title = "open\n', ("title",), "x")


def test_a_value_is_changed_in_its_line_and_its_remark_stays() -> None:
    assert changed(TEXT, set_field(TEXT, ("title",), "Другой")) == [
        '-title = "Скрипт" # как есть',
        '+title = "Другой" # как есть',
    ]


def test_an_answer_in_a_list_is_changed_alone() -> None:
    assert changed(TEXT, set_field(TEXT, ("question", 0, "answers", 1, "label"), "Й")) == [
        '-    { value = "y", label = "Игрек" },  # второй',
        '+    { value = "y", label = "Й" },  # второй',
    ]


def test_a_new_field_comes_at_the_end_of_its_own_table() -> None:
    assert changed(TEXT, set_field(TEXT, ("rule", 0, "outcome"), "o")) == ['+outcome = "o"']
    assert 'when = { a = "x" }\noutcome = "o"\n\n[[question]]' in set_field(TEXT, ("rule", 0, "outcome"), "o")


def test_a_condition_is_added_to_a_table_in_braces() -> None:
    made = set_field(TEXT, ("rule", 1, "when", "b"), {"not": 1})
    assert changed(TEXT, made) == ['-when = { a = "y" }', '+when = { a = "y", b = { not = 1 } }']
    assert changed(made, remove_field(made, ("rule", 1, "when", "a"))) == [
        '-when = { a = "y", b = { not = 1 } }',
        "+when = { b = { not = 1 } }",
    ]


def test_an_answer_is_added_between_others() -> None:
    for at in (0, 1, 2):
        made = insert_entry(TEXT, ("question", 0, "answers", at), {"value": "z", "label": "Зет"})
        assert changed(TEXT, made) == ['+    { value = "z", label = "Зет" },']


def test_an_entry_with_a_header_comes_after_the_one_before_it() -> None:
    made = insert_table(TEXT, ("rule", 1), {"id": "new", "when": {"a": "z"}})
    assert [line for line in changed(TEXT, made) if line != "+"] == [
        "+[[rule]]",
        '+id = "new"',
        '+when = { a = "z" }',
    ]
    assert [one["id"] for one in tomllib.loads(made)["rule"]] == ["1", "new", "2"]


def test_an_entry_that_is_removed_takes_its_own_remark_along() -> None:
    assert changed(TEXT, remove_table(TEXT, ("rule", 0))) == [
        "-# о правиле",
        "-[[rule]]",
        '-id = "1"',
        '-when = { a = "x" }',
        "-",
    ]
    made = insert_table(TEXT, ("rule", 1), {"id": "new", "when": {"a": "z"}})
    assert remove_table(made, ("rule", 1)) == TEXT


@given(field=st.sampled_from(FIELDS), value=st.one_of(st.text(max_size=40), st.integers(-9, 9), st.booleans()))
def test_an_edit_leaves_every_line_that_is_not_the_fields_own(field: tuple[str, Place], value: Any) -> None:
    name, place = field
    text = TEXTS[name]

    made = set_field(text, place, value)

    data = tomllib.loads(text)
    assert made == text or _removed_lines(text, made) <= _lines_of(text, place)
    node: Any = tomllib.loads(made)
    for part in place:
        node = node[part]
    assert node == value
    assert set(places(tomllib.loads(made))) == set(places(data))


def _removed_lines(before: str, after: str) -> set[str]:
    return {line[1:] for line in changed(before, after) if line.startswith("-")}


def _lines_of(text: str, place: Place) -> set[str]:
    """The lines that the value at a place is written in."""
    known = locate(text)
    while place not in known:
        place = place[:-1]
    lines, first = text.splitlines(), known[place]
    later = [line for line in known.values() if line > first]
    return set(lines[first - 1 : min(later, default=len(lines) + 1) - 1])
