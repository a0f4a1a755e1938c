"""A card that is not there is noticed before the first write, also by a CRM that takes any id."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import CardRef, Done, NotDone, Outcome
from connectors.rest import RestConnector
from tests.connectors.contract.rig import PHONE
from tests.connectors.rest.rig import PolkaRig, rig, settings

KEY = "0123456789abcdef" * 4
NOW = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)


@pytest.fixture
def polka() -> Iterator[PolkaRig]:
    with rig() as made:
        made.api.takes_any_client = True
        yield made


def write(connector: RestConnector, kind: str, card: CardRef, polka: PolkaRig) -> Outcome:
    if kind == "comment":
        return connector.add_comment(card, "x", KEY)
    return connector.create_reminder(card, polka.people[0], "s", "x", NOW, KEY)


@pytest.mark.parametrize("kind", ["comment", "reminder"])
def test_nothing_is_written_to_a_card_that_the_crm_does_not_have(polka: PolkaRig, kind: str) -> None:
    outcome = write(polka.connector, kind, polka.missing, polka)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (True, 404)
    assert polka.writes() == 0


@pytest.mark.parametrize("kind", ["comment", "reminder"])
def test_a_crm_that_refuses_such_a_write_itself_need_not_be_asked(polka: PolkaRig, kind: str) -> None:
    by = RestConnector(
        settings(
            polka.api.url, card_must_exist=False, reminder={"verify": {"expect": [{"path": "person", "present": True}]}}
        )
    )
    assert isinstance(write(by, kind, polka.card, polka), Done)
    assert not [one for one in polka.api.requests if one.method == "GET" and one.path.startswith("/v2/clients")]
    by.close()


@pytest.mark.parametrize("card", [CardRef("client", ".."), CardRef("client", ""), CardRef("lead", "7")])
def test_an_id_that_no_card_can_have_is_never_written_to(polka: PolkaRig, card: CardRef) -> None:
    for kind in ("comment", "reminder"):
        outcome = write(polka.connector, kind, card, polka)
        assert isinstance(outcome, NotDone)
        assert outcome.permanent
    assert polka.writes() == 0


def test_a_card_that_cannot_be_read_now_is_waited_for(polka: PolkaRig) -> None:
    polka.api.ailing.add("/v2/clients/7")
    outcome = write(polka.connector, "comment", polka.card, polka)
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    assert polka.writes() == 0


def reads(polka: PolkaRig) -> int:
    return sum(one.method == "GET" and one.path == "/v2/clients/7" for one in polka.api.requests)


def test_a_card_seen_a_moment_ago_is_not_read_again(polka: PolkaRig) -> None:
    moments = [NOW]
    by = RestConnector(settings(polka.api.url), now=lambda: moments[-1])
    assert isinstance(write(by, "comment", polka.card, polka), Done)
    assert isinstance(write(by, "reminder", polka.card, polka), Done)
    assert reads(polka) == 1
    moments.append(NOW + timedelta(minutes=2))
    assert isinstance(write(by, "comment", polka.card, polka), Done)
    assert reads(polka) == 2
    moments.append(NOW + timedelta(hours=1))
    assert [card.ref for card in by.find_contact(phone=PHONE)] == [polka.card]
    assert isinstance(write(by, "comment", polka.card, polka), Done)
    assert reads(polka) == 2
    by.close()


def test_a_card_that_is_gone_meanwhile_is_noticed_once_it_is_read_again(polka: PolkaRig) -> None:
    moments = [NOW]
    by = RestConnector(settings(polka.api.url), now=lambda: moments[-1])
    assert isinstance(write(by, "comment", polka.card, polka), Done)
    del polka.api.clients["7"]
    moments.append(NOW + timedelta(minutes=2))
    assert isinstance(write(by, "comment", polka.card, polka), NotDone)
    by.close()


# --- optout doctor --write ---------------------------------------------------------------------------


@pytest.mark.parametrize("takes_any", [True, False])
def test_the_doctor_tries_whether_the_crm_itself_refuses_a_card_that_is_not_there(
    polka: PolkaRig, takes_any: bool
) -> None:
    polka.api.takes_any_client = takes_any
    by = RestConnector(settings(polka.api.url, card_must_exist=False))
    assert by.check_by_writing() == ()
    assert by.check_card(polka.card)[0].ok
    (point,) = by.check_by_writing()
    assert point.ok is not takes_any
    assert ("card_must_exist" in point.remedy) is takes_any
    assert polka.written("comment") == []
    by.close()


def test_where_cards_are_read_first_nothing_is_tried(polka: PolkaRig) -> None:
    assert polka.connector.check_card(polka.card)[0].ok
    assert polka.connector.check_by_writing() == ()
    assert polka.writes() == 0
