"""OAuth: a pair kept and renewed once, refresh tokens that count once, a quota shared, nothing shown."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from connectors.amocrm import AmoConnector
from connectors.base import CardRef, CrmUnavailable, Done, NotDone
from connectors.http.memory_store import MemoryStore
from connectors.http.oauth import TokenRefused
from tests.connectors.amocrm.rig import oauth, rig, settings
from tests.connectors.amocrm.server import CLIENT_SECRET, CODE, AmoServer
from tests.support.fake_api import Fault

KEY = "0123456789abcdef" * 4
TEXT = "Комментарий\n[ref:0123456789abcdef]"


class Account:
    """An account by OAuth, and processes that are signed in to it."""

    def __init__(self, server: AmoServer) -> None:
        self.server = server
        self.store = MemoryStore()
        self.time = datetime.now(UTC)
        self.card = CardRef("contact", str(server.card("contacts", "Иванов Иван Иванович")))
        self._connectors: list[AmoConnector] = []

    def process(self, *, keeps: bool = True, **more: Any) -> AmoConnector:
        loaded = AmoConnector.Settings().load(settings(self.server.url, **(oauth() | more)))
        connector = AmoConnector(loaded, now=lambda: self.time)
        self._connectors.append(connector)
        if keeps:
            connector.keep_in(self.store)
        return connector

    def close(self) -> None:
        for connector in self._connectors:
            connector.close()


@pytest.fixture
def account() -> Iterator[Account]:
    server = AmoServer()
    with server.running():
        this = Account(server)
        yield this
        this.close()


def test_a_code_that_is_refused_waits_for_a_new_one(account: Account) -> None:
    account.server.codes.clear()
    connector = account.process()
    with pytest.raises(TokenRefused, match="connect the account again"):
        connector.read_card(account.card)
    outcome = connector.add_comment(account.card, TEXT, KEY)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (False, 401)
    assert account.server.exchanges == 1, "it is not asked again and again"
    account.server.codes.add("another c0de")
    assert account.process(code="another c0de").read_card(account.card) is not None


def test_wrong_client_data_are_no_reason_to_lose_the_pair(account: Account) -> None:
    assert account.process().read_card(account.card) is not None
    kept = account.store.get("tokens")
    account.server.tokens.clear()
    with pytest.raises(TokenRefused):
        account.process(client_secret="wrong").read_card(account.card)
    assert account.store.get("tokens") == kept
    assert account.process().read_card(account.card) is not None


def test_the_code_is_used_once_for_all_processes(account: Account) -> None:
    assert all(account.process().read_card(account.card) is not None for _ in range(3))
    assert account.server.exchanges == 1


@pytest.mark.parametrize("write", [False, True])
def test_a_refused_token_is_renewed_once_and_the_call_made_again(account: Account, write: bool) -> None:
    connector = account.process()
    connector.read_card(account.card)
    account.server.tokens.clear()
    if write:
        assert isinstance(connector.add_comment(account.card, TEXT, KEY), Done)
        assert len(account.server.account.notes) == 1
    else:
        assert connector.read_card(account.card) is not None
    assert account.server.exchanges == 2


def test_a_token_that_ends_is_renewed_before_it_is_refused(account: Account) -> None:
    connector = account.process()
    connector.read_card(account.card)
    account.time += timedelta(hours=24)
    account.server.requests.clear()
    assert connector.read_card(account.card) is not None
    assert [request.path for request in account.server.requests] == [
        "/oauth2/access_token",
        f"/api/v4/contacts/{account.card.id}",
    ]


def test_many_threads_of_many_processes_renew_once(account: Account) -> None:
    processes = [account.process() for _ in range(3)]
    for process in processes:
        process.read_card(account.card)
    account.server.tokens.clear()
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda process=process: found.append(process.read_card(account.card)))
        for process in processes * 3
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 9
    assert None not in found
    assert account.server.exchanges == 2


def test_a_single_use_refresh_token_whose_answer_was_lost_is_told(account: Account) -> None:
    connector = account.process()
    connector.read_card(account.card)
    account.server.tokens.clear()
    answer = account.server.answer

    def lost(request: Any) -> Any:
        found = answer(request)
        return account.server.worded(Fault.ERROR_AFTER) if request.path.endswith("access_token") else found

    account.server.answer = lost  # type: ignore[method-assign]
    with pytest.raises(CrmUnavailable, match="no new token"):
        connector.read_card(account.card)
    account.server.answer = answer  # type: ignore[method-assign]
    with pytest.raises(TokenRefused, match="connect the account again"):
        connector.read_card(account.card)


def test_without_a_store_the_pair_lives_as_long_as_the_process(account: Account) -> None:
    connector = account.process(keeps=False)
    assert connector.read_card(account.card) is not None
    account.server.tokens.clear()
    assert connector.read_card(account.card) is not None
    assert account.store.get("tokens") is None


def test_once_a_pair_is_kept_the_code_may_be_taken_out_of_the_settings(account: Account) -> None:
    with pytest.raises(TokenRefused, match="not connected yet"):
        account.process(code=None).read_card(account.card)
    account.process().read_card(account.card)
    account.server.tokens.clear()
    assert account.process(code=None).read_card(account.card) is not None


def test_a_long_lived_token_is_not_renewed() -> None:
    with rig() as crm:
        crm.fault(Fault.TOKEN_EXPIRED)
        outcome = crm.connector.add_comment(crm.card, TEXT, KEY)
        assert isinstance(outcome, NotDone)
        assert (outcome.permanent, outcome.status) == (False, 401)
        assert "make a new one" in outcome.why
        assert isinstance(crm.connector.add_comment(crm.card, TEXT, KEY), Done)


def test_the_documented_exchange(payload: Callable[[str], Any]) -> None:
    url = "https://example.amocrm.ru"
    connector = AmoConnector(
        AmoConnector.Settings().load(settings(url, **oauth(code=None, refresh_token="old-refresh")))
    )
    with responses.RequestsMock() as mock:
        asked = {"client_id": "client-id", "client_secret": CLIENT_SECRET, "refresh_token": "old-refresh"}
        asked |= {"redirect_uri": "https://optout.example.org/", "grant_type": "refresh_token"}
        mock.post(
            f"{url}/oauth2/access_token",
            json=payload("token__renewed"),
            match=[responses.matchers.json_params_matcher(asked)],
        )
        bearer = responses.matchers.header_matcher({"Authorization": "Bearer new-access"})
        mock.get(f"{url}/api/v4/contacts/1", status=204, match=[bearer])
        assert connector.read_card(CardRef("contact", "1")) is None
    connector.close()


def test_the_documented_refusal(payload: Callable[[str], Any]) -> None:
    url = "https://example.amocrm.ru"
    connector = AmoConnector(AmoConnector.Settings().load(settings(url, **oauth())))
    with responses.RequestsMock() as mock:
        mock.post(f"{url}/oauth2/access_token", status=401, json=payload("token__refused"))
        with pytest.raises(TokenRefused):
            connector.read_card(CardRef("contact", "1"))
    connector.close()


def test_no_secret_is_shown(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        connector = account.process()
        connector.read_card(account.card)
        account.server.tokens.clear()
        account.server.refresh_tokens.clear()
        outcome = connector.add_comment(account.card, TEXT, KEY)
        points = connector.check()
    shown = repr((outcome, points, connector, account.store)) + caplog.text
    for secret in (CODE, CLIENT_SECRET, "access-t0ken", "refresh-t0ken"):
        assert secret not in shown


# --- the quota -------------------------------------------------------------------------------------


class Turns:
    def __init__(self, wait: float = 0.0) -> None:
        self.taken = 0
        self.wait = wait

    def acquire(self, longest: float) -> float:
        if self.wait > longest:
            return self.wait
        self.taken += 1
        return 0.0


def test_every_request_takes_a_turn_of_the_shared_quota_renewals_too(account: Account) -> None:
    turns, connector = Turns(), account.process()
    connector.share_quota(turns)
    connector.add_comment(account.card, TEXT, KEY)
    assert turns.taken == len(account.server.requests) == 3


def test_without_a_turn_nothing_is_sent_and_it_is_told_how_long() -> None:
    with rig() as crm:
        crm.connector.share_quota(Turns(wait=42.0))
        outcome = crm.connector.add_comment(crm.card, TEXT, KEY)
        assert isinstance(outcome, NotDone)
        assert (outcome.permanent, outcome.after) == (False, 42.0)
        assert crm.server.requests == []
