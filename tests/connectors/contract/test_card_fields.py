"""Fields of cards that rules read: declared in the account's settings, read with the card, told to the doctor."""

from __future__ import annotations

import pytest

from connectors.base import CrmUnavailable
from tests.connectors.contract.doing import api_of
from tests.connectors.contract.rig import NAME, Rig
from tests.support.fake_api import Fault


def test_a_card_is_read_with_what_it_holds_in_the_declared_fields(rig: Rig) -> None:
    rig.fill("Kia", True)
    card = rig.connector.read_card(rig.card)
    assert card is not None
    assert (dict(card.fields), card.unmapped) == ({"brand": "Kia", "vip": True}, ())
    rig.fill("Lada", False)
    card = rig.connector.read_card(rig.card)
    assert card is not None
    assert dict(card.fields) == {"brand": "Lada", "vip": False}


def test_a_value_that_nobody_mapped_hides_its_field_and_nothing_else(rig: Rig) -> None:
    rig.fill("Opel", True)
    card = rig.connector.read_card(rig.card)
    assert card is not None
    assert (dict(card.fields), card.unmapped) == ({"vip": True}, ("brand",))
    assert card.name == NAME


def test_an_empty_field_is_left_out(rig: Rig) -> None:
    rig.fill(None, None)
    card = rig.connector.read_card(rig.card)
    assert card is not None
    assert (dict(card.fields), card.unmapped) == ({}, ())


def test_cards_read_together_have_the_same_fields_or_none(rig: Rig) -> None:
    rig.fill("Kia", True)
    for card in rig.connector.read_cards([rig.card]).values():
        assert card is not None
        assert dict(card.fields) in ({}, {"brand": "Kia", "vip": True})


def test_the_declared_fields_and_their_values_are_told(rig: Rig) -> None:
    expected = {"brand": frozenset({"Kia", "Lada"}), "vip": frozenset({True, False}), "absent": None}
    assert dict(rig.connector.card_fields()) == expected


def test_the_crm_tells_which_fields_it_has_and_which_entries_mean_nothing(rig: Rig) -> None:
    rig.fill("Kia", True)
    states = {state.name: state for state in rig.connector.card_field_states()}
    if rig.connector.name == "rest":
        # What fields there are stands in no description.
        assert {state.exists for state in states.values()} == {None}
        return
    assert {name: state.exists for name, state in states.items()} == {"brand": True, "vip": True, "absent": False}
    assert states["vip"].unmapped == ()
    if rig.connector.name != "embedded":
        (opel,) = states["brand"].unmapped
        assert "Opel" in opel


def test_an_account_that_cannot_be_asked_tells_nothing_of_its_fields(rig: Rig) -> None:
    if rig.connector.name == "rest":
        # Nobody is asked.
        assert len(rig.connector.card_field_states()) == 3
        return
    api_of(rig).outage = Fault.ERROR_BEFORE
    with pytest.raises(CrmUnavailable):
        rig.connector.card_field_states()
