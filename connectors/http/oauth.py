"""Access tokens of an account: kept in a ``connectors.base.Store``, renewed once for all threads and processes.

    keeper = TokenKeeper(exchange, Grant("authorization_code", settings["code"]))
    keeper.keep_in(store)                                   # from Connector.keep_in; without one: in memory
    answer = keeper.read(lambda token: http.read(path, headers={"Authorization": f"Bearer {token}"}))
    result = keeper.write(lambda token: http.write("POST", path, payload=..., headers=...))

``exchange`` asks the CRM's token endpoint and makes tokens of its answer, e.g. over an ``HttpClient`` of its own:

    def exchange(grant: Grant) -> Tokens:
        asked = {"client_id": ..., "client_secret": ..., "grant_type": grant.type, grant.parameter: grant.secret}
        return tokens_of(auth.write("POST", "oauth2/access_token", payload=asked), utc_now())

No token appears in a message, a repr or a log. ``FixedToken`` is the same for a token that is never renewed.
Sources: RFC 6749 sections 4.1.3, 4.4, 5 and 6.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from connectors.base import CrmRefused, CrmUnavailable, NotDone, Store, Unknown
from connectors.http.answers import HttpAnswer
from connectors.http.memory_store import MemoryStore
from connectors.protocol.outcomes import not_done_because

__all__ = ["FixedToken", "Grant", "TokenKeeper", "TokenRefused", "TokenSource", "Tokens", "tokens_of"]

_LOG = logging.getLogger(__name__)

GrantType = Literal["authorization_code", "refresh_token", "client_credentials"]
Written = HttpAnswer | NotDone | Unknown

#: A grant that was refused is not offered again for so long: a token endpoint blocks who keeps asking.
_PAUSE = timedelta(seconds=60)
#: So many grants of the settings are remembered as spent.
_SPENT = 8


class TokenRefused(CrmUnavailable):
    """No token can be had until a human connects the account again. Waited for: a promise outlasts a token."""

    def __init__(self, why: str, *, code: str | None = None) -> None:
        super().__init__(why, status=401, code=code)


@dataclass(frozen=True, slots=True)
class Grant:
    """What tokens are asked for with. ``secret`` is the code or the refresh token, None for client credentials."""

    type: GrantType
    secret: str | None = field(default=None, repr=False)

    @property
    def parameter(self) -> str:
        """The name under which the token endpoint takes the secret."""
        return "code" if self.type == "authorization_code" else self.type

    @property
    def mark(self) -> str:
        """A digest to know the grant again by."""
        return hashlib.sha256(f"{self.type}:{self.secret}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A pair as the CRM gave it. ``expires_at`` is aware, None where it was not said; ``extra`` is the connector's.

    ``extra`` are further texts of the answer that must be kept with the pair, e.g. the account's address.
    """

    access: str = field(repr=False)
    refresh: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    extra: Mapping[str, str] = field(default_factory=dict, repr=False)

    def expired(self, now: datetime) -> bool:
        """Whether the access token is surely too old."""
        return self.expires_at is not None and now >= self.expires_at


#: Asks the CRM for tokens, once. Raises TokenRefused (or CrmRefused) where it will never give any for this grant, else
#: CrmUnavailable.
Exchange = Callable[[Grant], Tokens]


class TokenSource(ABC):
    """Where a connector's access token comes from. Thread-safe."""

    @abstractmethod
    def access(self) -> str:
        """The access token to use now. Raises CrmUnavailable, TokenRefused."""

    @abstractmethod
    def renewed(self, refused: str) -> str:
        """The token to use instead of ``refused``, which the CRM has just answered 401.

        Exchanged with the CRM once, however many threads and processes ask: who comes later gets the pair of who came
        first. Raises CrmUnavailable, TokenRefused; the pair that is kept stays kept then.
        """

    def expired(self, status: int | None, code: str | None) -> bool:
        """Whether an answer says that the access token must be renewed."""
        return status == 401

    def read(self, call: Callable[[str], HttpAnswer]) -> HttpAnswer:
        """``call`` with the access token, once more with a renewed one where it was refused. Raises as reads do."""
        token = self.access()
        try:
            return call(token)
        except CrmUnavailable as error:
            if not self.expired(error.status, error.code):
                raise
        return call(self.renewed(token))

    def write(self, call: Callable[[str], Written]) -> Written:
        """The same for a write, which is surely not done where its token was refused. Never raises."""
        try:
            token = self.access()
            result = call(token)
            if isinstance(result, NotDone) and self.expired(result.status, result.code):
                result = call(self.renewed(token))
            return result
        except CrmUnavailable as error:
            return not_done_because(error)


