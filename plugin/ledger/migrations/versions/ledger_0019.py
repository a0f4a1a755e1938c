"""What calls are found by: the client's name as it is searched, and indexes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from plugin.ledger.call_search import folded

revision = "ledger_0019"
down_revision = "ledger_0018"
branch_labels = None
depends_on = None

_CALLS = sa.table("calls", sa.column("id"), sa.column("card_name"), sa.column("card_search"))
#: Calls that are read and written at once.
_BATCH = 5_000


def upgrade() -> None:
    """Add the column, fill it and add the indexes."""
    op.add_column("calls", sa.Column("card_search", sa.Text(), nullable=True))
    _fill(op.get_bind())
    op.create_index(
        "ix_calls_found",
        "calls",
        ["last_occurred_at", "id", "phone", "card_search", "outcome", "script", "namespace"],
    )
    for column in ("card_id", "operator"):
        where = sa.text(f"{column} IS NOT NULL")
        columns = [column, "last_occurred_at", "id"]
        op.create_index(f"ix_calls_{column}", "calls", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them."""
    for name in ("ix_calls_operator", "ix_calls_card_id", "ix_calls_found"):
        op.drop_index(name, "calls")
    op.drop_column("calls", "card_search")


def _fill(connection: sa.Connection) -> None:
    last = 0
    change = sa.update(_CALLS).where(_CALLS.c.id == sa.bindparam("call"))
    named = sa.select(_CALLS.c.id, _CALLS.c.card_name).where(_CALLS.c.card_name.is_not(None))
    while True:
        rows = connection.execute(named.where(_CALLS.c.id > last).order_by(_CALLS.c.id).limit(_BATCH)).all()
        if not rows:
            return
        connection.execute(change, [{"call": row.id, "card_search": folded(row.card_name)} for row in rows])
        last = rows[-1].id
