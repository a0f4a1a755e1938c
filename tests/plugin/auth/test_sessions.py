"""Sessions: opened, used, ended; what a stolen or planted token is worth; on both databases."""

from __future__ import annotations

import base64
import hmac
import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from connectors.base import CardRef
from plugin.auth.open_sessions import OpenSessions
from plugin.auth.sessions import OperatorDisabled, Session, Sessions
from plugin.auth.users import User, Users
from plugin.auth.visitor import LinkedCall
from plugin.ledger import Ledger
from plugin.ledger import access as tables
from tests.plugin.auth.support import FULL, PASSWORD, HandClock

IDLE = timedelta(hours=12)


@pytest.fixture
def sessions(ledger: Ledger, clock: HandClock) -> Sessions:
    return Sessions(ledger, clock, IDLE, b"key")


@pytest.fixture
def user(users: Users) -> User:
    return users.add("ivanova", "admin", PASSWORD)


def sign_in(sessions: Sessions, user: User, previous: str | None = None) -> str:
    token = sessions.sign_in(user.id, user.login, user.password_at, previous)
    assert token is not None
    return token


def found(sessions: Sessions, token: str) -> Session:
    session = sessions.find(token)
    assert session is not None
    return session


def counts(ledger: Ledger) -> tuple[int, int]:
    with ledger.read() as connection:
        return tuple(len(connection.execute(select(table)).all()) for table in (tables.sessions, tables.session_calls))  # type: ignore[return-value]


# --- what is nobody's session ----------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "\udcff", "' OR 1=1 --"])
def test_no_made_up_token_is_a_session(sessions: Sessions, user: User, token: str) -> None:
    sign_in(sessions, user)
    assert sessions.find(token) is None


def test_a_session_ends_when_it_is_not_used(sessions: Sessions, user: User, clock: HandClock) -> None:
    token = sign_in(sessions, user)
    clock.forward(hours=12)
    assert sessions.find(token) is None


def test_use_prolongs_a_session_up_to_a_long_shift(sessions: Sessions, user: User, clock: HandClock) -> None:
    token = sign_in(sessions, user)
    for _ in range(3):
        clock.forward(hours=5)
        found(sessions, token)
    clock.forward(hours=1)
    assert sessions.find(token) is None


def test_a_visit_ends_twelve_hours_after_the_last_opening(sessions: Sessions, clock: HandClock) -> None:
    token = sessions.open_call("ivanova", FULL)
    clock.forward(hours=5)
    token = sessions.open_call("ivanova", LinkedCall("next"), token)
    for _ in range(2):
        clock.forward(hours=5)
        found(sessions, token)
    clock.forward(hours=2)
    assert sessions.find(token) is None


def test_a_visit_of_a_long_idle_time_ends_as_soon(ledger: Ledger, clock: HandClock) -> None:
    sessions = Sessions(ledger, clock, timedelta(hours=100), b"key")
    token = sessions.open_call("ivanova", FULL)
    clock.forward(hours=12)
    assert sessions.find(token) is None


def test_disabling_ends_what_links_have_opened_and_lets_no_new_one_in(
    sessions: Sessions, user: User, users: Users, ledger: Ledger
) -> None:
    token, other = sessions.open_call(" IVANOVA", FULL), sessions.open_call("petrov", FULL)
    users.disable("ivanova")
    assert sessions.find(token) is None
    assert sessions.find(other) is not None
    for name in ("ivanova", "Ivanova "):
        with pytest.raises(OperatorDisabled):
            sessions.open_call(name, FULL)
    users.enable("ivanova")
    assert sessions.find(sessions.open_call("ivanova", FULL)) is not None


