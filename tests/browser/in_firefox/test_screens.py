"""Every screen of the script in Firefox: answers in view in whatever room there is, what is written, and axe."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from plugin.deciding.decision.conversations import Conversation
from plugin.deciding.decision.model import NextQuestion
from plugin.deciding.ruleset.values import FactValue
from tests.browser.page_site import Site, press, screen, type_answer
from tests.browser.test_accessible import SCREENS, faults
from tests.browser.test_answers_in_view import ROOMS, cut_off, open_at, resize
from tests.browser.test_leaves import DECIDER, ENDS, NAME
from tests.browser.test_leaves import test_by_keys_alone_without_a_request_on_the_way as by_keys_alone

#: A conversation of each outcome, in the client's own card and in another one's.
ONE_OF_EACH = {(end.decision and end.decision.outcome, NAME in end.answers.values()): end for end in ENDS}


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


def test_answers_and_the_way_back_are_in_view_on_every_screen_in_every_room(site: Site, tab: Tab) -> None:
    open_at(site, tab, ROOMS["1366x650"])
    ends = 0
    for known in screens(tab, {}):
        is_end = DECIDER.decide(known).next is None
        screen(tab, "ending" if is_end else "question")
        for name, room in ROOMS.items():
            resize(tab, room)
            assert cut_off(tab) == [], f"{name} after {known}"
            assert tab.get_by_role("button", name="Назад").is_visible() == bool(known)
        ends += is_end

    assert ends == len(ENDS)


@pytest.mark.parametrize("end", ONE_OF_EACH.values(), ids=lambda end: "-".join(map(str, end.answers.values())))
def test_each_outcome_by_keys_alone_is_what_is_written(
    site: Site, open_context: Callable[..., BrowserContext], end: Conversation
) -> None:
    by_keys_alone(site, open_context, end)


@pytest.mark.parametrize("show", SCREENS, ids=lambda show: show.__name__)
def test_axe_finds_nothing(site: Site, tab: Tab, show: Callable[[Site, Tab], None]) -> None:
    show(site, tab)

    assert faults(tab) == []
