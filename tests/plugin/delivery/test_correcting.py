"""Corrections from the event to the CRM: every pair of endings, and what stood in the way (contract 3.5)."""

from __future__ import annotations

import itertools

import pytest

from connectors.base import ReminderState
from plugin.delivery.queue import Queue
from plugin.resilience.lanes import Lane
from tests.plugin.delivery.correcting import COORDINATOR, SMS_MANAGER, Desk, pairs
from tests.plugin.delivery.harness import LEASE, House

pytestmark = pytest.mark.slow


@pytest.fixture
def desk(house: House) -> Desk:
    return Desk(house.ledger)


def test_every_ending_replaces_every_other_whole(desk: Desk) -> None:
    calls = []
    for number, (one, other) in enumerate(pairs(), 1):
        calls.append((desk.call(number), one, other))
    for place in (1, 2):
        for call, *endings in calls:
            call.report(endings[place - 1])
        desk.drain()
        for call, *_ in calls:
            call.check()


def test_every_ending_comes_back_through_every_other(desk: Desk) -> None:
    calls = [(desk.call(number), one, other) for number, (one, other) in enumerate(pairs(), 1)]
    for place in (0, 1, 0):
        for call, *endings in calls:
            call.report(endings[place])
        desk.drain()
    for call, *_ in calls:
        call.check()


def test_what_never_went_out_is_not_spoken_of(desk: Desk) -> None:
    calls = [(desk.call(number), one, other) for number, (one, other) in enumerate(pairs(), 1)]
    for call, one, other in calls:
        call.report(one)
        call.report(other)
    desk.drain()
    for call, *_ in calls:
        call.check()
        texts = [record.text for record in call.records()] + [
            text for role in (COORDINATOR, SMS_MANAGER) for _, text in call.mails(role)
        ]
        assert not [text for text in texts if "исправление" in text.casefold()], call.told
        assert not [
            subject for role in (COORDINATOR, SMS_MANAGER) for subject, _ in call.mails(role) if "ОТМЕНА" in subject
        ]


def test_the_same_outcome_for_another_card_takes_the_first_card_back(desk: Desk) -> None:
    call = desk.call(1).then("found", "twice")
    assert [text.splitlines()[0] for text in call.comments("other")] == [
        "Клиент просит исключить из звонков с опросом",
        "Исправление по звонку 23.11.2026 10:15 (МСК): "
        "прежняя запись («исключить из звонков с опросом») отменена, она относится не к этой карточке.",
    ]
    (comment,) = call.comments()
    assert "Исправление" not in comment
    (old,) = [one for one in call.records("other") if one.kind == "reminder"]
    (new,) = call.open()
    assert (old.state, new.card and new.card.id) == (ReminderState.DONE, "1-own")
    assert new.text.startswith(
        "ИСПРАВЛЕНИЕ: прежняя запись по этому звонку («исключить из звонков с опросом») отменена"
    )
    assert "Клиент карточки: Пётр Петров" in (old.why or "")
    assert [subject for subject, _ in call.mails(COORDINATOR)] == ["ИСКЛЮЧИТЬ", "ИСКЛЮЧИТЬ"]


def test_a_narrowing_correction_leaves_only_the_narrow_reminder_open(desk: Desk) -> None:
    call = desk.call(1).then("all", "calls")
    (open_,) = call.open()
    assert "Исключить клиента из звонков с опросом." in open_.text
    assert open_.text.splitlines()[0].startswith("ИСПРАВЛЕНИЕ: ")
    assert [subject for subject, _ in call.mails(SMS_MANAGER)] == ["ИСКЛЮЧИТЬ", "ОТМЕНА: ИСКЛЮЧИТЬ"]
    assert [subject for subject, _ in call.mails(COORDINATOR)] == ["ИСКЛЮЧИТЬ", "ИСКЛЮЧИТЬ"]
    assert call.mails(COORDINATOR)[-1][1].startswith("ИСПРАВЛЕНИЕ: ")


def test_a_card_of_several_uncorrected_decisions_is_told_of_each(desk: Desk) -> None:
    call = desk.call(1).then("found")
    desk.crm.writes.extend(["ok", "ok", "refused"])
    call.then("none")
    assert len([text for text in call.comments("other") if "исключать не требуется" in text]) == 1
    call.then("found")
    call.check()


def test_a_person_who_never_got_the_second_reminder_is_told_off_the_first(desk: Desk) -> None:
    call = desk.call(1).then("all")
    call.report("mailings")
    call.report("calls")
    desk.drain()
    assert [subject for subject, _ in call.mails(SMS_MANAGER)] == ["ИСКЛЮЧИТЬ", "ОТМЕНА: ИСКЛЮЧИТЬ"]
    assert "«исключить из звонков с опросом и рассылок»" in call.mails(SMS_MANAGER)[-1][1]
    call.check()


@pytest.mark.parametrize(("write", "written"), [("dropped", True), ("late", True), ("lost", False)])
def test_what_was_on_its_way_is_corrected_only_if_it_arrived(desk: Desk, write: str, written: bool) -> None:
    call = desk.call(1)
    call.report("all")
    desk.crm.writes.extend([write] * 3)
    desk.house.mailer.answers = ["error"] * 2
    desk.work()
    call.report("none")
    desk.drain()
    assert ("Исправление" in " ".join(call.comments())) is written
    assert call.open() == []
    assert bool(call.records()) is written
    call.check()


def test_a_mail_that_corrects_waits_for_what_the_crm_has_but_not_for_ever(desk: Desk) -> None:
    call = desk.call(1)
    call.report("all")
    desk.crm.writes.extend(["lost"] * 3)
    desk.house.mailer.answers = ["error"] * 2
    desk.work()
    call.report("calls")
    queue = Queue(desk.house.ledger, desk.house.clock, "another", LEASE)
    assert queue.claim(10, [Lane.MAIL]) == []
    desk.house.clock.advance(601)
    assert [mail.role for mail in queue.claim(10, [Lane.MAIL])] == [COORDINATOR.name]


def test_mails_of_a_call_refer_to_its_first_and_to_the_readers_own_first(desk: Desk) -> None:
    call = desk.call(1).then("all", "calls", "all")
    mailer = desk.house.mailer
    ids = {
        role.name: [mail[3] for mail in mailer.mails if mail[0] == role.address] for role in (COORDINATOR, SMS_MANAGER)
    }
    first, *later = ids[COORDINATOR.name]
    assert mailer.references[first] == ()
    assert all(mailer.references[one] == (first,) for one in later)
    own, *others = ids[SMS_MANAGER.name]
    assert mailer.references[own] == (first,)
    assert all(mailer.references[one] == (first, own) for one in others)
    call.check()


def test_the_ledger_keeps_the_card_and_the_text_as_written(desk: Desk) -> None:
    call = desk.call(1).then("found", "calls")
    by_key = {record.key: record for record in call.records()}
    for row in desk.house.rows():
        if row.key in by_key:
            record = by_key[row.key]
            assert record.card is not None
            assert (row.card, row.sent_text) == ({"type": record.card.type, "id": record.card.id}, record.text)
        else:
            assert row.card is None
            assert "‹" not in (row.sent_text or "")


def test_several_corrections_in_a_row_leave_the_last_word_alone(desk: Desk) -> None:
    for number, endings in enumerate(itertools.permutations(["all", "found", "none", "unfinished"]), 1):
        desk.call(number).then(*endings).check()