def test_open_sessions_are_listed_and_ended_by_operator_or_all(
    sessions: Sessions, user: User, ledger: Ledger, clock: HandClock
) -> None:
    signed_in, visit = sign_in(sessions, user), sessions.open_call("Ivanova", FULL)
    other = sessions.open_call("Пётр", FULL)
    every = OpenSessions(ledger, clock)
    listed = [(one.operator, one.kind, one.calls) for one in every.all()]
    assert sorted(listed) == [("Ivanova", "crm", 1), ("ivanova", "sign_in", 0), ("Пётр", "crm", 1)]
    assert every.end("nobody") == 0
    assert every.end("IVANOVA") == 2
    assert [sessions.find(token) for token in (signed_in, visit)] == [None, None]
    assert sessions.find(other) is not None
    assert every.end("пётр") == 1
    sign_in(sessions, user)
    assert every.end() == 1
    assert every.all() == []


def test_the_password_was_changed_or_the_user_disabled_between_the_check_and_the_session(
    sessions: Sessions, user: User, users: Users, clock: HandClock
) -> None:
    clock.forward(seconds=1)
    changed = users.change_password("ivanova", PASSWORD + "!")
    assert sessions.sign_in(user.id, user.login, user.password_at) is None
    users.disable("ivanova")
    assert sessions.sign_in(user.id, user.login, changed.password_at) is None


def test_a_session_that_a_disabled_user_was_left_with_does_not_hold(
    sessions: Sessions, user: User, ledger: Ledger, clock: HandClock
) -> None:
    token = sign_in(sessions, user)
    with ledger.write() as connection:
        connection.execute(update(tables.users).values(disabled_at=clock()))
    assert sessions.find(token) is None


def test_what_is_kept_opens_no_session(sessions: Sessions, user: User, ledger: Ledger) -> None:
    token = sign_in(sessions, user)
    with ledger.read() as connection:
        kept = connection.execute(select(tables.sessions.c.token)).scalar_one()
    assert token not in kept
    assert sessions.find(kept) is None


def test_ended_and_expired_sessions_leave_nothing_behind(
    sessions: Sessions, user: User, ledger: Ledger, clock: HandClock
) -> None:
    sessions.end(sessions.open_call("ivanova", FULL), "no such token")
    assert counts(ledger) == (0, 0)
    sessions.open_call("ivanova", FULL)
    clock.forward(hours=13)
    sign_in(sessions, user)
    assert counts(ledger) == (1, 0)


# --- signing in ------------------------------------------------------------------------------------


def test_a_new_token_comes_with_every_sign_in_and_the_one_before_ends(sessions: Sessions, user: User) -> None:
    first = sign_in(sessions, user)
    second = sign_in(sessions, user, first)
    assert first != second
    assert sessions.find(first) is None
    session = found(sessions, second)
    assert (session.operator, session.role, session.is_linked) == ("ivanova", "admin", False)


def test_what_a_button_told_of_a_call_is_known_in_that_session_alone(sessions: Sessions, user: User) -> None:
    mine, others = found(sessions, sign_in(sessions, user)), found(sessions, sign_in(sessions, user))
    sessions.tell_of(mine, FULL)
    sessions.tell_of(mine, FULL)
    assert sessions.call(mine, FULL.id) == FULL
    assert sessions.call(mine, "other") is None
    assert sessions.call(others, FULL.id) is None


# --- links -----------------------------------------------------------------------------------------


def test_a_link_opens_its_call_and_no_other(sessions: Sessions) -> None:
    session = found(sessions, sessions.open_call("ivanova", FULL))
    assert (session.operator, session.role, session.is_linked) == ("ivanova", "operator", True)
    assert sessions.call(session, FULL.id) == sessions.call(session, None) == FULL
    assert sessions.call(session, "c-77") is None


def test_the_next_link_of_the_same_operator_goes_on_under_a_new_token(sessions: Sessions, clock: HandClock) -> None:
    first = sessions.open_call("ivanova", FULL)
    csrf = found(sessions, first).csrf
    clock.forward(minutes=1)
    second = sessions.open_call("ivanova", LinkedCall("next"), first)
    assert sessions.find(first) is None
    session = found(sessions, second)
    assert session.csrf == csrf
    assert sessions.call(session, FULL.id) == FULL
    assert sessions.call(session, None) == LinkedCall("next")


