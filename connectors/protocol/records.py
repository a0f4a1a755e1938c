"""What is spoken of and written: cards, the people who fill roles, comments, reminders and mails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

#: The kinds of record that ``find`` can look for.
Kind = Literal["comment", "reminder", "email"]


@dataclass(frozen=True, slots=True)
class CardRef:
    """A client's card by the CRM's own type and id, e.g. ``contact`` / ``42``."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the CRM holds it. ``phones`` and ``emails`` are as written there; a card that was found or read
    together with others may lack addresses.

    ``fields``: what it holds in the fields that the account's settings declare, by their names in rules; one that is
    empty is left out, and so is one of ``unmapped``, whose value means nothing to the plugin.
    """

    ref: CardRef
    name: str | None = None
    url: str | None = None
    phones: tuple[str, ...] = ()
    fields: Mapping[str, str | bool] = field(default_factory=dict, hash=False)
    unmapped: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignee:
    """The person who fills a role: the CRM's user id and the e-mail address, either may be missing."""

    user: str | None = None
    address: str | None = None


# --- what is written -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommentWrite:
    """A comment into a card, as ``Connector.add_comment`` takes it."""

    card: CardRef
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class ReminderWrite:
    """A reminder for one person, as ``Connector.create_reminder`` takes it."""

    card: CardRef
    assignee: Assignee
    subject: str
    text: str
    due: datetime
    key: str


@dataclass(frozen=True, slots=True)
class EmailWrite:
    """A mail of the CRM to one person, as ``Connector.notify_email`` takes it."""

    assignee: Assignee
    subject: str
    text: str
    key: str


Write = CommentWrite | ReminderWrite | EmailWrite
