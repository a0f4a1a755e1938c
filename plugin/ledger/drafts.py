"""The ledger's tables of drafts of the rules: what each person is writing, and how to take each of their edits back."""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Integer, String, Table, Text, UniqueConstraint

from plugin.ledger.schema import UtcTime, metadata

drafts = Table(
    "drafts",
    metadata,
    Column("id", Integer, primary_key=True),
    # The login of the person who writes it; nobody else reads it.
    Column("owner", Text, nullable=False),
    Column("script", Text, nullable=False),
    # The revision that it was begun with, or last brought up to.
    Column("base", String(64), ForeignKey("revisions.revision"), nullable=False),
    # File name → its text, of the whole rules folder.
    Column("files", JSON, nullable=False),
    # Grows with every change, so that two of them at once do not write over each other.
    Column("version", Integer, nullable=False),
    # The number of the last edit that stands; those after it can be done again.
    Column("position", Integer, nullable=False),
    Column("begun_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    UniqueConstraint("owner", "script"),
)

draft_edits = Table(
    "draft_edits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("draft_ref", ForeignKey("drafts.id"), nullable=False),
    Column("number", Integer, nullable=False),
    # What was done, in words.
    Column("what", Text, nullable=False),
    # plugin.authoring.drafts.edits.Edit: what was replaced by what in each file.
    Column("changes", JSON, nullable=False),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("draft_ref", "number"),
)
