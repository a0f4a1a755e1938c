"""Whatever a client is called is shown as it is, and read as markup nowhere."""

from __future__ import annotations

import re

import pytest

from connectors.base import Assignee, CardRef, Done
from connectors.bitrix24 import Bitrix24Connector
from connectors.bitrix24.commands import Command, Later
from connectors.bitrix24.texts import as_html, lost_mark, shown_literally
from connectors.kit.reference_mark import carries_mark
from tests.connectors.bitrix24.rig import connected, with_webhook
from tests.connectors.bitrix24.server import Portal, nested
from tests.connectors.bitrix24.writes import DUE

KEY = "0123456789abcdef".ljust(64, "0")
MARKUP = [
    "[b]Иванов[/b]",
    "[B]Иванов[/B]",
    "[url=https://example.org]сюда[/url]",
    "[user=1]Иванов[/user]",
    "[img]https://example.org/a.png[/img]",
    "[code]x[/code]",
    "[SEND=/sms]нажмите[/SEND]",
    "[list][*]раз[/list]",
    "[size=30]КРУПНО[/size]",
    "<b>Иванов</b>",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!-- нет -->",
    "</div>",
    "&lt;b&gt; &#91;b&#93; &#x5b;b&#x5d;",
    "$result[w0] $result[w0][id] $RESULT[w0]",
    "$total[w0], $error[w0] и $next[w0]",
]
#: What the portal's readers take for markup: BB-codes, HTML, entities, references of a batch.
READ_AS_MARKUP = re.compile(r"\[/?[a-z]+[=\]]|\[\*\]|</?[a-z!]|<!--|&#?\w+;|\$\w+\[", re.IGNORECASE)


@pytest.mark.parametrize("text", MARKUP)
def test_markup_is_no_longer_any_and_still_reads_the_same(text: str) -> None:
    shown = shown_literally(text)
    assert READ_AS_MARKUP.search(text), "the test's own example is none"
    assert not READ_AS_MARKUP.search(shown)
    assert shown.replace("\u2060", "") == text


@pytest.mark.parametrize(
    "text",
    [
        "Просит не звонить.",
        "скидка [10%] < 5 & > 3",
        "a < b, c > d",
        "$100",
        "ООО «Ромашка» & Ко",
        "[ref:0123456789abcdef]",
    ],
)
def test_what_is_no_markup_stays_as_it_is(text: str) -> None:
    assert shown_literally(text) == text


def test_the_reference_mark_survives_among_markup() -> None:
    shown = shown_literally(f"[b]x[/b] [ref:{KEY[:16]}]")
    assert f"[ref:{KEY[:16]}]" in shown
    assert carries_mark(shown, KEY)


def test_signs_that_nobody_can_read_become_spaces() -> None:
    assert shown_literally("a\x00b\x1bc\nd\te") == "a b c\nd\te"


def test_a_mails_body_shows_tags_and_keeps_its_lines() -> None:
    assert as_html("Имя: <b>&\nвторая") == "Имя: &lt;b&gt;&amp;<br>\nвторая"


@pytest.mark.parametrize("half", [chr(0xD83D), chr(0xDE00)])
def test_half_a_character_is_shown_as_one_that_is_missing(half: str) -> None:
    assert shown_literally(f"a{half}b") == "a\ufffdb"
    assert as_html(f"a{half}b") == "a\ufffdb"
    assert Command("m", {f"x{half}": half}).written == "m?x%EF%BF%BD=%EF%BF%BD"


def test_a_text_that_never_had_a_mark_has_not_lost_it() -> None:
    assert not lost_mark("без метки", "", KEY)
    assert lost_mark(f"[ref:{KEY[:16]}]", "", KEY)


# --- in a request -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*MARKUP, "a&fields[ENTITY_ID]=7", "a=b#c?d+e f%20", "50 % \\ ' \" ; |", "ёЁ—…👍"])
def test_a_value_arrives_whole_and_as_one_value(text: str) -> None:
    command = Command("m", {"fields": {"COMMENT": text, "ENTITY_ID": "1"}, "select": ["ID", "%x"], "none": None})
    method, _, query = command.written.partition("?")
    assert method == "m"
    assert nested(query, None) == {"fields": {"COMMENT": text, "ENTITY_ID": "1"}, "select": {"0": "ID", "1": "%x"}}


def test_a_filters_signs_are_part_of_its_keys() -> None:
    written = Command("m", {"filter": {">=CREATED": "2026", "@id": [1, 2], "!%x": True}}).written
    assert nested(written.partition("?")[2], None) == {
        "filter": {">=CREATED": "2026", "@id": {"0": "1", "1": "2"}, "!%x": "1"}
    }


def test_a_reference_to_an_earlier_command_is_written_as_documented() -> None:
    assert Command("m", {"id": Later("w0", ("task", "id"))}).written == "m?id=$result[w0][task][id]"


@pytest.mark.parametrize("text", MARKUP)
@pytest.mark.parametrize("reminders", ["todo", "task"])
def test_no_text_of_a_client_is_read_as_markup_anywhere(portal: Portal, text: str, reminders: str) -> None:
    portal.records.add_item("contact", "42", name="Иван")
    connector: Bitrix24Connector = connected(with_webhook(portal, reminders=reminders))
    card, person = CardRef("contact", "42"), Assignee("5")
    assert isinstance(connector.add_comment(card, text, KEY), Done)
    reminded = connector.create_reminder(card, person, "ИСКЛЮЧИТЬ", text, DUE, KEY)
    assert isinstance(reminded, Done)
    assert isinstance(connector.notify_email(person, "ИСКЛЮЧИТЬ", text, KEY), Done)
    assert isinstance(connector.withdraw_reminder(reminded.remote_id, text, KEY), Done)
    records = portal.records
    notified = next(iter(records.notifications.values()))
    kept = [
        *(one["COMMENT"] for one in records.comments.values()),
        *(one["DESCRIPTION"] for one in records.activities.values()),
        *(one["description"] for one in records.tasks.values()),
        notified["MESSAGE"].removeprefix("[b]ИСКЛЮЧИТЬ[/b]"),
        notified["MESSAGE_OUT"],
    ]
    assert len(kept) == 4
    for one in kept:
        assert not READ_AS_MARKUP.search(one)
        assert text in one.replace("\u2060", "")
