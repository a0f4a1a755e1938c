"""``optout person``: everything of one number, and nothing of another."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from plugin.ledger.trails import trails
from tests.plugin.events.support import ALL, CALLS, call_result
from tests.plugin.operations.harness import PHONE, Firm

OTHER = "+74951234567"


def trail(firm: Firm, phone: str, operator: str) -> None:
    row = {
        "namespace": "page",
        "call_id": f"p-{operator}",
        "generation": 1,
        "script": "s",
        "revision": "r",
        "operator": operator,
        "about": {"phone": phone, "card": {"type": "contact", "id": "42", "name": "Анна Карточкина"}},
        "seq": 1,
        "entries": [{"kind": "note", "text": "просила перезвонить"}],
        "state": "open",
        "started_at": firm.clock(),
        "updated_at": firm.clock(),
    }
    with firm.ledger.write() as connection:
        connection.execute(insert(trails), row)


@pytest.mark.parametrize("given", ["", "12-34", "Иванов", f"{PHONE}, {OTHER}"])
def test_what_is_not_one_number_is_refused(firm: Firm, given: str) -> None:
    assert "не один номер телефона" in firm.refused("person", given)


def test_of_a_number_of_which_nothing_is_kept_that_is_said(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    assert "ничего не хранит" in firm.out("person", OTHER)
    told = firm.json("person", OTHER)
    assert (told["calls"], told["suppression"]["said"], told["page_calls"]) == ([], [], [])


def test_everything_of_a_number_is_told_in_any_notation_and_nothing_of_another(either_firm: Firm) -> None:
    firm = either_firm
    firm.report("c-1", ALL, ago=timedelta(hours=2), note="позвонить сыну")
    other: dict[str, Any] = call_result(CALLS, call={"id": "c-other", "phone": OTHER, "operator": "sidorova"})
    firm.office.taken_body(other | {"occurred_at": firm.clock().isoformat(), "note": "чужая заметка"})
    survey = call_result({}, call={"id": "c-2"}, occurred_at=firm.clock().isoformat())
    assert "ignored" in firm.office.send(survey).body
    trail(firm, PHONE, "ivanova")
    trail(firm, OTHER, "petrova")

    page = firm.out("person", "8 (916) 123-45-67")
    for part in (
        f"{PHONE}: исключён",
        "В журнале 1 звонок",
        "позвонить сыну",
        "Звонки после отказа",
        "оператор ivanova",
    ):
        assert part in page, part
    for part in (OTHER, "чужая заметка", "sidorova", "petrova"):
        assert part not in page

    told = firm.json("person", PHONE)
    assert [call["call"] for call in told["calls"]] == ["c-1"]
    assert list(told["suppression"]["suppressed"]) == ["calls", "mailings"]
    assert [one["scope"] for one in told["calls_after_refusal"]] == ["calls"]
    assert [one["operator"] for one in told["page_calls"]] == ["ivanova"]
    assert OTHER not in str(told)
