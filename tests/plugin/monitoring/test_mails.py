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
from tests.plugin.delivery.fake_crm import START, FakeCrm
from tests.plugin.monitoring.office import ADMIN, CHIEF, Office

HOUR = timedelta(hours=1)


# --- what does not get through -----------------------------------------------------------------------


def test_without_anybody_to_tell_alerts_are_recorded_and_nothing_is_sent(office: Office) -> None:
    office.policy = replace(office.policy, to=())
    office.parked()
    office.look()
    assert len(office.standing()) == 1
    assert office.mailer.mails == []
    # As soon as somebody is named, they hear of what still stands.
    office.policy = replace(office.policy, to=(ADMIN,))
    office.look(1, host="restarted")
    assert office.subjects == ["[optout] Доставки остановлены"]


def test_what_was_over_before_anybody_could_be_told_is_not_told(office: Office) -> None:
    office.policy = replace(office.policy, to=())
    delivery = office.parked()
    office.look()
    office.done(delivery)
    office.look(1)
    office.policy = replace(office.policy, to=(ADMIN,))
    office.look(1, host="restarted")
    assert office.mailer.mails == []


def test_a_mail_is_repeated_under_the_same_message_id_until_the_server_has_it(office: Office) -> None:
    office.mailer.answers = ["error", "unknown", "greylisted"]
    office.parked()
    for _ in range(8):
        office.look(20)
    ids = [message_id for *_, message_id in office.mailer.mails]
    assert len(ids) == 2
    assert len(set(ids)) == 1
    assert ids[0].endswith("@dealer.example.org>")
    [row] = office.mails()
    assert (row.state, row.attempts) == ("done", 4)
    assert office.alerts()[0].notified_at == row.finished_at


def test_a_mail_refused_for_good_is_not_repeated_and_the_others_go_out(office: Office) -> None:
    office.policy = replace(office.policy, to=(CHIEF, ADMIN))
    office.mailer.answers = ["refused"]
    office.parked()
    with capture_logs() as logs:
        for _ in range(3):
            office.look(20)
    assert [row.state for row in office.mails()] == ["parked", "done"]
    assert [entry["log_level"] for entry in logs if entry["event"] == "alert.refused"] == ["error"]
    assert office.alerts()[0].notified_at is not None


def test_a_refused_log_in_waits_for_a_right_password(office: Office) -> None:
    office.mailer.answers = ["no login"]
    office.parked()
    office.look()
    assert [row.state for row in office.mails()] == ["pending"]
    office.look(20)
    assert office.subjects == ["[optout] Доставки остановлены"]


def test_a_process_killed_while_it_sends_is_followed_by_another_with_the_same_message_id(office: Office) -> None:
    office.parked()
    office.ledger.broken = False
    first, ids = office.watch("a"), []

    class Dies(BaseException):
        pass

    def killed(to: str, subject: str, text: str, message_id: str) -> None:
        ids.append(message_id)
        raise Dies

    send = office.mailer.send
    office.mailer.send = killed  # type: ignore[method-assign, assignment]
    with suppress(Dies):
        first.run()
    office.mailer.send = send  # type: ignore[method-assign]
    office.look(1, host="b")
    assert office.mailer.mails == []
    office.look(1, host="b")
    assert [mail[3] for mail in office.mailer.mails] == ids


# --- what does ---------------------------------------------------------------------------------------


def test_a_cause_is_told_once_and_its_end_once(office: Office) -> None:
    delivery = office.parked()
    for _ in range(5):
        office.look(20)
    office.done(delivery)
    for _ in range(5):
        office.look(20)
    assert office.subjects == ["[optout] Доставки остановлены", "[optout] Остановленные доставки разобраны"]
    assert [mail[0] for mail in office.mailer.mails] == [ADMIN, ADMIN]


def test_everybody_is_told(office: Office) -> None:
    office.policy = replace(office.policy, to=(ADMIN, CHIEF))
    office.parked()
    office.look()
    assert [mail[0] for mail in office.mailer.mails] == [ADMIN, CHIEF]
    assert len({mail[3] for mail in office.mailer.mails}) == 2


def test_what_comes_in_quick_succession_is_gathered_into_one_mail(office: Office) -> None:
    office.policy = replace(office.policy, gather_minutes=15)
    office.parked("first")
    office.look()
    for _ in range(10):
        office.parked("more")
        office.look(1)
    assert office.subjects == ["[optout] Доставки остановлены"]
    office.look(5)
    assert office.subjects[1:] == ["[optout] Доставки остановлены: 10"]
    assert office.mailer.mails[1][2].count("more") == 10


def test_a_thousand_causes_are_one_mail_a_look_that_lists_some_and_says_how_many_more(office: Office) -> None:
    office.policy = replace(office.policy, gather_minutes=15)
    for _ in range(40):
        office.parked()
    office.look()
    [(_, subject, text, _)] = office.mailer.mails
    assert subject.endswith(": 40")
    assert text.count("доставка №") == 30
    assert "и ещё 10" in text


def test_kinds_are_told_in_mails_of_their_own_in_russian_with_numbers_and_times(office: Office) -> None:
    office.parked()
    office.waiting(START + HOUR)
    office.account("crm", START - HOUR)
    office.look()
    texts = {subject: text for _, subject, text, _ in office.mailer.mails}
    assert set(texts) == {"[optout] Доставки остановлены", "[optout] Обещания под угрозой", "[optout] Нет связи"}
    assert (
        "доставка № 1 (комментарий в карточку) по звонку № 1 (c-1): no such user"
        in texts["[optout] Доставки остановлены"]
    )
    assert (
        "срок 23.11.2026 11:15 (Europe/Moscow, UTC+03:00); не сделано: доставки № 2"
        in texts["[optout] Обещания под угрозой"]
    )
    assert "CRM (crm) не отвечает с 23.11.2026 09:15 (Europe/Moscow, UTC+03:00)" in texts["[optout] Нет связи"]
    everything = "".join(texts.values())
    assert "+7916" not in everything
    assert "Клиент Карточки" not in everything


def test_of_several_processes_that_look_at_the_same_time_one_tells(office: Office) -> None:
    for _ in range(5):
        office.parked()
    watches = [office.watch(f"host{number}") for number in range(4)]
    threads = [threading.Thread(target=watch.run) for watch in watches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(office.alerts()) == 5
    assert len({mail[3] for mail in office.mailer.mails}) == len(office.mailer.mails) == 1


def test_a_mail_that_gets_through_tells_the_breaker_that_the_server_is_back(office: Office) -> None:
    office.account("smtp", START - HOUR)
    gates = AccountGates(office.ledger, FakeCrm(office.house.crm), office.settings.delivery, office.clock)
    gates.refresh()
    office.parked()
    office.look()
    gates.refresh()
    assert len(gates.open_lanes()) == 2


def test_a_stop_is_heeded_between_two_mails(office: Office) -> None:
    office.policy = replace(office.policy, to=(ADMIN, CHIEF))
    office.parked()
    office.watch().run(lambda: bool(office.mailer.mails))
    assert len(office.mailer.mails) == 1


def test_without_a_mail_server_what_was_to_be_sent_waits(office: Office) -> None:
    office.parked()
    office.mailer.answers = ["error"]
    office.look()
    settings = office.settings
    gates = AccountGates(office.ledger, FakeCrm(office.house.crm), settings.delivery, office.clock)
    assert AlertPost(office.ledger, None, settings, gates, office.clock, "x", Random(1)).send_due(lambda: False) == 0
