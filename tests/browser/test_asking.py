"""Questions whose answers cannot be listed: the page asks the server, and says so where it cannot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page as Tab

from plugin.config.settings import Settings
from tests.browser.page_site import Site, phrase, press, running_site, saved, screen, type_answer

QUESTION = """
[[question]]
id = "year"
paragraph = "Год покупки"
when = { related_to_car = true }
fact = "bought_in"
say = "В каком году куплен автомобиль?"

[[rule]]
id = "old-car"
paragraph = "Год покупки"
when = { bought_in = { less_than = 2000 } }
outcome = "none"
"""
FACT = """
[fact.bought_in]
type = "number"
min = 1950
max = 2026
label = "Год покупки"
"""
ASKED = "Уточните, пожалуйста, Вы хотите отказаться от звонков с опросом"


@pytest.fixture
def asking(settings: Settings, rules_folder: Path, ledger_file: str) -> Iterator[Site]:
    """A script that asks for a year and goes on differently for old cars."""
    folder = rules_folder / "survey_opt_out"
    rules = (folder / "rules.toml").read_text(encoding="utf-8")
    rules = rules.replace(
        "when = { related_to_car = true }\nconclude", "when = { bought_in = { at_least = 2000 } }\nconclude"
    )
    first = rules.index("\n[[rule]]\n")
    (folder / "rules.toml").write_text(rules[:first] + QUESTION + rules[first:], encoding="utf-8")
    with open(folder / "vocabulary.toml", "a", encoding="utf-8") as file:
        file.write(FACT)
    with running_site(settings, rules_folder, ledger_file) as site:
        yield site


def test_the_server_says_what_comes_next(asking: Site, tab: Tab) -> None:
    call = asking.call()
    tab.goto(asking.link(call))
    press(tab, "1")
    assert phrase(tab) == "В каком году куплен автомобиль?"
    type_answer(tab, "2015")
    tab.get_by_text(ASKED).wait_for()
    tab.route("**/operator/next?*", lambda route: route.abort())
    press(tab, "2", "1", "Enter")
    screen(tab, "done")

    assert asking.outcome(call.id) == "exclude_mailings"
    assert asking.facts(call.id)["bought_in"] == 2015


def test_the_other_branch_ends_at_once(asking: Site, tab: Tab) -> None:
    call = asking.call()
    tab.goto(asking.link(call))
    press(tab, "1")
    type_answer(tab, "1999")
    screen(tab, "ending")
    press(tab, "Enter")
    screen(tab, "done")

    assert asking.outcome(call.id) == "none"


@pytest.mark.parametrize(
    ("typed", "said"),
    [("вчера", "Нужно число"), ("", "Впишите ответ"), ("1949", "Не меньше: 1950"), ("2 027", "Не больше: 2026")],
)
def test_what_cannot_be_an_answer_is_told_at_once(asking: Site, tab: Tab, typed: str, said: str) -> None:
    tab.goto(asking.link(asking.call()))
    press(tab, "1")
    type_answer(tab, typed)

    assert tab.locator("#typed-fault").inner_text() == said
    assert tab.locator("#typed").evaluate("input => input === document.activeElement")


def test_without_the_server_the_page_says_that_it_does_not_know_and_asks_again(asking: Site, tab: Tab) -> None:
    call = asking.call()
    tab.goto(asking.link(call))
    press(tab, "1")
    saved(tab)
    tab.route("**/operator/next?*", lambda route: route.abort())
    type_answer(tab, "2015")
    tab.get_by_text("Нет связи: следующая фраза пока не загрузилась").wait_for()
    tab.unroute("**/operator/next?*")
    press(tab, "Enter")
    tab.get_by_text(ASKED).wait_for()

    assert tab.locator("#trail .said").all_inner_texts() == ["Да, имеет отношение", "2015"]


def test_without_the_server_the_call_can_be_handed_over(asking: Site, tab: Tab) -> None:
    call = asking.call()
    tab.goto(asking.link(call))
    press(tab, "1")
    tab.route("**/operator/next?*", lambda route: route.abort())
    type_answer(tab, "2015")
    tab.get_by_role("button", name="Передать координатору").click()
    press(tab, "Enter")
    screen(tab, "done")

    assert [row["role"] for row in asking.planned(call.id)] == ["survey_coordinator"] * 2


def test_a_reload_asks_for_the_way_again(asking: Site, tab: Tab) -> None:
    tab.goto(asking.link(asking.call()))
    press(tab, "1")
    type_answer(tab, "2015")
    tab.get_by_text(ASKED).wait_for()
    press(tab, "2")
    where = phrase(tab)
    saved(tab)
    tab.evaluate("localStorage.clear()")
    tab.reload()
    tab.get_by_text(where[:40]).wait_for()

    assert phrase(tab) == where
