"""What a CRM must be able to do for the plugin, and the three ways a write can end.

A connector knows its CRM and nothing of rules, facts or outcomes. ``connectors.registry`` lists the connectors.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol

from marshmallow import Schema

#: The kinds of record that ``find`` can look for.
Kind = Literal["comment", "reminder", "email"]


# --- what the plugin speaks of -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CardRef:
    """A client's card by the CRM's own type and id, e.g. ``contact`` / ``42``."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class Card:
    """A card as the CRM holds it. ``phones`` are as written there, in any notation."""

    ref: CardRef
    name: str | None = None
    url: str | None = None
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assignee:
    """The person who fills a role: the CRM's user id and the e-mail address, either may be missing."""

    user: str | None = None
    address: str | None = None


# --- what is written -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CommentWrite:
    """A comment into a card, as ``Connector.add_comment`` takes it."""

    card: CardRef
    text: str
    key: str


@dataclass(frozen=True, slots=True)
class ReminderWrite:
    """A reminder for one person, as ``Connector.create_reminder`` takes it."""

    card: CardRef
    assignee: Assignee
    subject: str
    text: str
    due: datetime
    key: str


@dataclass(frozen=True, slots=True)
class EmailWrite:
    """A mail of the CRM to one person, as ``Connector.notify_email`` takes it."""

    assignee: Assignee
    subject: str
    text: str
    key: str


Write = CommentWrite | ReminderWrite | EmailWrite


# --- how a write ends ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """The CRM has it, under this id."""

    remote_id: str


