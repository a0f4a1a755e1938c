"""The chain of what the ledger says of calls. It begins with what is there now: that is before it, and not in it."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from plugin.ledger.chain.links import BEFORE_ALL, ChainEntry, digest_of, entry_hash, link_of, written_time

revision = "ledger_0022"
down_revision = "ledger_0021"
branch_labels = None
depends_on = None

#: The tables whose rows are chained.
_TABLES = ("acts", "attempts", "calls", "decisions", "deliveries", "events", "suppressions", "trails")
#: The first entry, which says where the chain begins.
_START = "start"


def upgrade() -> None:
    """Add the tables and the first entry."""
    op.create_table(
        "chain_queue",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("ref", sa.Integer(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_queue")),
    )
    chain = op.create_table(
        "chain",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("ref", sa.Integer(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=True),
        sa.Column("salt", sa.String(32), nullable=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_chain")),
    )
    op.create_index("ix_chain_record", "chain", ["kind", "ref", "seq"])
    where = sa.text("call_ref IS NOT NULL")
    op.create_index("ix_chain_call_ref", "chain", ["call_ref"], sqlite_where=where, postgresql_where=where)
    head = op.create_table(
        "chain_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_head")),
    )
    starts = op.create_table(
        "chain_starts",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chain_starts")),
    )
    op.create_table(
        "chain_checks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
        sa.Column("faults", sa.JSON(), nullable=False),
        sa.Column("fault_count", sa.Integer(), nullable=False),
        sa.Column("stamp", sa.LargeBinary(), nullable=True),
        sa.Column("stamped_at", sa.DateTime(), nullable=True),
        sa.Column("stamp_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_checks")),
    )
    _begin(op.get_bind(), chain, head, starts)


def downgrade() -> None:
    """Drop them."""
    for name in ("chain_checks", "chain_starts", "chain_head", "chain", "chain_queue"):
        op.drop_table(name)


def _begin(connection: sa.Connection, chain: sa.Table, head: sa.Table, starts: sa.Table) -> None:
    positions = {}
    for name in _TABLES:
        newest: sa.Select[int] = sa.select(sa.func.coalesce(sa.func.max(sa.column("id")), 0)).select_from(
            sa.table(name)
        )
        positions[name] = int(connection.execute(newest).scalar_one())
    connection.execute(sa.insert(starts), [{"name": name, "position": to} for name, to in positions.items()])
    now = datetime.now(UTC)
    content = [(name, (to,)) for name, to in sorted(positions.items())]
    entry = ChainEntry(1, written_time(now), _START, 0, None, digest_of("", content))
    link = link_of(BEFORE_ALL, entry_hash(entry))
    row = entry._asdict() | {"at": now.replace(tzinfo=None), "salt": "", "link": link}
    connection.execute(sa.insert(chain), row)
    connection.execute(sa.insert(head), {"id": 1, "seq": 1, "link": link})
