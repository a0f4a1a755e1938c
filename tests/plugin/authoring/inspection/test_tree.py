"""The conversation tree: gaps stay visible, equal continuations are one, values are told as an admin tells them."""

from __future__ import annotations

from pathlib import Path

import pytest

from plugin.authoring.inspection.tree import CONFLICT, GAP, Node, TreeEnd, TreeQuestion, grow, rows
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import conversations
from tests.plugin.authoring.inspection.support import SCRIPT, copied, edited, without_entry
from tests.support.rules_folder import VOCABULARY, tiny_folder

MARKS = """
[[question]]
id = "mark"
paragraph = "3"
when = { satisfied = true }
fact = "mark"
say = "Ваша оценка?"

[[rule]]
id = "low"
paragraph = "3"
when = { mark = { at_most = 6 } }
outcome = "call_back"

[[rule]]
id = "high"
paragraph = "3"
when = { mark = { more_than = 6 } }
outcome = "nothing"
"""


def _nodes(root: Node) -> list[TreeQuestion]:
    found: dict[int, TreeQuestion] = {}
    open_ = [root]
    while open_:
        node = open_.pop()
        if isinstance(node, TreeQuestion) and id(node) not in found:
            found[id(node)] = node
            open_ += [branch.to for branch in node.branches]
    return list(found.values())


def _of_mark(book: Rulebook) -> TreeQuestion:
    (mark,) = [node for node in _nodes(grow(book.script("tiny")).root) if node.fact.name == "mark"]
    return mark


def _marks(folder: Path, rules: str = MARKS, vocabulary: str = VOCABULARY) -> Rulebook:
    tiny_folder(folder, vocabulary=vocabulary, rules=rules)
    without_entry(folder / "tiny", "rules.toml", '[[rule]]\nid = "happy"')
    return Rulebook.load(folder)


def test_a_conversation_without_an_outcome_ends_in_the_gap(tmp_path: Path) -> None:
    folder = copied(tmp_path / "rules")
    without_entry(folder, f"{SCRIPT}/rules.toml", '[[rule]]\nid = "3.3"')

    ends = [row.end for row in rows(grow(Rulebook.load(folder).script(SCRIPT)).root)]

    assert [end.fault for end in ends if end.fault] == [GAP, GAP]
    assert len(ends) == 21


def test_rules_that_contradict_each_other_end_in_the_conflict(tmp_path: Path) -> None:
    folder = copied(tmp_path / "rules")
    edited(folder, f"{SCRIPT}/rules.toml", 'when = { point = "2.3" }', 'when = { point = ["2.3", "1"] }')

    faults = {row.end.fault for row in rows(grow(Rulebook.load(folder).script(SCRIPT)).root)}

    assert faults == {None, CONFLICT}


def test_a_script_too_large_is_cut_off_and_says_so(shipped: Rulebook) -> None:
    tree = grow(shipped.script(SCRIPT), most=5)

    assert tree.cut
    assert sum(row.end.outcome is not None for row in rows(tree.root)) == 5


def test_every_conversation_stands_in_the_tree_with_its_outcome(shipped: Rulebook) -> None:
    for decider in shipped.scripts.values():
        expected = [conversation.decision.outcome for conversation in conversations(decider) if conversation.decision]
        tree = grow(decider)
        assert [row.end.outcome for row in rows(tree.root)] == expected
        assert not tree.cut


def test_the_section_that_two_ways_lead_into_stands_there_once(shipped: Rulebook) -> None:
    nodes = _nodes(grow(shipped.script(SCRIPT)).root)

    # Seven facts are asked for by nine questions: the warning and the explanation in two wordings each.
    assert len(nodes) == len(shipped.script(SCRIPT).script.questions)


def test_whose_card_it_is_about_is_known_on_the_way_there(shipped: Rulebook) -> None:
    told = [row.target for row in rows(grow(shipped.script(SCRIPT)).root)]

    assert sum(target is not None for target in told) == 10
    assert {target for target in told if target} == {("‹ФИО ответившего клиента›", "‹номер телефона›")}


def test_neighbouring_values_that_lead_on_alike_are_one_branch(tmp_path: Path) -> None:
    mark = _of_mark(_marks(tmp_path / "rules"))

    assert [branch.label for branch in mark.branches] == ["не больше 6", "больше 6"]