@dataclass(frozen=True, slots=True)
class NotDone:
    """The CRM surely did not do it. ``permanent``: never will; else try again, at the earliest after ``after`` seconds.

    ``status`` is the HTTP (or SMTP) status, ``code`` the CRM's own error code, both for the log of attempts.
    ``blocked``: the account is shut until a human lifts that; every further call makes it worse.
    """

    why: str
    permanent: bool = False
    after: float | None = None
    status: int | None = None
    code: str | None = None
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may or may not have been done (time-out, reset, 5xx): look for the key before any repeat."""

    why: str
    status: int | None = None
    code: str | None = None


Outcome = Done | NotDone | Unknown


class ReminderState(enum.Enum):
    """A reminder as the CRM holds it now."""

    OPEN = "open"
    DONE = "done"
    MISSING = "missing"


# --- what goes wrong when reading or receiving ---------------------------------------------------


class ConnectorError(Exception):
    """Base of what a connector raises; the message holds no secret and no personal data."""


class CrmUnavailable(ConnectorError):
    """A read did not get through; worth another try after ``after`` seconds (None: the caller's own wait).

    ``blocked`` as of ``NotDone``.
    """

    def __init__(
        self,
        why: str,
        *,
        after: float | None = None,
        status: int | None = None,
        code: str | None = None,
        blocked: bool = False,
    ) -> None:
        super().__init__(why)
        self.after = after
        self.status = status
        self.code = code
        self.blocked = blocked


class CrmRefused(ConnectorError):
    """The CRM refused a read for good (no access, bad request, no such record)."""

    def __init__(self, why: str, *, status: int | None = None, code: str | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.code = code


class EventNotAuthentic(ConnectorError):
    """An event without the CRM's proof of authenticity: answered 401."""


class EventMalformed(ConnectorError):
    """An authentic event that cannot be read: answered 400."""


class NotMapped(ConnectorError):
    """A value of the CRM that plugin.toml gives no meaning; the message names the field, the value and the remedy.

    The event waits until an admin has mended the mapping. ``field``, ``value`` and ``fact`` are told to the admins.
    """

    def __init__(self, why: str, field: str | None = None, value: str | None = None, fact: str | None = None) -> None:
        super().__init__(why)
        self.field = field
        self.value = value
        self.fact = fact


# --- events ----------------------------------------------------------------------------------------

#: A call result in the shape of the plugin's own event (``POST /events/call-result``), checked there.
CallResult = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """An authentic event whose call result is yet to be made out by ``resolve``.

    It names a record to be read over the CRM's API, or brings it along in ``data`` (JSON). Kept in the ledger until
    that has worked, so ``data`` holds no more than is needed.
    """

    kind: str
    id: str
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FrameCall:
    """What the CRM says of the call when it opens the operator's page in a frame of its own."""

    operator: str
    call_id: str | None = None
    phone: str | None = None
    card: CardRef | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may expect of the CRM, in seconds and requests.

    ``settling_seconds``: how long after a time-out the CRM may still commit the write; *absent* counts only then.
    ``requests_per_write``: the most requests, one after the other, that one ``write`` makes; leases are reckoned by it.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 20.0
    settling_seconds: float = 30.0
    requests_per_second: float = 5.0
    burst: int = 10
    requests_per_write: int = 1


@dataclass(frozen=True, slots=True)
class Check:
    """One point of ``check()``: what was tried, whether it holds, and the remedy if it does not."""

    name: str
    ok: bool
    remedy: str = ""


class Quota(Protocol):
    """Turns at an account's requests, shared with other processes."""

    def acquire(self, longest: float) -> float:
        """Wait for a turn and return 0.0; if it is more than ``longest`` s away, take none and return how far."""
        ...


class Store(Protocol):
    """Small values of one account that outlive the process and are shared with others, e.g. renewed tokens."""

    def get(self, name: str) -> str | None:
        """The value kept under this name. Raises CrmUnavailable where it cannot be read now."""
        ...

    def change(self, name: str, change: Callable[[str | None], str]) -> str:
        """Keep ``change(value kept now)`` and return it; only one caller of all processes is in ``change`` at a time.

        Where ``change`` raises, nothing is kept. It may take as long as one exchange with the CRM. Raises
        CrmUnavailable where it is not its turn in time or nothing can be kept now.
        """
        ...


class Connector(ABC):
    """One CRM account. Thread-safe: several deliveries use one instance at once.

    Writes return an ``Outcome`` and never raise for anything the network or the CRM does; reads raise
    ``CrmUnavailable`` or ``CrmRefused``. ``key`` is 64 hex digits, unique per write; its first 16 stand in the text
    already (``[ref:…]``), and the connector stores the key wherever the CRM has a place for it.
    """

    #: The name in plugin.toml and in ``POST /events/<name>``.
    name: ClassVar[str]
    #: The settings of an account: ``[crm.<name>]`` in plugin.toml. Secrets are fields with metadata ``secret=True``:
    #: there the file names an environment variable or a file, and the connector gets the value.
    Settings: ClassVar[type[Schema]]
    #: How many writes one ``write`` takes.
    most_writes: ClassVar[int] = 1
    #: Whether ``notify_email`` works at all; where not, mails that the CRM was to send go over SMTP. May depend on the
    #: account, so an instance is asked.
    sends_mail: bool = True
    #: Whether the CRM sends an event again that was answered 503. Where not, events are answered before they are
    #: resolved. May depend on the account, too.
    repeats_events: bool = False

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    @abstractmethod
    def limits(self) -> Limits:
        """The account's time-outs, settling time and quota."""

    def share_quota(self, quota: Quota) -> None:  # noqa: B027 (an account without a quota needs none)
        """From now on, ask ``quota`` too before every request; called once, before the first one.

        A connector whose account has a quota hands it to its HTTP client.
        """

    def keep_in(self, store: Store) -> None:  # noqa: B027 (an account that keeps nothing needs none)
        """From now on, keep in ``store`` what must outlive the process; called once, before the first request."""

    @abstractmethod
    def check(self) -> Sequence[Check]:
        """Try the account: reachable, token accepted, rights present, clocks, card types, mapped fields.

        Never raises, writes nothing.
        """

    def check_assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        """Whether this person can be reminded and, where ``mailed``, be mailed by the CRM. Never raises."""
        return ()

    def facts(self) -> Mapping[str, frozenset[str | bool] | None]:
        """The facts that the CRM's own events can bring, with all values each can have (None: any text).

        Empty where events come in the plugin's own format only.
        """
        return {}

    @abstractmethod
    def read_card(self, card: CardRef) -> Card | None:
        """The card, or None where it does not exist (any more)."""

    @abstractmethod
    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        """All contacts with this phone (in any notation) and this full name; what is None is not looked at."""

    @abstractmethod
    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        """Write a comment into the card."""

    @abstractmethod
    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        """Create a reminder (task) for one person, linked to the card; ``due`` is aware."""

    @abstractmethod
    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        """Have the CRM mail this person."""

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """Make these writes, at most ``most_writes``, with as few requests as the CRM allows: an outcome for each.

        They may be of many calls; one failing does not hold the others.
        """
        return [self._written(item) for item in writes]

    def _written(self, item: Write) -> Outcome:
        match item:
            case CommentWrite():
                return self.add_comment(item.card, item.text, item.key)
            case ReminderWrite():
                return self.create_reminder(item.card, item.assignee, item.subject, item.text, item.due, item.key)
            case EmailWrite():
                return self.notify_email(item.assignee, item.subject, item.text, item.key)

    @abstractmethod
    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        """The remote id of what was written with this key, or None. ``card`` narrows the search where needed."""

    @abstractmethod
    def reminder_state(self, remote_id: str) -> ReminderState:
        """Whether the reminder is still open."""

    @abstractmethod
    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        """Close the reminder as no longer wanted, saying why in it. Done already or gone counts as done."""

    @abstractmethod
    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        """Verify and read an event in the CRM's own format.

        Raises EventNotAuthentic, EventMalformed.
        """

    @abstractmethod
    def resolve(self, reference: Reference) -> CallResult | None:
        """Read the call that an event named; None where it is no call of ours. Raises as reads do."""

    def remove(self, kind: Kind, remote_id: str, card: CardRef | None) -> Outcome:
        """Take a record that a trial wrote out of the CRM again; where the CRM cannot do that, say so in NotDone."""
        return NotDone("this CRM cannot remove it over its API: remove it by hand", permanent=True)

    def open_frame(self, query: Mapping[str, str], form: Mapping[str, str]) -> FrameCall:
        """Verify with the CRM that it opens the operator's page in a frame of its own, and read for which call.

        Raises EventNotAuthentic, EventMalformed, and as reads do.
        """
        raise EventNotAuthentic("this CRM has no place of its own for the page: use signed links")
