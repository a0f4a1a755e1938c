"""On paper: the page of a call without its buttons, whole; the tree of a conversation on one sheet."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page as Tab

from plugin.cli.main import main
from tests.browser.page_site import Site, exact, press
from tests.browser.test_accessible import faults


def sheets(pdf: bytes) -> int:
    """How many sheets there are."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_the_end_of_a_call_is_printed_whole_and_without_buttons(site: Site, tab: Tab) -> None:
    # So low that the phrase scrolls on the screen.
    tab.set_viewport_size({"width": 1024, "height": 420})
    tab.goto(site.link(site.call()))
    press(tab, "1", "3", "1")
    exact(tab)
    tab.emulate_media(media="print", color_scheme="dark")

    assert tab.locator("#phrase").is_visible()
    assert tab.get_by_text("Напоминание «ИСКЛЮЧИТЬ»").first.is_visible()
    assert tab.locator("#trail .said").first.is_visible()
    assert [button.inner_text() for button in tab.locator("button:not(.step)").all() if button.is_visible()] == []
    part = tab.locator("#stage .scroll")
    assert part.evaluate("part => part.scrollHeight <= part.clientHeight + 1")
    assert part.evaluate("part => getComputedStyle(part).color") == "rgb(0, 0, 0)"
    assert faults(tab) == []


def test_the_tree_of_a_conversation_is_printed_on_one_sheet(tab: Tab, rules_folder: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "tree.svg"
    assert main(["rules", "graph", str(rules_folder), "--script", "survey_opt_out", "--out", str(drawn)]) == 0
    tab.goto(drawn.as_uri())

    assert sheets(tab.pdf(prefer_css_page_size=True)) == 1
