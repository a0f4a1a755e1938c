"""A client is looked up for the page by the gates of the account: one that is away is not asked."""

from __future__ import annotations

from typing import cast

from connectors.base import Connector, CrmUnavailable
from plugin.common.clock import utc_now
from plugin.config.settings import DeliveryPolicy
from plugin.operator_page.call import PageCall
from plugin.operator_page.client_lookup import ClientLookup
from plugin.resilience.gates import AccountGates
from plugin.resilience.reads import CrmReads
from tests.plugin.operator_page.pages import PageHarness
from tests.plugin.web.harness import Crm

FAILURES = 5


class AwayCrm(Crm):
    """A CRM that answers nothing, and counts what it is asked."""

    asked = 0

    def find_contact(self, phone: str | None = None, name: str | None = None) -> list[object]:  # type: ignore[override]
        self.asked += 1
        raise CrmUnavailable("no answer", status=503)


def lookup(pages: PageHarness, crm: Crm) -> ClientLookup:
    """One of a process of its own."""
    connector = cast(Connector, crm)
    gates = AccountGates(pages.ledger, connector, DeliveryPolicy(breaker_failures=FAILURES), utc_now)
    reads = CrmReads(connector, gates, refreshing=True)
    return ClientLookup(pages.sessions, pages.ledger, reads, 4)


def test_an_account_that_is_away_is_not_asked_by_any_process(pages: PageHarness) -> None:
    crm = AwayCrm({})
    one, other = lookup(pages, crm), lookup(pages, crm)
    call = PageCall(id="c-1", operator="ivanova", phone="+79161234567")

    states = [clients.look_up(call).state for _ in range(10) for clients in (one, other)]

    assert set(states) == {"unknown"}
    assert crm.asked == FAILURES
