"""How digests and links of the chain are made: sha256 over plain text, so that anybody can do it again. Pure.

A value is a text, a number or None; a time is the text ``2026-11-22 07:15:00.000000`` in UTC, a truth value 0 or 1, and
JSON the text that is stored. So it is the same from either database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

#: The link before the first entry.
BEFORE_ALL = "0" * 64
#: A row as it is digested: the table's name and its values.
Row = tuple[str, Sequence[Any]]
#: What a record says: its rows in order.
Content = Sequence[Row]


class ChainEntry(NamedTuple):
    """One entry as it is linked. ``at``: when it was taken in, as a time is written; ``digest``: of what it says."""

    seq: int
    at: str
    kind: str
    ref: int
    call_ref: int | None
    digest: str


def written_time(moment: datetime) -> str:
    """A time as it is digested."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def digest_of(salt: str, content: Content) -> str:
    """Of a salt (hex digits) and what the ledger said.

    The text: the salt in a line; then of each row the table and the lengths of its values in a line, and the values one
    after the other, each with ``s`` (text) or ``x`` before it.
    """
    lines = [salt]
    for table, values in content:
        told = ["s" + value if type(value) is str else "xNone" if value is None else f"x{value}" for value in values]
        lines += f"{table} {','.join([str(len(one)) for one in told])}", "".join(told)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()


def entry_hash(entry: ChainEntry) -> str:
    """Of all that an entry is linked by."""
    seq, at, kind, ref, call_ref, digest = entry
    return hashlib.sha256(f"{seq}|{at}|{kind}|{ref}|{call_ref or ''}|{digest}".encode()).hexdigest()


def link_of(before: str, hash_: str) -> str:
    """The link of an entry with this hash after the link ``before``."""
    return hashlib.sha256(f"{before}{hash_}".encode()).hexdigest()
