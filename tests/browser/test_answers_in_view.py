"""All answers and the way back are wholly in view, on every screen of every leaf, whatever room there is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page as Tab

from plugin.deciding.ruleset.model import Question
from plugin.deciding.ruleset.values import FactValue
from tests.browser.page_site import Site, press, screen, type_answer
from tests.browser.test_leaves import DECIDER, ENDS, NAME
from tests.support.processes import poll, wait_until

#: Width, height, and how large letters are, in percent.
Room = tuple[int, int, int]
ROOMS: dict[str, Room] = {
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


def resize(tab: Tab, room: Room) -> None:
    """Give the page this room, and letters of this size."""
    tab.set_viewport_size({"width": room[0], "height": room[1]})
    tab.evaluate("size => { document.documentElement.style.fontSize = size; }", f"{room[2]}%")


def open_at(site: Site, tab: Tab, room: Room) -> None:
    """A new call in a window of this size."""
    tab.set_viewport_size({"width": room[0], "height": room[1]})
    tab.goto(site.link(site.call()))
    resize(tab, room)
    screen(tab, "question")


def cut_off(tab: Tab) -> list[str]:
    """The buttons that are not wholly in view; the page itself must not scroll sideways."""
    # The page measures its letters a moment after they have changed.
    poll(lambda: tab.evaluate(_CUT_OFF) == [], 2.0)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    found: list[str] = tab.evaluate(_CUT_OFF)
    return found


def answer(tab: Tab, question: Question, value: FactValue) -> None:
    """Answer by keys alone."""
    if question.answers:
        press(tab, str([one.value for one in question.answers].index(value) + 1))
    else:
        type_answer(tab, NAME)


def test_every_screen_of_every_leaf_in_every_room(site: Site, tab: Tab) -> None:
    measured: list[dict[str, FactValue]] = []

    def measure(known: dict[str, FactValue]) -> None:
        # Ends that begin alike share their first screens.
        if known in measured:
            return
        measured.append(known)
        for name, room in ROOMS.items():
            resize(tab, room)
            assert cut_off(tab) == [], f"{name} after {known}"
            assert not known or tab.get_by_role("button", name="Назад").is_visible()

    for end in ENDS:
        open_at(site, tab, ROOMS["1366x650"])
        known: dict[str, FactValue] = {}
        while (question := DECIDER.decide(known).next) is not None:
            measure(known)
            answer(tab, question, end.answers[question.fact])
            known = {**known, question.fact: end.answers[question.fact]}
        screen(tab, "ending")
        measure(known)


@pytest.mark.parametrize("room", ROOMS.values(), ids=list(ROOMS))
def test_a_call_opened_and_held_in_a_window_of_this_size(site: Site, tab: Tab, room: Room) -> None:
    end = max(ENDS, key=lambda end: len(end.answers))
    open_at(site, tab, room)
    known: dict[str, FactValue] = {}
    while (question := DECIDER.decide(known).next) is not None:
        assert cut_off(tab) == [], f"after {known}"
        answer(tab, question, end.answers[question.fact])
        known[question.fact] = end.answers[question.fact]
    screen(tab, "ending")
    assert cut_off(tab) == []
    assert tab.get_by_role("button", name="Назад").is_visible()


def test_a_phrase_that_is_longer_than_its_room_can_be_scrolled_by_keys(site: Site, tab: Tab) -> None:
    open_at(site, tab, ROOMS["zoom-x2"])
    press(tab, "1", "3")
    phrase = tab.locator("#stage .scroll")
    assert phrase.evaluate("part => part.scrollHeight > part.clientHeight")
    phrase.focus()
    tab.keyboard.press("End")

    wait_until(lambda: phrase.evaluate("part => part.scrollTop") > 0)
