"""Two admins' changes of the same rules: put together by field, or refused with both values; nothing is lost unseen."""

from __future__ import annotations

import copy
import random
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.merging import ABSENT, RulesMerge, merge_rules, rules_changes
from plugin.authoring.merging.texts import changed_text, parsed
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.errors import RulesError

SHIPPED = rule_texts(Path(__file__).parents[4] / "rules")
RULES = "survey_opt_out/rules.toml"
OUTCOMES = "survey_opt_out/outcomes.toml"
ROLES = "roles.toml"


def edited(file: str, *pairs: tuple[str, str], base: dict[str, str] | None = None) -> dict[str, str]:
    """The rules with texts of one file replaced."""
    texts = dict(base or SHIPPED)
    for old, new in pairs:
        assert old in texts[file], old
        texts[file] = texts[file].replace(old, new, 1)
    return texts


def one_file(base: str, mine: str, theirs: str) -> RulesMerge:
    return merge_rules({"f.toml": base}, {"f.toml": mine}, {"f.toml": theirs})


def places(merge: RulesMerge) -> list[str]:
    return [".".join(conflict.place) for conflict in merge.conflicts]


# --- what is refused -------------------------------------------------------------------------------


def test_a_field_that_both_changed_is_refused_with_all_three_values() -> None:
    mine = edited(OUTCOMES, ('label = "исключить из рассылок"', 'label = "мой"'))
    theirs = edited(OUTCOMES, ('label = "исключить из рассылок"', 'label = "её"'))
    (conflict,) = merge_rules(SHIPPED, mine, theirs).conflicts
    assert (conflict.file, conflict.place) == (OUTCOMES, ("outcome", "exclude_mailings", "label"))
    assert (conflict.base, conflict.mine, conflict.theirs) == ("исключить из рассылок", "мой", "её")


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "where"),
    [
        ("a = 1", "a = 2", "a = true", ["a"]),
        ("a = 1", "", "a = 2", ["a"]),
        ("a = 1", "a = 3", "", ["a"]),
        ("", "a = 1", "a = 2", ["a"]),
        ("a = [1, 2]", "a = [1, 2, 3]", "a = [2]", ["a"]),
        ("when = { a = 1 }", "when = { a = 1, b = 2 }", "when = { a = 1, c = 2 }", ["when"]),
        ('[[r]]\nid = "x"\nt = 1', "r = []", '[[r]]\nid = "x"\nt = 2', ["r"]),
        (
            '[[r]]\nid = "x"\nt = 1\n[[r]]\nid = "y"',
            '[[r]]\nid = "y"',
            '[[r]]\nid = "x"\nt = 2\n[[r]]\nid = "y"',
            ["r.«x»"],
        ),
        (
            '[[r]]\nid = "y"',
            '[[r]]\nid = "y"\n[[r]]\nid = "x"\nt = 1',
            '[[r]]\nid = "y"\n[[r]]\nid = "x"\nt = 2',
            ["r.«x»"],
        ),
        (
            '[[r]]\nid = "1"\n[[r]]\nid = "2"\n[[r]]\nid = "3"',
            '[[r]]\nid = "2"\n[[r]]\nid = "1"\n[[r]]\nid = "3"',
            '[[r]]\nid = "1"\n[[r]]\nid = "3"\n[[r]]\nid = "2"',
            ["r.порядок"],
        ),
        ("[[r]]\nx = 1", "[[r]]\nx = 2", "[[r]]\nx = 3", ["r"]),
    ],
)
def test_what_cannot_be_put_together_is_a_conflict(base: str, mine: str, theirs: str, where: list[str]) -> None:
    assert places(one_file(base, mine, theirs)) == where


def test_a_file_that_one_deleted_and_the_other_changed_is_a_conflict() -> None:
    gone = {name: text for name, text in SHIPPED.items() if name != OUTCOMES}
    merge = merge_rules(SHIPPED, gone, edited(OUTCOMES, ("исключить из рассылок", "её")))
    (conflict,) = merge.conflicts
    assert (conflict.file, conflict.place, conflict.mine) == (OUTCOMES, (), ABSENT)


def test_a_text_that_is_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(RulesError) as error:
        merge_rules(SHIPPED, {**SHIPPED, ROLES: "a = 1\nb ="}, SHIPPED)
    assert (error.value.faults[0].file, error.value.faults[0].line) == (ROLES, 2)


# --- what is put together --------------------------------------------------------------------------


