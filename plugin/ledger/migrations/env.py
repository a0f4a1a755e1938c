"""Alembic's environment: migrates over the connection, in the transaction, that ``migrations.upgrade`` was given."""

from __future__ import annotations

from alembic import context

from plugin.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite alters a table by copying it.
    render_as_batch=True,
    # Alembic takes SQLite's DDL for not transactional because of the driver; the ledger's connections begin themselves.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
