"""The interface of a connector: what a CRM must be able to do for the plugin.

A connector knows its CRM and nothing of rules, facts or outcomes. ``connectors.registry`` lists the connectors.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from marshmallow import Schema

from connectors.protocol.card_check import card_checks
from connectors.protocol.card_fields import CardFieldState
from connectors.protocol.check import Check
from connectors.protocol.errors import CrmRefused, EventNotAuthentic
from connectors.protocol.events import CallResult, CatchUpPage, FrameCall, Reference
from connectors.protocol.limits import Limits, Quota
from connectors.protocol.outcomes import NotDone, Outcome, ReminderState, ReminderStatus
from connectors.protocol.records import Assignee, Card, CardRef, CommentWrite, EmailWrite, Kind, ReminderWrite, Write
from connectors.protocol.store import Store
from connectors.protocol.trying import TryStep, TryValues

#: Kept free for fiction by the North American plan, so that no client has it.
_NO_ONES_NUMBER = "+12025550100"


class Connector(ABC):
    """One CRM account. Thread-safe: several deliveries use one instance at once.

    Writes return an ``Outcome`` and never raise for anything the network or the CRM does; reads raise
    ``CrmUnavailable`` or ``CrmRefused``. ``key`` is 64 hex digits, unique per write; the text ends
    with its first 16 already (``[ref:…]``), and the connector stores the key wherever the CRM has a place for it.
    """

    #: The name in plugin.toml and in ``POST /events/<name>``.
    name: ClassVar[str]
    #: The settings of an account: ``[crm.<name>]`` in plugin.toml. Secrets are fields with metadata ``secret=True``:
    #: there the file names an environment variable or a file, and the connector gets the value.
    Settings: ClassVar[type[Schema]]
    #: How many writes one ``write`` takes.
    most_writes: ClassVar[int] = 1
    #: How many cards one ``read_cards`` takes.
    most_cards: ClassVar[int] = 1
    #: How many reminders one ``reminder_states`` takes, which is one request (two where a token has to be renewed). May
    #: depend on the account.
    most_reminders: int = 1
    #: Whether ``notify_email`` works at all; where not, mails that the CRM was to send go over SMTP. May depend on the
    #: account, so an instance is asked.
    sends_mail: bool = True
    #: Whether the CRM sends an event again that was answered 503. Where not, events are answered before they are
    #: resolved. May depend on the account, too.
    repeats_events: bool = False
    #: The status that every event is answered with, whatever becomes of it: for a CRM that lets what a user saves fail
    #: where its event is refused. None: the status that says what became of it. May depend on the account, too.
    always_answers: int | None = None
    #: Whether ``catch_up`` works: the CRM can be asked what changed while it reached nobody. May depend on the account.
    catches_up: bool = False
    #: What ``remove`` takes out of the CRM again of a trial's comment and reminder. May depend on the account, too.
    removes: frozenset[Kind] = frozenset()

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

    @classmethod
    def beginnings(cls) -> Mapping[str, str]:
        """Pieces of plugin.toml to begin with, by the names of the products that they are for."""
        return {}

    def try_table(self, table: str, given: TryValues, *, send: bool) -> Iterator[TryStep]:
        """What one table of the account's description asks with these values, and what it makes of the answer.

        Nothing is sent without ``send``. Raises CrmRefused for a table that there is not, or that cannot be filled.
        """
        raise CrmRefused("this connector has no tables that describe requests")

    def try_event(self, headers: Mapping[str, str], body: bytes, *, send: bool) -> Iterator[TryStep]:
        """What the account's description makes of an event; with ``send`` the calls in it are read.

        Raises CrmRefused where none is described.
        """
        raise CrmRefused("this connector has no tables that describe events")

    def check_card(self, card: CardRef) -> Sequence[Check]:
        """Whether a test card is there, the first point, and is found by its own number and name. Never raises.

        A CRM whose cards cannot be looked up brings its own.
        """
        return list(card_checks(card, self.read_card, self.find_contact))

    def check_by_writing(self) -> Sequence[Check]:
        """The points that only a write can tell, beside those of a trial's comment and reminder. Never raises.

        What it writes it takes out again, and what it cannot take out is a point that failed. Nobody is mailed.
        """
        return ()

    def probe(self) -> None:
        """Ask the CRM something cheap, so that it shows whether it answers; what it answers does not matter.

        Raises CrmUnavailable, CrmRefused. By default a contact is looked for by a number that no client has; a
        connector whose look-up may ask nothing brings its own.
        """
        self.find_contact(phone=_NO_ONES_NUMBER)

    def check_assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        """Whether this person can be reminded and, where ``mailed``, be mailed by the CRM. Never raises."""
        return ()

    def facts(self) -> Mapping[str, frozenset[str | bool] | None]:
        """The facts that the CRM's own events can bring, with all values each can have (None: any text).

        Empty where events come in the plugin's own format only.
        """
        return {}

    def card_fields(self) -> Mapping[str, frozenset[str | bool] | None]:
        """The declared fields of cards that ``Card.fields`` can hold, with all values each can have (None: any text).

        By default those of the setting ``card_fields`` (``connectors.kit.mapping``), where the account has it.
        """
        declared = self.settings.get("card_fields")
        found: Mapping[str, frozenset[str | bool] | None] = {} if declared is None else declared.facts()
        return found

    def card_field_states(self) -> Sequence[CardFieldState]:
        """What the CRM says of each declared field. Raises as reads do; for the doctor, writes nothing."""
        return ()

    @abstractmethod
    def read_card(self, card: CardRef) -> Card | None:
        """The card with its declared fields, or None where it does not exist (any more)."""

    def read_cards(self, cards: Sequence[CardRef]) -> Mapping[CardRef, Card | None]:
        """These cards, at most ``most_cards``, with as few requests as the CRM allows; None for one that is not there.

        One that is left out could not be read together with others: ``read_card`` tells why. Phones and
        declared fields may be missing. Raises as reads do where none of them could be asked for.
        """
        return {card: self.read_card(card) for card in cards}

    @abstractmethod
    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        """All contacts with this phone (in any notation) and this full name; what is None is not looked at.

        A card has the phone if any number in its fields is it. What is no number is nobody's, and the CRM is not asked.
        Declared fields may be missing.
        """

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

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        """How each of these reminders, at most ``most_reminders``, stands now, by one request; raises as reads do.

        One that is left out could not be read together with others: ``reminder_state`` tells why.
        """
        return {remote_id: ReminderStatus(self.reminder_state(remote_id)) for remote_id in remote_ids}

    def complete_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        """Close the reminder as done, saying why in it where it can. Done already or gone counts as done."""
        return self.withdraw_reminder(remote_id, why, key)

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
    def resolve(self, reference: Reference) -> CallResult | Sequence[Reference] | None:
        """Read the call that an event named; None where it is no call of ours. Raises as reads do, and NotMapped.

        An event that could not be read when it came may turn out to name several calls: these are resolved next.
        """

    def catch_up(self, since: datetime, cursor: str | None) -> CatchUpPage:
        """What others than the plugin changed since then (aware): its first page (None), or the one at ``cursor``.

        All that the CRM's events would have told is named, and more may be: ``resolve`` looks at each. The call result
        of a record is the same event, whatever named the record. What changes while pages are read comes on a later
        page or with its own event, and hides nothing. A page takes at most ``requests_per_event`` requests. Raises as
        reads do; CrmRefused for a cursor that it does not know (any more): begin anew.
        """
        raise CrmRefused("this CRM cannot be asked what has changed")

    def remove(self, kind: Kind, remote_id: str, card: CardRef | None) -> Outcome:
        """Take a record that a trial wrote out of the CRM again; where the CRM cannot do that, say so in NotDone."""
        return NotDone("this CRM cannot remove it over its API: remove it by hand", permanent=True)

    def open_frame(self, query: Mapping[str, str], form: Mapping[str, str]) -> FrameCall:
        """Verify with the CRM that it opens the operator's page in a frame of its own, and read for which call.

        Raises EventNotAuthentic, EventMalformed, and as reads do.
        """
        raise EventNotAuthentic("this CRM has no place of its own for the page: use signed links")