@pytest.mark.parametrize(
    ("condition", "labels"),
    [
        ("{ at_least = 9 }", ["не меньше 9", "меньше 9"]),
        ("{ more_than = 2, less_than = 4.5 }", ["больше 2 и меньше 4,5", "не больше 2", "не меньше 4,5"]),
        ("7", ["7", "меньше 7", "больше 7"]),
        ("{ known = true }", ["любое число"]),
    ],
)
def test_stretches_of_numbers_are_told_by_their_bounds(tmp_path: Path, condition: str, labels: list[str]) -> None:
    rules = MARKS.replace("{ at_most = 6 }", condition).replace("{ mark = { more_than = 6 } }", '{ reason = "price" }')

    mark = _of_mark(_marks(tmp_path / "rules", rules))

    assert {branch.label for branch in mark.branches} == set(labels)


@pytest.mark.parametrize(
    ("type_", "condition", "labels"),
    [
        ("date", '{ before = "2026-12-31" }', {"раньше 31.12.2026", "не раньше 31.12.2026"}),
        (
            "datetime",
            '{ after = "2026-12-31T10:00:00+03:00" }',
            {"позже 31.12.2026 10:00 (UTC+03:00)", "не позже 31.12.2026 10:00 (UTC+03:00)"},
        ),
        (
            "text",
            '{ contains = ["цен", "дорог"] }',
            {"содержит «цен» или «дорог»", "не содержит ничего из: «цен», «дорог»"},
        ),
        ("text", '{ matches = "не ?то*" }', {"подходит под «не ?то*»", "не подходит под «не ?то*»"}),
    ],
)
def test_dates_and_texts_are_told_as_the_rules_test_them(
    tmp_path: Path, type_: str, condition: str, labels: set[str]
) -> None:
    vocabulary = f'[fact.mark]\ntype = "{type_}"\nlabel = "Что"\n'
    rules = MARKS.replace("{ at_most = 6 }", condition).replace("{ mark = { more_than = 6 } }", '{ reason = "price" }')

    mark = _of_mark(_marks(tmp_path / "rules", rules, vocabulary))

    assert {branch.label for branch in mark.branches} == labels


def test_a_field_of_the_call_is_branched_on_before_anything_is_asked(tmp_path: Path) -> None:
    rules = MARKS.replace("mark = { at_most = 6 }", "mark = { at_most = 6 }, duration = { at_least = 30 }")

    tree = grow(_marks(tmp_path / "rules", rules).script("tiny"))

    assert isinstance(tree.root, TreeQuestion)
    assert tree.root.question is None
    assert [branch.label for branch in tree.root.branches] == ["неизвестно", "меньше 30", "не меньше 30"]


def test_a_field_of_the_call_that_no_rule_reads_makes_no_branch(tmp_path: Path) -> None:
    root = grow(_marks(tmp_path / "rules").script("tiny")).root

    assert isinstance(root, TreeQuestion)
    assert root.question is not None


def test_an_end_is_no_question() -> None:
    assert [row.steps for row in rows(TreeEnd("outcome"))] == [()]


def test_a_text_with_many_tests_is_told_in_a_moment(tmp_path: Path) -> None:
    vocabulary = '[fact.mark]\ntype = "text"\nlabel = "Что"\n'
    every = [f'{{ contains = "слово{number:02}" }}' for number in range(14)]
    one = '[[rule]]\nid = "r{0}"\nparagraph = "4"\nwhen = {{ mark = {1} }}\noutcome = "call_back"\n'
    more = "\n".join(one.format(number, condition) for number, condition in enumerate(every))
    rules = MARKS.replace("{ at_most = 6 }", every[0]).replace("{ mark = { more_than = 6 } }", '{ reason = "price" }')

    labels = [branch.label for branch in _of_mark(_marks(tmp_path / "rules", rules + more, vocabulary)).branches]

    assert labels[-1] == "другие слова" or any("слово13" in label for label in labels)
    assert len(labels) <= 20


def test_what_the_call_may_bring_along_is_not_followed_beyond_the_limit(tmp_path: Path) -> None:
    names = [f"field_{number}" for number in range(12)]
    vocabulary = "".join(f'[fact.{n}]\ntype = "bool"\nfrom = "call.{n}"\nlabel = "{n}"\n' for n in names)
    reading = "".join(
        f'[[rule]]\nid = "{n}"\nparagraph = "4"\nwhen = {{ {n} = true, satisfied = true }}\noutcome = "nothing"\n'
        for n in names
    )
    folder = tiny_folder(tmp_path / "rules", vocabulary=vocabulary, rules=f"\n{reading}")

    tree = grow(Rulebook.load(folder).script("tiny"), most=50)

    assert tree.cut
