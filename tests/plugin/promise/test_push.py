"""Diallers hold what the suppression list says: each number once, whatever goes wrong, and none that was released."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from sqlalchemy import update

from connectors.dialler import DiallerAccount, DiallerSettings
from plugin.config.settings import DeliveryPolicy, PushedDialler
from plugin.ledger.audit import Actor
from plugin.ledger.pushed_numbers import pushed_numbers
from plugin.monitoring.find import diallers_behind
from plugin.monitoring.model import AlertLook
from plugin.promise.purge_suppressions import purge_suppressions
from plugin.promise.push_list import PushList, plan_push, push_all, push_counts
from plugin.promise.push_worker import PushWorker
from tests.plugin.events.support import ALL, CALLS, NONE, ONLINE, SETTINGS, Office, at
from tests.plugin.promise.test_suppression_list import IN_AGAIN, OTHER, PHONE, by_hand
from tests.support.fake_api import Fault
from tests.support.uis import TOKEN, Uis

SEVEN = PHONE.removeprefix("+")
POLICY = DeliveryPolicy(first_wait_seconds=5, jitter=0, breaker_failures=3, probe_seconds=30)
LEASE_SECONDS = 3600


class Dialling:
    """An office whose list is pushed to a UIS; another process's share by ``worker``."""

    def __init__(self, office: Office, uis: Uis, **table: Any) -> None:
        self.office = office
        self.uis = uis
        given = {"profile": "uis", "token": TOKEN, "base_url": uis.url, "burst": 1000, "requests_per_second": 1000}
        self.settings = DiallerSettings().load(given | {"settling_seconds": 30} | table)
        self.dialler = PushedDialler("uis", "calls", self.settings)
        self.account = DiallerAccount(self.settings)
        self.listed = PushList(office.ledger, self.dialler, office.clock)
        self.work = self.worker("one")
        self.listed.step()

    def worker(self, owner: str) -> PushWorker:
        return PushWorker(
            self.office.ledger, "uis", self.account, POLICY, self.office.clock, owner, Random(1), monotonic=lambda: 0.0
        )

    def take_over(self) -> None:
        """Two looks: what the first one sees is settled for the second."""
        for _ in range(2):
            while self.listed.step() == 0.0:
                pass

    def pushed(self) -> list[str]:
        """Take over and push what is due; the dialler's numbers."""
        self.take_over()
        while self.work.step() == 0.0:
            pass
        return self.uis.numbers

    def after(self, seconds: float) -> list[str]:
        self.office.clock.pass_(seconds=seconds)
        return self.pushed()

    def rows(self) -> list[dict[str, Any]]:
        return self.office.rows(pushed_numbers)

    def state(self) -> list[tuple[str, bool, str]]:
        return sorted((row["number"], row["wanted"], row["state"]) for row in self.rows())


Dials = Callable[..., Dialling]


@pytest.fixture
def uis() -> Iterator[Uis]:
    made = Uis()
    with made.running():
        yield made


@pytest.fixture
def dials(office: Office, uis: Uis) -> Iterator[Dials]:
    made: list[Dialling] = []

    def dialling(**table: Any) -> Dialling:
        made.append(Dialling(office, uis, **table))
        return made[-1]

    yield dialling
    for one in made:
        one.account.close()


# --- what goes wrong ----------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.ERROR_AFTER, Fault.HTML, Fault.NOT_UTF8])
def test_a_number_whose_answer_was_lost_is_looked_for_and_not_put_in_twice(
    dials: Dials, uis: Uis, fault: Fault
) -> None:
    one = dials()
    uis.takes_twice = True
    one.office.taken(CALLS)
    uis.fault(fault)
    assert one.pushed() == [SEVEN]
    assert one.state() == [(PHONE, True, "open")]
    assert one.after(10) == [SEVEN]
    assert uis.called("create") == 1
    assert one.after(30) == [SEVEN]
    assert (one.state(), uis.called("create")) == ([(PHONE, True, "done")], 1)


def test_a_number_that_never_arrived_is_put_in_once_the_dialler_cannot_commit_it_any_more(
    dials: Dials, uis: Uis
) -> None:
    one = dials()
    one.office.taken(CALLS)
    uis.fault(Fault.DROP_BEFORE)
    assert one.pushed() == []
    assert one.after(10) == []
    assert one.after(25) == [SEVEN]


