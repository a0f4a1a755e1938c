"""What a correction asked to stop, and what it asked to take back."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import ReminderState
from plugin.delivery.queue import Queue
from tests.plugin.delivery.fake_crm import FakeCrm, Killed
from tests.plugin.delivery.harness import LEASE, House


@pytest.fixture
def house(either_house: House) -> House:
    """Everything here holds on both databases."""
    return either_house


def unknown(house: House, write: str) -> None:
    house.run_once(write)


def withdrawal(house: House, old: int, kind: str = "withdrawal") -> int:
    subject = None if kind == "withdrawal" else "ОТМЕНА: ИСКЛЮЧИТЬ"
    return house.delivery(house.row(old).decision_ref, kind, withdraws=old, subject=subject, text="Клиент передумал")


# --- asked to stop -----------------------------------------------------------------------------------


def test_a_delivery_asked_to_stop_before_it_is_sent_is_not_sent(house: House) -> None:
    delivery = house.one()
    # A process that is killed before it sends, and a correction that finds the delivery leased.
    Queue(house.ledger, house.clock, "killed", LEASE).claim(10)
    house.change(delivery, cancel=True)
    house.clock.advance(LEASE)
    crm = house.run_once()
    assert (house.row(delivery).state, crm.log) == ("cancelled", [])
    assert house.row(delivery).finished_at is not None


def test_a_correction_between_the_claim_and_the_sending_stops_it(house: House) -> None:
    first, second = house.one(), house.one()
    crm = FakeCrm(house.crm)
    crm.meanwhile = lambda: house.change(second, cancel=True)
    house.worker(crm).run_once()
    assert (house.row(first).state, house.row(second).state) == ("done", "cancelled")
    assert house.written(second) == 0


def test_what_is_on_its_way_when_the_correction_comes_is_done_if_it_arrives(house: House) -> None:
    delivery = house.one()
    crm = FakeCrm(house.crm)
    crm.meanwhile = lambda: house.change(delivery, cancel=True)
    house.worker(crm).run_once()
    assert house.row(delivery).state == "done"


@pytest.mark.parametrize("write", ["busy", "error", "refused"])
def test_what_is_on_its_way_when_the_correction_comes_is_cancelled_if_it_is_refused(house: House, write: str) -> None:
    delivery = house.one()
    crm = FakeCrm(house.crm)
    crm.writes.append(write)
    crm.meanwhile = lambda: house.change(delivery, cancel=True)
    house.worker(crm).run_once()
    assert (house.row(delivery).state, house.row(delivery).sent_at) == ("cancelled", None)


@pytest.mark.parametrize(("write", "state"), [("dropped", "done"), ("late", "done"), ("lost", "cancelled")])
def test_an_unknown_asked_to_stop_is_looked_for_and_never_sent_again(house: House, write: str, state: str) -> None:
    delivery = house.one()
    unknown(house, write)
    house.change(delivery, cancel=True)
    house.clock.advance(30)
    crm = house.run_once()
    assert crm.log == ["find"]
    assert house.row(delivery).state == state
    assert house.written(delivery) == (state == "done")


def test_an_unknown_mail_asked_to_stop_is_not_sent_again_and_counts_as_perhaps_sent(house: House) -> None:
    delivery = house.one("smtp_email")
    house.mailer.answers = ["unknown"]
    house.worker().run_once()
    house.change(delivery, cancel=True)
    house.clock.advance(5)
    house.worker().run_once()
    assert house.row(delivery).state == "cancelled"
    assert house.row(delivery).sent_at is not None
    assert len(house.mailer.mails) == 1


def test_an_unknown_crm_mail_asked_to_stop_counts_as_perhaps_sent_although_it_is_not_found(house: House) -> None:
    delivery = house.one("crm_email")
    unknown(house, "lost")
    house.change(delivery, cancel=True)
    house.clock.advance(30)
    crm = house.run_once()
    assert (crm.log, house.row(delivery).state) == (["find"], "cancelled")
    assert house.row(delivery).sent_at is not None


# --- taking back -------------------------------------------------------------------------------------


def test_a_withdrawal_waits_until_the_old_reminder_has_ended(house: House) -> None:
    old = house.one("reminder")
    unknown(house, "dropped")
    house.change(old, cancel=True)
    back = withdrawal(house, old)
    assert house.worker().run_once() == 0
    house.clock.advance(30)
    house.worker().run_once()
    assert (house.row(old).state, house.row(back).state) == ("done", "pending")
    house.worker().run_once()
    [record] = house.crm.records
    assert house.row(back).state == "done"
    assert (record.state, record.why) == (ReminderState.DONE, "Клиент передумал")


@pytest.mark.parametrize("columns", [{"state": "cancelled"}, {"state": "parked"}], ids=["cancelled", "parked"])
def test_a_withdrawal_of_what_never_went_out_is_cancelled(house: House, columns: dict[str, Any]) -> None:
    old = house.one("reminder", **columns)
    back, mail = withdrawal(house, old), withdrawal(house, old, "smtp_email")
    crm = house.run_once()
    for row in (house.row(back), house.row(mail)):
        assert (row.state, row.why) == ("cancelled", "what it takes back never went out")
    assert (crm.log, house.mailer.mails) == ([], [])


@pytest.mark.parametrize(("written", "state"), [(True, "done"), (False, "cancelled")])
def test_a_reminder_parked_as_perhaps_written_is_looked_for_before_it_is_taken_back(
    house: House, written: bool, state: str
) -> None:
    old = house.one("reminder")
    unknown(house, "dropped" if written else "lost")
    house.change(old, state="parked")
    back = withdrawal(house, old)
    crm = house.run_once()
    assert crm.log == (["find", "withdrawal"] if written else ["find"])
    assert house.row(back).state == state


def test_a_withdrawal_that_the_crm_refuses_for_good_is_parked(house: House) -> None:
    old = house.one("reminder")
    house.worker().run_once()
    back = withdrawal(house, old)
    unknown(house, "refused")
    assert house.row(back).state == "parked"


@pytest.mark.parametrize(
    ("state", "log"),
    [
        (ReminderState.DONE, ["reminder_state"]),
        (ReminderState.OPEN, ["reminder_state", "withdrawal"]),
    ],
)
def test_a_withdrawal_whose_answer_was_lost_is_reconciled_by_the_reminders_state(
    house: House, state: ReminderState, log: list[str]
) -> None:
    old = house.one("reminder")
    house.worker().run_once()
    back = withdrawal(house, old)
    unknown(house, "lost")
    assert house.row(back).state == "unknown"
    house.crm.records[0].state = state
    house.clock.advance(30)
    crm = house.run_once()
    assert (house.row(back).state, crm.log) == ("done", log)


def test_a_reminder_that_is_gone_from_the_crm_needs_no_second_withdrawal(house: House) -> None:
    old = house.one("reminder")
    house.worker().run_once()
    back = withdrawal(house, old)
    unknown(house, "lost")
    house.crm.records.clear()
    house.clock.advance(30)
    house.worker().run_once()
    assert house.row(back).state == "done"


def test_a_killed_withdrawal_is_taken_over(house: House) -> None:
    old = house.one("reminder")
    house.worker().run_once()
    back = withdrawal(house, old)
    crm = FakeCrm(house.crm)
    crm.writes.append("killed")
    with pytest.raises(Killed):
        house.worker(crm).run_once()
    house.clock.advance(LEASE)
    house.worker().run_once()
    assert house.row(back).state == "done"
    assert house.crm.records[0].state is ReminderState.DONE


# --- telling people ----------------------------------------------------------------------------------


def test_a_role_that_was_reminded_gets_the_cancellation_mail(house: House) -> None:
    old = house.one("reminder")
    house.worker().run_once()
    mail = withdrawal(house, old, "smtp_email")
    house.worker().run_once()
    assert house.row(mail).state == "done"
    assert house.mailer.mails[0][1:3] == ("ОТМЕНА: ИСКЛЮЧИТЬ", "Клиент передумал")


def test_a_role_that_was_only_mailed_gets_the_cancellation_mail_too(house: House) -> None:
    decision = house.decision()
    old = house.delivery(decision, "reminder", state="cancelled")
    house.delivery(decision, "smtp_email")
    house.worker().run_once()
    mail = withdrawal(house, old, "smtp_email")
    house.worker().run_once()
    assert house.row(mail).state == "done"
    assert len(house.mailer.mails) == 2


def test_a_mail_that_perhaps_went_out_counts_as_told(house: House) -> None:
    decision = house.decision()
    old = house.delivery(decision, "reminder", state="cancelled")
    first = house.delivery(decision, "smtp_email")
    house.mailer.answers = ["unknown"]
    house.worker().run_once()
    house.change(first, cancel=True)
    mail = withdrawal(house, old, "smtp_email")
    # Not before the old mail has ended: the cancellation must not overtake it.
    assert house.worker().run_once() == 0
    house.clock.advance(5)
    house.worker().run_once()
    house.worker().run_once()
    assert (house.row(first).state, house.row(mail).state) == ("cancelled", "done")


def test_another_roles_mail_is_no_reason_to_tell_this_role(house: House) -> None:
    decision = house.decision()
    old = house.delivery(decision, "reminder", state="cancelled")
    house.delivery(decision, "smtp_email", role="sms_manager")
    house.worker().run_once()
    mail = withdrawal(house, old, "smtp_email")
    house.worker().run_once()
    assert house.row(mail).state == "cancelled"


def test_a_mail_server_that_is_away_does_not_hold_up_the_withdrawal(house: House) -> None:
    decision = house.decision()
    old = house.delivery(decision, "reminder")
    house.delivery(decision, "smtp_email")
    house.mailer.answers = ["unknown"]
    house.worker().run_once()
    back = withdrawal(house, old)
    house.worker().run_once()
    assert house.row(back).state == "done"
