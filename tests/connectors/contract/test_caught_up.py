"""What was missed goes through the plugin's inbox once, over failing reads, a kill, doubles and late changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest

from connectors.base import Reference
from plugin.common.clock import utc_now
from plugin.config.settings import DeliveryPolicy
from plugin.events.catch_up import CatchUp
from plugin.events.inbox import Inbox
from plugin.events.intake import Intake
from plugin.events.resolver import Resolver
from plugin.events.respond import EventResponse
from plugin.ledger import Ledger
from plugin.resilience.gates import AccountGates
from tests.connectors.contract.rig import Rig
from tests.connectors.contract.test_catching_up import able
from tests.connectors.contract.test_reading import NoTurn, Turns, heard
from tests.support.databases import migrate

#: Nothing waits long, not even for a turn of the quota.
POLICY = DeliveryPolicy(
    threads=2,
    jitter=0.0,
    first_wait_seconds=0.01,
    longest_wait_seconds=0.02,
    longest_retry_after_seconds=0.05,
    quiet_minutes=0,
)
CALLS = 52


class Taken:
    """Takes call results in as the plugin does: an event that it knows is answered as a repeat."""

    def __init__(self) -> None:
        self.results: dict[str, Mapping[str, Any]] = {}

    def receive_results(self, _source: str, results: Sequence[Mapping[str, Any]]) -> EventResponse:
        (result,) = results
        assert self.results.setdefault(result["id"], result) == result
        return EventResponse(200, {})

    def of_calls(self) -> Counter[str]:
        """How many different events each call has."""
        return Counter(str(result["call"]["id"]) for result in self.results.values())


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    migrate(ledger)
    yield ledger
    ledger.close()


class House:
    """Processes of a plugin with this rig's account, on one ledger."""

    def __init__(self, rig: Rig, ledger: Ledger) -> None:
        self.taken = Taken()
        self._rig = rig
        self._ledger = ledger

    def catching_up(self, owner: str) -> CatchUp:
        connector = self._rig.connector
        gates = AccountGates(self._ledger, connector, POLICY, utc_now)
        return CatchUp(self._ledger, connector, connector.name, gates, POLICY, utc_now, owner, Random(1))

    def keep(self, found: Sequence[Any]) -> None:
        inbox = Inbox(self._ledger, self._rig.connector.name, utc_now, "web", 0.0)
        inbox.keep([(item, 0.0) for item in found if isinstance(item, Reference)])

    def resolve_all(self) -> None:
        connector = self._rig.connector
        gates = AccountGates(self._ledger, connector, POLICY, utc_now)
        intake = cast(Intake, self.taken)
        resolver = Resolver(self._ledger, connector, intake, gates, POLICY, utc_now, "resolver", Random(1))
        while resolver.run_once():
            pass


def test_no_call_is_lost_and_none_is_taken_in_twice(rig: Rig, ledger: Ledger) -> None:
    house, since = House(able(rig), ledger), rig.missed(CALLS)
    killed = house.catching_up("killed")
    assert killed.ask("by hand", since) == since
    rig.connector.share_quota(NoTurn())
    assert killed.read_page() is None
    rig.connector.share_quota(Turns())
    while killed.read_page() is None:
        pass
    # The rest is another process's; and the CRM tells of a call by itself after all.
    event = rig.genuine_event()
    assert event is not None
    house.keep(heard(rig, event))
    while house.catching_up("next").read_all() is None:
        pass
    house.resolve_all()
    calls = house.taken.of_calls()
    assert len(calls) >= CALLS
    assert set(calls.values()) == {1}

    # All of it once more, with other answers to one call: no call is new.
    before = set(house.taken.results)
    rig.answered_otherwise()
    house.catching_up("again").ask("by hand", since)
    while house.catching_up("again").read_all() is None:
        pass
    house.resolve_all()
    assert len(set(house.taken.results) - before) >= 1
    assert set(house.taken.of_calls()) == set(calls)