def test_what_a_killed_process_had_is_taken_over_after_its_lease_and_put_in_once(dials: Dials, uis: Uis) -> None:
    one = dials()
    uis.takes_twice = True
    one.office.taken(CALLS)
    one.take_over()
    killed = one.worker("killed")
    _, rows = killed._claim()
    killed._bring(rows[0])
    assert one.work.step() > 0
    assert uis.called("create") == 1
    assert one.after(LEASE_SECONDS) == [SEVEN]
    assert (one.state(), uis.called("create")) == ([(PHONE, True, "done")], 1)


def test_a_dialler_that_is_away_is_probed_and_gets_everything_afterwards(dials: Dials, uis: Uis) -> None:
    one = dials()
    numbers = [f"+7916000000{place}" for place in range(8)]
    by_hand(one.office).add(numbers, ["calls"])
    uis.outage = Fault.DROP_BEFORE
    one.pushed()
    assert one.work.breaker.is_open
    asked = len(uis.requests)
    one.after(5)
    assert len(uis.requests) == asked
    one.after(31)
    assert len(uis.requests) == asked + 1
    uis.outage = None
    one.after(31)
    assert one.after(3600) == [number.removeprefix("+") for number in numbers]
    assert {state for _, _, state in one.state()} == {"done"}


@pytest.mark.parametrize(
    "mnemonic", ["access_token_invalid", "ip_not_whitelisted", "account_inactive", "limit_exceeded"]
)
def test_what_is_wrong_with_the_account_waits_and_parks_nothing(dials: Dials, uis: Uis, mnemonic: str) -> None:
    one = dials()
    one.office.taken(CALLS)
    uis.complains = mnemonic
    one.pushed()
    one.after(600)
    assert one.state() == [(PHONE, True, "open")]
    uis.complains = None
    one.after(3600)
    assert one.after(3600) == [SEVEN]


def test_a_number_that_the_dialler_refuses_is_parked_told_and_tried_again_by_a_person(dials: Dials, uis: Uis) -> None:
    one = dials()
    uis.refuses = {SEVEN}
    one.office.taken(CALLS)
    by_hand(one.office).add([OTHER], ["calls"])
    assert one.pushed() == [OTHER.removeprefix("+")]
    assert one.state() == [(OTHER, True, "done"), (PHONE, True, "parked")]
    (row,) = (row for row in one.rows() if row["state"] == "parked")
    assert "invalid_parameter_value" in row["why"]
    assert SEVEN not in row["why"]
    assert [cause.about["parked"] for cause in behind(one)] == [1]
    uis.refuses = set()
    push_all(one.office.ledger, one.office.clock, one.dialler, Actor.signed("иванова", "починили"), again=True)
    assert one.pushed() == sorted([SEVEN, OTHER.removeprefix("+")])
    assert behind(one) == []


def behind(one: Dialling) -> list[Any]:
    settings = replace(SETTINGS, diallers=(one.dialler,))
    with one.office.ledger.read() as connection:
        return list(diallers_behind(AlertLook(connection, one.office.clock(), settings, "host", None)))


def test_a_number_that_is_on_its_way_for_an_hour_is_told(dials: Dials, uis: Uis) -> None:
    one = dials()
    one.office.taken(CALLS)
    uis.outage = Fault.DROP_BEFORE
    one.pushed()
    assert behind(one) == []
    one.after(3700)
    assert [(cause.about["dialler"], cause.about["open"]) for cause in behind(one)] == [("uis", 1)]


# --- what is pushed -----------------------------------------------------------------------------------


def test_calls_people_and_files_put_numbers_in_and_releases_take_them_out(dials: Dials, uis: Uis) -> None:
    one = dials()
    one.office.taken(ALL)
    by_hand(one.office).add([OTHER], ["calls", "mailings"])
    by_hand(one.office).add(["+375291234567"], ["mailings"])
    assert one.pushed() == sorted([SEVEN, OTHER.removeprefix("+")])
    one.office.taken(IN_AGAIN, script="survey_opt_in", occurred_at=at(1), call={"id": "opt-in"})
    by_hand(one.office).remove([OTHER], ["calls"])
    assert one.pushed() == []
    assert one.state() == [(OTHER, False, "done"), (PHONE, False, "done")]


def test_a_correction_takes_the_number_out_again(dials: Dials) -> None:
    one = dials()
    one.office.taken(CALLS)
    assert one.pushed() == [SEVEN]
    one.office.taken(NONE, occurred_at=at(2))
    assert one.pushed() == []
    one.office.taken(ONLINE, occurred_at=at(3))
    assert one.pushed() == []


