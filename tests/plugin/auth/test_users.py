"""The people who sign in: added, disabled, given passwords; on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from plugin.auth.passwords import Passwords
from plugin.auth.sessions import Sessions
from plugin.auth.users import Users
from plugin.errors import InputError
from plugin.ledger import Ledger
from tests.plugin.auth.support import PASSWORD, START, HandClock, cheap_passwords


@pytest.mark.parametrize("login", ["", " ", "_x", "a b", "a/b", "a\nb", "x" * 65, "<script>", "а:б"])
def test_a_login_that_is_none_is_refused(users: Users, login: str) -> None:
    with pytest.raises(InputError, match="логин"):
        users.add(login, "operator", PASSWORD)


def test_logins_that_look_the_same_are_the_same(users: Users) -> None:
    users.add("Иванова", "operator", PASSWORD)
    with pytest.raises(InputError, match="иванова уже есть"):
        users.add(" ИВАНОВА ", "admin", PASSWORD)
    assert [(user.login, user.role) for user in users.all()] == [("иванова", "operator")]


def test_what_concerns_nobody_is_told(users: Users) -> None:
    for act in (users.disable, users.enable, lambda login: users.change_password(login, PASSWORD)):
        with pytest.raises(InputError, match="Логина 'petrov' нет"):
            act("petrov")
    assert users.find("petrov") is None


def test_a_password_that_is_not_taken_changes_nothing(users: Users) -> None:
    before = users.add("ivanova", "operator", PASSWORD)
    with pytest.raises(InputError):
        users.change_password("ivanova", "короткий")
    assert users.find("ivanova") == before


def test_users_are_listed_by_login_and_never_show_their_digest(users: Users) -> None:
    for login in ("petrov", "ivanova"):
        users.add(login, "operator", PASSWORD)
    assert [user.login for user in users.all()] == ["ivanova", "petrov"]
    assert "argon2" not in repr(users.all())


def test_whoever_is_disabled_or_gets_another_password_is_out_at_once_and_others_stay(
    users: Users, ledger: Ledger, clock: HandClock
) -> None:
    sessions = Sessions(ledger, clock, timedelta(hours=1), b"key")
    tokens = {}
    for login in ("disabled", "renewed", "other"):
        user = users.add(login, "operator", PASSWORD)
        tokens[login] = sessions.sign_in(user.id, user.login, user.password_at) or ""
    users.disable("disabled")
    users.change_password("renewed", PASSWORD + "!")
    found = {login: sessions.find(token) is not None for login, token in tokens.items()}
    assert found == {"disabled": False, "renewed": False, "other": True}


def test_enabling_lets_in_again_but_revives_no_session(users: Users, ledger: Ledger, clock: HandClock) -> None:
    sessions = Sessions(ledger, clock, timedelta(hours=1), b"key")
    user = users.add("ivanova", "operator", PASSWORD)
    token = sessions.sign_in(user.id, user.login, user.password_at) or ""
    clock.forward(minutes=1)
    assert users.disable("ivanova").disabled_at == clock()
    clock.forward(minutes=1)
    assert users.disable("ivanova").disabled_at == START + timedelta(minutes=1)
    assert users.enable("ivanova").disabled_at is None
    assert sessions.find(token) is None


def test_a_password_hashed_again_stays_the_same_and_keeps_everybody_in(
    users: Users, ledger: Ledger, passwords: Passwords, clock: HandClock
) -> None:
    user = users.add("ivanova", "operator", PASSWORD)
    stricter = cheap_passwords(2)
    Users(ledger, stricter, clock).hash_again(user, PASSWORD)
    again = users.find("ivanova")
    assert again is not None
    assert again.password_hash != user.password_hash
    assert stricter.verify(again.password_hash, PASSWORD)
    assert not stricter.is_outdated(again.password_hash)
    assert again.password_at == user.password_at


def test_hashing_again_does_not_bring_back_a_password_that_was_changed_meanwhile(
    users: Users, passwords: Passwords
) -> None:
    user = users.add("ivanova", "operator", PASSWORD)
    users.change_password("ivanova", "другой длинный пароль")
    users.hash_again(user, PASSWORD)
    kept = users.find("ivanova")
    assert kept is not None
    assert passwords.verify(kept.password_hash, "другой длинный пароль")
