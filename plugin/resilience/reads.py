"""The one way by which the CRM is read: an account that is away is not asked, and every answer is counted.

A look-up, a card for a text and a search for a contact are requests like any other: an outage costs probes, whatever
waits, and what a read meets tells of the account as much as what a write meets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

from connectors.base import (
    Card,
    CardRef,
    Connector,
    CrmRefused,
    CrmUnavailable,
    Kind,
    NotMapped,
    ReminderState,
    ReminderStatus,
)
from plugin.resilience.gates import AccountGates
from plugin.resilience.health import ANSWERS, KNOWN_AWAY, of_read
from plugin.resilience.lanes import Lane
from plugin.resilience.quota import is_probing

Found = TypeVar("Found")


class Reads(Protocol):
    """What is read of a CRM for deliveries, as of ``Connector``."""

    def read_card(self, card: CardRef) -> Card | None: ...

    def read_cards(self, cards: Sequence[CardRef]) -> Mapping[CardRef, Card | None]: ...

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]: ...

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None: ...

    def reminder_state(self, remote_id: str) -> ReminderState: ...


def is_away_now(gates: AccountGates) -> bool:
    """Whether the CRM is away, by what all processes have found out. Raises LedgerUnavailable."""
    gates.refresh()
    return gates.is_away(Lane.CRM)


def counted(gates: AccountGates, record: int, read: Callable[[], Found]) -> Found:
    """What a read about something that is no delivery gives; the gates count whether the account answers.

    ``record``, a number that no delivery has (negative, or 0), tells it from others to the breaker. Raises as reads do,
    and LedgerUnavailable.
    """
    try:
        found = read()
    except (CrmUnavailable, CrmRefused) as error:
        gates.report(Lane.CRM, record, of_read(error))
        raise
    except NotMapped:
        gates.report(Lane.CRM, record, ANSWERS)
        raise
    gates.report(Lane.CRM, record, ANSWERS)
    return found


class CrmReads:
    """A connector's reads behind the gates of its account. Thread-safe. All raise as reads do, and LedgerUnavailable.

    While the account is away, all but the probe meet CrmUnavailable with the code ``KNOWN_AWAY``, and nobody is asked.
    ``refreshing``: the ledger is asked each time whether it is, where no loop of this process does so.
    """

    def __init__(self, connector: Connector, gates: AccountGates, *, refreshing: bool = False) -> None:
        self._connector = connector
        self._gates = gates
        self._refreshing = refreshing

    def read_card(self, card: CardRef) -> Card | None:
        return self._asked(lambda: self._connector.read_card(card))

    def read_cards(self, cards: Sequence[CardRef]) -> Mapping[CardRef, Card | None]:
        return self._asked(lambda: self._connector.read_cards(cards))

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        return self._asked(lambda: self._connector.find_contact(phone=phone, name=name))

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        return self._asked(lambda: self._connector.find(kind, card, key))

    def reminder_state(self, remote_id: str) -> ReminderState:
        return self._asked(lambda: self._connector.reminder_state(remote_id))

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        """As of ``Connector``; no delivery reads them, but the watch of promises does."""
        return self._asked(lambda: self._connector.reminder_states(remote_ids))

    def _asked(self, read: Callable[[], Found]) -> Found:
        probing = is_probing()
        if self._refreshing:
            self._gates.refresh()
        if not probing and self._gates.is_away(Lane.CRM):
            raise CrmUnavailable("the CRM is away", code=KNOWN_AWAY)
        try:
            found = read()
        except (CrmUnavailable, CrmRefused) as error:
            self._gates.report_read(of_read(error), probing=probing)
            raise
        self._gates.report_read(ANSWERS, probing=probing)
        return found
