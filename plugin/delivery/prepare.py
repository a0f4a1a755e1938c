"""Makes deliveries ready and sends them: whose card, which person, the text as it goes out.

Preparing only reads; the one write is ``Preparer.send``, which has one of the three outcomes for each delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta, tzinfo
from typing import TYPE_CHECKING

from connectors.base import (
    Assignee,
    CardRef,
    CommentWrite,
    Connector,
    CrmRefused,
    CrmUnavailable,
    EmailWrite,
    Outcome,
    ReminderWrite,
    Write,
)
from plugin.common.clock import Now
from plugin.deciding.ruleset.people import addressee, present
from plugin.delivery.card_reader import CardReader
from plugin.delivery.cards import CardFinder, named
from plugin.delivery.corrections import NOTHING_TOLD, Corrections, Told
from plugin.delivery.mail_threads import MailThreads
from plugin.delivery.model import SAYS_NOTHING, Delivery, Place, SentAs
from plugin.delivery.own_reminder import DoneLines
from plugin.delivery.texts import explain_mark, fill_card, full_text, message_id, names_card
from plugin.delivery.withdrawals import Withdrawals
from plugin.errors import ConfigError
from plugin.ledger.states import MAILS, DeliveryKind

if TYPE_CHECKING:
    from connectors.smtp import Mailer
    from plugin.deciding.ruleset import Role


class UnsendableError(Exception):
    """It cannot go out, whatever is waited for. The message says why."""


class CardGoneError(Exception):
    """The CRM has no such card any more."""

    def __init__(self, card: CardRef) -> None:
        super().__init__(f"the CRM has no card {named(card)} (any more)")
        self.card = card


class NothingToDoError(Exception):
    """It has become pointless: what it would take back never went out."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A delivery ready to go: a ``write`` that the CRM may be handed together with others, or what to ``call`` once.

    ``sent_as``: how it goes out, for the ledger.
    """

    write: Write | None = None
    call: Callable[[], Outcome] | None = None
    sent_as: SentAs = SAYS_NOTHING


class Preparer:
    """Makes deliveries ready. ``roles`` gives the active rules' roles at that moment.

    A text waits for the card that it names. Only of the plugin's own mails, which do not need the CRM, does one go out
    without, ``without_card`` before its deadline, if the CRM cannot be asked until then.
    """

    def __init__(
        self,
        connector: Connector,
        cards: CardFinder,
        card_reader: CardReader,
        withdrawals: Withdrawals,
        corrections: Corrections,
        threads: MailThreads,
        *,
        mailer: Mailer | None,
        sender: str | None,
        roles: Callable[[], Mapping[str, Role]],
        without_card: timedelta,
        now: Now,
        zone: tzinfo = UTC,
        done_lines: DoneLines | None = None,
    ) -> None:
        self._connector = connector
        self._mailer = mailer
        self._sender = sender
        self._roles = roles
        self._without_card = without_card
        self._now = now
        self._zone = zone
        self._cards = cards
        self._card_reader = card_reader
        self._withdrawals = withdrawals
        self._corrections = corrections
        self._threads = threads
        self._done_lines = done_lines

    def send(self, outgoing: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Make one call, or several writes at once: an outcome for each. Raises what a fault in the code raises."""
        writes = [one.write for one in outgoing if one.write is not None]
        if not writes:
            (one,) = outgoing
            assert one.call is not None
            return [one.call()]
        outcomes = self._connector.write(writes)
        if not len(outgoing) == len(writes) == len(outcomes):
            raise ValueError(f"{len(outgoing)} outgoing, {len(writes)} writes, {len(outcomes)} outcomes")
        return outcomes

    def expect(self, claimed: Iterable[Delivery]) -> None:
        """These will be prepared soon: the cards that they name are read together."""
        self._card_reader.expect(card for one in claimed if (card := _named_card(one)) is not None)

    def prepare(self, delivery: Delivery) -> Outgoing:
        """What this delivery sends.

        Raises UnsendableError, NothingToDoError, CardGoneError; ConfigError while a role or the mail server is not set
        up; where the CRM has to be asked, CrmUnavailable and CrmRefused; and LedgerUnavailable.
        """
        if delivery.kind in MAILS:
            return self._mail(delivery)
        match delivery.kind:
            case DeliveryKind.COMMENT:
                return self._comment(delivery)
            case DeliveryKind.REMINDER:
                return self._reminder(delivery)
            case DeliveryKind.WITHDRAWAL:
                return self._withdrawal(delivery)
            case DeliveryKind.COMPLETION:
                return self._completion(delivery)
        raise UnsendableError(f"this version delivers no {delivery.kind!r}")

    def place(self, delivery: Delivery) -> Place:
        """The card that it goes to, as ``CardFinder.place``."""
        return self._cards.place(delivery)

    def relocate(self, delivery: Delivery, gone: CardRef) -> Place:
        """Where it goes instead of a card that is gone, as ``CardFinder.relocate``."""
        return self._cards.relocate(delivery, gone)

    def _on_its_card(self, delivery: Delivery) -> tuple[CardRef, bool]:
        """The card that it is written into, and whether that is only the fallback."""
        if delivery.corrects is not None and delivery.place is None:
            # Nothing was ever written where it would have to be corrected.
            raise NothingToDoError
        place = self._cards.place(delivery)
        if place.card is None:
            raise UnsendableError(place.why or "no card")
        return place.card, place.fallback

    def _comment(self, delivery: Delivery) -> Outgoing:
        card, fallback = self._on_its_card(delivery)
        told = self._corrections.in_comment(delivery, card)
        if told is None:
            raise NothingToDoError
        text = self._described(full_text(delivery, fallback, told), card)
        sent_as = SentAs(card=card, text=text, corrected=told.corrected)
        return Outgoing(CommentWrite(card, text, delivery.key), sent_as=sent_as)

    def _reminder(self, delivery: Delivery) -> Outgoing:
        role, assignee = self._person(delivery)
        if not assignee.user:
            raise ConfigError(f"role {role!r} has no crm_user in roles.toml")
        card, fallback = self._on_its_card(delivery)
        told = self._corrections.in_reminder(delivery)
        text = self._described(full_text(delivery, fallback, told), card)
        due = delivery.due_at or delivery.deadline_at
        write = ReminderWrite(card, assignee, delivery.subject or "", text, due, delivery.key)
        return Outgoing(write, sent_as=SentAs(assignee, card, text))

    def _withdrawal(self, delivery: Delivery) -> Outgoing:
        remote_id = self._withdrawals.reminder(delivery)
        if remote_id is None:
            raise NothingToDoError
        why = self._described_if_known(delivery.text, delivery)
        sent_as = SentAs(text=why)
        return Outgoing(call=lambda: self._connector.withdraw_reminder(remote_id, why, delivery.key), sent_as=sent_as)

    def _completion(self, delivery: Delivery) -> Outgoing:
        remote_id = self._withdrawals.reminder(delivery)
        if remote_id is None:
            raise NothingToDoError
        why, sent_as = delivery.text, SentAs(text=delivery.text)
        return Outgoing(call=lambda: self._connector.complete_reminder(remote_id, why, delivery.key), sent_as=sent_as)

    def _mail(self, delivery: Delivery) -> Outgoing:
        told = self._told_in_mail(delivery)
        role, assignee = self._person(delivery)
        subject = told.subject or delivery.subject or ""
        # A repeat is the same mail: to the CRM one key is one body, and a reader is not told two things.
        text = delivery.sent_text or explain_mark(self._with_link(self._mail_text(delivery, told), delivery))
        if delivery.kind == DeliveryKind.CRM_EMAIL:
            assignee = delivery.sent_to or assignee
        sent_as = SentAs(assignee, text=text)
        if delivery.kind == DeliveryKind.CRM_EMAIL:
            if not (assignee.user or assignee.address):
                raise ConfigError(f"role {role!r} has neither crm_user nor address in roles.toml")
            return Outgoing(EmailWrite(assignee, subject, text, delivery.key), sent_as=sent_as)
        mailer, address = self._mailer, assignee.address
        if mailer is None:
            raise ConfigError("plugin.toml has no [smtp] to send mail by")
        if not address:
            raise ConfigError(f"role {role!r} has no address in roles.toml")
        mail_id = message_id(delivery.key, self._sender)
        first = [message_id(key, self._sender) for key in self._threads.begun_by(delivery)]
        return Outgoing(call=lambda: mailer.send(address, subject, text, mail_id, first), sent_as=sent_as)

    def _with_link(self, text: str, delivery: Delivery) -> str:
        return self._done_lines.add_to(text, delivery) if self._done_lines else text

    def _told_in_mail(self, delivery: Delivery) -> Told:
        """What a mail says of earlier decisions. Raises NothingToDoError where it would call off what nobody got."""
        if delivery.withdraws is None:
            return self._corrections.in_reminder(delivery)
        if delivery.corrections is not None:
            told = self._corrections.in_cancellation(delivery)
        else:
            # Of a version before this one.
            told = None if self._withdrawals.retracts_nothing(delivery) else NOTHING_TOLD
        if told is None:
            raise NothingToDoError
        return told

    def _mail_text(self, delivery: Delivery, told: Told) -> str:
        """The text of a mail that never went out. Raises as ``prepare``."""
        try:
            # Only then does the text depend on where the rest is written; a missing card does not hold it up.
            fallback = bool(delivery.fallback_text) and self._cards.place(delivery).fallback
            return self._described_if_known(full_text(delivery, fallback, told), delivery)
        except CrmUnavailable:
            if delivery.kind == DeliveryKind.CRM_EMAIL or not self._is_near(delivery):
                raise
        # Whether the other client's card was found is not known: then it is said how to find them by hand.
        return fill_card(full_text(delivery, bool(delivery.fallback_text), told), None)

    def _is_near(self, delivery: Delivery) -> bool:
        """Whether the deadline is so near that a mail must not wait; never in the first half of the time there was."""
        half = (delivery.deadline_at - delivery.created_at) / 2
        return delivery.deadline_at - self._now() <= min(self._without_card, half)

    def _described(self, text: str, ref: CardRef | None) -> str:
        """The text with the name and the link of its card, as the CRM has them now.

        Raises CardGoneError, CrmUnavailable, CrmRefused.
        """
        if not names_card(text):
            return text
        if ref is None:
            return fill_card(text, None)
        card = self._card_reader.read(ref)
        if card is None:
            raise CardGoneError(ref)
        return fill_card(text, card)

    def _described_if_known(self, text: str, delivery: Delivery) -> str:
        """The same for what goes out without a card that is gone or not shown. Raises CrmUnavailable."""
        if not names_card(text):
            return text
        try:
            return self._described(text, self._cards.place(delivery).card)
        except (CardGoneError, CrmRefused):
            return fill_card(text, None)

    def _today(self) -> date:
        """By the deployment's clocks: a person is away for whole days there."""
        return self._now().astimezone(self._zone).date()

    def _person(self, delivery: Delivery) -> tuple[str, Assignee]:
        """Who fills the role today: a change of coordinator or a deputy counts for what has not gone out yet."""
        name = delivery.role or ""
        role = addressee(self._roles(), name)
        if role is None:
            raise ConfigError(f"roles.toml has no role {name!r}")
        person = present(role, self._today())
        return name, Assignee(user=person.crm_user, address=person.address)


def _named_card(delivery: Delivery) -> CardRef | None:
    """The card that its text names, where no card has to be found first."""
    if delivery.sent_text or not names_card(delivery.text):
        return None
    if delivery.place is not None:
        return delivery.place.card
    return delivery.card if delivery.target is None else None