def test_entries_in_any_notation_are_found_and_all_taken_out(dials: Dials, uis: Uis) -> None:
    one = dials()
    uis.black_list = {1: "89161234567", 2: "+79161234567", 3: "79161234568"}
    one.office.taken(CALLS)
    one.pushed()
    assert uis.called("create") == 0
    by_hand(one.office).remove([PHONE], ["calls"])
    assert one.pushed() == ["79161234568"]


def test_a_release_takes_out_what_was_put_in_by_hand_before_the_plugin_pushed(dials: Dials, uis: Uis) -> None:
    office = dials().office
    by_hand(office).add([PHONE, OTHER], ["calls"])
    uis.black_list = {1: SEVEN, 2: OTHER.removeprefix("+")}
    new = dials()
    new.dialler = replace(new.dialler, name="new")
    new.listed = PushList(office.ledger, new.dialler, office.clock)
    new.listed.step()
    new.work = PushWorker(office.ledger, "new", new.account, POLICY, office.clock, "n", Random(1))
    by_hand(office).remove([PHONE, "+79000000001"], ["calls"])
    assert new.pushed() == [OTHER.removeprefix("+")]


def test_a_release_while_the_number_is_on_its_way_wins(dials: Dials, uis: Uis) -> None:
    one = dials()
    one.office.taken(CALLS)
    one.take_over()
    claim, rows = one.work._claim()
    by_hand(one.office).remove([PHONE], ["calls"])
    one.take_over()
    ended = one.work._bring(rows[0])
    assert uis.numbers == [SEVEN]
    with one.office.ledger.write() as connection:
        one.work._keep(connection, claim, ended, one.office.clock())
    assert one.state() == [(PHONE, False, "open")]
    assert one.pushed() == []
    assert one.state() == [(PHONE, False, "done")]


def test_two_processes_never_have_the_same_number(dials: Dials, uis: Uis) -> None:
    one = dials()
    uis.takes_twice = True
    by_hand(one.office).add([f"+791600000{place:02}" for place in range(25)], ["calls"])
    one.take_over()
    first, second = one.work._claim()[1], one.worker("two")._claim()[1]
    assert (len(first), len(second)) == (10, 10)
    assert not {row.id for row in first} & {row.id for row in second}


# --- a dialler that is new ----------------------------------------------------------------------------


def test_what_was_excluded_before_goes_to_a_new_dialler_by_a_person_s_word_only(dials: Dials, uis: Uis) -> None:
    office = dials().office
    by_hand(office).add([PHONE, OTHER], ["calls"])
    with office.ledger.write() as connection:
        connection.execute(pushed_numbers.delete())
    new = dials()
    new.dialler = replace(new.dialler, name="new")
    new.listed = PushList(office.ledger, new.dialler, office.clock)
    new.take_over()
    assert new.rows() == []
    with office.ledger.read() as connection:
        plan = plan_push(connection, new.dialler)
    assert (plan.add, plan.remove) == (2, 0)
    assert push_all(office.ledger, office.clock, new.dialler, Actor.signed("иванова", "новый обзвон")) == 2
    new.work = PushWorker(office.ledger, "new", new.account, POLICY, office.clock, "n", Random(1))
    assert new.pushed() == sorted([SEVEN, OTHER.removeprefix("+")])
    with office.ledger.read() as connection:
        assert plan_push(connection, new.dialler).add == 0
        assert push_counts(connection, "new").held == 2


def test_what_was_taken_out_of_the_list_long_ago_is_purged_and_what_is_held_stays(dials: Dials) -> None:
    one = dials()
    by_hand(one.office).add([PHONE, OTHER], ["calls"])
    one.pushed()
    by_hand(one.office).remove([OTHER], ["calls"])
    one.pushed()
    one.office.clock.pass_(hours=24 * 40)
    with one.office.ledger.write() as connection:
        while purge_suppressions(connection, one.office.clock(), 10):
            pass
    assert one.state() == [(PHONE, True, "done")]


def test_a_position_that_another_process_moved_is_not_moved_back(dials: Dials) -> None:
    one = dials()
    behind_, ahead = one.listed, PushList(one.office.ledger, one.dialler, one.office.clock)
    behind_.step()
    one.office.taken(CALLS)
    ahead.step()
    ahead.step()
    behind_.step()
    with one.office.ledger.write() as connection:
        connection.execute(update(pushed_numbers).values(state="done"))
    ahead.step()
    assert one.state() == [(PHONE, True, "done")]
