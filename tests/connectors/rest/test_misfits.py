"""A description that does not fit what comes waits and is told: no promise is refused for good for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import MISFIT, NO_STORE, CardRef, CrmUnavailable, Done, NotDone
from connectors.rest import RestConnector
from plugin.resilience.health import NO_SIGNAL, of_read, of_write
from tests.connectors.contract.rig import NAME, PHONE
from tests.connectors.rest.rig import PolkaRig, rig, settings

KEY = "0123456789abcdef" * 4
DUE = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)


@pytest.fixture
def polka() -> Iterator[PolkaRig]:
    with rig() as made:
        yield made


def by(polka: PolkaRig, **changes: Any) -> RestConnector:
    return RestConnector(settings(polka.api.url, **changes))


def test_a_record_without_what_a_name_is_made_of_is_waited_for(polka: PolkaRig) -> None:
    del polka.api.clients["7"]["full_name"]
    for ask in (
        lambda: polka.connector.read_card(polka.card),
        lambda: polka.connector.find_contact(phone=PHONE),
    ):
        with pytest.raises(CrmUnavailable, match="mend the description") as caught:
            ask()
        assert caught.value.code == MISFIT
        assert of_read(caught.value) == NO_SIGNAL
        assert NAME.split()[1] not in str(caught.value)
    # Whether it is there depends on no name.
    assert isinstance(polka.connector.add_comment(polka.card, "x", KEY), Done)


def test_a_card_that_is_not_where_the_description_says_is_no_missing_one(polka: PolkaRig) -> None:
    with pytest.raises(CrmUnavailable, match=r"\[card\] record"):
        by(polka, card={"client": {"record": "data.id"}}).read_card(polka.card)


def test_a_value_that_only_a_record_brings_makes_the_write_wait(polka: PolkaRig) -> None:
    made = by(polka, withdraw={"json": {"state": "cancelled", "body": "{{ record.body | int }} {{ why }}"}})
    written = made.create_reminder(polka.card, polka.people[0], "s", "no number", DUE, KEY)
    assert isinstance(written, Done)
    outcome = made.withdraw_reminder(written.remote_id, "why", KEY)
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    assert (bool(outcome.after), outcome.code) == (True, MISFIT)
    assert of_write(outcome) == NO_SIGNAL
    made.close()


def test_a_condition_that_cannot_be_told_makes_the_look_up_wait(polka: PolkaRig) -> None:
    where = [{"path": "ref", "equals": "{{ key if record.body | int else 'x' }}"}]
    made = by(polka, find={"comment": {"where": where}})
    assert isinstance(made.add_comment(polka.card, "no number", KEY), Done)
    with pytest.raises(CrmUnavailable, match="mend the description"):
        made.find("comment", polka.card, KEY)
    made.close()


def test_an_id_that_can_stand_in_no_address_is_refused_for_good(polka: PolkaRig) -> None:
    made = by(polka, card_must_exist=False)
    outcome = made.add_comment(CardRef("client", ".."), "x", KEY)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    made.close()


def test_a_name_with_quotes_and_brackets_is_looked_up(polka: PolkaRig) -> None:
    polka.api.clients["9"]["full_name"] = "О'Коннор (мл.) Шон"
    assert [card.ref.id for card in polka.connector.find_contact(name="О'Коннор (мл.) Шон")] == ["9"]


def test_notations_that_come_out_equal_are_asked_once(polka: PolkaRig) -> None:
    assert polka.connector.find_contact(phone=PHONE)
    asked = [one.query["number"] for one in polka.api.requests if one.path == "/v2/clients"]
    assert asked == ["79161234567", "89161234567", "9161234567"]


# --- what the doctor sees ----------------------------------------------------------------------------


def points(connector: RestConnector, card: CardRef) -> dict[str, bool | None]:
    return {point.name: point.ok for point in connector.check_card(card)}


def test_the_doctor_expects_the_test_card_back_by_its_own_number_and_name(polka: PolkaRig) -> None:
    found = points(polka.connector, polka.card)
    assert list(found) == [
        "the test card is there",
        "the test card is found by its own number",
        "the test card is found by its own name",
    ]
    assert all(found.values())


@pytest.mark.parametrize("table", ["contact_by_phone", "contact_by_name"])
def test_a_look_up_that_finds_the_card_no_more_fails(polka: PolkaRig, table: str) -> None:
    asked = {"number": "7{{ phone | digits }}"} if table == "contact_by_phone" else {"name": "x{{ word }}"}
    made = by(polka, **{table: {"query": asked}})
    (failed,) = [point for point in made.check_card(polka.card) if not point.ok]
    assert ("number" in failed.name) is (table == "contact_by_phone")
    assert "would not be found" in failed.remedy
    made.close()


def test_a_card_of_a_type_that_is_not_described_is_told_as_that(polka: PolkaRig) -> None:
    (point,) = polka.connector.check_card(CardRef("lead", "999"))
    assert not point.ok
    assert point.remedy == "No [card.lead]; known: client"
    (point,) = polka.connector.check_card(polka.missing)
    assert point.remedy.startswith("The CRM has no client 404")


def test_before_there_is_a_ledger_a_token_is_said_to_need_one(polka: PolkaRig) -> None:
    class NoStore:
        def get(self, _name: str) -> None:
            """Nothing is kept."""

        def change(self, _name: str, _change: object) -> str:
            raise CrmUnavailable("there is no ledger yet: run optout db upgrade first", code=NO_STORE)

    polka.connector.keep_in(NoStore())
    point = polka.connector.check()[-1]
    assert point.ok is None
    assert "optout db upgrade" in point.remedy
    assert "base_url" not in point.remedy
