"""The chain's part of a proof: the entries of its records, what they digested, and the way to a known head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from plugin.ledger.chain.links import ChainEntry, entry_hash, written_time
from plugin.ledger.chain.records import SOURCES, RecordKey, contents_of
from plugin.ledger.chain.tables import chain, chain_checks, chain_head, chain_stamps, chain_starts
from plugin.promise.time_stamps import to_file

#: Entries between a record and the next head that a proof holds at most: some ten days of a busy call centre.
LONGEST_WAY = 20_000

_c, _before = chain.c, chain.alias("before")
_ENTRIES = (
    select(chain, _before.c.link.label("before"))
    .outerjoin(_before, _before.c.seq == _c.seq - 1)
    .where(
        or_(
            _c.call_ref.in_(bindparam("calls", expanding=True)),
            and_(_c.kind == "trail", _c.ref.in_(bindparam("trails", expanding=True))),
            and_(_c.kind == "suppression", _c.ref.in_(bindparam("by_hand", expanding=True))),
            and_(_c.kind == "said", _c.ref.in_(bindparam("said", expanding=True))),
        )
    )
    .order_by(_c.seq)
)
_CHECKED = (
    select(chain_checks.c.seq, chain_checks.c.link, chain_checks.c.ended_at.label("at"))
    .where(chain_checks.c.ended_at.is_not(None), chain_checks.c.fault_count == 0, chain_checks.c.seq >= bindparam("of"))
    .order_by(chain_checks.c.seq)
    .limit(1)
)
_STAMPED = (
    (select(chain_stamps).where(chain_stamps.c.answer.is_not(None), chain_stamps.c.seq >= bindparam("of")))
    .order_by(chain_stamps.c.seq, chain_stamps.c.id)
    .limit(1)
)
_HEAD = select(chain_head.c.seq, chain_head.c.link)
_WAY = select(chain).where(_c.seq >= bindparam("first"), _c.seq <= bindparam("last")).order_by(_c.seq)


@dataclass(frozen=True, slots=True)
class ProvenRecords:
    """What a proof is about: calls, trails, what was said of numbers by hand, and other calls that said something."""

    calls: Sequence[int]
    trails: Sequence[int]
    by_hand: Sequence[int]
    said: Sequence[int]


def chain_of(connection: Connection, records: ProvenRecords) -> Mapping[str, Any]:
    """``entries`` with what the latest of each record digested, ``heads`` with the way to them, and where it began."""
    chosen = {"calls": records.calls, "trails": records.trails, "by_hand": records.by_hand, "said": records.said}
    entries = connection.execute(_ENTRIES, chosen).all()
    latest = {RecordKey(row.kind, row.ref): row.seq for row in entries}
    contents = contents_of(connection, latest)
    began = connection.execute(select(_c.at).where(_c.seq == 1)).scalar_one_or_none()
    starts = connection.execute(select(chain_starts.c.name, chain_starts.c.position)).all()
    return {
        "began_at": began,
        "began_after": {row.name: row.position for row in starts},
        "entries": [_entry(row, latest, contents) for row in entries],
        "heads": list(_heads(connection, [row.seq for row in entries])),
    }


def _entry(row: Any, latest: Mapping[RecordKey, int], contents: Mapping[RecordKey, Any]) -> dict[str, Any]:
    told = {
        "seq": row.seq,
        "at": written_time(row.at),
        "kind": row.kind,
        "record": row.ref,
        "call": row.call_ref,
        "digest": row.digest,
        "before": row.before,
        "link": row.link,
    }
    key = RecordKey(row.kind, row.ref)
    if latest[key] != row.seq or row.salt is None:
        return told
    names = {part.table.name: [column.name for column in part.columns] for part in SOURCES[row.kind]}
    columns = list(_columns(row.kind, contents[key], names))
    return told | {"salt": row.salt, "said": columns}


def _columns(kind: str, content: Any, names: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
    for table, values in content:
        # A delivery has two rows: as it was planned, and what became of it.
        fitting = [part for part in SOURCES[kind] if part.table.name == table and len(part.columns) == len(values)]
        columns = [column.name for column in fitting[0].columns] if fitting else names[table]
        yield {"table": table, "columns": columns, "values": list(values)}


def _heads(connection: Connection, seqs: Sequence[int]) -> Iterator[dict[str, Any]]:
    """The nearest known head after each of the entries, each once, with the hashes that lead there."""
    left, room = list(seqs), LONGEST_WAY
    while left:
        first = left[0]
        head = _stamped_head(connection, first, room) or _head(connection, first)
        if head is None:
            return
        left = [seq for seq in left if seq > head["seq"]]
        way: list[str] | None = None
        if head["seq"] - first < room:
            rows = connection.execute(_WAY, {"first": first, "last": head["seq"]})
            way = [entry_hash(_linked(row)) for row in rows]
            room -= len(way)
        yield head | {"first": first, "way": way}


def _stamped_head(connection: Connection, seq: int, room: int) -> dict[str, Any] | None:
    """The nearest one that a service has stamped, if the way there has room."""
    row = connection.execute(_STAMPED, {"of": seq}).one_or_none()
    if row is None or row.seq - seq >= room:
        return None
    stamp = {"at": row.stamped_at, "answer": to_file(row.answer)}
    return {"seq": row.seq, "link": row.link, "checked_at": row.checked_at, "stamp": stamp}


def _head(connection: Connection, seq: int) -> dict[str, Any] | None:
    row = connection.execute(_CHECKED, {"of": seq}).one_or_none()
    if row is not None:
        return {"seq": row.seq, "link": row.link, "checked_at": row.at}
    now = connection.execute(_HEAD).one_or_none()
    if now is None or now.seq < seq:
        return None
    checked: datetime | None = None
    return {"seq": now.seq, "link": now.link, "checked_at": checked}


def _linked(row: Any) -> ChainEntry:
    return ChainEntry(row.seq, written_time(row.at), row.kind, row.ref, row.call_ref, row.digest)
