"""Codes of an authenticator: as RFC 6238 has them, each counts once, and a copy of the ledger makes none."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from plugin.auth.sealing import seal, unseal
from plugin.auth.second_factor import SecondFactors
from plugin.auth.totp import as_text, code_at, otpauth_url, step_of
from plugin.auth.users import User, Users
from plugin.ledger import Ledger
from plugin.ledger.access import second_factors
from tests.plugin.auth.support import PASSWORD, HandClock

KEYS = [b"present key", b"former key"]


@pytest.fixture
def factors(ledger: Ledger, clock: HandClock) -> SecondFactors:
    return SecondFactors(ledger, KEYS, clock)


@pytest.fixture
def user(users: Users) -> User:
    return users.add("ivanova", "admin", PASSWORD)


def code(secret: bytes, clock: HandClock, steps: int = 0) -> str:
    return code_at(secret, int(clock().timestamp()) // 30 + steps)


def switched_on(factors: SecondFactors, user: User, clock: HandClock) -> tuple[bytes, list[str]]:
    secret = factors.begin(user.id)
    assert secret is not None
    recovery = factors.confirm(user.id, code(secret, clock))
    assert recovery is not None
    clock.forward(minutes=1)
    return secret, list(recovery)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_examples_of_rfc_6238_come_out(seconds: int, expected: str) -> None:
    assert code_at(b"12345678901234567890", seconds // 30) == expected


def test_a_link_and_a_text_carry_the_secret() -> None:
    secret = b"12345678901234567890"
    assert as_text(secret) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    url = otpauth_url(secret, "а/b")
    assert url.startswith("otpauth://totp/Optout%3A%D0%B0%2Fb?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Optout")


def test_a_clock_may_be_a_step_off_and_no_more(clock: HandClock) -> None:
    secret = b"12345678901234567890"
    found = [step_of(secret, code(secret, clock, steps), clock()) is not None for steps in range(-3, 4)]
    assert found == [False, False, True, True, True, False, False]


@pytest.mark.parametrize("typed", ["", "000000x", "١٢٣٤٥٦", "\udcff", "9" * 1000])
def test_what_is_no_code_is_none(clock: HandClock, typed: str) -> None:
    assert step_of(b"12345678901234567890", typed, clock()) is None


def test_until_it_is_confirmed_it_is_off_and_its_secret_stays(
    factors: SecondFactors, user: User, clock: HandClock
) -> None:
    secret = factors.begin(user.id)
    assert secret is not None
    assert factors.begin(user.id) == secret
    assert factors.confirm(user.id, "000000") is None
    assert not factors.is_on(user.id)
    assert not factors.check(user.id, code(secret, clock))
    assert factors.confirm(user.id, code(secret, clock)) is not None
    assert factors.is_on(user.id)
    assert factors.begin(user.id) is None


def test_a_code_counts_once_and_no_earlier_one_after_it(factors: SecondFactors, user: User, clock: HandClock) -> None:
    secret, _ = switched_on(factors, user, clock)
    typed = code(secret, clock)
    assert factors.check(user.id, f" {typed[:3]} {typed[3:]} ")
    assert not factors.check(user.id, typed)
    assert not factors.check(user.id, code(secret, clock, -1))
    assert factors.check(user.id, code(secret, clock, 1))


def test_each_recovery_code_counts_once(factors: SecondFactors, user: User, clock: HandClock) -> None:
    _, recovery = switched_on(factors, user, clock)
    assert len(set(recovery)) == 10
    assert factors.check(user.id, recovery[3].upper().replace("-", " "))
    assert not factors.check(user.id, recovery[3])
    assert factors.check(user.id, recovery[4])
    assert not factors.check(user.id, "aaaa-aaaa-aaaa-aaaa")


def test_another_users_codes_do_not_count(factors: SecondFactors, user: User, users: Users, clock: HandClock) -> None:
    secret, recovery = switched_on(factors, user, clock)
    other = users.add("petrov", "operator", PASSWORD)
    switched_on(factors, other, clock)
    assert not factors.check(other.id, code(secret, clock))
    assert not factors.check(other.id, recovery[0])


def test_the_ledger_holds_neither_secret_nor_codes(
    factors: SecondFactors, user: User, ledger: Ledger, clock: HandClock
) -> None:
    secret, recovery = switched_on(factors, user, clock)
    with ledger.read() as connection:
        kept = repr(connection.execute(select(second_factors)).one())
    assert as_text(secret) not in kept
    assert repr(secret) not in kept
    assert recovery[0] not in kept


def test_after_a_change_of_the_key_it_holds_and_is_sealed_anew(user: User, ledger: Ledger, clock: HandClock) -> None:
    secret, recovery = switched_on(SecondFactors(ledger, [b"former key"], clock), user, clock)
    both = SecondFactors(ledger, KEYS, clock)
    assert both.check(user.id, code(secret, clock))
    assert both.check(user.id, recovery[0])
    clock.forward(minutes=1)
    present = SecondFactors(ledger, KEYS[:1], clock)
    assert present.check(user.id, code(secret, clock))
    assert not SecondFactors(ledger, [b"a third key"], clock).check(user.id, code(secret, clock, 1))


def test_what_was_changed_or_sealed_by_another_key_does_not_open() -> None:
    sealed = seal(b"key", b"secret")
    assert unseal([b"other", b"key"], sealed) == (b"secret", False)
    assert unseal([b"other"], sealed) is None
    for broken in ("", "ы", sealed[:-4], "A" + sealed[1:] if sealed[0] != "A" else "B" + sealed[1:]):
        assert unseal([b"key"], broken) is None
    with pytest.raises(ValueError, match="33 bytes"):
        seal(b"key", b"x" * 33)
