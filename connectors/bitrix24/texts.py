"""Texts made fit for places that read markup: what a client is called must never become a link, a mention or a tag."""

from __future__ import annotations

import html
import re

from connectors.kit.reference_mark import carries_mark
from plugin.common.text import sendable

#: Invisible, joins words, and is no part of any tag: behind the sign that opens markup it keeps it from being any.
_JOINER = "\u2060"
#: BB-codes and mentions ([b], [/b], [user=1], [*]), HTML tags and comments, HTML entities, and what refers to the other
#: commands' answers within a batch ($result[…], also $error[…], $total[…], $next[…], in any case, amid other text too).
#: The plugin's own reference marks are left alone.
_MARKUP = re.compile(
    r"\[(?!ref:[0-9a-f]{16}\])(?=[a-z/*])|<(?=[a-z/!?])|&(?=\#?\w{1,32};)|\$(?=[a-z])",
    re.IGNORECASE,
)


def shown_literally(text: str) -> str:
    """The text so that the portal shows every sign of it and reads none as markup.

    Bitrix24 documents no way to escape BB-codes, so each opening sign is followed by a word joiner (U+2060).
    Source: https://apidocs.bitrix24.ru/api-reference/chat-bots/chat-bots-v2/imbot.v2/messages/message-formatting.html
    """
    return _MARKUP.sub(lambda found: found[0] + _JOINER, sendable(text))


def as_html(text: str) -> str:
    """The text as simple HTML, for a mail's body."""
    return html.escape(sendable(text), quote=False).replace("\n", "<br>\n")


def lost_mark(sent: str, kept: object, key: str) -> bool:
    """Whether a text went out with its reference mark, which stands at its end, and was kept without."""
    return carries_mark(sent, key) and not carries_mark(kept, key)
