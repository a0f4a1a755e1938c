"""What goes wrong between the plugin and a CRM, and what the plugin may conclude from it."""

from __future__ import annotations

import logging

import pytest

from connectors.base import Done, Kind, NotDone, Outcome, Unknown
from tests.connectors.contract.doing import WORDS, key, play, written
from tests.connectors.contract.rig import NAME, PHONE, Rig
from tests.support.fake_api import Fault

#: The CRM has executed the request by then, and does not say so.
EXECUTED = (
    Fault.TIME_OUT_AFTER,
    Fault.DROP_AFTER,
    Fault.ERROR_AFTER,
    Fault.HTML,
    Fault.NOT_UTF8,
    Fault.GIGANTIC,
    Fault.DRIP,
)
#: It has not.
BEFORE = (Fault.DROP_BEFORE, Fault.ERROR_BEFORE)


@pytest.mark.parametrize("fault", EXECUTED)
def test_an_executed_write_without_an_answer_is_unknown_and_then_found(rig: Rig, kind: Kind, fault: Fault) -> None:
    play(rig, fault)
    outcome = written(rig, kind)
    assert isinstance(outcome, Unknown | Done), outcome
    (record,) = rig.written(kind)
    found = rig.connector.find(kind, rig.card, key())
    if kind == "email" and found is None:
        # Not every CRM shows what it mailed; a mail may go out twice, but not never.
        assert isinstance(written(rig, kind), Done)
        return
    assert found == record.id
    if isinstance(outcome, Done):
        assert outcome.remote_id == record.id


@pytest.mark.parametrize("fault", BEFORE)
def test_a_write_that_was_lost_on_the_way_is_not_found_and_can_be_repeated(rig: Rig, kind: Kind, fault: Fault) -> None:
    play(rig, fault)
    outcome = written(rig, kind)
    assert not isinstance(outcome, Done)
    assert not (isinstance(outcome, NotDone) and outcome.permanent)
    assert rig.connector.find(kind, rig.card, key()) is None
    assert isinstance(written(rig, kind), Done)
    assert len(rig.written(kind)) == 1


def test_a_throttled_write_waits(rig: Rig, kind: Kind) -> None:
    play(rig, Fault.THROTTLED)
    outcome = written(rig, kind)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.blocked) == (False, False)
    assert rig.written(kind) == []
    assert isinstance(written(rig, kind), Done)
    assert len(rig.written(kind)) == 1


def test_a_refused_write_is_not_repeated(rig: Rig, kind: Kind) -> None:
    play(rig, Fault.REFUSED)
    outcome = written(rig, kind)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.blocked) == (True, False)
    assert rig.written(kind) == []


def test_an_expired_token_is_renewed_or_waited_for(rig: Rig, kind: Kind) -> None:
    play(rig, Fault.TOKEN_EXPIRED)
    outcome = written(rig, kind)
    if isinstance(outcome, NotDone):
        assert (outcome.permanent, outcome.blocked) == (False, False)
        assert rig.written(kind) == []
        outcome = written(rig, kind)
    assert isinstance(outcome, Done)
    assert len(rig.written(kind)) == 1


def test_a_blocked_account_is_said_to_be(rig: Rig, kind: Kind) -> None:
    play(rig, Fault.BLOCKED)
    outcome = written(rig, kind)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.blocked) == (False, True)
    assert rig.written(kind) == []


def test_a_redirected_write_is_not_followed(rig: Rig, kind: Kind) -> None:
    play(rig, Fault.REDIRECT)
    before = rig.writes()
    outcome = written(rig, kind)
    assert isinstance(outcome, NotDone), outcome
    assert rig.writes() == before + 1
    assert rig.written(kind) == []


@pytest.mark.parametrize("fault", list(Fault))
def test_nothing_tells_a_secret_or_who_the_client_is(rig: Rig, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    play(rig, fault)
    with caplog.at_level(logging.DEBUG):
        outcome: Outcome = written(rig, "reminder", f"{WORDS}: {NAME}, {PHONE}")
    told = f"{outcome!r}\n{caplog.text}\n{rig.connector!r}"
    private = [*NAME.split(), PHONE, PHONE[2:], WORDS, *(person.address for person in rig.people if person.address)]
    assert [part for part in (*rig.secrets, *private) if part in told] == []
