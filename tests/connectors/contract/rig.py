"""What the contract suite asks of each connector's rig: the connector, and its CRM on loopback with faults to play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from connectors.base import Assignee, CardRef, Connector, Kind
from tests.support.fake_api import Fault

#: The client of ``Rig.card``; no other card of a rig has one of these.
NAME = "Иванов Иван Иванович"
PHONE = "+79161234567"


@dataclass(frozen=True)
class Written:
    """A record of the CRM. ``text`` is what a reader sees; ``due`` is aware; ``assignee`` a user id or an address."""

    id: str
    text: str
    card: CardRef | None = None
    subject: str | None = None
    assignee: str | None = None
    due: datetime | None = None


@dataclass(frozen=True)
class CrmEvent:
    """The arguments of ``Connector.parse_event``."""

    headers: Mapping[str, str]
    path_secret: str | None
    query: Mapping[str, str]
    body: bytes


class Rig(Protocol):
    """A fresh CRM and a connector to it whose requests time out by ``PATIENCE`` and that settles at once."""

    #: Shows none of this rig's secrets in anything it returns, raises or logs.
    connector: Connector
    #: A contact called NAME with PHONE, stored in another notation.
    card: CardRef
    #: A card that does not exist.
    missing: CardRef
    #: Two people who can be reminded and mailed.
    people: tuple[Assignee, Assignee]
    #: Secrets that must never be seen in a message or a log.
    secrets: tuple[str, ...]
    #: Faults that this CRM or its way of working does not have, with the reason.
    never: Mapping[Fault, str]

    def fault(self, *faults: Fault) -> None:
        """The next writing requests meet these, one each."""

    def fill(self, brand: str | None, vip: bool | None) -> None:
        """What ``card`` holds: ``brand`` Kia, Lada or Opel, the last one not mapped, and ``vip``; None: nothing.

        The connector declares these two and ``absent``, a field that the CRM has not got.
        """

    def written(self, kind: Kind) -> Sequence[Written]:
        """All records of this kind, in the order in which they were written."""

    def writes(self) -> int:
        """How many writing requests the CRM got so far."""

    def namesake(self) -> CardRef:
        """From now on another contact is called NAME and has PHONE as well."""

    def genuine_event(self) -> CrmEvent | None:
        """An event of a call with ``card`` as this CRM would send it; None where it has no events of its own."""

    def change_reminder(
        self,
        remote_id: str,
        *,
        done_by: str | None = None,
        person: str | None = None,
        due: datetime | None = None,
        deleted: bool = False,
    ) -> None:
        """Somebody works in the CRM: finishes the reminder, gives it to another, puts it off, or deletes it."""

    def missed(self, number: int) -> datetime:
        """So many calls with ``card`` and answers, whose events reached nobody; no later than when they were made."""

    def answered_otherwise(self) -> datetime:
        """Other answers to the last of these calls, their event lost too; no later than when they were given."""
