"""The portal's quota is kept to, by one process and by several, and expired tokens are renewed once."""

from __future__ import annotations

import pytest

from connectors.base import CardRef, Done, NotDone
from connectors.bitrix24 import Bitrix24Connector
from connectors.http.rate_limit import RateLimiter
from tests.connectors.bitrix24 import server
from tests.connectors.bitrix24.rig import connected, with_application, with_webhook
from tests.connectors.bitrix24.server import Portal
from tests.connectors.bitrix24.writes import whole_call, written
from tests.support.fake_api import Fault


class Clock:
    """Seconds that pass only while somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("rate", "bucket"), [(2.0, 50), (5.0, 250)])
@pytest.mark.slow
def test_a_backlog_drains_at_what_the_quota_allows_without_being_throttled(rate: float, bucket: int) -> None:
    clock = Clock()
    portal = Portal(allowed=(rate, bucket), clock=clock.read)
    portal.records.add_item("contact", "42", name="Иван")
    writes = [write for number in range(2000) for write in whole_call(CardRef("contact", "42"), number)]
    with portal.running():
        settings = with_webhook(portal, requests_per_second=rate, burst=bucket)
        loaded = Bitrix24Connector.Settings().load(settings)
        limiter = RateLimiter(rate, bucket, clock=clock.read, sleep=clock.sleep)
        connector = Bitrix24Connector(loaded, limiter=limiter)
        outcomes = written(connector, writes)
        connector.close()
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert portal.throttled == 0
    allowed = bucket + rate * (clock.now - 1000.0)
    assert len(portal.requests) / allowed >= 0.9


def test_whoever_sends_faster_than_allowed_is_throttled_so_the_simulated_quota_is_real() -> None:
    clock = Clock()
    portal = Portal(allowed=(2.0, 50), clock=clock.read)
    portal.records.add_item("contact", "42", name="Иван")
    with portal.running():
        connector = connected(with_webhook(portal))
        outcomes = [connector.add_comment(CardRef("contact", "42"), "Раз.", f"{i:064x}") for i in range(52)]
        connector.close()
    assert portal.throttled == 2
    assert [type(outcome) for outcome in outcomes[49:]] == [Done, NotDone, NotDone]
    assert isinstance(outcomes[-1], NotDone)
    assert (outcomes[-1].permanent, outcomes[-1].code) == (False, "QUERY_LIMIT_EXCEEDED")


def test_the_default_quota_is_that_of_all_plans_but_enterprise(portal: Portal) -> None:
    settings = {"webhook": portal.webhook}
    limits = connected(settings).limits()
    assert (limits.requests_per_second, limits.burst, limits.requests_per_write) == (2.0, 50, 2)


def test_other_processes_share_the_quota(connector: Bitrix24Connector, portal: Portal, card: CardRef, key: str) -> None:
    class NoTurn:
        def acquire(self, longest: float) -> float:
            return 7.0

    connector.share_quota(NoTurn())
    outcome = connector.add_comment(card, "Раз.", key)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.after) == (False, 7.0)
    assert portal.requests == []


# --- tokens ---------------------------------------------------------------------------------------------


def test_a_token_that_expires_in_the_middle_is_renewed_once_for_all(portal: Portal, card: CardRef, key: str) -> None:
    connector = connected(with_application(portal))
    assert isinstance(connector.add_comment(card, "Раз.", key), Done)
    # As after an hour, or after another process renewed it: the portal no longer takes the old one.
    portal.access = "access-of-tomorrow"
    assert isinstance(connector.add_comment(card, "Два.", key), Done)
    assert isinstance(connector.add_comment(card, "Три.", key), Done)
    assert portal.renewals == 2
    # 401, the token, and the batch again; one more where something was cut.
    assert connector.limits().requests_per_write == 4


def test_no_secret_is_seen_in_an_outcome_or_a_repr(portal: Portal, card: CardRef, key: str) -> None:
    for settings in (with_webhook(portal), with_application(portal)):
        connector = connected(settings)
        for fault in (Fault.REFUSED, Fault.ERROR_AFTER, Fault.REDIRECT, Fault.HTML, Fault.DROP_AFTER):
            portal.fault(fault)
            shown = repr(connector.add_comment(card, "Просит не звонить.", key)) + repr(connector.__dict__["_portal"])
            for secret in (server.WEBHOOK_SECRET, server.CLIENT_SECRET, server.FIRST_REFRESH, portal.access):
                assert secret not in shown
