"""Tokens by which other programs ask the plugin: one a client, of the scopes that it was given, stored as digests."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from plugin.auth.digests import token_digest
from plugin.common.clock import Now
from plugin.errors import InputError, LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.access import api_tokens

#: What a token may be for: each scope, and what it lets its bearer do, in the admin's words.
SCOPES = {"suppression": "читать список исключённых номеров"}
#: The last use is noted no more often: reading must not cost a write each time.
NOTED_EVERY = timedelta(minutes=5)

_PREFIX = "optout_"
_NAME = re.compile(r"[^\W_][\w.-]{0,63}")
_t = api_tokens.c
_STANDING = _t.revoked_at.is_(None)
_ALL = select(api_tokens).order_by(_t.name, _t.id)
_BY_DIGEST = select(api_tokens).where(_t.digest == bindparam("wanted"), _STANDING)
_BY_NAME = select(api_tokens).where(_t.name == bindparam("wanted"), _STANDING)
_ADD = insert(api_tokens)
_CHANGE = update(api_tokens).where(_t.id == bindparam("token"))


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A client's token, as far as the ledger knows it: what it was printed as is known to the client alone."""

    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


class ApiTokens:
    """The tokens of a ledger. Thread-safe. Raises InputError, in Russian, for what cannot be; LedgerUnavailable."""

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now

    def add(self, name: str, scopes: Sequence[str]) -> str:
        """Make a token for this client; the token itself, which is not stored and cannot be shown again."""
        _check(name, scopes)
        token = _PREFIX + secrets.token_urlsafe(32)
        row = {"name": name, "digest": token_digest(token), "scopes": sorted(set(scopes)), "created_at": self._now()}
        try:
            with self._ledger.write() as connection:
                connection.execute(_ADD, row)
        except IntegrityError as error:
            hint = f"Назовите иначе или отзовите прежний: optout token revoke {name}"
            raise InputError(f"Токен {name} уже есть", hint=hint) from error
        return token

    def all(self) -> Sequence[ApiToken]:
        """All tokens, revoked ones too, by name."""
        with self._ledger.read() as connection:
            return [_token(row) for row in connection.execute(_ALL)]

    def revoke(self, name: str) -> ApiToken:
        """Let its bearer in no more, from the next request on."""
        with self._ledger.write() as connection:
            row = connection.execute(_BY_NAME, {"wanted": name}).one_or_none()
            if row is None:
                raise InputError(f"Действующего токена {name[:64]!r} нет", hint="Токены печатает optout token list")
            connection.execute(_CHANGE.values(revoked_at=self._now()), {"token": row.id})
        return _token(row)

    def find(self, connection: Connection, given: str) -> ApiToken | None:
        """The token that this text is, None for one that is unknown or revoked."""
        row = connection.execute(_BY_DIGEST, {"wanted": token_digest(given)}).one_or_none()
        return None if row is None else _token(row)

    def note_use(self, token: ApiToken) -> None:
        """Remember when it was last used, about; what cannot be written now is not missed."""
        now = self._now()
        if token.used_at is not None and now - token.used_at < NOTED_EVERY:
            return
        try:
            with self._ledger.write() as connection:
                connection.execute(_CHANGE.values(used_at=now), {"token": token.id})
        except LedgerUnavailable:
            return


def _check(name: str, scopes: Sequence[str]) -> None:
    if not _NAME.fullmatch(name):
        hint = "До 64 букв, цифр и знаков . _ -, первой — буква или цифра"
        raise InputError("Такое имя токена не годится", hint=hint)
    if not scopes:
        raise InputError("Не сказано, на что токен", hint=f"Задайте --scope: {', '.join(SCOPES)}")
    for scope in scopes:
        if scope not in SCOPES:
            raise InputError(f"Токенов на «{scope[:64]}» не бывает", hint=f"Бывают: {', '.join(SCOPES)}")


def _token(row: Any) -> ApiToken:
    return ApiToken(row.id, row.name, tuple(row.scopes), row.created_at, row.used_at, row.revoked_at)
