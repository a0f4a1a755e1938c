"""Trying a described account by hand: with what, and what is shown of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.protocol.records import Assignee, CardRef


@dataclass(frozen=True, slots=True)
class TryValues:
    """What a request is filled with; what is left out has a sample's value."""

    card: CardRef | None = None
    id: str | None = None
    key: str | None = None
    phone: str | None = None
    name: str | None = None
    assignee: Assignee = field(default_factory=Assignee)


@dataclass(frozen=True, slots=True)
class TryStep:
    """A part of what is shown, without the account's secrets; what a CRM answers may hold personal data."""

    title: str
    lines: tuple[str, ...] = ()
