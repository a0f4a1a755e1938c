"""The console: longer names of roles, what one act did to many things, words that no answer fitted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0023"
down_revision = "ledger_0022"
branch_labels = None
depends_on = None

_TRAILS = sa.table("trails", sa.column("id"), sa.column("entries", sa.JSON()), sa.column("remarks"))
#: Journals that are read at once.
_BATCH = 2_000


def upgrade() -> None:
    """Widen the role, add the table."""
    _widen(16)
    op.create_table(
        "bulk_acts",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("act", sa.String(24), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_acts"),
    )
    op.create_index("ix_bulk_acts_at", "bulk_acts", ["at"])
    op.create_table(
        "settled_remarks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trail_ref", sa.Integer(), nullable=False),
        sa.Column("said_at", sa.String(40), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_settled_remarks"),
        sa.ForeignKeyConstraint(["trail_ref"], ["trails.id"], name="fk_settled_remarks_trail_ref"),
        sa.UniqueConstraint("trail_ref", "said_at", name="uq_settled_remarks_trail_ref"),
    )
    op.add_column("trails", sa.Column("remarks", sa.Integer(), nullable=False, server_default="0"))
    _count_remarks(op.get_bind())
    where = sa.text("remarks > 0")
    op.create_index("ix_trails_remarks", "trails", ["updated_at"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop it; a role that a former version does not know becomes an operator's."""
    op.drop_index("ix_trails_remarks", "trails")
    op.drop_column("trails", "remarks")
    op.drop_table("settled_remarks")
    op.drop_table("bulk_acts")
    op.execute("UPDATE users SET role = 'operator' WHERE role NOT IN ('operator', 'admin')")
    _widen(8)


def _count_remarks(connection: sa.Connection) -> None:
    last = 0
    change = sa.update(_TRAILS).where(_TRAILS.c.id == sa.bindparam("trail"))
    while True:
        query = sa.select(_TRAILS.c.id, _TRAILS.c.entries).where(_TRAILS.c.id > last).order_by(_TRAILS.c.id)
        rows = connection.execute(query.limit(_BATCH)).all()
        if not rows:
            return
        counted = [(row.id, sum(entry.get("kind") == "other" for entry in row.entries)) for row in rows]
        if found := [{"trail": id_, "remarks": number} for id_, number in counted if number]:
            connection.execute(change, found)
        last = rows[-1].id


def _widen(signs: int) -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("users", "role", type_=sa.String(signs), existing_nullable=False)
        return
    # SQLite changes no column's type, and copying the table would end the sessions that refer to it.
    op.add_column("users", sa.Column("wider", sa.String(signs), nullable=False, server_default="operator"))
    op.execute("UPDATE users SET wider = role")
    op.drop_column("users", "role")
    op.execute("ALTER TABLE users RENAME COLUMN wider TO role")
