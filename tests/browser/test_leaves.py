"""Every end of the script is reached by the keyboard alone, and what is written is what was on the screen."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.deciding.decision.conversations import Conversation, conversations, question_asked
from plugin.deciding.ruleset.values import FactValue
from tests.browser.kept_site import RULES
from tests.browser.page_site import Site, exact, phrase, press, saved, screen, type_answer

NAME = "Иванова Анна Петровна"
DECIDER = Rulebook.load(RULES).script("survey_opt_out")


def ends(decider: Decider) -> list[Conversation]:
    """Every conversation, with a name where one is asked for."""
    return [
        Conversation({fact: NAME if value == "…" else value for fact, value in one.answers.items()}, one.decision)
        for one in conversations(decider)
    ]


ENDS = ends(DECIDER)


@pytest.fixture
def long_house(site: Site) -> Site:
    """One page for all of them."""
    return site


def answer_by_key(tab: Tab, decider: Decider, answers: dict[str, FactValue]) -> None:
    """Go through the conversation; every phrase on the way is the one that the rules ask by."""
    known: dict[str, FactValue] = {}
    while (question := decider.decide(known).next) is not None:
        asked = question_asked(decider.script, question)
        assert phrase(tab) == (asked.read or asked.say or asked.hint)
        how = tab.locator(".phrase .how").first.inner_text()
        assert ("дословно" in how) == bool(question.say)
        value = answers[question.fact]
        if question.answers:
            press(tab, str([answer.value for answer in question.answers].index(value) + 1))
        else:
            type_answer(tab, str(value))
        known[question.fact] = value


def shown_texts(tab: Tab) -> list[str]:
    """The texts that the screen says will be written, one for each recipient."""
    found = []
    for group in tab.locator(".write").all():
        people = max(1, group.locator(".people li").count())
        found += [group.locator(".text").inner_text()] * people
    return found


#: What stands in a text until its card is known, as the screen words it.
TO_COME = {"‹имя в карточке›": "имя подставится", "‹ссылка на карточку›": "ссылка подставится"}


def written_texts(site: Site, call: str, *, marks: bool) -> list[str]:
    rows = [row["text"] for row in site.planned(call) if row["kind"] in ("comment", "reminder")]
    for label, words in TO_COME.items():
        rows = [text.replace(label, words) for text in rows]
    return rows if marks else [text.rsplit("\n", 1)[0] for text in rows]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: "-".join(str(value) for value in end.answers.values()))
def test_by_keys_alone_without_a_request_on_the_way(
    long_house: Site, open_context: Callable[..., BrowserContext], end: Conversation
) -> None:
    tab, call = open_context().new_page(), long_house.call()
    # What the page shows of the end is its own work: the server is not heard before it is confirmed.
    tab.route("**/operator/foresee?*", lambda route: route.abort())
    tab.goto(long_house.link(call))
    screen(tab, "question")
    answer_by_key(tab, DECIDER, end.answers)
    screen(tab, "ending")
    assert end.decision is not None
    if end.decision.say:
        assert phrase(tab) == end.decision.say
    promised = shown_texts(tab)
    press(tab, "Enter")
    screen(tab, "done")

    assert long_house.outcome(call.id) == end.decision.outcome
    assert long_house.facts(call.id) == end.answers
    assert sorted(promised) == sorted(written_texts(long_house, call.id, marks=False))
    assert len(promised) == len(end.decision.actions)
    saved(tab)
    trail = long_house.trail(call.id)
    assert [entry["kind"] for entry in trail["entries"]] == ["answer"] * len(end.answers) + ["confirmed"]
    assert (trail["state"], trail["outcome"]) == ("confirmed", end.decision.outcome)


def test_the_servers_foresight_is_what_is_written_to_the_letter(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "2", "1")
    type_answer(tab, NAME)
    press(tab, "3", "1")
    screen(tab, "ending")
    exact(tab)
    marks = [
        mark for line in tab.locator(".marks").all_text_contents() for mark in line.split() if mark.startswith("[ref:")
    ]
    promised = shown_texts(tab)
    press(tab, "Enter")
    screen(tab, "done")

    whole = written_texts(site, call.id, marks=True)
    assert sorted(promised) == sorted(written_texts(site, call.id, marks=False))
    assert sorted(marks) == sorted(text.rsplit("\n", 1)[1] for text in whole)
    events = [event for event in site.events(call.id) if event["final"]]
    assert [event["revision"] for event in events] == [site.rules.current().revision]


def test_an_enter_that_is_held_confirms_nothing(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "2", "2")
    screen(tab, "ending")
    tab.wait_for_timeout(500)
    held = "document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', repeat: true, bubbles: true}))"
    for _ in range(5):
        tab.evaluate(held)

    assert tab.locator("#stage").get_attribute("data-screen") == "ending"
    assert site.outcome(call.id) is None


def test_with_the_keys_switched_off_only_buttons_answer(site: Site, tab: Tab) -> None:
    tab.goto(site.link(site.call()))
    tab.locator("#hotkeys").uncheck()
    first = phrase(tab)
    press(tab, "1")
    assert phrase(tab) == first
    tab.locator(".answer").first.focus()
    tab.keyboard.press("Enter")

    assert phrase(tab) != first
    tab.reload()
    assert not tab.locator("#hotkeys").is_checked()
