"""Takes the salts away with the personal data: what the chain digested can then no longer be guessed from it.

What is left of each record is taken into the chain anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, bindparam, insert, null, select, update

from plugin.ledger.chain.tables import chain, chain_head, chain_queue

_c = chain.c
_COLUMNS = ["kind", "ref", "call_ref"]
_HOLD = select(chain_head.c.seq).with_for_update()
_OF_CALLS = and_(_c.call_ref.in_(bindparam("calls", expanding=True)), _c.kind != "said")
_OF_RECORDS = and_(_c.kind == bindparam("of_kind"), _c.ref.in_(bindparam("refs", expanding=True)))


def hold(connection: Connection) -> None:
    """Keep the chain from being added to until this transaction ends; to be called before anything is removed.

    Otherwise what is being taken in at this moment would get its salt after the salts had gone.
    """
    connection.execute(_HOLD)


def forget_calls(connection: Connection, calls: Sequence[int]) -> None:
    """The personal data of these calls has gone; what they said of their numbers stays."""
    _forget(connection, _OF_CALLS, {"calls": list(calls)})


def forget_records(connection: Connection, kind: str, refs: Sequence[int]) -> None:
    """The personal data of these records of one kind has gone."""
    if refs:
        _forget(connection, _OF_RECORDS, {"of_kind": kind, "refs": list(refs)})


def _forget(connection: Connection, which: ColumnElement[bool], chosen: dict[str, object]) -> None:
    again = select(_c.kind, _c.ref, _c.call_ref).where(which, _c.salt.is_not(None)).distinct()
    connection.execute(insert(chain_queue).from_select(_COLUMNS, again, include_defaults=False), chosen)
    connection.execute(update(chain).where(which, _c.salt.is_not(None)).values(salt=null()), chosen)
