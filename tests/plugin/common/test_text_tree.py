"""Parsed JSON: every text and key in it is mended and told by its path, at any depth; all else stays."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.common.text import TextFlaw, clean
from plugin.common.text_tree import CleanedTree, Mended, clean_tree

_TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)
_TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=20,
)


# --- what is wrong ---------------------------------------------------------------------------------


def test_texts_that_json_lets_through_are_mended_and_told_by_their_paths() -> None:
    raw = json.loads(r'{"id": "evt\u0000-1", "card": {"name": "\ud83d"}, "items": [{"x": 1}, {"name": "a\u0001"}]}')

    assert clean_tree(raw) == CleanedTree(
        {"id": "evt -1", "card": {"name": "\ufffd"}, "items": [{"x": 1}, {"name": "a "}]},
        (
            Mended("id", (TextFlaw.CONTROL,)),
            Mended("card.name", (TextFlaw.HALF_CHARACTER,)),
            Mended("items.1.name", (TextFlaw.CONTROL,)),
        ),
    )


def test_a_key_is_mended_and_told_as_it_is_now() -> None:
    assert clean_tree({"a": {"b\ud83d": 1}}) == CleanedTree(
        {"a": {"b\ufffd": 1}}, (Mended("a.b\ufffd", (TextFlaw.HALF_CHARACTER,)),)
    )


@pytest.mark.parametrize("given_", [{"a ": "right", "a\x00": "wrong"}, {"a\x00": "wrong", "a ": "right"}], ids=ascii)
def test_a_key_that_was_right_wins_over_one_that_becomes_the_same(given_: dict[str, str]) -> None:
    tree = clean_tree(given_)

    assert tree.value == {"a ": "right"}
    assert tree.mended == (Mended("a ", (TextFlaw.CONTROL,), same_key=True),)


def test_of_two_keys_that_become_the_same_the_first_one_wins() -> None:
    tree = clean_tree({"a\x00": 1, "a\x01": {"b": "\x00"}})

    assert tree.value == {"a ": 1}
    assert [one.same_key for one in tree.mended] == [False, True]


def test_a_text_alone_is_a_tree() -> None:
    assert clean_tree("\x00") == CleanedTree(" ", (Mended("", (TextFlaw.CONTROL,)),))


def test_a_path_is_printable_and_not_long_whatever_the_keys() -> None:
    tree: Any = "\x00"
    for _ in range(100):
        tree = {"\u202e\n" + "k" * 10_000: [tree]}

    path = clean_tree(tree).mended[0].path
    assert path.isprintable()
    assert path.startswith("….")
    assert len(path) < 1_000


# --- what is right ---------------------------------------------------------------------------------


def test_other_values_the_order_and_what_was_given_stay() -> None:
    given_: Any = {"z": [1, 2.5, None, True, []], "a": {}, "text": " \u200bЙ\u2060\n"}
    before = json.dumps(given_)

    tree = clean_tree(given_)

    assert json.dumps(tree.value) == before == json.dumps(given_)
    assert tree.mended == ()
    assert tree.value is not given_


def test_two_halves_of_a_character_are_joined_without_a_word() -> None:
    assert clean_tree(["\ud83d\ude00"]) == CleanedTree(["😀"], ())


def test_another_cleaner_can_be_chosen() -> None:
    tree = clean_tree({"name": " Анна\u200b "}, clean)

    assert tree == CleanedTree({"name": "Анна"}, (Mended("name", (TextFlaw.INVISIBLE,)),))


def test_no_depth_is_too_deep() -> None:
    tree: Any = ["\x00"]
    for _ in range(100_000):
        tree = [tree]

    inner = clean_tree(tree).value
    for _ in range(100_000):
        inner = inner[0]
    assert inner == [" "]


def test_many_flaws_deep_down_take_no_more_time_each() -> None:
    def seconds(depth: int) -> float:
        tree: Any = {}
        for _ in range(depth):
            tree = {"k": tree, "t\x00": "\x00"}
        started = time.process_time()
        clean_tree(tree)
        return time.process_time() - started

    assert seconds(20_000) < 100 * max(seconds(1_000), 0.001)


@settings(deadline=None, max_examples=300)
@given(_TREES)
def test_any_tree_can_be_encoded_afterwards_and_is_mended_for_good(raw: Any) -> None:
    tree = clean_tree(raw)

    written = json.dumps(tree.value, ensure_ascii=False).encode()
    assert b"\\u0000" not in written
    assert clean_tree(tree.value) == CleanedTree(tree.value, ())
    assert json.loads(written) == tree.value


@settings(deadline=None)
@given(_TREES)
def test_a_tree_of_right_texts_stays_the_same(raw: Any) -> None:
    right = clean_tree(raw).value

    assert clean_tree(right) == CleanedTree(right, ())