def test_different_fields_of_one_table_are_merged_and_comments_of_both_survive() -> None:
    mine = edited(
        ROLES,
        ('crm_user = "coordinator"', 'crm_user = "ivanova" # Иванова'),
        ("# Кто исполняет", "# Моё. Кто исполняет"),
    )
    theirs = edited(ROLES, ('"coordinator@example.org"', '"petrova@example.org"'))
    merge = merge_rules(SHIPPED, mine, theirs)
    assert merge.conflicts == ()
    text = merge.files[ROLES]
    assert text == mine[ROLES].replace("coordinator@example.org", "petrova@example.org")
    assert [(one.place, one.old, one.new) for one in merge.brought] == [
        (("role", "survey_coordinator", "address"), "coordinator@example.org", "petrova@example.org")
    ]


def test_each_side_adds_a_rule_and_both_keep_their_places_and_remarks() -> None:
    first = '\n# Моё правило\n[[rule]]\nid = "mine"\nwhen = { point = "1" }\nconclude = { section = "1" }\n\n'
    second = '\n# Её правило\n[[rule]]\nid = "hers"\nwhen = { point = "1" }\nconclude = { section = "2" }\n\n'
    mine = edited(RULES, ('[[rule]]\nid = "1"\n', f'{first}[[rule]]\nid = "1"\n'))
    theirs = edited(RULES, ('[[rule]]\nid = "2.1"\n', f'{second}[[rule]]\nid = "2.1"\n'))
    merge = merge_rules(SHIPPED, mine, theirs)
    assert merge.conflicts == ()
    both = edited(RULES, ('[[rule]]\nid = "2.1"\n', f'{second}[[rule]]\nid = "2.1"\n'), base=mine)
    assert tomllib.loads(merge.files[RULES]) == tomllib.loads(both[RULES])
    assert "# Моё правило\n[[rule]]" in merge.files[RULES]
    assert "# Её правило\n[[rule]]" in merge.files[RULES]
    assert merge.lost_remarks == {}


def test_two_answers_of_one_question_are_two_fields() -> None:
    mine = edited(RULES, ("Только от звонков с опросом", "Только звонки"))
    theirs = edited(RULES, ("От всех видов опросов", "Все"))
    merge = merge_rules(SHIPPED, mine, theirs)
    assert merge.conflicts == ()
    assert merge.files[RULES] == mine[RULES].replace("От всех видов опросов", "Все")


def test_a_table_that_one_took_out_is_gone_and_the_others_change_stays() -> None:
    block = SHIPPED[OUTCOMES].partition("[outcome.exclude_all]\n")[2].partition("[outcome.exclude_all_not_client]")[0]
    mine = edited(OUTCOMES, ("исключить из рассылок", "моё"))
    theirs = edited(OUTCOMES, ("[outcome.exclude_all]\n" + block, ""))
    merge = merge_rules(SHIPPED, mine, theirs)
    assert merge.conflicts == ()
    assert merge.files[OUTCOMES] == edited(OUTCOMES, ("[outcome.exclude_all]\n" + block, ""), base=mine)[OUTCOMES]


def test_the_order_of_questions_changed_by_one_is_taken_and_the_others_words_stay_in_them() -> None:
    base = '[[q]]\nid = "1"\nsay = "a"\n\n# zwei\n[[q]]\nid = "2"\nsay = "b"\n\n[[r]]\nid = "x"\n'
    theirs = '# zwei\n[[q]]\nid = "2"\nsay = "b"\n\n[[q]]\nid = "1"\nsay = "a"\n\n[[r]]\nid = "x"\n'
    merge = one_file(base, base.replace('"a"', '"A"'), theirs)
    assert merge.conflicts == ()
    assert [one["id"] + one["say"] for one in tomllib.loads(merge.files["f.toml"])["q"]] == ["2b", "1A"]
    assert '# zwei\n[[q]]\nid = "2"' in merge.files["f.toml"]


def test_a_remark_that_has_no_place_any_more_is_told() -> None:
    base = "[t]\na = 1\nb = 1\n"
    merge = one_file(base, "[t]\na = 2\nb = 1\n", "[t]\na = 1\n# почему\nb = 2\n")
    assert tomllib.loads(merge.files["f.toml"]) == {"t": {"a": 2, "b": 2}}
    assert merge.lost_remarks == {"f.toml": ("# почему",)}


