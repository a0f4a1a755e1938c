"""The e-mail addresses that must not be written to: those of cards whose number is excluded from mailings now."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TextIO

from sqlalchemy import Connection, bindparam, select

from plugin.common.mail_address import UnusableAddress, mail_address
from plugin.ledger.suppressed_emails import suppressed_emails
from plugin.promise.suppression_list import entries_of

#: What addresses are excluded from.
MAILINGS = "mailings"
#: The longest address there is (RFC 5321), and rows that are looked at together.
_LONGEST = 254
_AT_A_TIME = 2_000
_e = suppressed_emails.c
_OF_ADDRESSES = select(_e.address, _e.number).where(_e.address.in_(bindparam("addresses", expanding=True)))
_ALL = select(_e.address, _e.number).order_by(_e.address, _e.number)
_OF_NUMBER = select(_e.address).where(_e.number == bindparam("number")).order_by(_e.address)


class SuppressedEmail(NamedTuple):
    """An address that must not be written to, since when."""

    address: str
    since: datetime


def address_in(value: object) -> str | None:
    """The address in a field, as it is compared; None for what is none."""
    if not isinstance(value, str) or "@" not in value or len(value) > 2 * _LONGEST:
        return None
    try:
        mail_address(value.strip(), named=False)
    except UnusableAddress:
        return None
    address = value.strip().casefold()
    return address if len(address) <= _LONGEST else None


def suppressed_of(connection: Connection, addresses: Collection[str]) -> dict[str, datetime]:
    """Those of these addresses (as ``address_in`` gives them) that are excluded now, and since when."""
    if not addresses:
        return {}
    rows = connection.execute(_OF_ADDRESSES, {"addresses": sorted(set(addresses))}).all()
    return _excluded(connection, rows)


def suppressed_addresses(connection: Connection) -> Iterator[SuppressedEmail]:
    """All that are excluded now, in their order; never more than some rows in memory."""
    options = {"yield_per": _AT_A_TIME, "stream_results": True}
    by_address = itertools.groupby(connection.execute(_ALL, execution_options=options), key=lambda row: row.address)
    groups = ((address, list(rows)) for address, rows in by_address)
    while some := list(itertools.islice(groups, _AT_A_TIME)):
        excluded = _excluded(connection, [row for _, rows in some for row in rows])
        yield from (SuppressedEmail(address, excluded[address]) for address, _ in some if address in excluded)


def addresses_of(connection: Connection, number: str) -> Sequence[str]:
    """The addresses that are kept with a number, whether it is excluded now or not."""
    return connection.execute(_OF_NUMBER, {"number": number}).scalars().all()


def write_addresses(entries: Iterator[SuppressedEmail], out: TextIO, format_: str) -> int:
    """Write them, ``lines``, ``csv`` or ``json``, in their order; how many there are."""
    head, between, tail = _FRAMES[format_]
    out.write(head)
    count = 0
    for address, since in entries:
        moment = since.strftime("%Y-%m-%dT%H:%M:%SZ")
        line = {
            "lines": f"{address}\n",
            "csv": f"{_quoted(address)},{MAILINGS},{moment}\n",
            "json": json.dumps({"address": address, "since": moment}, ensure_ascii=False),
        }[format_]
        out.write((between if count else "") + line)
        count += 1
    out.write(tail)
    return count


#: What a file begins with, what stands between two entries, and what it ends with.
_FRAMES: Mapping[str, tuple[str, str, str]] = {
    "lines": ("", "", ""),
    "csv": ("address,scope,since\n", "", ""),
    "json": (f'{{"scope":"{MAILINGS}","entries":[\n', ",\n", "\n]}\n"),
}


def _quoted(address: str) -> str:
    """An address may hold a comma between quotes."""
    return '"' + address.replace('"', '""') + '"' if set(address) & set(',";') else address


def _excluded(connection: Connection, rows: Sequence[Any]) -> dict[str, datetime]:
    """Of rows of an address and a number each, the addresses one of whose numbers is excluded, since the first."""
    entries = entries_of(connection, {row.number for row in rows})
    found: dict[str, datetime] = {}
    for row in rows:
        for entry in entries.get(row.number, ()):
            if entry.scope == MAILINGS and entry.until is None:
                found[row.address] = min(found.get(row.address, entry.since), entry.since)
    return found