class FixedToken(TokenSource):
    """A token of the settings that is never renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "FixedToken()"

    def access(self) -> str:
        return self._token

    def renewed(self, refused: str) -> str:
        raise TokenRefused("the token is refused: make a new one in the CRM and put it into the settings")


class TokenKeeper(TokenSource):
    """One account's tokens.

    ``first`` comes from the settings and counts until something newer is kept; another one put into the settings later
    (the account was connected again) goes before what is kept, once. ``early`` renews so long before a token's end;
    None: only what the CRM has refused is renewed. ``expired`` decides by status and code whether an answer means that
    the token is to be renewed (by default every 401). ``now`` is aware.
    """

    def __init__(
        self,
        exchange: Exchange,
        first: Grant | Tokens | None,
        *,
        store: Store | None = None,
        name: str = "tokens",
        early: timedelta | None = None,
        expired: Callable[[int | None, str | None], bool] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._exchange = exchange
        self._first = first
        self._store: Store = store or MemoryStore()
        self._name = name
        self._early = early
        self._expired = expired
        self._now = now
        self._lock = threading.Lock()
        self._current: Tokens | None = None
        self._refusals: dict[str, tuple[datetime, TokenRefused]] = {}
        self._exchanges = 0
        self._failure: CrmUnavailable | None = None

    def __repr__(self) -> str:
        return f"TokenKeeper({self._name})"

    def keep_in(self, store: Store) -> None:
        """Keep the tokens there from now on; before the first request."""
        self._store = store

    def expired(self, status: int | None, code: str | None) -> bool:
        return super().expired(status, code) if self._expired is None else self._expired(status, code)

    def access(self) -> str:
        return self.tokens().access

    def tokens(self) -> Tokens:
        """The pair in force with what belongs to it. Raises CrmUnavailable, TokenRefused."""
        current = self._current or self._kept_before()
        if current is None:
            return self._renewed(None)
        now = self._now()
        if self._early is None or not current.expired(now + self._early):
            return current
        try:
            return self._renewed(current.access)
        except CrmUnavailable:
            if current.expired(now):
                raise
            # It is good for a little longer, and perhaps the CRM answers by then.
            return current

    def renewed(self, refused: str) -> str:
        return self._renewed(refused).access

    # --- details -----------------------------------------------------------------------------------

    def _kept_before(self) -> Tokens | None:
        """The pair that needs no exchange: the settings' own, or what is kept."""
        kept = _Kept.read(self._store.get(self._name))
        if not kept.knows(self._first):
            self._current = self._first if isinstance(self._first, Tokens) else None
        else:
            self._current = kept.tokens
        return self._current

    def _renewed(self, refused: str | None) -> Tokens:
        seen = self._exchanges
        with self._lock:
            current = self._current
            if current is not None and current.access != refused and not current.expired(self._now()):
                return current
            if self._exchanges != seen and self._failure is not None:
                # It failed for whom this thread has waited for, in this very moment.
                raise self._failure.with_traceback(None)
            self._current = self._changed(refused)
            return self._current

    def _changed(self, refused: str | None) -> Tokens:
        try:
            kept = _Kept.read(self._store.change(self._name, lambda value: self._change(value, refused)))
            self._failure = None
        except CrmUnavailable as error:
            self._failure = error
            raise
        finally:
            self._exchanges += 1
        if kept.tokens is None:
            raise CrmUnavailable("the renewed token was not kept")
        return kept.tokens

    def _change(self, value: str | None, refused: str | None) -> str:
        """What is to be kept instead of ``value``. Only one caller of all processes is here at a time."""
        kept = _Kept.read(value)
        if not kept.knows(self._first):
            try:
                return self._from_first(kept)
            except TokenRefused:
                if kept.tokens is None:
                    raise
                _LOG.warning("the grant in the settings was refused; the account's kept tokens stay in use")
                kept = kept.with_spent(self._first)
        tokens = kept.tokens
        if tokens is not None and tokens.access != refused and not tokens.expired(self._now()):
            return kept.written()
        if isinstance(self._first, Grant) and self._first.type == "client_credentials":
            grant = self._first
        elif tokens is not None and tokens.refresh:
            grant = Grant("refresh_token", tokens.refresh)
        else:
            raise TokenRefused("there is nothing to renew the token by: connect the account again")
        return replace(kept, tokens=self._exchanged(grant)).written()

    def _from_first(self, kept: _Kept) -> str:
        first = self._first
        if isinstance(first, Tokens):
            if not first.refresh:
                raise TokenRefused("the settings hold no refresh token: connect the account again")
            first = Grant("refresh_token", first.refresh)
        if first is None:
            raise TokenRefused("the account is not connected yet: the settings hold neither code nor token")
        return replace(kept.with_spent(self._first), tokens=self._exchanged(first)).written()

    def _exchanged(self, grant: Grant) -> Tokens:
        at, refusal = self._refusals.get(grant.mark, (None, None))
        if at is not None and refusal is not None and self._now() - at < _PAUSE:
            raise refusal.with_traceback(None)
        try:
            tokens = self._exchange(grant)
        except (TokenRefused, CrmRefused) as error:
            refused = error if isinstance(error, TokenRefused) else TokenRefused(str(error), code=error.code)
            self._refusals = {grant.mark: (self._now(), refused)}
            raise refused from None
        if tokens.refresh is None and grant.type == "refresh_token":
            # RFC 6749, section 6: without a new one the old refresh token stays good.
            return replace(tokens, refresh=grant.secret)
        return tokens


