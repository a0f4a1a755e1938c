"""Passwords: which are taken, how they are kept, and that nobody learns from the check whether a user exists."""

from __future__ import annotations

import statistics
import time
import unicodedata

import pytest
from argon2 import PasswordHasher

from plugin.auth.passwords import LONGEST, Passwords, check_rules
from plugin.errors import InputError
from tests.plugin.auth.support import PASSWORD, cheap_passwords


@pytest.mark.parametrize("password", ["", "короткий", "x" * (LONGEST + 1), "aaaaaaaaaaaa", "121212121212"])
def test_a_password_that_is_short_endless_or_monotonous_is_refused(password: str) -> None:
    with pytest.raises(InputError, match="Пароль"):
        check_rules(password)
    with pytest.raises(InputError):
        cheap_passwords().hash(password)


def test_a_password_with_the_login_in_it_is_refused() -> None:
    with pytest.raises(InputError, match="угадать"):
        check_rules("Ivanova-2026!", "ivanova")


def test_only_the_same_password_is_right() -> None:
    passwords = cheap_passwords()
    kept = passwords.hash(PASSWORD)
    assert PASSWORD not in kept
    assert passwords.hash(PASSWORD) != kept
    for wrong in ("", PASSWORD + " ", PASSWORD.upper(), PASSWORD[:-1], "x" * 100_000, "\udcff"):
        assert not passwords.verify(kept, wrong)
    assert passwords.verify(kept, PASSWORD)


def test_a_digest_that_is_none_lets_nobody_in() -> None:
    assert not cheap_passwords().verify("", "nobody's password")
    assert not cheap_passwords().verify("plain", "plain")


def test_the_password_that_stands_for_nobody_lets_nobody_in() -> None:
    assert not cheap_passwords().verify(None, "nobody's password")


def test_the_same_letters_in_other_code_points_are_the_same_password() -> None:
    composed, decomposed = (unicodedata.normalize(form, "пароль с й кратким") for form in ("NFC", "NFD"))
    assert composed != decomposed
    passwords = cheap_passwords()
    assert passwords.verify(passwords.hash(composed), decomposed)


def test_a_digest_of_other_parameters_is_right_and_outdated() -> None:
    kept = cheap_passwords(1).hash(PASSWORD)
    stricter = cheap_passwords(2)
    assert stricter.verify(kept, PASSWORD)
    assert stricter.is_outdated(kept)
    assert not stricter.is_outdated(stricter.hash(PASSWORD))


def test_what_is_kept_is_argon2id_with_the_parameters_of_rfc_9106() -> None:
    assert Passwords().hash(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_an_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    # Heavy enough that the hashing is nearly all of it.
    passwords = Passwords(PasswordHasher(time_cost=4, memory_cost=4096, parallelism=1))
    kept = passwords.hash(PASSWORD)

    def median(digest: str | None) -> float:
        times = []
        for _ in range(15):
            began = time.thread_time()
            passwords.verify(digest, "a wrong password")
            times.append(time.thread_time() - began)
        return statistics.median(times)

    assert 0.5 < median(None) / median(kept) < 2
