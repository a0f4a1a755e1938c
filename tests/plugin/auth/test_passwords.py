"""Passwords: which are taken, how they are kept, and that nobody learns from the check whether a user exists."""

from __future__ import annotations

import statistics
import time
import unicodedata
from importlib.resources import files

import pytest
from argon2 import PasswordHasher

from plugin.auth.password_rules import LONGEST, check_rules
from plugin.auth.passwords import Passwords
from plugin.errors import InputError
from tests.plugin.auth.support import PASSWORD, cheap_passwords


@pytest.mark.parametrize(
    "password",
    [
        *("", "короткий", "x" * 11, "е\u0308" * 11, "x" * (LONGEST + 1)),
        *("1234567890", "qwertyuiop", "password123", "пароль1234"),
        *("aaaaaaaaaaaa", "121212121212", "1234567890123", "qwertyuiop123", "PASSWORD1234", "Йцукенгшщзхъ"),
        *("пароль123456", "парольпароль", "привет123456", "gfhjkmgfhjkm", "администратор", "123456789qwerty"),
    ],
)
def test_a_password_that_is_short_endless_or_well_known_is_refused(password: str) -> None:
    with pytest.raises(InputError, match="ароль"):
        check_rules(password)
    with pytest.raises(InputError):
        cheap_passwords().hash(password)


def test_the_login_is_no_password() -> None:
    with pytest.raises(InputError, match="знают все"):
        check_rules("Ivanova-Petrova", "ivanova-petrova")


@pytest.mark.parametrize(
    "password", ["просто длинные слова", "abcabcabcabd", "ivanova-12345", "  двенадцать ", "🐴🔋📎🐴🔋📎🐴🔋📎🐴🔋📎"]
)
def test_nothing_else_is_asked_of_a_password(password: str) -> None:
    check_rules(password, "ivanova")


def test_the_list_holds_the_most_common_ones_and_its_licences_come_along() -> None:
    folder = files("plugin.auth")
    common = folder.joinpath("common_passwords.txt").read_text(encoding="utf-8").splitlines()
    assert len(common) > 10_000
    assert len(set(common)) == len(common)
    assert [one for one in common if one != unicodedata.normalize("NFC", one).casefold()] == []
    assert "Django" in folder.joinpath("common_passwords.license.txt").read_text(encoding="utf-8")


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
            began = time.process_time()
            passwords.verify(digest, "a wrong password")
            times.append(time.process_time() - began)
        return statistics.median(times)

    assert 0.5 < median(None) / median(kept) < 2