def tokens_of(result: Written, now: datetime, *, extra: tuple[str, ...] = ()) -> Tokens:
    """The tokens in a token endpoint's answer; ``extra`` names further texts of it to keep.

    Raises TokenRefused where the grant or the client is refused, CrmUnavailable for anything else: after a lost answer
    the old pair is tried again, and where it was spent by then, that ends in TokenRefused.
    """
    if isinstance(result, HttpAnswer):
        data = result.data if isinstance(result.data, dict) else {}
        access = data.get("access_token")
        if not isinstance(access, str) or not access:
            raise CrmUnavailable("the token endpoint answered without a token", status=result.status)
        refresh = data.get("refresh_token")
        return Tokens(
            access,
            refresh if isinstance(refresh, str) and refresh else None,
            _expiry(data.get("expires_in"), now),
            {name: str(data[name]) for name in extra if isinstance(data.get(name), str | int)},
        )
    if isinstance(result, NotDone) and (result.permanent or result.status == 401):
        why = "the CRM gives no token any more: connect the account again and put the new code into the settings"
        raise TokenRefused(f"{why} ({result.why})", code=result.code)
    blocked = isinstance(result, NotDone) and result.blocked
    after = result.after if isinstance(result, NotDone) else None
    raise CrmUnavailable(
        f"no new token: {result.why}", after=after, status=result.status, code=result.code, blocked=blocked
    )


def _expiry(seconds: object, now: datetime) -> datetime | None:
    """When a token of so many seconds ends; servers also write the number as text."""
    try:
        return now + timedelta(seconds=float(str(seconds)))
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the store holds: the pair, and which grants of the settings have been used up."""

    tokens: Tokens | None = None
    spent: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: str | None) -> _Kept:
        """Something unreadable counts as nothing."""
        try:
            data = json.loads(value) if value else {}
            expires = data.get("expires_at")
            tokens = Tokens(
                data["access"],
                data.get("refresh"),
                datetime.fromisoformat(expires) if expires else None,
                dict(data.get("extra") or {}),
            )
            return cls(tokens, tuple(data.get("spent") or ()))
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls()

    def written(self) -> str:
        data: dict[str, Any] = {"spent": self.spent}
        if self.tokens is not None:
            expires = self.tokens.expires_at
            data |= {"access": self.tokens.access, "refresh": self.tokens.refresh, "extra": dict(self.tokens.extra)}
            data["expires_at"] = expires.isoformat() if expires else None
        return json.dumps(data)

    def knows(self, first: Grant | Tokens | None) -> bool:
        """Whether there is nothing newer in the settings than what is kept."""
        if first is None or (isinstance(first, Grant) and first.type == "client_credentials"):
            return self.tokens is not None
        return _mark(first) in self.spent

    def with_spent(self, first: Grant | Tokens | None) -> _Kept:
        if first is None or _mark(first) in self.spent:
            return self
        return replace(self, spent=(*self.spent, _mark(first))[-_SPENT:])


def _mark(first: Grant | Tokens) -> str:
    return Grant("refresh_token", first.refresh or first.access).mark if isinstance(first, Tokens) else first.mark
