"""The ledger's tables of who may use the plugin: users of the operators' page, their sessions, tokens of programs.

Tokens and passwords are kept as digests only. Sessions hold what links told of a call no longer than they live.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint

from plugin.ledger.schema import UtcTime, metadata, where_index

users = Table(
    "users",
    metadata,
    Column("id", Integer, primary_key=True),
    # In lower case, NFC: two that look the same are the same.
    Column("login", Text, nullable=False, unique=True),
    # operator | supervisor | editor | admin
    Column("role", String(16), nullable=False),
    # argon2id, with its parameters and salt.
    Column("password_hash", Text, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("password_at", UtcTime, nullable=False),
    Column("signed_in_at", UtcTime),
    Column("disabled_at", UtcTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Integer, primary_key=True),
    # sha256 of the cookie's token.
    Column("token", String(64), nullable=False, unique=True),
    # The token before that, which until then still finds this session when it is opened for another call.
    Column("replaced", String(64), index=True),
    Column("replaced_until", UtcTime),
    # NULL: opened by a link or a frame, for the calls in session_calls and nothing else.
    Column("user_ref", ForeignKey("users.id"), index=True),
    Column("operator", Text, nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # Moves on with use, up to the longest life of a session.
    Column("expires_at", UtcTime, nullable=False),
    Index("ix_sessions_expires_at", "expires_at"),
)

session_calls = Table(
    "session_calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_ref", ForeignKey("sessions.id"), nullable=False),
    Column("call_id", Text, nullable=False),
    Column("phone", Text),
    Column("card_type", Text),
    Column("card_id", Text),
    Column("name", Text),
    Column("card_url", Text),
    Column("script", Text),
    Column("opened_at", UtcTime, nullable=False),
    UniqueConstraint("session_ref", "call_id"),
)

sign_in_failures = Table(
    "sign_in_failures",
    metadata,
    # A keyed digest of the account's name or of the client's address: what was typed is not kept.
    Column("key", String(64), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    # Until then every further try is refused unseen.
    Column("not_before", UtcTime, nullable=False),
    Index("ix_sign_in_failures_last_at", "last_at"),
)

second_factors = Table(
    "second_factors",
    metadata,
    Column("user_ref", ForeignKey("users.id"), primary_key=True, autoincrement=False),
    # The secret of the authenticator's codes, encrypted by the deployment's key.
    Column("sealed", Text, nullable=False),
    # Keyed digests of the recovery codes that are left.
    Column("recovery", JSON, nullable=False),
    # Of the last code that counted: it and those before it do not count again.
    Column("last_step", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # NULL: it is being set up, and not asked for yet.
    Column("confirmed_at", UtcTime),
)

# Tokens of other programs (plugin.auth.api_tokens).
api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    # sha256 of the token.
    Column("digest", String(64), nullable=False, unique=True),
    # What its bearer may ask for: a list of names.
    Column("scopes", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # About when it was last used.
    Column("used_at", UtcTime),
    Column("revoked_at", UtcTime),
)
_NOT_REVOKED = api_tokens.c.revoked_at.is_(None)
where_index("uq_api_tokens_name", _NOT_REVOKED, api_tokens.c.name, unique=True)
