"""Tokens: renewed once for all, never lost, never shown."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Unknown
from connectors.http.answers import HttpAnswer
from connectors.http.memory_store import MemoryStore
from connectors.http.oauth import FixedToken, Grant, TokenKeeper, TokenRefused, Tokens, tokens_of
from plugin.ledger import Ledger
from plugin.resilience.token_store import LedgerStore
from tests.support.databases import migrate
from tests.support.processes import wait_until

NOW = datetime(2026, 11, 23, 7, 15, tzinfo=UTC)
CODE = Grant("authorization_code", "c0de-of-the-settings")


class Authority:
    """A token endpoint whose refresh tokens and codes count once each, as amoCRM's do."""

    def __init__(self) -> None:
        self.good = {CODE.secret, "refresh-of-the-settings"}
        self.asked: list[Grant] = []
        self.failures: list[Exception] = []
        self.lifetime: float | None = 86_400
        self.now = NOW
        self.access = "access-0"
        self.open = threading.Event()
        self.open.set()

    def __call__(self, grant: Grant) -> Tokens:
        assert self.open.wait(5)
        self.asked.append(grant)
        if self.failures:
            raise self.failures.pop(0)
        if grant.type != "client_credentials":
            if grant.secret not in self.good:
                raise TokenRefused("spent", code="invalid_grant")
            self.good.remove(grant.secret)
        number = len(self.asked)
        self.access, refresh = f"access-{number}", f"refresh-{number}"
        self.good.add(refresh)
        expires = None if self.lifetime is None else self.now + timedelta(seconds=self.lifetime)
        return Tokens(self.access, None if grant.type == "client_credentials" else refresh, expires)

    def keeper(self, first: Grant | Tokens | None = CODE, store: MemoryStore | None = None, **more: Any) -> TokenKeeper:
        return TokenKeeper(self, first, store=store or MemoryStore(), now=lambda: self.now, **more)


@pytest.fixture
def authority() -> Authority:
    return Authority()


# --- failures --------------------------------------------------------------------------------------


def test_an_account_that_is_not_connected_says_so(authority: Authority) -> None:
    with pytest.raises(TokenRefused, match="not connected yet"):
        authority.keeper(None).access()
    with pytest.raises(TokenRefused, match="no refresh token"):
        authority.keeper(Tokens("a")).renewed("a")


@pytest.mark.parametrize("failure", [CrmUnavailable("away", after=7.0, status=503), TokenRefused("spent")])
def test_a_failed_renewal_keeps_the_old_pair(authority: Authority, failure: Exception) -> None:
    store = MemoryStore()
    keeper = authority.keeper(store=store)
    old = keeper.access()
    kept = store.get("tokens")
    authority.failures = [failure]

    with pytest.raises(type(failure)):
        keeper.renewed(old)
    assert store.get("tokens") == kept
    assert keeper.access() == old
    authority.now += timedelta(seconds=61)
    assert keeper.renewed(old) == "access-3"


def test_a_refused_grant_is_not_offered_again_at_once(authority: Authority) -> None:
    keeper = authority.keeper(Grant("refresh_token", "revoked"))
    for _ in range(5):
        with pytest.raises(TokenRefused):
            keeper.access()
    assert len(authority.asked) == 1
    authority.now += timedelta(seconds=61)
    with pytest.raises(TokenRefused):
        keeper.access()
    assert len(authority.asked) == 2


