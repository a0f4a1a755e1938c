"""A description as it is worked with: one record for each table of ``[crm.rest]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.rest.conditions import RecordCondition
from connectors.rest.paths import Path
from connectors.rest.request import Pages, RecordsShape, Request
from connectors.rest.template import TextTemplate


@dataclass(frozen=True, slots=True)
class CheckPoint:
    """One point of ``check()``: a request that must be answered, and what must hold of its answer."""

    name: str
    request: Request
    expect: tuple[RecordCondition, ...]
    remedy: str


@dataclass(frozen=True, slots=True)
class Verify:
    """What must hold of a record that was just written; ``request`` None: of the record as it was found."""

    expect: tuple[RecordCondition, ...]
    request: Request | None = None
    record: Path = field(default_factory=lambda: Path(""))


@dataclass(frozen=True, slots=True)
class Create:
    """How a record is written. ``answer`` None: the answer names no id, the record is looked up by its key.

    ``require`` must have held once before anything is written: without it the CRM would take what is then not found.
    """

    request: Request
    answer: RecordsShape | None = None
    verify: Verify | None = None
    require: CheckPoint | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """How records are looked for. One that is not ``whole`` was cut when it was written, and counts as not there."""

    request: Request
    records: RecordsShape
    pages: Pages | None = None
    whole: tuple[RecordCondition, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """How a client's record shows name, phones, addresses of e-mail and link."""

    name: TextTemplate | None = None
    phones: tuple[Path, ...] = ()
    emails: tuple[Path, ...] = ()
    url: TextTemplate | None = None


@dataclass(frozen=True, slots=True)
class CardTable:
    """One type of card: how it is read, and ``card.collection`` in templates."""

    request: Request
    collection: str
    record: Path
    shape: Shape


@dataclass(frozen=True, slots=True)
class Contacts:
    """How contacts are looked up, and the type of card that they are."""

    find: Find
    type: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class ReminderTable:
    """How a reminder is read, and by which conditions it is done or gone; else it is open."""

    request: Request
    record: Path
    done: tuple[RecordCondition, ...]
    missing: tuple[RecordCondition, ...]
    #: Where the record says whose it is, when it is due, and by whom and when it was done.
    person: Path | None = None
    due: Path | None = None
    done_by: Path | None = None
    done_at: Path | None = None


@dataclass(frozen=True, slots=True)
class ReminderList:
    """How many reminders are read at once, at most ``most``; what is missing in the list is read by itself."""

    request: Request
    records: RecordsShape
    most: int


@dataclass(frozen=True, slots=True)
class PersonTable:
    """How a CRM user is looked up, and where the address is that the CRM mails to."""

    find: Find
    address: Path | None
    remedy: str


@dataclass(frozen=True, slots=True)
class EventProof:
    """How an event proves that the CRM sent it; ``connectors.rest.event_auth`` checks it."""

    kind: str
    place: str = "header"
    name: str = ""
    prefix: str = ""
    algorithm: str = "sha256"
    encoding: str = "hex"
    secret_is: str = "text"
    signed: str = "{body}"
    timestamp: str = ""
    id: str = ""
    address: str = ""
    pairs: bool = False
    tolerance_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class CallTable:
    """How a call's record is read; ``request`` None: the event brings it along."""

    id: Path
    occurred_at: Path
    request: Request | None = None
    record: Path = field(default_factory=lambda: Path(""))
    when: tuple[RecordCondition, ...] = ()
    times: str = "iso"
    revision: Path | None = None
    final: tuple[RecordCondition, ...] | None = None
    values: Mapping[str, Path] = field(default_factory=dict)
    card_type: str | None = None
    card_types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventTable:
    """What events look like: where their records are, which count, and which are the plugin's own doing."""

    proof: EventProof
    format: str
    records: RecordsShape
    when: tuple[RecordCondition, ...]
    own: tuple[RecordCondition, ...]
    always_answers: int | None = None
    #: Whether the description says where a record's id is.
    names_id: bool = False
