"""Tokens of other programs: printed once, stored as digests, of some scopes, revoked at once; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from plugin.auth.api_tokens import NOTED_EVERY, ApiToken, ApiTokens
from plugin.errors import InputError
from plugin.ledger import Ledger
from plugin.ledger.access import api_tokens
from tests.plugin.auth.support import START, HandClock


@pytest.fixture
def tokens(ledger: Ledger, clock: HandClock) -> ApiTokens:
    return ApiTokens(ledger, clock)


def found(ledger: Ledger, tokens: ApiTokens, given: str) -> ApiToken | None:
    with ledger.read() as connection:
        return tokens.find(connection, given)


@pytest.mark.parametrize("name", ["", " ", "-x", "a b", "a\nb", "x" * 65, "a/b"])
def test_a_name_that_is_none_is_refused(tokens: ApiTokens, name: str) -> None:
    with pytest.raises(InputError, match="имя токена не годится"):
        tokens.add(name, ["suppression"])


@pytest.mark.parametrize(
    ("scopes", "said"), [([], "Не сказано, на что"), (["supression"], "на «supression» не бывает")]
)
def test_a_token_is_for_something_that_there_is(tokens: ApiTokens, scopes: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        tokens.add("dialler", scopes)
    assert "suppression" in str(error.value.hint)


def test_a_name_is_taken_while_its_token_stands(tokens: ApiTokens) -> None:
    tokens.add("dialler", ["suppression"])
    with pytest.raises(InputError, match="Токен dialler уже есть"):
        tokens.add("dialler", ["suppression"])
    tokens.revoke("dialler")
    tokens.add("dialler", ["suppression"])
    assert [one.revoked_at for one in tokens.all()] == [START, None]


def test_what_is_not_there_cannot_be_revoked_nor_revoked_again(tokens: ApiTokens) -> None:
    tokens.add("dialler", ["suppression"])
    tokens.revoke("dialler")
    for name in ("dialler", "other"):
        with pytest.raises(InputError, match="Действующего токена"):
            tokens.revoke(name)


def test_a_token_is_found_by_itself_alone_and_stored_as_a_digest(tokens: ApiTokens, ledger: Ledger) -> None:
    token = tokens.add("dialler", ["suppression", "suppression"])
    one = found(ledger, tokens, token)
    assert one is not None
    assert (one.name, one.scopes, one.used_at) == ("dialler", ("suppression",), None)
    for wrong in ("", token[:-1], token.upper(), "dialler", "\ud800", token + " "):
        assert found(ledger, tokens, wrong) is None
    with ledger.read() as connection:
        (row,) = connection.execute(select(api_tokens)).all()
    assert token not in str(row)


def test_a_revoked_token_is_not_found_any_more(tokens: ApiTokens, ledger: Ledger) -> None:
    token, other = tokens.add("dialler", ["suppression"]), tokens.add("mailer", ["suppression"])
    tokens.revoke("dialler")
    assert found(ledger, tokens, token) is None
    assert found(ledger, tokens, other) is not None


def test_the_last_use_is_noted_and_not_with_every_request(tokens: ApiTokens, ledger: Ledger, clock: HandClock) -> None:
    token = tokens.add("dialler", ["suppression"])

    def use() -> None:
        one = found(ledger, tokens, token)
        assert one is not None
        tokens.note_use(one)

    noted = []
    for wait in (timedelta(0), NOTED_EVERY / 2, NOTED_EVERY):
        clock.now += wait
        use()
        noted.append(tokens.all()[0].used_at)
    assert noted == [START, START, START + NOTED_EVERY * 1.5]
