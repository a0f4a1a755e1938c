"""Signed links: what opens a call, for how long, and that nothing about them can be changed."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

from connectors.base import CardRef
from plugin.auth.links import LinkFault, Links, OpenedLink, read_plain, signed_text
from plugin.auth.visitor import LinkedCall
from plugin.config.settings import PageSettings
from plugin.errors import InputError
from tests.plugin.auth.support import FULL, KEY, OLD_KEY, START, HandClock

PAGE = PageSettings(public_url="https://optout.example.org", secret=KEY, link_minutes=30)
EXPIRES = str(int((START + timedelta(minutes=10)).timestamp()))
BASIC = {"call": "c-77", "operator": "ivanova", "expires": EXPIRES}


def links(clock: HandClock, page: PageSettings = PAGE) -> Links:
    return Links.of(page, clock)


def given(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def signed(values: dict[str, str], key: str = KEY) -> dict[str, list[str]]:
    """A link as a CRM's template makes it: by the recipe in docs/operators-page.md, not by our code."""
    text = "\n".join(f"{name}={value}" for name, value in sorted(values.items()) if value)
    sign = hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
    return {name: [value] for name, value in values.items()} | {"sign": [sign]}


# --- what opens nothing ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["call", "card", "expires", "name", "operator", "phone", "script", "url", "sign"])
def test_a_link_with_anything_changed_added_or_taken_away_is_invalid(clock: HandClock, name: str) -> None:
    whole = given(links(clock).make("ivanova", FULL))
    assert isinstance(links(clock).read(whole), OpenedLink)
    changes = [whole | {name: [whole[name][0] + "1"]}, whole | {name: [whole[name][0][:-1]]}, whole | {name: [""]}]
    changes += [{key: value for key, value in whole.items() if key != name}, whole | {name: whole[name] * 2}]
    assert [links(clock).read(changed) for changed in changes] == [LinkFault.INVALID] * 5


def test_a_link_cut_off_anywhere_is_invalid(clock: HandClock) -> None:
    url = links(clock).make("ivanova", FULL)
    start = url.index("?") + 1
    opened = [cut for cut in range(start, len(url)) if links(clock).read(given(url[:cut])) != LinkFault.INVALID]
    assert opened == []


def test_a_link_signed_with_another_key_is_invalid(clock: HandClock) -> None:
    assert links(clock).read(signed(BASIC, KEY + "!")) is LinkFault.INVALID
    assert links(clock).read(signed(BASIC, OLD_KEY)) is LinkFault.INVALID


@pytest.mark.parametrize("sign", ["", "0" * 64, "подпись", "\udcff", "a" * 5000])
def test_no_other_signature_opens_it(clock: HandClock, sign: str) -> None:
    assert links(clock).read(signed(BASIC) | {"sign": [sign]}) is LinkFault.INVALID


def test_moving_text_from_one_value_to_the_next_does_not_keep_the_signature(clock: HandClock) -> None:
    forged = signed(BASIC | {"name": "Иванов\noperator=admin"})
    assert links(clock).read(forged) is LinkFault.INVALID
    assert signed_text({"call": "1", "name": "a", "operator": "b"}) == "call=1\nname=a\noperator=b"


@pytest.mark.parametrize(
    "more",
    [
        {"url": "javascript:alert(1)"},
        {"url": "//evil.example.org/"},
        {"url": "https://[broken"},
        {"card": "contact"},
        {"card": ":42"},
        {"script": "../../etc"},
        {"name": "a\x00b"},
        {"name": "x" * 201},
        {"operator": ""},
        {"call": ""},
        {"expires": ""},
        {"expires": "soon"},
        {"expires": "9" * 30},
        {"expires": "-1"},
        {"expires": "²"},
    ],
    ids=str,
)
def test_a_genuine_signature_over_what_no_link_may_hold_is_invalid(clock: HandClock, more: dict[str, str]) -> None:
    assert links(clock).read(signed(BASIC | more)) is LinkFault.INVALID


def test_a_link_is_too_old_from_the_moment_it_names(clock: HandClock) -> None:
    clock.forward(minutes=10, seconds=-1)
    assert isinstance(links(clock).read(signed(BASIC)), OpenedLink)
    clock.forward(seconds=1)
    assert links(clock).read(signed(BASIC)) is LinkFault.EXPIRED


def test_a_forged_link_is_not_told_to_be_merely_too_old(clock: HandClock) -> None:
    clock.forward(days=1)
    assert links(clock).read(signed(BASIC, "another key")) is LinkFault.INVALID


