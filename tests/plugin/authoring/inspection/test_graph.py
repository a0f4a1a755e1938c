"""``optout rules graph``: the picture holds every question, answer and outcome, shows gaps, and nothing overlaps."""

from __future__ import annotations

import random
import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest

from plugin.authoring.inspection.drawing.boxes import graph
from plugin.authoring.inspection.drawing.layout import Layout, Link, Size, arrange
from plugin.authoring.inspection.drawing.svg import draw
from plugin.authoring.inspection.drawing.text_width import fitted, width_of
from plugin.authoring.inspection.listing import listing
from plugin.authoring.inspection.tree import grow
from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Rulebook
from tests.plugin.authoring.inspection.support import SCRIPT, edited, without_entry
from tests.support.rules_folder import tiny_folder

SVG = "{http://www.w3.org/2000/svg}"


def _run(home: Path, *arguments: str) -> int:
    return main(["--config", str(home), "rules", "graph", *arguments])


def _picture(home: Path, *arguments: str) -> ElementTree.Element:
    assert _run(home, "--out", str(home / "g.svg"), *arguments) == 0
    return ElementTree.fromstring((home / "g.svg").read_text(encoding="utf-8"))


def _texts(element: ElementTree.Element) -> str:
    """All that is drawn, the lines of each box run together."""
    return "\n".join(" ".join(text.text or "" for text in g.findall(f"{SVG}text")) for g in element.iter(f"{SVG}g"))


def _boxes(element: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [g for g in element.iter(f"{SVG}g") if g.get("class") == kind]


# --- bad input -------------------------------------------------------------------------------------


def test_a_file_must_be_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home) == 2
    assert "--out" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_bad_input(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home, "--out", str(home / "nowhere" / "g.svg")) == 2
    assert "файл не записать (нет такой папки)" in capsys.readouterr().err


def test_an_unknown_revision_or_script_is_bad_input(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home, "0123abcd", "--out", "-") == 2
    assert _run(home, "--script", "nowhere", "--out", "-") == 2
    told = capsys.readouterr()
    assert "Скрипта «nowhere»" in told.err
    assert told.out == ""


# --- what is drawn ---------------------------------------------------------------------------------


def test_a_script_with_a_gap_is_drawn_with_the_gap_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without_entry(home / "rules", f"{SCRIPT}/rules.toml", '[[rule]]\nid = "3.3"')

    picture = _picture(home)

    (gap,) = _boxes(picture, "fault")
    assert _texts(gap) == "Ни одно правило не заканчивает этот разговор"
    assert "2 разговора не приходят к одному итогу" in capsys.readouterr().out


def test_every_question_answer_and_outcome_is_drawn(home: Path, shipped: Rulebook) -> None:
    picture = _picture(home)

    drawn = _texts(picture)
    script = shipped.script(SCRIPT).script
    for question in script.questions:
        assert (f"«{question.say}»" if question.say else question.hint) in drawn
        assert all(answer.label in drawn for answer in question.answers)
    assert all(outcome.label in drawn for outcome in script.outcomes.values())
    assert "напоминание: Координатор опросов, СМС-менеджер" in drawn
    assert "в карточку другого клиента: ‹ФИО ответившего клиента›, ‹номер телефона›" in drawn


def test_the_section_that_both_sections_lead_into_is_drawn_once(home: Path, shipped: Rulebook) -> None:
    picture = _picture(home)

    assert len(_boxes(picture, "question")) == len(shipped.script(SCRIPT).script.questions)


def test_outcomes_have_colours_of_their_own_and_those_that_write_nothing_are_grey(
    home: Path, shipped: Rulebook
) -> None:
    colours: dict[str, set[str | None]] = {}
    for box in _boxes(_picture(home), "outcome"):
        title = (box.findtext(f"{SVG}title") or "").split(":")[0]
        colours.setdefault(title, set()).add(box.findall(f"{SVG}rect")[-1].get("stroke"))
    assert colours.keys() == shipped.script(SCRIPT).script.outcomes.keys()
    assert all(len(found) == 1 for found in colours.values())
    assert len({colour for found in colours.values() for colour in found}) == len(colours)
    assert colours["none"] == {"#7b8494"}


def test_the_picture_tells_in_words_what_it_shows(home: Path) -> None:
    picture = _picture(home)

    assert picture.get("role") == "img"
    labelled = str(picture.get("aria-labelledby")).split()
    named = {element.get("id"): element.text or "" for element in picture if element.get("id")}
    assert "дерево разговора" in named[labelled[0]]
    assert "Да, имеет отношение → Только от звонков с опросом: исключить из звонков с опросом." in named[labelled[1]]


def test_texts_of_the_rules_cannot_become_markup(home: Path) -> None:
    evil = '</text><script>alert(1)</script>\\u0000 ]]> & \\"'
    edited(home / "rules", f"{SCRIPT}/rules.toml", 'label = "Является клиентом"', f'label = "{evil}"')

    picture = _picture(home)

    assert not list(picture.iter(f"{SVG}script"))
    assert "<script>alert(1)</script>" in re.sub(r"\s", "", _texts(picture))


