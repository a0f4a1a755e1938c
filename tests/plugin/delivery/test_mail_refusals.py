"""A mail server that refuses one mail or all of them, at every step: what waits, what is parked, and what goes out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest
from sqlalchemy import select

from connectors.smtp import Mailer
from plugin.ledger.schema import breakers
from plugin.resilience.health import BAD_SPELL
from tests.plugin.delivery.harness import FakeMailer, House
from tests.support.refusing_mail import STEPS, TEXT, RefusingServer, refusing_server

pytestmark = pytest.mark.slow

BAD = "BAD"
HOUR = timedelta(hours=1)


@pytest.fixture
def server() -> Iterator[RefusingServer]:
    with refusing_server() as server:
        yield server


def rounds(house: House, server: RefusingServer, span: timedelta, *, minutes: float = 1.0) -> None:
    """Deliver for so long, a round a minute."""
    mailer = cast(FakeMailer, Mailer("127.0.0.1", server.port, "optout@dealer.example", timeout_seconds=5.0))
    worker = house.worker(None, mailer)
    end = house.clock() + span
    while house.clock() < end:
        worker.run_once()
        house.clock.advance(minutes * 60)


def states(house: House, *ids: int) -> set[str]:
    return {str(house.row(one).state) for one in ids}


def is_away(house: House) -> bool:
    with house.ledger.read() as connection:
        row = connection.execute(select(breakers).where(breakers.c.account == "smtp")).one_or_none()
    return row is not None and row.opened_at is not None


def refuse_bad_ones(server: RefusingServer, reply: str = "554 5.7.1 rejected as spam") -> None:
    def answer(name: str, argument: str, _connection: int) -> str | None:
        return reply if name == TEXT and f"Subject: {BAD}" in argument else None

    server.answer = answer


# --- all are refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", ["421 4.3.2 not now", "554 5.7.1 suspicion of SPAM", "550 blocked"])
@pytest.mark.parametrize("step", [step for step in STEPS if step not in ("STARTTLS", "EHLO again", "AUTH")])
def test_a_bad_hour_at_any_step_parks_nothing_and_all_goes_out_when_it_is_over(
    house: House, server: RefusingServer, step: str, reply: str
) -> None:
    mails = [house.one("smtp_email") for _ in range(3)]
    server.refuse(step, reply)
    rounds(house, server, HOUR, minutes=10)
    assert "parked" not in states(house, *mails)
    assert server.accepted == []
    server.refuse_nothing()
    rounds(house, server, timedelta(minutes=20), minutes=5)
    assert states(house, *mails) == {"done"}
    assert not is_away(house)


def test_two_mails_refused_on_policy_open_the_breaker_and_only_few_are_tried_meanwhile(
    house: House, server: RefusingServer
) -> None:
    for _ in range(40):
        house.one("smtp_email")
    server.refuse(TEXT, "554 5.7.1 Message rejected under suspicion of SPAM")
    rounds(house, server, timedelta(minutes=1))
    assert is_away(house)
    # The two that opened it, and perhaps what was on its way.
    assert server.connections <= 4
    rounds(house, server, timedelta(minutes=10))
    assert server.connections <= 4 + 2 * 11


# --- one is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "reply"),
    [("RCPT", "550 5.1.1 no such user"), ("RCPT", "553 no such mailbox"), (TEXT, "552 5.3.4 message too big")],
)
def test_a_refusal_of_this_recipient_or_text_parks_that_mail_at_once_and_no_other(
    house: House, server: RefusingServer, step: str, reply: str
) -> None:
    first = [True]

    def answer(name: str, _argument: str, _connection: int) -> str | None:
        return reply if name == step and first and first.pop() else None

    server.answer = answer
    mails = [house.one("smtp_email"), house.one("smtp_email")]
    rounds(house, server, timedelta(minutes=5))
    # Which of them went out first, and met the refusal, is left to chance.
    refused, sent = sorted(map(house.row, mails), key=lambda row: row.state != "parked")
    assert (refused.state, sent.state) == ("parked", "done")
    assert reply[:3] in refused.why


def test_one_mail_refused_on_policy_only_waits_and_holds_up_no_other(house: House, server: RefusingServer) -> None:
    refuse_bad_ones(server)
    bad = house.one("smtp_email", subject=BAD)
    rounds(house, server, timedelta(minutes=30), minutes=10)
    others = [house.one("smtp_email") for _ in range(3)]
    rounds(house, server, timedelta(minutes=3))
    assert (states(house, bad), states(house, *others)) == ({"waiting"}, {"done"})
    assert not is_away(house)


def test_a_mail_refused_again_and_again_while_others_go_through_is_parked_but_not_within_an_hour(
    house: House, server: RefusingServer
) -> None:
    refuse_bad_ones(server)
    bad, started = house.one("smtp_email", subject=BAD), house.clock()
    while house.clock() - started < BAD_SPELL:
        house.one("smtp_email")
        rounds(house, server, timedelta(minutes=8), minutes=4)
        assert house.clock() - started > BAD_SPELL or states(house, bad) == {"waiting"}
    for _ in range(8):
        house.one("smtp_email")
        rounds(house, server, timedelta(minutes=10), minutes=5)
    assert states(house, bad) == {"parked"}
    assert house.row(bad).why.startswith("refused again and again, while others were accepted")
    assert house.row(bad).attempts >= house.policy.most_refusals
    assert states(house, *(row.id for row in house.rows() if row.id != bad)) == {"done"}


def test_a_mail_refused_while_nothing_else_goes_through_is_never_given_up(house: House, server: RefusingServer) -> None:
    refuse_bad_ones(server)
    bad = house.one("smtp_email", subject=BAD)
    rounds(house, server, timedelta(hours=4), minutes=15)
    assert states(house, bad) == {"waiting"}
    server.refuse_nothing()
    rounds(house, server, timedelta(minutes=20), minutes=10)
    assert states(house, bad) == {"done"}


def test_bad_mails_with_the_oldest_deadlines_do_not_keep_the_others_back(house: House, server: RefusingServer) -> None:
    refuse_bad_ones(server)
    bad = [house.one("smtp_email", subject=BAD, deadline_at=house.clock() + timedelta(hours=20)) for _ in range(3)]
    others = [house.one("smtp_email") for _ in range(5)]
    rounds(house, server, timedelta(minutes=20))
    assert states(house, *others) == {"done"}
    assert states(house, *bad) == {"waiting"}
