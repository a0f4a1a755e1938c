"""Points that the doctors of several CRMs have in common, so that each is told in the same words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connectors.base import Check
from connectors.http.address import is_private
from connectors.kit.mapping import FactField

#: Further off than this, deadlines and what was answered during a call cannot be told.
_CLOCKS_APART = 60.0
_CLOCKS = "the clocks agree"


def point(name: str, ok: bool, remedy: str = "") -> Check:
    """A point with its remedy where it does not hold."""
    return Check(name, ok, "" if ok else remedy)


def stays_private(*addresses: str) -> Check:
    """Whether nobody on the way can read what is sent to these addresses."""
    remedy = "Use https addresses, or run the CRM on this machine"
    return point("what is sent stays private", all(map(is_private, addresses)), remedy)


def clocks_agree(theirs: datetime | None, now: datetime) -> Check:
    """Whether the CRM's clock, None where it tells no time, is close to this machine's."""
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
    """Those entries of a field that mean nothing to the plugin yet, as an admin is to be told of them.

    Each comes with the ways in which a mapping may spell it. Where any text stands for itself, none is missing.
    """
    if item.values is None:
        return []
    known = {*item.values, *item.empty}
    return [shown for shown, spellings in entries if not known & {*spellings}]
