"""Cards, the doctor's points and events: read, proven, and refused where they are forged."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from connectors.base import (
    CallResult,
    Check,
    ConnectorError,
    CrmUnavailable,
    EventMalformed,
    EventNotAuthentic,
    Reference,
)
from connectors.kit.names import same_name
from connectors.kit.phones import same_number
from plugin.events.schema import CallResultSchema
from tests.connectors.contract.doing import api_of
from tests.connectors.contract.rig import NAME, PHONE, CrmEvent, Rig
from tests.support.fake_api import Fault

NOT_GENUINE = (EventNotAuthentic, EventMalformed)


def heard(rig: Rig, event: CrmEvent, **changes: Any) -> Sequence[CallResult | Reference]:
    given = {"headers": event.headers, "path_secret": event.path_secret, "query": event.query, "body": event.body}
    return rig.connector.parse_event(**(given | changes))


class Turns:
    """A quota that only counts."""

    taken = 0

    def acquire(self, longest: float) -> float:
        self.taken += 1
        return 0.0


def resolved(rig: Rig, heard: Sequence[CallResult | Reference]) -> list[Mapping[str, Any]]:
    found = [rig.connector.resolve(item) if isinstance(item, Reference) else item for item in heard]
    return [item for item in found if item is not None]


# --- cards and points ------------------------------------------------------------------------------


def test_a_card_that_does_not_exist_is_none(rig: Rig) -> None:
    assert rig.connector.read_card(rig.missing) is None


def test_a_card_is_read_with_name_phone_and_address(rig: Rig) -> None:
    card = rig.connector.read_card(rig.card)
    assert card is not None
    assert card.ref == rig.card
    assert card.name is not None
    assert same_name(card.name, NAME)
    assert any(same_number(phone, PHONE) for phone in card.phones)
    if card.url is not None:
        assert card.url.startswith(("http://", "https://"))
        assert all(secret not in card.url for secret in rig.secrets)


def test_the_doctors_points_write_nothing_and_tell_no_secret(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        points = [*rig.connector.check()]
        for person in rig.people:
            points += rig.connector.check_assignee(person, mailed=rig.connector.sends_mail)
    assert points
    for point in points:
        assert isinstance(point, Check)
        assert point.name
        assert bool(point.remedy) != point.ok, point
    assert all(rig.written(kind) == [] for kind in ("comment", "reminder", "email"))
    told = f"{points}\n{caplog.text}"
    assert [secret for secret in rig.secrets if secret in told] == []


class NoTurn:
    """A quota that is used up."""

    def acquire(self, longest: float) -> float:
        return 30.0


def test_what_cannot_be_asked_now_is_no_point_that_failed(rig: Rig) -> None:
    rig.connector.share_quota(NoTurn())
    points = [*rig.connector.check(), *rig.connector.check_by_writing()]
    for person in rig.people:
        points += rig.connector.check_assignee(person, mailed=rig.connector.sends_mail)
    assert [point for point in points if point.ok is False] == []
    assert any(point.ok is None for point in points)
    assert all(point.remedy for point in points if point.ok is None)
    assert rig.writes() == 0


def test_its_limits_can_be_reckoned_with(rig: Rig) -> None:
    limits = rig.connector.limits()
    assert limits.connect_seconds > 0
    assert limits.read_seconds > 0
    assert limits.settling_seconds == 0
    assert limits.requests_per_write >= 1
    assert limits.requests_per_event >= 1
    assert rig.connector.most_writes >= 1


def test_its_probe_asks_the_crm(rig: Rig) -> None:
    turns = Turns()
    rig.connector.share_quota(turns)
    rig.connector.probe()
    assert turns.taken >= 1


# --- events ----------------------------------------------------------------------------------------


def test_a_genuine_event_becomes_a_call_result_that_the_plugin_takes(rig: Rig) -> None:
    event = rig.genuine_event()
    if event is None:
        pytest.skip("this CRM has no events of its own")
    results = resolved(rig, heard(rig, event))
    assert len(results) == 1
    loaded = CallResultSchema().load(results[0])
    assert loaded["facts"]
    known = rig.connector.facts()
    for fact, value in loaded["facts"].items():
        if known:
            values = known[fact]
            assert values is None or value in values or value is None
    card = loaded.get("card")
    if card is not None:
        assert (card["type"], card["id"]) == (rig.card.type, rig.card.id)
    else:
        assert same_number(loaded["call"]["phone"], PHONE)


def test_an_event_takes_no_more_requests_than_its_lease_is_reckoned_by(rig: Rig) -> None:
    event = rig.genuine_event()
    if event is None:
        pytest.skip("this CRM has no events of its own")
    turns = Turns()
    rig.connector.share_quota(turns)
    for item in heard(rig, event):
        turns.taken = 0
        assert not isinstance(item, Reference) or rig.connector.resolve(item) is not None
        assert turns.taken <= rig.connector.limits().requests_per_event


def test_an_event_that_is_told_again_is_the_same_event(rig: Rig) -> None:
    event = rig.genuine_event()
    if event is None:
        pytest.skip("this CRM has no events of its own")
    first, second = resolved(rig, heard(rig, event)), resolved(rig, heard(rig, event))
    assert first == second
    # Header names reach the connector in any case.
    lower = {name.lower(): value for name, value in event.headers.items()}
    assert heard(rig, event, headers=lower) == heard(rig, event)


def test_an_event_without_its_proof_is_refused(rig: Rig) -> None:
    event = rig.genuine_event()
    if event is None:
        pytest.skip("this CRM has no events of its own")
    body = event.body
    for secret in rig.secrets:
        body = body.replace(secret.encode(), b"x" * len(secret))
    with pytest.raises(EventNotAuthentic):
        heard(rig, event, headers={}, path_secret=None, query={}, body=body)
    forged = {name: value[::-1] for name, value in event.headers.items()}
    with pytest.raises(EventNotAuthentic):
        heard(rig, event, headers=forged, path_secret="wrong", query={}, body=body)


def test_an_empty_event_is_refused(rig: Rig) -> None:
    event = rig.genuine_event()
    if event is None:
        pytest.skip("this CRM has no events of its own")
    with pytest.raises(NOT_GENUINE):
        heard(rig, event, body=b"")


def test_a_truncated_event_names_nothing_that_was_not_in_it(rig: Rig) -> None:
    event = rig.genuine_event()
    if event is None:
        pytest.skip("this CRM has no events of its own")
    whole = resolved(rig, heard(rig, event))
    for length in range(1, len(event.body), max(1, len(event.body) // 40)):
        try:
            results = resolved(rig, heard(rig, event, body=event.body[:length]))
        except ConnectorError:
            continue
        # A form stays readable without its end.
        assert results in ([], whole)


@pytest.mark.parametrize("body", [b"[" * 50_000, b"{}", b"null", b"\xff\xfe\x00", b"a=b&" * 50_000, b"data[x][y]=1"])
def test_any_bytes_with_the_right_proof_are_refused_or_say_nothing(rig: Rig, body: bytes) -> None:
    event = rig.genuine_event()
    if event is None:
        pytest.skip("this CRM has no events of its own")
    try:
        results = heard(rig, event, body=body)
    except NOT_GENUINE:
        return
    assert list(results) == []


# --- many cards --------------------------------------------------------------------------------------


def test_many_cards_are_read_as_one_is(rig: Rig) -> None:
    """What is left out is read alone; a card that is not there is never shown, and none is taken for another."""
    wanted = [rig.card, rig.missing, rig.namesake()]
    found = rig.connector.read_cards(wanted[: rig.connector.most_cards])
    alone = {card: rig.connector.read_card(card) for card in wanted}
    assert found.get(rig.card) is not None
    for card, shown in found.items():
        expected = alone[card]
        assert (shown is None) == (expected is None)
        if shown is not None and expected is not None:
            assert (shown.ref, shown.name, shown.url) == (expected.ref, expected.name, expected.url)


def test_many_cards_of_an_account_that_is_away_are_not_read(rig: Rig) -> None:
    api_of(rig).outage = Fault.ERROR_BEFORE
    with pytest.raises(CrmUnavailable):
        rig.connector.read_cards([rig.card])