def test_a_wrong_code_in_the_settings_does_not_cost_the_kept_pair(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    good = authority.keeper(store=store).access()

    with caplog.at_level(logging.WARNING):
        assert authority.keeper(Grant("authorization_code", "misspelt"), store).access() == good
        assert authority.keeper(Grant("authorization_code", "misspelt"), store).access() == good
    assert [grant.secret for grant in authority.asked] == [CODE.secret, "misspelt"]
    assert "misspelt" not in caplog.text


def test_a_refusal_in_the_words_of_a_read_is_one_too(authority: Authority) -> None:
    authority.failures = [CrmRefused("invalid_grant", status=400, code="invalid_grant")]
    with pytest.raises(TokenRefused) as caught:
        authority.keeper().access()
    assert (caught.value.status, caught.value.code) == (401, "invalid_grant")


@pytest.mark.parametrize("value", ["", "[]", "{", '{"access": "a", "expires_at": "soon"}', '{"spent": ["x"]}'])
def test_an_unreadable_value_counts_as_nothing(authority: Authority, value: str) -> None:
    store = MemoryStore()
    store.change("tokens", lambda _: value)
    assert authority.keeper(store=store).access() == "access-1"


def test_a_store_that_is_away_is_said(authority: Authority) -> None:
    class Away(MemoryStore):
        def change(self, name: str, change: Callable[[str | None], str]) -> str:
            raise CrmUnavailable("the ledger is locked", after=1.0)

    with pytest.raises(CrmUnavailable, match="locked"):
        authority.keeper(store=Away()).access()
    assert authority.asked == []


# --- the first pair --------------------------------------------------------------------------------


def test_the_settings_code_is_used_once_and_then_what_is_kept(authority: Authority) -> None:
    store = MemoryStore()
    assert authority.keeper(store=store).access() == "access-1"
    assert authority.keeper(store=store).access() == "access-1"
    assert authority.asked == [CODE]


def test_a_pair_of_the_settings_needs_no_exchange_until_it_is_refused(authority: Authority) -> None:
    store, pair = MemoryStore(), Tokens("access-of-the-settings", "refresh-of-the-settings")
    keeper = authority.keeper(pair, store)
    assert keeper.access() == "access-of-the-settings"
    assert authority.asked == []
    assert keeper.renewed("access-of-the-settings") == "access-1"
    assert authority.keeper(pair, store).access() == "access-1"


def test_a_new_code_in_the_settings_goes_before_what_is_kept(authority: Authority) -> None:
    store = MemoryStore()
    authority.keeper(store=store).access()
    authority.good.add("new c0de")
    new = Grant("authorization_code", "new c0de")

    assert authority.keeper(new, store).access() == "access-2"
    assert authority.keeper(CODE, store).access() == "access-2", "a process with the old settings does not go back"
    assert [grant.secret for grant in authority.asked] == [CODE.secret, "new c0de"]


def test_client_credentials_are_asked_again_each_time(authority: Authority) -> None:
    keeper = authority.keeper(Grant("client_credentials"))
    assert keeper.renewed(keeper.access()) == "access-2"
    assert {grant.type for grant in authority.asked} == {"client_credentials"}


# --- renewing --------------------------------------------------------------------------------------


def test_what_another_process_has_renewed_is_used(authority: Authority) -> None:
    store = MemoryStore()
    one, other = authority.keeper(store=store), authority.keeper(store=store)
    old = one.access()
    assert other.access() == old
    assert one.renewed(old) == "access-2"
    assert other.renewed(old) == "access-2"
    assert len(authority.asked) == 2


def test_what_another_process_renewed_long_ago_is_renewed_again(authority: Authority) -> None:
    store = MemoryStore()
    one, other = authority.keeper(store=store), authority.keeper(store=store)
    old = other.access()
    one.renewed(old)
    authority.now += timedelta(days=2)
    assert other.renewed(old) == "access-3"


def waits_for_the_renewal(thread: threading.Thread) -> bool:
    """Whether a thread has asked for a new token and waits until the one before it has an answer."""
    frame = sys._current_frames().get(thread.ident or 0)
    return frame is not None and frame.f_code.co_name == "_renewed" and "seen" in frame.f_locals


@pytest.mark.parametrize("fails", [False, True])
def test_many_threads_renew_once_and_share_its_failure_too(authority: Authority, fails: bool) -> None:
    keeper = authority.keeper()
    old = keeper.access()
    authority.open.clear()
    authority.failures = [CrmUnavailable("away")] if fails else []
    got: list[str] = []

    def ask() -> None:
        try:
            got.append(keeper.renewed(old))
        except CrmUnavailable as error:
            got.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    # One is at the exchange, all others behind it.
    wait_until(lambda: sum(map(waits_for_the_renewal, threads)) == 7, 5)
    authority.open.set()
    for thread in threads:
        thread.join(5)
    assert got == ["away" if fails else "access-2"] * 8
    assert len(authority.asked) == 2


def test_many_processes_renew_once(authority: Authority) -> None:
    store = MemoryStore()
    keepers = [authority.keeper(store=store) for _ in range(6)]
    (old,) = {keeper.access() for keeper in keepers}
    got: list[str] = []
    threads = [threading.Thread(target=lambda keeper=keeper: got.append(keeper.renewed(old))) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert got == ["access-2"] * 6
    assert len(authority.asked) == 2


def test_it_is_renewed_early_where_that_is_wanted(authority: Authority) -> None:
    authority.lifetime = 100
    keeper = authority.keeper(early=timedelta(seconds=30))
    assert keeper.access() == keeper.access() == "access-1"
    authority.now += timedelta(seconds=71)
    assert keeper.access() == "access-2"


def test_a_token_that_is_still_good_is_used_on_where_it_cannot_be_renewed_early(authority: Authority) -> None:
    authority.lifetime = 100
    keeper = authority.keeper(early=timedelta(seconds=30))
    keeper.access()
    authority.now += timedelta(seconds=71)
    authority.failures = [CrmUnavailable("away"), CrmUnavailable("away")]
    assert keeper.access() == "access-1"
    authority.now += timedelta(seconds=30)
    with pytest.raises(CrmUnavailable, match="away"):
        keeper.access()
    assert keeper.access() == "access-4"


def test_processes_on_one_ledger_renew_once(authority: Authority, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    ledgers = [Ledger(url) for _ in range(3)]
    migrate(ledgers[0])
    keepers = [
        authority.keeper(store=LedgerStore(ledger, "crm", Limits(), lambda: authority.now))  # type: ignore[arg-type]
        for ledger in ledgers
    ]
    old = keepers[0].access()
    got: list[str] = []
    threads = [threading.Thread(target=lambda keeper=keeper: got.append(keeper.renewed(old))) for keeper in keepers * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    for ledger in ledgers:
        ledger.close()
    assert got == ["access-2"] * 6
    assert len(authority.asked) == 2


def test_without_a_new_refresh_token_the_old_one_stays(authority: Authority) -> None:
    keeper = TokenKeeper(lambda grant: Tokens(f"for-{grant.secret}"), Grant("refresh_token", "r"), now=lambda: NOW)
    assert keeper.renewed(keeper.access()) == "for-r"


# --- calls -----------------------------------------------------------------------------------------


class Api:
    def __init__(self, authority: Authority) -> None:
        self.authority = authority
        self.calls = 0

    def read(self, token: str) -> HttpAnswer:
        self.calls += 1
        if token != self.authority.access:
            raise CrmUnavailable("expired", status=401, code="expired_token")
        return HttpAnswer(200, {}, {})

    def write(self, token: str) -> HttpAnswer | NotDone | Unknown:
        try:
            return self.read(token)
        except CrmUnavailable as error:
            return NotDone("expired", status=401, code=error.code)


def test_a_call_whose_token_was_refused_is_made_once_more(authority: Authority) -> None:
    keeper, api = authority.keeper(), Api(authority)
    keeper.access()
    authority.access = "revoked"
    assert keeper.read(api.read).status == 200
    authority.access = "revoked again"
    assert isinstance(keeper.write(api.write), HttpAnswer)
    assert (api.calls, len(authority.asked)) == (4, 3)


def test_a_call_that_is_refused_with_the_new_token_too_is_not_made_again(authority: Authority) -> None:
    keeper, calls = authority.keeper(), []

    def refused(token: str) -> NotDone:
        calls.append(token)
        return NotDone("no", status=401)

    assert keeper.write(refused) == NotDone("no", status=401)
    assert calls == ["access-1", "access-2"]


def test_a_write_does_not_raise_where_there_is_no_token(authority: Authority) -> None:
    authority.failures = [CrmUnavailable("away", after=9.0, status=503, blocked=True)]
    result = authority.keeper().write(lambda _: HttpAnswer(200, None, {}))
    assert result == NotDone("away", after=9.0, status=503, blocked=True)


def test_what_else_a_crm_answers_401_is_left_alone(authority: Authority) -> None:
    keeper = authority.keeper(expired=lambda status, code: code == "expired_token")
    assert keeper.write(lambda _: NotDone("no", status=401, code="NO_AUTH_FOUND")).status == 401
    assert len(authority.asked) == 1


def test_a_fixed_token_is_never_renewed() -> None:
    token = FixedToken("s3cret")
    assert token.access() == "s3cret"
    with pytest.raises(TokenRefused, match="make a new one"):
        token.read(lambda _: (_ for _ in ()).throw(CrmUnavailable("no", status=401)))
    assert "s3cret" not in repr(token)


# --- the endpoint's answer -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "error"),
    [
        (NotDone("no", permanent=True, status=400, code="invalid_grant"), TokenRefused),
        (NotDone("no", status=401), TokenRefused),
        (NotDone("no", status=429, after=5.0), CrmUnavailable),
        (Unknown("cut"), CrmUnavailable),
        (HttpAnswer(200, {"token_type": "Bearer"}, {}), CrmUnavailable),
        (HttpAnswer(200, [], {}), CrmUnavailable),
        (HttpAnswer(200, {"access_token": ""}, {}), CrmUnavailable),
    ],
)
def test_an_answer_without_tokens_is_an_error(result: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as caught:
        tokens_of(result, NOW)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("seconds", "expires"),
    [(86_400, NOW + timedelta(days=1)), ("3600", NOW + timedelta(hours=1)), (None, None), ("x", None), (1e300, None)],
)
def test_an_answer_is_read(seconds: Any, expires: datetime | None) -> None:
    data = {"access_token": "a", "refresh_token": "r", "expires_in": seconds, "server_endpoint": "https://x", "n": []}
    found = tokens_of(HttpAnswer(200, data, {}), NOW, extra=("server_endpoint", "n"))
    assert found == Tokens("a", "r", expires, {"server_endpoint": "https://x"})


def test_the_whole_pair_is_kept_with_what_belongs_to_it() -> None:
    store, pair = MemoryStore(), Tokens("a", "r", NOW + timedelta(days=1), {"server_endpoint": "https://x"})
    TokenKeeper(lambda _: pair, CODE, store=store, now=lambda: NOW).access()
    assert TokenKeeper(lambda _: pytest.fail("asked"), CODE, store=store, now=lambda: NOW).tokens() == pair


def test_nothing_shows_a_secret(authority: Authority) -> None:
    store = MemoryStore()
    keeper = authority.keeper(store=store)
    keeper.access()
    shown = repr((keeper, keeper.tokens(), CODE, store, Tokens("access-1", "refresh-1", None, {"t": "access-1"})))
    assert not any(secret in shown for secret in ("access-1", "refresh-1", str(CODE.secret)))
    with pytest.raises(CrmUnavailable) as caught:
        tokens_of(HttpAnswer(200, {"refresh_token": "s3cret"}, {}), NOW)
    assert "s3cret" not in str(caught.value)
