"""What the admins get by mail: once a cause, gathered, by one process, until the mail server has it."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random

from structlog.testing import capture_logs

from plugin.monitoring.post import AlertPost
from plugin.resilience.gates import AccountGates
from plugin.resilience.lanes import Lane
from tests.plugin.delivery.fake_crm import START, FakeCrm
from tests.plugin.monitoring.watched import ADMIN, CHIEF, Watched

HOUR = timedelta(hours=1)


# --- what does not get through -----------------------------------------------------------------------


def test_without_anybody_to_tell_alerts_are_recorded_and_nothing_is_sent(watched: Watched) -> None:
    watched.policy = replace(watched.policy, to=())
    watched.parked()
    watched.look()
    assert len(watched.standing()) == 1
    assert watched.mailer.mails == []
    # As soon as somebody is named, they hear of what still stands.
    watched.policy = replace(watched.policy, to=(ADMIN,))
    watched.look(1, host="restarted")
    assert watched.subjects == ["[optout] Доставки остановлены"]


def test_what_was_over_before_anybody_could_be_told_is_not_told(watched: Watched) -> None:
    watched.policy = replace(watched.policy, to=())
    delivery = watched.parked()
    watched.look()
    watched.done(delivery)
    watched.look(1)
    watched.policy = replace(watched.policy, to=(ADMIN,))
    watched.look(1, host="restarted")
    assert watched.mailer.mails == []


def test_a_mail_is_repeated_under_the_same_message_id_until_the_server_has_it(watched: Watched) -> None:
    watched.mailer.answers = ["error", "unknown", "greylisted"]
    watched.parked()
    for _ in range(8):
        watched.look(20)
    ids = [message_id for *_, message_id in watched.mailer.mails]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert ids[0].endswith("@dealer.example.org>")
    [row] = watched.mails()
    assert (row.state, row.attempts) == ("done", 4)
    assert watched.alerts()[0].notified_at == row.finished_at


def test_a_mail_refused_for_good_is_not_repeated_and_the_others_go_out(watched: Watched) -> None:
    watched.policy = replace(watched.policy, to=(CHIEF, ADMIN))
    watched.mailer.answers = ["refused"]
    watched.parked()
    with capture_logs() as logs:
        for _ in range(3):
            watched.look(20)
    assert [row.state for row in watched.mails()] == ["parked", "done"]
    assert [entry["log_level"] for entry in logs if entry["event"] == "alert.refused"] == ["error"]
    assert watched.alerts()[0].notified_at is not None


def test_a_refused_log_in_waits_for_a_right_password(watched: Watched) -> None:
    watched.mailer.answers = ["no login"]
    watched.parked()
    watched.look()
    assert [row.state for row in watched.mails()] == ["pending"]
    watched.look(1)
    assert watched.subjects == ["[optout] Доставки остановлены"]


def test_a_process_killed_while_it_sends_is_followed_by_another_with_the_same_message_id(
    watched: Watched,
) -> None:
    watched.parked()
    watched.ledger.broken = False
    first, ids = watched.watch("a"), []

    class Dies(BaseException):
        pass

    def killed(to: str, subject: str, text: str, message_id: str) -> None:
        ids.append(message_id)
        raise Dies

    send = watched.mailer.send
    watched.mailer.send = killed  # type: ignore[method-assign, assignment]
    with suppress(Dies):
        first.run()
    watched.mailer.send = send  # type: ignore[method-assign]
    watched.look(1, host="b")
    assert watched.mailer.mails == []
    watched.look(1, host="b")
    assert [mail[3] for mail in watched.mailer.mails] == ids


# --- what does ---------------------------------------------------------------------------------------


def test_a_cause_is_told_once_and_its_end_once(watched: Watched) -> None:
    delivery = watched.parked()
    for _ in range(5):
        watched.look(20)
    watched.done(delivery)
    for _ in range(5):
        watched.look(20)
    assert watched.subjects == ["[optout] Доставки остановлены", "[optout] Остановленные доставки разобраны"]
    assert [mail[0] for mail in watched.mailer.mails] == [ADMIN, ADMIN]


def test_everybody_is_told(watched: Watched) -> None:
    watched.policy = replace(watched.policy, to=(ADMIN, CHIEF))
    watched.parked()
    watched.look()
    assert [mail[0] for mail in watched.mailer.mails] == [ADMIN, CHIEF]
    assert len({mail[3] for mail in watched.mailer.mails}) == 2


def test_what_comes_in_quick_succession_is_gathered_into_one_mail(watched: Watched) -> None:
    watched.policy = replace(watched.policy, gather_minutes=15)
    watched.parked("first")
    watched.look()
    for _ in range(10):
        watched.parked("more")
        watched.look(1)
    assert watched.subjects == ["[optout] Доставки остановлены"]
    watched.look(5)
    assert watched.subjects[1:] == ["[optout] Доставки остановлены: 10"]
    assert watched.mailer.mails[1][2].count("more") == 10


def test_a_thousand_causes_are_one_mail_a_look_that_lists_some_and_says_how_many_more(watched: Watched) -> None:
    watched.policy = replace(watched.policy, gather_minutes=15)
    for _ in range(40):
        watched.parked()
    watched.look()
    [(_, subject, text, _)] = watched.mailer.mails
    assert subject.endswith(": 40")
    assert text.count("доставка №") == 30
    assert "и ещё 10" in text


def test_kinds_are_told_in_mails_of_their_own_in_russian_with_numbers_and_times(watched: Watched) -> None:
    watched.parked()
    watched.waiting(START + HOUR)
    watched.account("crm", START - HOUR)
    watched.look()
    texts = {subject: text for _, subject, text, _ in watched.mailer.mails}
    assert set(texts) == {"[optout] Доставки остановлены", "[optout] Обещания под угрозой", "[optout] Нет связи"}
    assert (
        "доставка № 1 (комментарий в карточку) по звонку № 1 (c-1): no such user"
        in texts["[optout] Доставки остановлены"]
    )
    assert "срок 23.11.2026 11:15 (МСК); не сделано: доставки № 2" in texts["[optout] Обещания под угрозой"]
    assert "CRM (crm) не отвечает с 23.11.2026 09:15 (МСК)" in texts["[optout] Нет связи"]
    everything = "".join(texts.values())
    assert "+7916" not in everything
    assert "Клиент Карточки" not in everything


def test_of_several_processes_that_look_at_the_same_time_one_tells(watched: Watched) -> None:
    for _ in range(5):
        watched.parked()
    watches = [watched.watch(f"host{number}") for number in range(4)]
    threads = [threading.Thread(target=watch.run) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(watched.alerts()) == 5
    assert len({mail[3] for mail in watched.mailer.mails}) == len(watched.mailer.mails) == 1


def test_a_mail_that_gets_through_tells_the_breaker_that_the_server_is_back(watched: Watched) -> None:
    watched.account("smtp", START - HOUR)
    gates = AccountGates(watched.ledger, FakeCrm(watched.house.crm), watched.settings.delivery, watched.clock)
    gates.refresh()
    watched.parked()
    watched.look()
    gates.refresh()
    assert Lane.MAIL in gates.open_lanes()


def test_a_stop_is_heeded_between_two_mails(watched: Watched) -> None:
    watched.policy = replace(watched.policy, to=(ADMIN, CHIEF))
    watched.parked()
    watched.watch().run(lambda: bool(watched.mailer.mails))
    assert len(watched.mailer.mails) == 1


def test_without_a_mail_server_what_was_to_be_sent_waits(watched: Watched) -> None:
    watched.parked()
    watched.mailer.answers = ["error"]
    watched.look()
    settings = watched.settings
    gates = AccountGates(watched.ledger, FakeCrm(watched.house.crm), settings.delivery, watched.clock)
    post = AlertPost(watched.ledger, None, settings, gates, watched.clock, "x", Random(1))
    assert post.send_due(lambda: False) == 0
