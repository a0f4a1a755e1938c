"""The account's shared quota stands before every request, and waiting for it never outlasts what leases reckon with."""

from __future__ import annotations

import time

import pytest
import responses

from connectors.base import Connector, CrmUnavailable, Limits, NotDone
from connectors.http.client import HttpAnswer, HttpClient
from connectors.protocol.limits import AccountShut
from connectors.registry import default_registry

LIMITS = Limits(connect_seconds=1, read_seconds=1, requests_per_second=1000, burst=1000)


class Turns:
    """A quota that gives turns while it has any, and notes how long each was willing to wait."""

    def __init__(self, turns: int, *, slow: float = 0.0) -> None:
        self.turns = turns
        self.slow = slow
        self.asked: list[float] = []

    def acquire(self, longest: float) -> float:
        self.asked.append(longest)
        time.sleep(self.slow)
        self.turns -= 1
        return 0.0 if self.turns >= 0 else 30.0


@pytest.fixture
def crm() -> HttpClient:
    return HttpClient("https://crm.example.org", LIMITS)


@responses.activate
def test_without_a_turn_nothing_is_sent_and_it_is_said_when_to_come_back(crm: HttpClient) -> None:
    crm.share_quota(Turns(0))
    outcome = crm.write("POST", "comments", payload={})
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.after) == (False, 30.0)
    with pytest.raises(CrmUnavailable) as error:
        crm.read("me")
    assert error.value.after == 30.0
    assert len(responses.calls) == 0


@responses.activate
def test_while_the_crm_has_shut_the_account_that_is_the_reason_and_not_the_rate_limit(crm: HttpClient) -> None:
    class Shut:
        def acquire(self, longest: float) -> float:
            raise AccountShut(7.0)

    crm.share_quota(Shut())
    outcome = crm.write("POST", "comments", payload={})
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.after) == (False, 7.0)
    with pytest.raises(CrmUnavailable) as error:
        crm.read("me")
    why = "crm.example.org: the CRM has shut the account; only probes go out, the next one in 7 s"
    assert (str(error.value), outcome.why, error.value.after) == (why, why, 7.0)
    assert len(responses.calls) == 0


@responses.activate
def test_every_request_takes_one_turn_redirects_of_a_read_too(crm: HttpClient) -> None:
    responses.get("https://crm.example.org/old", status=302, headers={"Location": "/new"})
    responses.get("https://crm.example.org/new", json={})
    responses.post("https://crm.example.org/comments", json={"id": 1})
    quota = Turns(3)
    crm.share_quota(quota)
    assert crm.read("old").status == 200
    assert isinstance(crm.write("POST", "comments", payload={}), HttpAnswer)
    assert (len(quota.asked), len(responses.calls)) == (3, 3)


@responses.activate
def test_both_limits_together_are_not_waited_for_longer_than_agreed() -> None:
    responses.get("https://crm.example.org/me", json={})
    slow = Limits(connect_seconds=1, read_seconds=1, requests_per_second=5, burst=1)
    crm = HttpClient("https://crm.example.org", slow, longest_wait=1.0)
    quota = Turns(2)
    crm.share_quota(quota)
    crm.read("me")
    # The client's own limiter makes the second one wait for 0.2 s.
    crm.read("me")
    assert quota.asked[0] == pytest.approx(1.0, abs=0.1)
    assert quota.asked[1] <= 0.85


@pytest.mark.parametrize("name", default_registry().names())
def test_every_connector_hands_the_quota_on(name: str) -> None:
    assert default_registry().connector_class(name).share_quota is not Connector.share_quota