def test_a_link_made_to_hold_for_ever_does_not(clock: HandClock) -> None:
    for_ever = str(int((START + timedelta(days=365)).timestamp()))
    assert links(clock).read(signed(BASIC | {"expires": for_ever})) is LinkFault.INVALID


@pytest.mark.parametrize(
    ("call", "operator", "minutes", "named"),
    [
        (LinkedCall(""), "ivanova", 1, "call"),
        (LinkedCall("c"), "", 1, "operator"),
        (LinkedCall("c", phone="1\n2"), "ivanova", 1, "phone"),
        (LinkedCall("c", card_url="ftp://x"), "ivanova", 1, "url"),
        (LinkedCall("c", script="a/b"), "ivanova", 1, "script"),
        (LinkedCall("c"), "ivanova", 31, "minutes"),
        (LinkedCall("c"), "ivanova", 0, "minutes"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_no_link_is_made_that_would_not_open(
    clock: HandClock, call: LinkedCall, operator: str, minutes: float, named: str
) -> None:
    with pytest.raises(InputError, match=rf"^{named}: "):
        links(clock).make(operator, call, timedelta(minutes=minutes))


# --- what opens a call -----------------------------------------------------------------------------


def test_a_link_opens_its_call_for_its_operator_as_often_as_wanted_in_its_time(clock: HandClock) -> None:
    url = links(clock).make("ivanova", FULL)
    assert url.startswith("https://optout.example.org/operator/open?")
    clock.forward(minutes=29)
    assert [links(clock).read(given(url)) for _ in range(2)] == [OpenedLink("ivanova", FULL)] * 2


def test_a_link_may_live_shorter_than_the_longest(clock: HandClock) -> None:
    url = links(clock).make("ivanova", FULL, timedelta(minutes=1))
    clock.forward(minutes=1, seconds=1)
    assert links(clock).read(given(url)) is LinkFault.EXPIRED


@pytest.mark.parametrize(
    "spell",
    [
        urlencode,
        lambda link: urlencode(link, quote_via=quote),
        lambda link: urlencode(link, safe=":'()*+"),
        lambda link: re.sub("%[0-9A-F]{2}", lambda escape: escape.group().lower(), urlencode(link)),
        lambda link: urlencode(dict(reversed(link.items()))),
    ],
    ids=["spaces as plus", "spaces as %20", "the plus left alone", "in lower case", "in another order"],
)
def test_a_link_made_by_the_recipe_opens_however_its_values_are_escaped(
    clock: HandClock, spell: Callable[[dict[str, str]], str]
) -> None:
    values = BASIC | {"name": "О'Нил (Иван) *~", "card": "contact:42", "phone": "+79161234567", "script": ""}
    link = {name: value[0] for name, value in signed(values).items()}
    expected = LinkedCall("c-77", "+79161234567", CardRef("contact", "42"), "О'Нил (Иван) *~")
    assert links(clock).read(given("?" + spell(link))) == OpenedLink("ivanova", expected)


def test_the_plus_of_a_number_may_arrive_as_a_space(clock: HandClock) -> None:
    link = signed(BASIC | {"phone": "+79161234567"}) | {"phone": [" 79161234567"]}
    assert links(clock).read(link) == OpenedLink("ivanova", LinkedCall("c-77", "+79161234567"))


def test_a_signature_in_capitals_and_parameters_of_others_do_not_matter(clock: HandClock) -> None:
    link = signed(BASIC)
    link |= {"sign": [link["sign"][0].upper()], "utm_source": ["crm"], "_": ["1", "2"]}
    assert links(clock).read(link) == OpenedLink("ivanova", LinkedCall("c-77"))


def test_while_keys_are_changed_over_links_of_both_open_and_the_new_one_signs(clock: HandClock) -> None:
    both = links(clock, PageSettings(public_url="https://optout.example.org", secret=KEY, old_secret=OLD_KEY))
    assert isinstance(both.read(signed(BASIC, KEY)), OpenedLink)
    assert isinstance(both.read(signed(BASIC, OLD_KEY)), OpenedLink)
    assert isinstance(links(clock).read(given(both.make("ivanova", FULL))), OpenedLink)


def test_a_plain_button_names_its_call_under_the_same_checks() -> None:
    assert read_plain({"call": ["c"], "phone": [" 7916"], "name": ["Иванов"]}) == LinkedCall(
        "c", "+7916", None, "Иванов"
    )
    for bad in ({}, {"call": ["a", "b"]}, {"call": ["c"], "url": ["javascript:x"]}, {"call": ["c"], "card": ["x"]}):
        assert read_plain(bad) is None
