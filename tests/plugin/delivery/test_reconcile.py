"""After a lost answer or a lost process: look first, repeat only what is surely not there."""

from __future__ import annotations

import pytest

from plugin.ledger.audit import Actor
from plugin.operations.deliveries import Operation
from plugin.operations.selection import Selection
from tests.plugin.delivery.fake_crm import FakeCrm, Killed
from tests.plugin.delivery.harness import LEASE, FakeMailer, House


def kill(house: House, delivery: int, where: str) -> None:
    crm = FakeCrm(house.crm)
    crm.writes.append(where)
    with pytest.raises(Killed):
        house.worker(crm).run_once()
    assert house.row(delivery).state == "leased"


@pytest.mark.parametrize("kind", ["comment", "reminder", "crm_email"])
@pytest.mark.parametrize("write", ["dropped", "late"])
def test_what_was_written_although_the_answer_was_lost_is_found_and_not_repeated(
    house: House, kind: str, write: str
) -> None:
    delivery = house.one(kind)
    house.run_once(write)
    house.clock.advance(30)
    crm = house.run_once()
    assert crm.log == ["find"]
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)
    assert house.row(delivery).remote_id == house.crm.records[0].remote_id
    assert house.steps(delivery) == [("send", "unknown"), ("look_up", "found")]


def test_what_never_arrived_is_sent_again_right_after_the_look_up(house: House) -> None:
    delivery = house.one()
    house.run_once("lost")
    house.clock.advance(30)
    crm = house.run_once()
    assert crm.log == ["find", "comment"]
    assert (house.row(delivery).state, house.written(delivery), house.row(delivery).attempts) == ("done", 1, 2)
    assert house.steps(delivery) == [("send", "unknown"), ("look_up", "absent"), ("send", "done")]


def test_a_refusal_for_now_needs_no_look_up_before_the_next_try(house: House) -> None:
    house.one()
    house.run_once("busy")
    house.clock.advance(40)
    crm = house.run_once()
    assert crm.log == ["comment"]


def test_a_refusal_after_a_reconciled_unknown_needs_no_look_up_either(house: House) -> None:
    delivery = house.one()
    house.run_once("lost")
    house.clock.advance(30)
    house.run_once("busy")
    assert (house.row(delivery).state, house.row(delivery).sent_at) == ("waiting", None)
    house.clock.advance(40)
    crm = house.run_once()
    assert crm.log == ["comment"]


def test_a_look_up_that_does_not_get_through_waits_and_sends_nothing(house: House) -> None:
    delivery = house.one()
    house.run_once("dropped")
    house.clock.advance(30)
    crm = house.run_once(reads=["down"])
    row = house.row(delivery)
    assert crm.log == ["find"]
    assert row.state == "unknown"
    assert row.sent_at is not None
    assert house.until_due(delivery) == 20
    assert house.steps(delivery)[-1] == ("look_up", "unknown")


def test_a_look_up_refused_for_good_is_left_to_a_human_as_perhaps_written(house: House) -> None:
    delivery = house.one()
    house.run_once("lost")
    house.clock.advance(30)
    crm = house.run_once(reads=["refused"])
    row = house.row(delivery)
    assert (row.state, row.why) == ("parked", "the CRM does not let it be looked for: no access")
    assert row.sent_at is not None
    assert crm.log == ["find"]


def test_a_mail_that_cannot_be_looked_for_is_left_to_a_human_and_never_sent_on_the_off_chance(house: House) -> None:
    delivery = house.one("crm_email")
    house.run_once("lost")
    house.clock.advance(30)
    crm = house.run_once(reads=["refused"])
    assert (crm.log, house.row(delivery).state) == (["find"], "parked")
    retry = Operation(house.ledger, "retry", Selection(states=("parked",)), house.clock)
    retry.carry_out(Actor("иванова", "права даны"))
    crm = house.run_once(reads=["refused"])
    assert (crm.log, house.row(delivery).state) == (["find"], "parked")
    retry.carry_out(Actor("иванова", "теперь и правда даны"))
    crm = house.run_once()
    assert (crm.log, house.row(delivery).state) == (["find", "email"], "done")