def test_the_picture_needs_nothing_from_elsewhere(home: Path) -> None:
    picture = _picture(home)

    used = {element.tag.removeprefix(SVG) for element in picture.iter()}
    assert used == {"svg", "title", "desc", "g", "rect", "path", "text", "style"}
    assert not re.search(r"url\(|@import", "".join(style.text or "" for style in picture.iter(f"{SVG}style")))
    assert not [key for element in picture.iter() for key in element.attrib if "href" in key or key.startswith("on")]


def test_standard_output_holds_the_picture_alone(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    without_entry(home / "rules", f"{SCRIPT}/rules.toml", '[[rule]]\nid = "3.3"')
    assert _run(home, "--out", "-") == 0
    told = capsys.readouterr()
    assert ElementTree.fromstring(told.out).tag == f"{SVG}svg"
    assert "не приходят к одному итогу" in told.err


def test_the_only_script_of_another_folder_needs_no_name(tmp_path: Path, home: Path) -> None:
    picture = _picture(home, str(tiny_folder(tmp_path / "tiny")))
    assert "«Довольны ли Вы ремонтом?»" in _texts(picture)


def test_a_large_script_is_drawn_as_far_as_the_limit_and_says_so(shipped: Rulebook) -> None:
    tree, listed = grow(shipped.script(SCRIPT), 4), listing(shipped, SCRIPT, 4)
    boxes, _ = graph(tree, listed, shipped.roles)
    assert any(box.kind == "cut" for box in boxes)
    assert listed.cut


def test_the_same_rules_make_the_same_picture(shipped: Rulebook) -> None:
    assert draw(shipped, SCRIPT) == draw(shipped, SCRIPT)


# --- where it is drawn -----------------------------------------------------------------------------


def test_no_two_boxes_or_labels_of_the_shipped_scripts_overlap(shipped: Rulebook) -> None:
    for name, decider in shipped.scripts.items():
        boxes, edges = graph(grow(decider), listing(shipped, name), shipped.roles)
        links = [Link(edge.start, edge.end, edge.label.size) for edge in edges]
        _check_layout([box.size for box in boxes], links)


@pytest.mark.parametrize("seed", range(30))
def test_nothing_overlaps_in_any_graph(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randint(1, 25)
    nodes = [Size(chance.uniform(40, 340), chance.uniform(20, 220)) for _ in range(count)]
    links = [Link(chance.randrange(end), end, _label(chance)) for end in range(1, count)]
    taken = {(link.start, link.end) for link in links}
    for _ in range(chance.randint(0, count)):
        start, end = sorted((chance.randrange(count), chance.randrange(count)))
        if start != end and (start, end) not in taken:
            taken.add((start, end))
            links.append(Link(start, end, _label(chance)))
    _check_layout(nodes, links)


def test_answers_stay_in_their_order_where_nothing_crosses() -> None:
    layout = arrange([Size(50, 20)] * 4, [Link(0, end, Size(30, 10)) for end in (1, 2, 3)])
    xs = [layout.places[node][0] for node in (1, 2, 3)]
    assert xs == sorted(xs)
    assert layout.places[0][0] == pytest.approx(xs[1])


def _label(chance: random.Random) -> Size:
    return Size(chance.uniform(20, 150), chance.uniform(15, 80))


def _check_layout(nodes: list[Size], links: list[Link]) -> None:
    layout = arrange(nodes, links)
    areas = [
        (x - width / 2, y, x + width / 2, y + size.height)
        for (x, y), width, size in zip(layout.places, layout.widths, nodes, strict=True)
    ]
    for link, route in zip(links, layout.routes, strict=True):
        x, y = route.label
        areas.append(
            (x - link.label.width / 2, y - link.label.height / 2, x + link.label.width / 2, y + link.label.height / 2)
        )
    for one, other in combinations(areas, 2):
        assert not _overlap(one, other), (one, other)
    for left, top, right, bottom in areas:
        assert -0.01 <= left <= right <= layout.width + 0.01
        assert -0.01 <= top <= bottom <= layout.height + 0.01
    _check_routes(layout, links, nodes)


def _check_routes(layout: Layout, links: list[Link], nodes: list[Size]) -> None:
    """Each link leaves its question at the bottom, goes down all the way and arrives on top of its end."""
    for link, route in zip(links, layout.routes, strict=True):
        first, last = route.legs[0], route.legs[-1]
        assert first.start == pytest.approx(layout.places[link.start][1] + nodes[link.start].height)
        assert last.end == pytest.approx(layout.places[link.end][1])
        assert abs(last.to - layout.places[link.end][0]) <= layout.widths[link.end] / 2
        for leg in route.legs:
            assert leg.start <= leg.bend <= leg.curve <= leg.end


def _overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    slack = 0.01
    return (
        one[0] < other[2] - slack
        and other[0] < one[2] - slack
        and one[1] < other[3] - slack
        and other[1] < one[3] - slack
    )


# --- texts in boxes --------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "слово", "Уточните, пожалуйста, являетесь ли Вы клиентом?", "б" * 300, "а " * 90])
def test_lines_fit_and_nothing_is_lost(text: str) -> None:
    lines = fitted(text, 120, 13)
    assert all(width_of(line, 13) <= 120 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
