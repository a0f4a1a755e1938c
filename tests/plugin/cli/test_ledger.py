"""``optout ledger verify``: every record as it was written, from end to end, and it can be broken off."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select, text, update

from plugin.ledger.chain.append import take_in
from plugin.ledger.chain.tables import chain_checks
from plugin.operations.chain_check import ChainCheck, DailyChainCheck
from tests.plugin.events.support import ALL, CALLS
from tests.plugin.operations.harness import Firm


def chained(firm: Firm) -> None:
    with firm.ledger.write() as connection:
        assert take_in(connection, firm.clock())


def change(firm: Firm, statement: str) -> None:
    with firm.ledger.write() as connection:
        connection.execute(text(statement))


def checks(firm: Firm) -> list[tuple[int, int, bool]]:
    with firm.ledger.read() as connection:
        rows = connection.execute(select(chain_checks).order_by(chain_checks.c.id)).all()
    return [(row.seq, row.fault_count, row.ended_at is not None) for row in rows]


@pytest.mark.parametrize("head", ["", "7", "x:y", "7:abc"])
def test_what_is_no_head_is_refused(firm: Firm, head: str) -> None:
    assert "не отметка" in firm.refused("ledger", "verify", "--head", head)


def test_what_is_whole_is_told_with_its_head(either_firm: Firm) -> None:
    firm = either_firm
    firm.report("c-1", CALLS)
    chained(firm)
    out = firm.out("ledger", "verify")
    assert "Всё сходится" in out
    head = out.splitlines()[-1]
    assert head.startswith("4:")
    firm.report("c-2", ALL)
    chained(firm)
    assert "Всё сходится" in firm.out("ledger", "verify", "--head", head)


def test_what_was_changed_is_named_with_its_call_and_the_status_is_1(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    chained(firm)
    change(firm, "UPDATE calls SET outcome = 'none'")
    status, out, _ = firm.run("ledger", "verify")
    assert status == 1
    assert "запись журнала изменена или удалена" in out
    assert "звонок № 1" in out
    status, out, _ = firm.run("ledger", "verify", "--json")
    assert (status, json.loads(out)["fault_count"]) == (1, 1)


def test_a_head_tells_of_an_end_that_was_cut_off_without_a_trace(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    chained(firm)
    before = firm.json("ledger", "verify")["head"]
    firm.report("c-2", CALLS)
    chained(firm)
    after = firm.json("ledger", "verify")["head"]
    change(firm, "DELETE FROM chain WHERE seq > 4")
    change(firm, "UPDATE chain_head SET seq = 4, link = (SELECT link FROM chain WHERE seq = 4)")
    change(firm, "DELETE FROM chain_checks")
    for table in ("promises", "suppressions", "deliveries", "decisions", "events"):
        change(firm, f"DELETE FROM {table} WHERE call_ref = 2")
    change(firm, "DELETE FROM calls WHERE id = 2")
    assert "Всё сходится" in firm.out("ledger", "verify", "--head", before)
    status, out, _ = firm.run("ledger", "verify", "--head", after)
    assert status == 1
    assert "отметка не сходится" in out


def test_a_check_that_was_broken_off_is_gone_on_with(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    firm.report("c-2", CALLS)
    chained(firm)
    check = ChainCheck(firm.ledger, firm.clock)
    check.begin()
    check.step(2)
    assert checks(firm) == [(2, 0, False)]
    assert "продолжена прежняя проверка" in firm.out("ledger", "verify")
    assert checks(firm) == [(7, 0, True)]
    assert "продолжена" not in firm.out("ledger", "verify")


def test_two_processes_carry_one_check_on_together(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    firm.report("c-2", CALLS)
    chained(firm)
    first, second = ChainCheck(firm.ledger, firm.clock), ChainCheck(firm.ledger, firm.clock)
    first.begin()
    assert second.begin()
    assert first.step(3).seq == 3
    assert second.step(2).seq == 3
    assert second.step(100).ended
    assert first.step(100).ended
    assert checks(firm) == [(7, 0, True)]


def test_the_service_checks_once_a_day(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    chained(firm)
    daily, other = DailyChainCheck(firm.ledger, firm.clock), DailyChainCheck(firm.ledger, firm.clock)
    assert not daily.step()
    assert not other.step()
    assert checks(firm) == [(4, 0, True)]
    firm.clock.pass_(hours=23)
    assert not daily.step()
    firm.clock.pass_(hours=1)
    with firm.ledger.write() as connection:
        connection.execute(update(chain_checks).values(link="0" * 64))
    assert not other.step()
    assert checks(firm) == [(4, 0, True), (4, 1, True)]
