"""Checks the chain against itself and against the ledger, some entries at a time; reads only.

Each record must say what its latest entry digested, unless it waits to be taken in anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, func, literal, or_, select, type_coerce, union_all
from sqlalchemy.types import NullType

from plugin.ledger.chain.links import BEFORE_ALL, ChainEntry, Content, digest_of, entry_hash, link_of, written_time
from plugin.ledger.chain.records import WRITTEN_ONCE, RecordKey, contents_of
from plugin.ledger.chain.tables import chain, chain_checks, chain_head, chain_queue, chain_stamps, chain_starts
from plugin.ledger.schema import acts, attempts, calls, decisions, deliveries, events
from plugin.ledger.states import ENDED
from plugin.ledger.suppression import suppressions
from plugin.ledger.trails import trails

#: Faults that are kept; more are only counted.
NAMED = 50
#: The kind of the first entry: where the chain begins.
START = "start"

_c, _later = chain.c, chain.alias("later")
_SUPERSEDED = exists().where(_later.c.kind == _c.kind, _later.c.ref == _c.ref, _later.c.seq > _c.seq)
# Of the time the driver's own word is enough.
_COLUMNS = [type_coerce(one, NullType).label("at") if one is _c.at else one for one in chain.c]
_ENTRIES = (
    select(*_COLUMNS, _SUPERSEDED.label("is_superseded"))
    .where(_c.seq > bindparam("after"))
    .order_by(_c.seq)
    .limit(bindparam("limit"))
)
_WAITING = select(chain_queue.c.kind, chain_queue.c.ref, chain_queue.c.call_ref)
_HEAD = select(chain_head.c.seq, chain_head.c.link)
#: Heads that the chain has to reach: of former checks, and those that were stamped.
_MARKS = union_all(
    select(chain_checks.c.seq, chain_checks.c.link).where(
        chain_checks.c.ended_at.is_not(None), chain_checks.c.fault_count == 0, chain_checks.c.seq > bindparam("after")
    ),
    select(chain_stamps.c.seq, chain_stamps.c.link).where(
        chain_stamps.c.answer.is_not(None), chain_stamps.c.seq > bindparam("after")
    ),
)


@dataclass(frozen=True, slots=True)
class ChainFault:
    """Something that is not as it was written: ``what`` is wrong, at which entry, with which record of which call."""

    what: str
    seq: int | None = None
    kind: str | None = None
    ref: int | None = None
    call: int | None = None


@dataclass(frozen=True, slots=True)
class CheckProgress:
    """How far a check is: the last entry that was read and its link. ``ended``: there are no more."""

    seq: int = 0
    link: str = BEFORE_ALL
    faults: tuple[ChainFault, ...] = ()
    fault_count: int = 0
    ended: bool = False

    def with_faults(self, found: Sequence[ChainFault]) -> CheckProgress:
        """With these found, too."""
        return replace(self, faults=(*self.faults, *found)[:NAMED], fault_count=self.fault_count + len(found))


@dataclass
class _Waiting:
    """Records that changed and are not in the chain yet; what they say now is no fault."""

    keys: set[tuple[str, int]] = field(default_factory=set)
    calls: set[int] = field(default_factory=set)

    @classmethod
    def read(cls, connection: Connection) -> _Waiting:
        rows = connection.execute(_WAITING).all()
        calls_ = {row.call_ref for row in rows if row.kind in ("event", "decision") and row.call_ref is not None}
        return cls({(row.kind, row.ref) for row in rows}, calls_)

    def has(self, kind: str, ref: int) -> bool:
        return (kind, ref) in self.keys or (kind in ("call", "said") and ref in self.calls)


def check_on(connection: Connection, progress: CheckProgress, limit: int) -> CheckProgress:
    """Check the next so many entries, and in the end what a chain as a whole has to be. One snapshot."""
    entries = connection.execute(_ENTRIES, {"after": progress.seq, "limit": limit}).all()
    found: list[ChainFault] = []
    seq, link = progress.seq, progress.link
    marks = {row.seq: row.link for row in connection.execute(_MARKS, {"after": seq})}
    for row in entries:
        found += _linked(row, seq, link)
        seq, link = row.seq, row.link
        if marks.pop(seq, link) != link:
            found.append(_fault("mark", row))
    found += _said(connection, entries)
    progress = replace(progress, seq=seq, link=link).with_faults(found)
    if len(entries) == limit:
        return progress
    return replace(progress.with_faults([*_ends(connection, progress, marks), *_left_out(connection)]), ended=True)


def _fault(what: str, row: Any) -> ChainFault:
    return ChainFault(what, row.seq, row.kind, row.ref, row.call_ref)


def _linked(row: Any, seq: int, link: str) -> Iterator[ChainFault]:
    at = row.at if type(row.at) is str else written_time(row.at)
    entry = ChainEntry(row.seq, at, row.kind, row.ref, row.call_ref, row.digest)
    if row.seq != seq + 1:
        yield _fault("gap", row)
    elif link_of(link, entry_hash(entry)) != row.link:
        yield _fault("link", row)


def _said(connection: Connection, entries: Sequence[Any]) -> Iterator[ChainFault]:
    """What the entries say of records that are not as the ledger has them."""
    latest = [row for row in entries if not row.is_superseded and row.kind != START]
    contents = contents_of(connection, [RecordKey(row.kind, row.ref) for row in latest])
    suspects = [row for row in latest if row.salt is None or not _is_as_said(row, contents)]
    waiting = _Waiting.read(connection) if suspects else _Waiting()
    yield from (_fault("record" if row.salt else "salt", row) for row in suspects if not waiting.has(row.kind, row.ref))
    for row in entries:
        if row.is_superseded and row.salt is not None and row.kind in WRITTEN_ONCE:
            yield _fault("again", row)
        if row.kind == START and (row.seq != 1 or row.digest != digest_of("", starts(connection))):
            yield _fault("start", row)


def _is_as_said(row: Any, contents: Mapping[RecordKey, Any]) -> bool:
    said: str = row.digest
    return digest_of(row.salt, contents[RecordKey(row.kind, row.ref)]) == said


def starts(connection: Connection) -> Content:
    """The newest row of each table when the chain began, as the first entry digests them."""
    query = select(chain_starts.c.name, chain_starts.c.position).order_by(chain_starts.c.name)
    return [(row.name, (row.position,)) for row in connection.execute(query)]


def _ends(connection: Connection, progress: CheckProgress, marks: Collection[int]) -> Iterator[ChainFault]:
    """Whether the chain ends where its head says, and reaches what former checks had read."""
    head = connection.execute(_HEAD).one_or_none()
    if head is None or (head.seq, head.link) != (progress.seq, progress.link):
        yield ChainFault("end", progress.seq)
    yield from (ChainFault("mark", seq) for seq in sorted(marks))
    if progress.seq == 0:
        yield ChainFault("start")


# --- rows of the ledger that no entry tells of -------------------------------------------------------


def _missing(name: str, kind: str, column: Any, query: Select[Any], own: Any = None) -> Select[Any]:
    """The rows after the chain's beginning that have neither an entry nor wait for one."""
    position = select(chain_starts.c.position).where(chain_starts.c.name == name).scalar_subquery()
    entered = exists().where(_c.kind == kind, _c.ref == column)
    queued = exists().where(chain_queue.c.kind == kind, chain_queue.c.ref == column)
    after = (column if own is None else own) > func.coalesce(position, 0)
    return query.where(after, ~entered, ~queued).order_by(column).limit(NAMED)