def test_two_calls_opened_at_the_same_moment_are_one_session(sessions: Sessions) -> None:
    first = sessions.open_call("ivanova", FULL)
    tokens: list[str] = []
    calls = [LinkedCall(f"next-{number}") for number in range(4)]
    barrier = threading.Barrier(len(calls))

    def open_(call: LinkedCall) -> None:
        barrier.wait()
        tokens.append(sessions.open_call("ivanova", call, first))

    threads = [threading.Thread(target=open_, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(tokens) == 4
    assert set(tokens) == {tokens[0]} != {first}
    session = found(sessions, tokens[0])
    assert all(sessions.call(session, call.id) == call for call in (FULL, *calls))
    assert sessions.find(first) is None


def test_a_token_that_was_replaced_a_while_ago_or_twice_is_worth_nothing(sessions: Sessions, clock: HandClock) -> None:
    first = sessions.open_call("ivanova", FULL)
    second = sessions.open_call("ivanova", LinkedCall("next"), first)
    third = sessions.open_call("ivanova", LinkedCall("after that"), second)
    for late, token in ((0, first), (10, second)):
        clock.forward(seconds=late)
        session = found(sessions, sessions.open_call("ivanova", LinkedCall("late"), token))
        assert sessions.call(session, FULL.id) is None
    assert sessions.call(found(sessions, third), "late") is None


def test_what_follows_a_token_can_only_be_told_with_the_key(sessions: Sessions) -> None:
    token = sessions.open_call("ivanova", FULL)
    told = base64.urlsafe_b64encode(hmac.digest(b"key", token.encode(), "sha256")).decode().rstrip("=")
    assert sessions.open_call("ivanova", FULL, token) == told


def test_a_link_opened_again_brings_what_it_says_now(sessions: Sessions) -> None:
    first = sessions.open_call("ivanova", FULL)
    session = found(sessions, sessions.open_call("ivanova", LinkedCall(FULL.id, "+79160000000"), first))
    assert sessions.call(session, FULL.id) == LinkedCall(FULL.id, "+79160000000")


def test_another_operators_link_takes_over_nothing(sessions: Sessions) -> None:
    first = sessions.open_call("ivanova", FULL)
    csrf = found(sessions, first).csrf
    session = found(sessions, sessions.open_call("petrov", LinkedCall("next"), first))
    assert sessions.find(first) is None
    assert session.csrf != csrf
    assert sessions.call(session, FULL.id) is None


def test_a_signed_in_persons_token_is_no_session_of_a_link(sessions: Sessions, user: User) -> None:
    token = sign_in(sessions, user)
    session = found(sessions, sessions.open_call("ivanova", FULL, token))
    assert session.is_linked
    assert session.role == "operator"


def test_a_call_opened_for_a_card_not_long_ago_is_found_again(sessions: Sessions, clock: HandClock) -> None:
    hour, card = timedelta(hours=1), CardRef("contact", "42")
    token = sessions.open_call("ivanova", FULL)
    assert sessions.recent_call_of(token, card, hour) == FULL.id
    assert sessions.recent_call_of(token, CardRef("contact", "43"), hour) is None
    assert sessions.recent_call_of("no such token", card, hour) is None
    clock.forward(hours=1)
    assert sessions.recent_call_of(token, card, hour) is None


def test_use_is_noted_seldom(sessions: Sessions, user: User, ledger: Ledger, clock: HandClock) -> None:
    token = sign_in(sessions, user)

    def expires() -> str:
        with ledger.read() as connection:
            return str(connection.execute(text("SELECT expires_at FROM sessions")).scalar_one())

    before = expires()
    clock.forward(minutes=5)
    found(sessions, token)
    assert expires() == before
    clock.forward(hours=1)
    found(sessions, token)
    assert expires() != before
