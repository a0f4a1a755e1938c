"""All answers and the way back are wholly in view, on every screen of every leaf, whatever room there is."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from plugin.deciding.ruleset.values import FactValue
from tests.browser.page_site import Site, press, screen, type_answer
from tests.browser.test_leaves import DECIDER, ENDS, NAME, long_house
from tests.support.processes import poll, wait_until

__all__ = ["long_house"]

#: Width, height, and how large letters are.
ROOMS = {
    "1366x650": (1366, 650, 100),
    "1024x600": (1024, 600, 100),
    "360x740": (360, 740, 100),
    "400-frame": (400, 700, 100),
    "font-x2": (1366, 768, 200),
    "zoom-x2": (683, 384, 100),
}
_CUT_OFF = """() => {
    const whole = (one) => {
        const box = one.getBoundingClientRect();
        if (box.left < 0 || box.right > innerWidth + 1 || box.top < 0 || box.bottom > innerHeight + 1) return false;
        // Its corners are round.
        const middle = [box.left + box.width / 2, box.top + box.height / 2];
        const [x, y] = middle;
        const points = [[x, box.top + 2], [x, box.bottom - 2], [box.left + 2, y], [box.right - 2, y]];
        return points.every((point) => one.contains(document.elementFromPoint(...point)));
    };
    return [...document.querySelectorAll('.dock button, .dock input')].filter((one) => !whole(one))
        .map((one) => `${one.innerText} ${JSON.stringify(one.getBoundingClientRect())}`);
}"""


def open_at(site: Site, tab: Tab, room: tuple[int, int, int]) -> None:
    """A new call in a tab with letters of this size."""
    tab.goto(site.link(site.call()))
    tab.evaluate("size => { document.documentElement.style.fontSize = size; }", f"{room[2]}%")
    screen(tab, "question")


def cut_off(tab: Tab) -> list[str]:
    """The buttons that are not wholly in view; the page itself must not scroll sideways."""
    # The page measures its letters a moment after they have changed.
    poll(lambda: tab.evaluate(_CUT_OFF) == [], 2.0)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found: list[str] = tab.evaluate(_CUT_OFF)
    return found


@pytest.mark.parametrize("room", ROOMS.values(), ids=list(ROOMS))
def test_every_leaf_by_keyboard(
    long_house: Site, open_context: Callable[..., BrowserContext], room: tuple[int, int, int]
) -> None:
    tab = open_context(viewport={"width": room[0], "height": room[1]}).new_page()
    for end in ENDS:
        open_at(long_house, tab, room)
        known: dict[str, FactValue] = {}
        while (question := DECIDER.decide(known).next) is not None:
            assert cut_off(tab) == [], f"{room} after {known}"
            value = end.answers[question.fact]
            if question.answers:
                press(tab, str([answer.value for answer in question.answers].index(value) + 1))
            else:
                type_answer(tab, NAME)
            known[question.fact] = value
        screen(tab, "ending")
        assert cut_off(tab) == [], f"{room} at the end of {known}"
        assert tab.get_by_role("button", name="Назад").is_visible()


def test_a_phrase_that_is_longer_than_its_room_can_be_scrolled_by_keys(
    long_house: Site, open_context: Callable[..., BrowserContext]
) -> None:
    room = ROOMS["zoom-x2"]
    tab = open_context(viewport={"width": room[0], "height": room[1]}).new_page()
    open_at(long_house, tab, room)
    press(tab, "1", "3")
    phrase = tab.locator("#stage .scroll")
    assert phrase.evaluate("part => part.scrollHeight > part.clientHeight")
    phrase.focus()
    tab.keyboard.press("End")

    wait_until(lambda: phrase.evaluate("part => part.scrollTop") > 0)