def test_a_remark_alone_is_a_change_that_comes_along() -> None:
    mine = edited(OUTCOMES, ("исключить из рассылок", "моё"))
    theirs = edited(OUTCOMES, ("[outcome.none]", "# Решено с юристами\n[outcome.none]"))
    assert "# Решено с юристами" in merge_rules(SHIPPED, mine, theirs).files[OUTCOMES]
    assert merge_rules(SHIPPED, SHIPPED, theirs).files == theirs


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "merged"),
    [
        ("a = 1\r\n", "a = 1\r\n# x\r\n", "a = 2\r\n", {"a": 2}),
        ("t = { a = 1, b = 1 }", "t = { a = 2, b = 1 }", "[t]\na = 1\nb = 2", {"t": {"a": 2, "b": 2}}),
        (
            's = """\n[x]\n# no\n"""\nb = 1',
            's = """\n[x]\n# no\n"""\nb = 2',
            's = "new"\nb = 1',
            {"s": "new", "b": 2},
        ),
        ("a.b = 1\na.c = 1", "a.b = 2\na.c = 1", "a.b = 1\na.c = 2\na.d = 3", {"a": {"b": 2, "c": 2, "d": 3}}),
        (
            "[t]\nx = 1\ny = 1",
            "[t]\nx = 2\ny = 1",
            "[t]\nx = 1\ny = 1\n[t.u]\nz = 1",
            {"t": {"x": 2, "y": 1, "u": {"z": 1}}},
        ),
        ("", "a = 1", "[b]\nc = 1", {"a": 1, "b": {"c": 1}}),
        ("", "[b]\nc = 1", "a = 1", {"a": 1, "b": {"c": 1}}),
    ],
)
def test_every_form_of_toml_is_put_together(base: str, mine: str, theirs: str, merged: dict[str, object]) -> None:
    merge = one_file(base, mine, theirs)
    assert merge.conflicts == ()
    assert tomllib.loads(merge.files["f.toml"]) == merged


def test_a_new_script_of_the_other_comes_along_whole() -> None:
    new = {**SHIPPED, "mine/script.toml": "title = 1\n"}
    merge = merge_rules(SHIPPED, edited(ROLES, ("sms.manager", "s")), new)
    assert merge.files["mine/script.toml"] == "title = 1\n"


def test_changes_are_told_by_field() -> None:
    new = edited(RULES, ("Только от звонков с опросом", "Только звонки"))
    (change,) = rules_changes(SHIPPED, new)
    assert change.place == ("question", "«section-1-kind»", "answers", "«calls»", "label")
    assert (change.old, change.new) == ("Только от звонков с опросом", "Только звонки")


# --- at random ---------------------------------------------------------------------------------------

Field = tuple[str, tuple[str | int, ...]]


def texts_of(node: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where the fields stand that hold a text and tell nothing apart."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("id", "name", "value", "when", "conclude", "facts"):
                yield from texts_of(value, (*place, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            if isinstance(value, dict):
                yield from texts_of(value, (*place, index))
    elif isinstance(node, str):
        yield place


FIELDS: list[Field] = [(name, place) for name, text in SHIPPED.items() for place in texts_of(parsed(text))]


def with_fields(fields: Mapping[Field, str]) -> dict[str, str]:
    """The shipped rules with these fields, as an editor of TOML would leave them."""
    texts = dict(SHIPPED)
    for file in {field[0] for field in fields}:
        content = copy.deepcopy(parsed(SHIPPED[file]))
        for (name, place), value in fields.items():
            if name == file:
                node: Any = content
                for part in place[:-1]:
                    node = node[part]
                node[place[-1]] = value
        texts[file] = changed_text(SHIPPED[file], SHIPPED[file], content)
    return texts


def remarks(texts: Mapping[str, str]) -> list[str]:
    return sorted(line for text in texts.values() for line in text.splitlines() if line.startswith("#"))


@pytest.mark.parametrize("seed", range(12))
def test_any_fields_are_merged_and_those_that_both_changed_are_refused_and_no_remark_is_lost(seed: int) -> None:
    rng = random.Random(seed)
    mine = dict.fromkeys(rng.sample(FIELDS, 6), "моё\nслово")
    theirs = {field: "её" for field in (*rng.sample(FIELDS, 6), *rng.sample(list(mine), seed % 2))}
    merge = merge_rules(SHIPPED, with_fields(mine), with_fields(theirs))
    both = len(mine.keys() & theirs.keys())
    assert len(merge.conflicts) == both
    expected = with_fields({**theirs, **mine})
    assert {name: parsed(text) for name, text in merge.files.items()} == {
        name: parsed(text) for name, text in expected.items()
    }
    assert remarks(merge.files) == remarks(SHIPPED)
    assert merge.lost_remarks == {}
