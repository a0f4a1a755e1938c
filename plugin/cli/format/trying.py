"""How ``optout connectors try`` lays out what it tried: English, each step under its title."""

from __future__ import annotations

from connectors.base import TryStep
from plugin.common.terminal import clean

_INDENT = "    "


def step(one: TryStep) -> str:
    """A title, and what was seen, whatever characters a CRM answers with."""
    lines = [clean(line) for text in one.lines for line in text.splitlines()]
    return "\n".join([f"{one.title}:", *(f"{_INDENT}{line}" for line in lines or ["(nothing)"])])
