"""The admins get the chain's head once a day, and are told when the chain is broken."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, text

from plugin.config.settings import StampService
from plugin.ledger.chain.tables import chain_stamps
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


def stamp(watched: Watched, **columns: object) -> None:
    """A head that was asked for."""
    row = {"seq": len(columns), "link": "0" * 64, "checked_at": watched.clock(), "tries": 0} | columns
    with watched.ledger.write() as connection:
        connection.execute(insert(chain_stamps), row)


def test_a_service_that_stamps_nothing_is_told_until_it_stamps_again(watched: Watched) -> None:
    watched.stamps = StampService("https://tsa.example.org/tsr", Path("ca.pem"))
    stamp(watched, seq=1, answer=b"x", stamped_at=watched.clock())
    stamp(watched, seq=2, why="tsa.example.org answered 503", tries=2)
    watched.look(1)
    assert watched.standing() == []
    watched.look(15)
    assert watched.standing() == ["head_not_stamped:stamps"]
    assert "отметка 2 не заверена" in watched.mailer.mails[0][2]
    assert "503" in watched.mailer.mails[0][2]
    stamp(watched, seq=3, why="the service refused: status 2", tries=1)
    watched.look(1)
    assert watched.standing() == ["head_not_stamped:stamps"]
    stamp(watched, seq=4, answer=b"x", stamped_at=watched.clock())
    watched.look(1)
    assert watched.standing() == []
    assert watched.subjects[-1] == "[optout] Служба времени снова заверяет отметки цепочки"


def test_a_service_that_is_no_longer_set_is_not_waited_for(watched: Watched) -> None:
    watched.stamps = StampService("https://tsa.example.org/tsr", Path("ca.pem"))
    stamp(watched, seq=2, why="it is away", tries=2)
    watched.look(20)
    assert watched.standing() == ["head_not_stamped:stamps"]
    watched.stamps = None
    watched.look(1, host="after-the-restart")
    assert watched.standing() == []
