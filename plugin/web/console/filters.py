"""Filters that live in the address: what of them is given, the chips that show them, and addresses without one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from flask import request, url_for

from plugin.common.moments import end_of, moment_of
from plugin.errors import InputError
from plugin.web.console.routes import ConsoleServices

_LONGEST = 200
#: Ids in the ledger fit into this.
LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FilterChip:
    """A filter that is on: in words, and the address without it."""

    words: str
    without: str


def given(names: Sequence[str]) -> dict[str, str]:
    """The filters of the address that are not blank."""
    found = {name: " ".join(request.args.get(name, "").split())[:_LONGEST] for name in names}
    return {name: text for name, text in found.items() if text}


def chips(endpoint: str, filters: Mapping[str, str], words: Mapping[str, str], **always: str) -> list[FilterChip]:
    """The filters as chips; ``words``: each in words. ``always`` stands in every address."""
    return [
        FilterChip(words.get(name, f"{name}: {text}"), address(endpoint, filters, **{name: None}, **always))
        for name, text in filters.items()
    ]


def address(endpoint: str, filters: Mapping[str, str], **changed: str | int | None) -> str:
    """The address of a list with these filters, some changed."""
    wanted = {name: value for name, value in {**filters, **changed}.items() if value is not None}
    query = f"?{urlencode(wanted)}" if wanted else ""
    return f"{url_for(endpoint)}{query}"


def number(name: str, text: str | None) -> int | None:
    """A number of the address. Raises InputError."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= LARGEST_ID:
        raise InputError(f"{name}: «{text[:40]}» не номер", hint="Уберите это условие")
    return int(text)


def since_of(services: ConsoleServices, filters: Mapping[str, str]) -> datetime | None:
    """From when on. Raises InputError."""
    return moment_of(filters.get("since"), services.zone, services.now(), "С")


def until_of(services: ConsoleServices, filters: Mapping[str, str]) -> datetime | None:
    """Until when; a day with all of it. Raises InputError."""
    return end_of("По", filters.get("until"), services.zone, services.now())


def day_words(text: str) -> str:
    """A day or span of the address as people write it."""
    try:
        return datetime.fromisoformat(text).strftime("%d.%m.%Y")
    except ValueError:
        return text