_BROUGHT = exists().where(chain_queue.c.kind.in_(("event", "decision")), chain_queue.c.call_ref == calls.c.id)
_d = deliveries.c
_LEFT_OUT: Mapping[str, Select[Any]] = {
    "call": _missing("calls", "call", calls.c.id, select(calls.c.id, calls.c.id.label("call")).where(~_BROUGHT)),
    "event": _missing(
        "events",
        "event",
        events.c.id,
        select(events.c.id, events.c.call_ref.label("call")).where(events.c.call_ref.is_not(None)),
    ),
    "card": _missing(
        "events",
        "card",
        events.c.id,
        select(events.c.id, events.c.call_ref.label("call")).where(events.c.card_facts.is_not(None)),
    ),
    "decision": _missing(
        "decisions",
        "decision",
        decisions.c.id,
        select(decisions.c.id, decisions.c.call_ref.label("call")).where(
            or_(decisions.c.event_ref.is_(None), ~exists().where(events.c.id == decisions.c.event_ref))
        ),
    ),
    "delivery": _missing(
        "deliveries",
        "delivery",
        _d.id,
        # What was planned later than its decision is no part of the decision's record.
        select(_d.id, _d.call_ref.label("call"))
        .join(decisions, decisions.c.id == _d.decision_ref)
        .where(or_(_d.state.in_(ENDED), _d.created_at != decisions.c.created_at)),
    ),
    "attempt": _missing(
        "attempts",
        "delivery",
        attempts.c.delivery_ref,
        select(attempts.c.delivery_ref.label("id"), literal(None).label("call")).distinct(),
        attempts.c.id,
    ),
    "said": _missing(
        "suppressions",
        "said",
        suppressions.c.call_ref,
        select(suppressions.c.call_ref.label("id"), suppressions.c.call_ref.label("call"))
        .where(
            suppressions.c.call_ref.is_not(None),
            ~exists().where(
                chain_queue.c.kind.in_(("event", "decision")), chain_queue.c.call_ref == suppressions.c.call_ref
            ),
        )
        .distinct(),
        suppressions.c.id,
    ),
    "suppression": _missing(
        "suppressions",
        "suppression",
        suppressions.c.id,
        select(suppressions.c.id, literal(None).label("call")).where(suppressions.c.call_ref.is_(None)),
    ),
    "act": _missing("acts", "act", acts.c.id, select(acts.c.id, acts.c.call_ref.label("call"))),
    "trail": _missing(
        "trails", "trail", trails.c.id, select(trails.c.id, literal(None).label("call")).where(trails.c.state != "open")
    ),
}


def _left_out(connection: Connection) -> Iterator[ChainFault]:
    for kind, query in _LEFT_OUT.items():
        for row in connection.execute(query):
            yield ChainFault("left_out", None, kind, row.id, row.call)
