"""Takes what was written into the chain, in the order in which it was committed. One process at a time adds to it."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from plugin.ledger.chain.links import ChainEntry, digest_of, entry_hash, link_of, written_time
from plugin.ledger.chain.records import RecordKey, contents_of
from plugin.ledger.chain.tables import chain, chain_head, chain_queue
from plugin.ledger.suppression import suppressions

#: Rows of the queue that one transaction takes, so that other writers hardly wait.
BATCH = 100

_HEAD = select(chain_head.c.seq, chain_head.c.link).with_for_update(skip_locked=True)
_WAITING = select(chain_queue).order_by(chain_queue.c.id).limit(bindparam("limit"))
_TAKEN = delete(chain_queue).where(chain_queue.c.id.in_(bindparam("ids", expanding=True)))
_ADD = insert(chain)
_MOVE = update(chain_head).values(seq=bindparam("to"), link=bindparam("by"))
_SAYING = (
    select(suppressions.c.call_ref).where(suppressions.c.call_ref.in_(bindparam("calls", expanding=True))).distinct()
)
#: What is taken in with a record of its call.
_BRINGS_CALL = frozenset({"event", "decision"})


def take_in(connection: Connection, now: datetime, limit: int = BATCH) -> int:
    """Take so many rows of the queue into the chain; how many there were, 0 also while another process is at it."""
    head = connection.execute(_HEAD).one_or_none()
    if head is None:
        return 0
    waiting = connection.execute(_WAITING, {"limit": limit}).all()
    if waiting:
        _append(connection, head, _records(connection, waiting), now)
        connection.execute(_TAKEN, {"ids": [row.id for row in waiting]})
    return len(waiting)


def is_anything_waiting(connection: Connection) -> bool:
    """Whether anything is to be taken in."""
    return connection.execute(select(chain_queue.c.id).limit(1)).first() is not None


def _records(connection: Connection, waiting: Sequence[Any]) -> Iterable[tuple[RecordKey, int | None]]:
    """Each record once, with the call that it is of: as it stands now, it says all that its changes made of it."""
    calls = {row.call_ref for row in waiting if row.kind in _BRINGS_CALL and row.call_ref is not None}
    saying = set(connection.execute(_SAYING, {"calls": list(calls)}).scalars()) if calls else set()
    found = dict[RecordKey, int | None]()
    for row in waiting:
        found.update((RecordKey(kind, ref), row.call_ref) for kind, ref in _brought(row, saying))
    return found.items()


def _brought(row: Any, saying: set[int]) -> Iterator[tuple[str, int]]:
    yield row.kind, row.ref
    if row.kind in _BRINGS_CALL and row.call_ref is not None:
        yield "call", row.call_ref
        if row.call_ref in saying:
            yield "said", row.call_ref


def _append(connection: Connection, head: Any, records: Iterable[tuple[RecordKey, int | None]], now: datetime) -> None:
    seq, link, at = head.seq, head.link, written_time(now)
    records = list(records)
    contents = contents_of(connection, [key for key, _ in records])
    rows = []
    for key, call_ref in records:
        seq += 1
        salt = secrets.token_hex(16)
        entry = ChainEntry(seq, at, key.kind, key.ref, call_ref, digest_of(salt, contents[key]))
        link = link_of(link, entry_hash(entry))
        rows.append(entry._asdict() | {"at": now, "salt": salt, "link": link})
    connection.execute(_ADD, rows)
    connection.execute(_MOVE, {"to": seq, "by": link})
