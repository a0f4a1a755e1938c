"""Checks that several CRMs have in common, each with the same name and remedy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connectors.base import Check
from connectors.http.address import is_private
from connectors.kit.mapping import FactField
from connectors.protocol.check import point

#: Clocks further apart make deadlines wrong, and answers of a call cannot be matched to it.
_CLOCKS_APART = 60.0
_CLOCKS = "the clocks agree"
#: Tells whether frames of the page are proven; of no interest where the page allows none.
FRAMES_PROVEN = "its frames can be verified"


def stays_private(*addresses: str) -> Check:
    """Whether no third party on the way can read what is sent to these addresses."""
    remedy = "Use https addresses, or run the CRM on this machine"
    return point("what is sent stays private", all(map(is_private, addresses)), remedy)


def clocks_agree(theirs: datetime | None, now: datetime) -> Check:
    """Whether the CRM's clock, None where it shows no time, is close to this machine's."""
    if theirs is None:
        return point(_CLOCKS, False, "The CRM's answers tell no time: let its web server send a Date header")
    ahead = (now - theirs).total_seconds()
    remedy = f"Set both by NTP: this machine's is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
    return point(_CLOCKS, abs(ahead) <= _CLOCKS_APART, remedy)


def date_header(headers: Mapping[str, str]) -> datetime | None:
    """When an answer was sent, by its Date header."""
    try:
        moment = parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def unmapped(item: FactField, entries: Iterable[tuple[str, Collection[str]]]) -> list[str]:
    """The entries of a field that the mapping does not cover, as they are shown to an admin.

    Each comes with the ways in which a mapping may spell it. Without a mapping any text is taken, so none is missing.
    """
    if item.values is None:
        return []
    known = {*item.values, *item.empty}
    return [shown for shown, spellings in entries if not known & {*spellings}]