@pytest.mark.parametrize("kind", ["comment", "reminder", "crm_email"])
@pytest.mark.parametrize("where", ["killed", "killed after"])
def test_a_killed_process_is_taken_over_when_its_lease_runs_out_and_reconciled_by_a_look_up(
    house: House, kind: str, where: str
) -> None:
    delivery = house.one(kind)
    kill(house, delivery, where)
    house.clock.advance(LEASE - 1)
    assert house.worker().run_once() == 0
    house.clock.advance(1)
    crm = FakeCrm(house.crm)
    assert house.worker(crm).run_once() == 1
    assert crm.log[0] == "find"
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_a_process_killed_before_sending_leaves_nothing_to_look_for(house: House) -> None:
    delivery = house.delivery(house.decision(card=None))
    crm = FakeCrm(house.crm)
    crm.reads.append("killed")
    with pytest.raises(Killed):
        house.worker(crm).run_once()
    assert (house.row(delivery).state, house.row(delivery).sent_at) == ("leased", None)
    house.clock.advance(LEASE)
    after = FakeCrm(house.crm)
    house.worker(after).run_once()
    assert after.log == ["find_contact", "comment"]
    assert house.row(delivery).state == "done"


def test_a_process_killed_in_the_look_up_is_taken_over_too(house: House) -> None:
    delivery = house.one()
    house.run_once("dropped")
    house.clock.advance(30)
    crm = FakeCrm(house.crm)
    crm.reads.append("killed")
    with pytest.raises(Killed):
        house.worker(crm).run_once()
    house.clock.advance(LEASE)
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_a_ledger_that_fails_right_after_the_write_costs_a_look_up_and_no_double(house: House) -> None:
    delivery = house.one()
    crm = FakeCrm(house.crm)

    def fill_the_disk() -> None:
        house.ledger.broken = True

    crm.meanwhile = fill_the_disk
    house.worker(crm).run_once()
    house.ledger.broken = False
    assert (house.row(delivery).state, house.written(delivery)) == ("leased", 1)
    house.clock.advance(LEASE)
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_a_clock_set_back_does_not_make_an_unknown_wait_for_the_old_time(house: House) -> None:
    delivery = house.one()
    kill(house, delivery, "killed after")
    house.change(delivery, state="unknown", owner=None, lease_until=None)
    house.clock.set_back(7200)
    house.change(delivery, not_before=house.clock())
    house.worker().run_once()
    assert (house.row(delivery).state, house.until_due(delivery)) == ("unknown", 30)
    house.clock.advance(30)
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


# --- mail over SMTP ----------------------------------------------------------------------------------


def test_a_mail_whose_answer_was_lost_is_sent_again_under_the_same_id(house: House) -> None:
    delivery = house.one("smtp_email")
    house.mailer.answers = ["unknown"]
    house.worker().run_once()
    assert (house.row(delivery).state, house.until_due(delivery)) == ("unknown", 5)
    house.clock.advance(5)
    house.worker().run_once()
    assert house.row(delivery).state == "done"
    first, second = house.mailer.mails
    assert first == second


def test_a_mail_that_may_have_gone_out_stays_unknown_when_the_repeat_fails(house: House) -> None:
    delivery = house.one("smtp_email")
    house.mailer.answers = ["unknown", "error"]
    house.worker().run_once()
    house.clock.advance(5)
    house.worker().run_once()
    assert house.row(delivery).state == "unknown"
    assert house.row(delivery).sent_at is not None


def test_a_killed_mailer_is_taken_over(house: House) -> None:
    delivery = house.one("smtp_email")
    mailer = FakeMailer()
    mailer.answers = ["killed"]
    with pytest.raises(Killed):
        house.worker(mailer=mailer).run_once()
    house.clock.advance(LEASE)
    house.worker().run_once()
    assert house.row(delivery).state == "done"
    assert len(house.mailer.mails) == 1
