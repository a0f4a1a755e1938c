"""The admins get the chain's head once a day, and are told when the chain is broken."""

from __future__ import annotations

from sqlalchemy import text

from plugin.operations.chain_check import ChainCheck
from tests.plugin.monitoring.watched import Watched


def checked(watched: Watched) -> str:
    check = ChainCheck(watched.ledger, watched.clock)
    check.begin()
    while not check.step().ended:
        pass
    return f"{check.progress.seq}:{check.progress.link}"


def test_the_head_is_mailed_once_a_check_and_stands_as_no_alert(watched: Watched) -> None:
    head = checked(watched)
    watched.look(1)
    watched.look(5)
    [(_, subject, told, _)] = watched.mailer.mails
    assert subject == "[optout] Отметка цепочки журнала за сутки"
    assert head in told.replace("\n", "")
    assert watched.standing() == []
    watched.look(1)
    watched.clock.advance(86_400)
    checked(watched)
    watched.look(1)
    watched.look(1)
    assert len(watched.mailer.mails) == 2


def test_a_broken_chain_is_told_until_a_check_finds_nothing(watched: Watched) -> None:
    with watched.ledger.write() as connection:
        connection.execute(text("UPDATE chain_starts SET position = 1"))
    checked(watched)
    watched.look(1)
    assert watched.subjects == ["[optout] Записи журнала не сходятся с цепочкой"]
    assert "начало цепочки изменено" in watched.mailer.mails[0][2]
    assert watched.standing() == ["chain_broken:chain"]
    with watched.ledger.write() as connection:
        connection.execute(text("UPDATE chain_starts SET position = 0"))
    watched.clock.advance(60)
    checked(watched)
    watched.look(1)
    assert watched.standing() == ["chain_head:2"]
    assert "снова сходятся" in " ".join(watched.subjects)


def test_without_anybody_to_tell_no_head_waits(watched: Watched) -> None:
    watched.policy = type(watched.policy)(to=(), gather_minutes=0, check_seconds=60)
    checked(watched)
    watched.look(1)
    assert watched.standing() == []
