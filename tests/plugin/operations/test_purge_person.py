"""A number's owner asks that what is kept of them be removed: it is, but for what keeps them from being called."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import insert

from plugin.ledger.chain import Change, note
from plugin.ledger.chain.append import take_in
from plugin.ledger.chain.check import CheckProgress, check_on
from plugin.ledger.suppression import refused_calls, suppressions
from plugin.ledger.trails import trails
from tests.plugin.events.support import ALL, CALLS, HALF, NONE, call_result
from tests.plugin.operations.harness import PHONE, Firm

OTHER = "+74951234567"


def other_call(firm: Firm) -> None:
    event = call_result(CALLS, call={"id": "c-other", "phone": OTHER, "operator": "sidorova"})
    firm.office.taken_body(event | {"occurred_at": firm.clock().isoformat()})


def finish(firm: Firm) -> None:
    firm.change_all(state="done", finished_at=firm.clock(), remote_id="u-77", sent_text="Карточкина")
    with firm.ledger.write() as connection:
        note(connection, [Change("delivery", row["id"], row["call_ref"]) for row in firm.office.deliveries()])
        row = {"source": "s", "call_key": "k", "number": PHONE, "scope": "calls", "occurred_at": firm.clock()}
        connection.execute(insert(refused_calls), row | {"noticed_at": firm.clock()})
        trail = {
            "namespace": "n",
            "call_id": "p",
            "generation": 1,
            "script": "s",
            "revision": "r",
            "operator": "ivanova",
        }
        trail |= {"about": {"phone": PHONE}, "seq": 1, "entries": [{"kind": "note", "at": "t", "text": "сын"}]}
        times = {"state": "confirmed", "started_at": firm.clock(), "updated_at": firm.clock()}
        added = connection.execute(insert(trails).returning(trails.c.id), trail | times).scalar_one()
        note(connection, [Change("trail", added)])


def faults(firm: Firm) -> int:
    with firm.ledger.write() as connection:
        while take_in(connection, firm.clock()):
            pass
        return check_on(connection, CheckProgress(), 100_000).fault_count


@pytest.mark.parametrize("given", ["", "Иванов", f"{PHONE}, {OTHER}"])
def test_what_is_not_one_number_is_refused(firm: Firm, given: str) -> None:
    assert "не один номер" in firm.refused("purge", "--person", given)
    assert "вместе не понять" in firm.refused("purge", "--person", PHONE, "--older-than", "365d")


def test_a_dry_run_only_tells(firm: Firm) -> None:
    firm.report("c-1", CALLS, note="сын")
    finish(firm)
    out = firm.out("purge", "--person", PHONE, "--dry-run")
    assert "закончены: 1" in out
    assert "останется исключённым (звонки)" in out
    assert firm.office.call()["note"] == "сын"


def test_all_of_the_number_goes_but_that_it_is_excluded_and_nothing_of_another(either_firm: Firm) -> None:
    firm = either_firm
    firm.report("c-1", ALL, ago=timedelta(hours=2), note="сын")
    other_call(firm)
    finish(firm)
    assert faults(firm) == 0
    assert "Удалены личные данные звонков: 1." in firm.out("purge", "--person", "8 (916) 123-45-67", "--yes")
    told = firm.json("person", PHONE)
    assert (told["calls"], told["calls_after_refusal"], told["page_calls"]) == ([], [], [])
    assert list(told["suppression"]["suppressed"]) == ["calls", "mailings"]
    assert [row["phone"] for row in firm.office.calls()] == [None, OTHER]
    assert [(act["act"], act["details"]) for act in firm.acts()] == [("forget", {"calls": 1, "kept": 0})]
    assert PHONE not in str(firm.office.rows(trails))
    assert faults(firm) == 0


def test_what_is_not_over_is_kept_and_told(firm: Firm) -> None:
    firm.report("c-1", CALLS, note="сын")
    finish(firm)
    firm.report("c-2", HALF)
    out = firm.out("purge", "--person", PHONE, "--yes")
    assert "останутся как есть: 1 (звонки № 2)" in out
    assert [row["phone"] for row in firm.office.calls()] == [None, PHONE]


def test_what_no_longer_excludes_the_number_goes_with_it(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    firm.report("c-1", NONE, ago=timedelta(minutes=-1))
    finish(firm)
    firm.out("purge", "--person", PHONE, "--yes")
    assert firm.office.rows(suppressions) == []
    assert faults(firm) == 0
