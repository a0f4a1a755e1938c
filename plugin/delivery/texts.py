"""The text as it goes out: with the line about another client where it is needed, and the data of its card."""

from __future__ import annotations

from connectors.base import Card
from connectors.kit.reference_mark import MARK_START
from plugin.common.mail_address import mail_address
from plugin.deciding.ruleset import LABELS
from plugin.delivery.corrections import NOTHING_TOLD, Told
from plugin.delivery.model import Delivery
from plugin.ledger.states import DeliveryKind

#: The last line of a mail.
MARK_LINE = "Служебная метка, по ней программа узнаёт это письмо: {}"
#: What a text may wait for until its card is known.
_CARD = ("card.id", "card.name", "card.url")


def message_id(key: str, sender: str | None) -> str:
    """The Message-ID of a mail, the same at every repeat: by it a reader's program knows the repeat.

    ``key`` is hex digits; ``sender`` the address the mail goes out from, whose domain it carries.
    """
    return f"<{key[:32]}@{mail_address(sender, named=True).domain if sender else 'optout'}>"


def parted(text: str) -> tuple[list[str], list[str]]:
    """The lines of a text, and apart from them its reference mark, where it ends with one."""
    lines = text.split("\n")
    place = len(lines) - 1 if lines[-1].startswith(MARK_START) else len(lines)
    return lines[:place], lines[place:]


def full_text(delivery: Delivery, fallback: bool, told: Told = NOTHING_TOLD) -> str:
    """The text as it goes out, the reference mark below everything.

    What it says of earlier decisions stands above a reminder, so that it is read first, and below a comment. The line
    about the other client, if it is needed, is the last one of a comment; who is told to do something reads it at once
    after what to do.
    """
    text, mark = parted(delivery.text)
    if told.instead is not None:
        text = [told.instead]
    other = [delivery.fallback_text] if fallback and delivery.fallback_text else []
    if delivery.kind == DeliveryKind.COMMENT:
        return "\n".join([*text, *told.lines, *other, *mark])
    return "\n".join([*told.lines, *text[:1], *other, *text[1:], *mark])


def explain_mark(text: str) -> str:
    """The text of a mail: whoever reads it is told what the reference mark below it is."""
    above, mark = parted(text)
    return "\n".join([*above, *map(MARK_LINE.format, mark)])


def names_card(text: str) -> bool:
    """Whether the text waits for data of its card."""
    return any(LABELS[name] in text for name in _CARD)


def fill_card(text: str, card: Card | None) -> str:
    """The text with the card's data in place of their labels; a line for which there is none is left out."""
    values = {
        "card.id": card.ref.id if card else None,
        "card.name": card.name if card else None,
        "card.url": card.url if card else None,
    }
    lines = []
    for line in text.split("\n"):
        named = [name for name in _CARD if LABELS[name] in line]
        if named and not any(values[name] for name in named):
            continue
        filled = line
        for name in named:
            filled = filled.replace(LABELS[name], values[name] or "")
        lines.append(filled)
    return "\n".join(lines)
