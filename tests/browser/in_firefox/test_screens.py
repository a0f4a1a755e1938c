"""Every screen of the script in Firefox: answers in view in whatever room there is, in the CRM's frame, and for axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from plugin.deciding.decision.model import NextQuestion
from plugin.deciding.ruleset.values import FactValue
from tests.browser.page_site import PATIENCE, Site, press, screen, seen, type_answer
from tests.browser.test_accessible import SCREENS, faults
from tests.browser.test_answers_in_view import ROOMS, cut_off, open_at
from tests.browser.test_frame import crm, framed
from tests.browser.test_leaves import DECIDER, ENDS, NAME

__all__ = ["crm", "framed"]


def screens(tab: Tab, known: dict[str, FactValue]) -> Iterator[dict[str, FactValue]]:
    """Every screen from this one on, by keys, each once; there and back again."""
    yield known
    question = DECIDER.decide(known).next
    if question is None:
        return
    for answer, value in _answered(tab, question):
        answer()
        yield from screens(tab, known | {question.fact: value})
        press(tab, "Backspace")


def _answered(tab: Tab, question: NextQuestion) -> Iterator[tuple[Callable[[], None], FactValue]]:
    if not question.answers:
        yield lambda: type_answer(tab, NAME), NAME
    for place, offered in enumerate(question.answers, 1):
        yield lambda key=str(place): press(tab, key), offered.value  # type: ignore[misc]


@pytest.mark.parametrize("room", ROOMS.values(), ids=list(ROOMS))
def test_answers_and_the_way_back_are_in_view_on_every_screen(
    site: Site, open_context: Callable[..., BrowserContext], room: tuple[int, int, int]
) -> None:
    tab = open_context(viewport={"width": room[0], "height": room[1]}).new_page()
    open_at(site, tab, room)
    ends = 0
    for known in screens(tab, {}):
        is_end = DECIDER.decide(known).next is None
        screen(tab, "ending" if is_end else "question")
        assert cut_off(tab) == [], f"{room} after {known}"
        assert tab.get_by_role("button", name="Назад").is_visible() == bool(known)
        ends += is_end

    assert ends == len(ENDS)


@pytest.mark.parametrize("show", SCREENS, ids=lambda show: show.__name__)
def test_axe_finds_nothing(site: Site, tab: Tab, show: Callable[[Site, Tab], None]) -> None:
    show(site, tab)

    assert faults(tab) == []


def test_a_whole_call_in_the_crms_frame(framed: Site, crm: str, open_context: Callable[..., BrowserContext]) -> None:
    tab, call = open_context().new_page(), framed.call()
    tab.goto(f"{crm}/")
    tab.evaluate("url => { document.querySelector('iframe').src = url; }", framed.link(call))
    page = tab.frame_locator("iframe")
    page.locator('#stage[data-screen="question"]').wait_for()
    frame = next(one for one in tab.frames if one.url.startswith(framed.url))
    # By buttons: WebDriver BiDi sends keys to the page around the frame.
    for _ in range(2):
        seen(frame)
        page.locator(".answer").first.click()
    page.locator('#stage[data-screen="ending"]').wait_for()
    frame.wait_for_timeout(500)
    page.locator("#confirm").click()
    page.locator('#stage[data-screen="done"]').wait_for(timeout=PATIENCE)

    assert framed.outcome(call.id) == "exclude_calls"
