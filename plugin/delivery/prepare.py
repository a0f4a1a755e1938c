"""Deliveries made ready and handed to the CRM or the mail server: whose card, which person, the text as it goes out.

Preparing only reads; the one write is ``Preparer.send``, which ends in one of the three outcomes for each delivery.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.base import (
    Assignee,
    Card,
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
from plugin.delivery.cards import CardCache, named
from plugin.delivery.model import MAILS, Delivery, Place
from plugin.delivery.texts import fill_card, full_text, message_id, names_card
from plugin.delivery.withdrawals import Withdrawals
from plugin.errors import ConfigError

if TYPE_CHECKING:
    from connectors.smtp.mailer import Mailer
    from plugin.deciding.ruleset import Role


#: Cards as the CRM had them a moment ago.
Known = dict[CardRef, Card]


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

    ``assignee`` is whom it goes to, where it goes to a person; ``card`` what it is written into.
    """

    write: Write | None = None
    call: Callable[[], Outcome] | None = None
    assignee: Assignee | None = None
    card: CardRef | None = None


class Preparer:
    """Makes deliveries ready. ``roles`` gives the active rules' roles at that moment.

    ``crm_away`` tells whether the CRM is known not to answer just now: the plugin's own mail does not ask it then.
    """

    def __init__(
        self,
        connector: Connector,
        cards: CardCache,
        withdrawals: Withdrawals,
        *,
        mailer: Mailer | None,
        sender: str | None,
        roles: Callable[[], Mapping[str, Role]],
        crm_away: Callable[[], bool] = lambda: False,
    ) -> None:
        self._connector = connector
        self._mailer = mailer
        self._sender = sender
        self._roles = roles
        self._crm_away = crm_away
        self._cards = cards
        self._withdrawals = withdrawals

    def send(self, letters: Sequence[Outgoing]) -> Sequence[Outcome]:
        """Send one letter, or several writes at once: an outcome for each. Raises what a fault in the code raises."""
        writes = [letter.write for letter in letters if letter.write is not None]
        if not writes:
            (letter,) = letters
            assert letter.call is not None
            return [letter.call()]
        outcomes = self._connector.write(writes)
        if not len(letters) == len(writes) == len(outcomes):
            raise ValueError(f"{len(letters)} letters, {len(writes)} writes, {len(outcomes)} outcomes")
        return outcomes

    def ready(self, delivery: Delivery, known: Known) -> Outgoing:
        """The letter of this delivery. ``known``: cards that were read just now, for whoever goes along with it.

        Raises UnsendableError, NothingToDoError, CardGoneError; ConfigError while a role or the mail server is not set
        up; where the CRM has to be asked, CrmUnavailable and CrmRefused; and LedgerUnavailable.
        """
        if delivery.kind in MAILS:
            return self._mail(delivery, known)
        match delivery.kind:
            case "comment":
                return self._comment(delivery, known)
            case "reminder":
                return self._reminder(delivery, known)
            case "withdrawal":
                return self._withdrawal(delivery, known)
        raise UnsendableError(f"this version delivers no {delivery.kind!r}")

    def _comment(self, delivery: Delivery, known: Known) -> Outgoing:
        place = self._cards.place(delivery)
        if place.card is None:
            raise UnsendableError(place.why or "no card")
        text = self._described(full_text(delivery, place.fallback), place.card, known)
        return Outgoing(CommentWrite(place.card, text, delivery.key), card=place.card)

    def _reminder(self, delivery: Delivery, known: Known) -> Outgoing:
        role, assignee = self._person(delivery)
        if not assignee.user:
            raise ConfigError(f"role {role!r} has no crm_user in roles.toml")
        place = self._cards.place(delivery)
        if place.card is None:
            raise UnsendableError(place.why or "no card")
        text = self._described(full_text(delivery, place.fallback), place.card, known)
        subject, due = delivery.subject or "", delivery.due_at or delivery.deadline_at
        write = ReminderWrite(place.card, assignee, subject, text, due, delivery.key)
        return Outgoing(write, assignee=assignee, card=place.card)

    def _withdrawal(self, delivery: Delivery, known: Known) -> Outgoing:
        remote_id = self._withdrawals.reminder(delivery)
        if remote_id is None:
            raise NothingToDoError
        why = self._described_if_reachable(delivery.text, delivery, known)
        return Outgoing(call=lambda: self._connector.withdraw_reminder(remote_id, why, delivery.key))

    def _mail(self, delivery: Delivery, known: Known) -> Outgoing:
        if delivery.withdraws is not None and self._withdrawals.is_void(delivery):
            raise NothingToDoError
        role, assignee = self._person(delivery)
        subject, text = delivery.subject or "", delivery.text
        if delivery.fallback_text:
            # Only then does the text depend on the card; a mail needs none, so a missing one does not hold it up.
            text = full_text(delivery, self._place_for_mail(delivery).fallback)
        text = self._described_if_reachable(text, delivery, known)
        if delivery.kind == "crm_email":
            if not (assignee.user or assignee.address):
                raise ConfigError(f"role {role!r} has neither crm_user nor address in roles.toml")
            return Outgoing(EmailWrite(assignee, subject, text, delivery.key), assignee=assignee)
        mailer, address = self._mailer, assignee.address
        if mailer is None:
            raise ConfigError("plugin.toml has no [smtp] to send mail by")
        if not address:
            raise ConfigError(f"role {role!r} has no address in roles.toml")
        mail_id = message_id(delivery.key, self._sender)
        return Outgoing(call=lambda: mailer.send(address, subject, text, mail_id), assignee=assignee)

    def _described(self, text: str, ref: CardRef | None, known: Known) -> str:
        """The text with the name and the link of its card, as the CRM has them now.

        Raises CardGoneError, CrmUnavailable, CrmRefused.
        """
        if not names_card(text):
            return text
        if ref is None:
            return fill_card(text, None)
        card = known.get(ref) or self._connector.read_card(ref)
        if card is None:
            raise CardGoneError(ref)
        known[ref] = card
        return fill_card(text, card)

    def _described_if_reachable(self, text: str, delivery: Delivery, known: Known) -> str:
        """The same for what is not held up by a CRM that does not answer."""
        if not names_card(text):
            return text
        try:
            return self._described(text, self._place_for_mail(delivery).card, known)
        except (CardGoneError, CrmUnavailable, CrmRefused):
            return fill_card(text, None)

    def _place_for_mail(self, delivery: Delivery) -> Place:
        """The card that a mail tells of. Raises CrmUnavailable, CrmRefused, LedgerUnavailable."""
        if delivery.kind != "smtp_email" or not self._crm_away():
            return self._cards.place(delivery)
        # An outage costs probes: mails that go another way must not ask the CRM one by one.
        kept = delivery.place or self._cards.kept(delivery.decision_ref)
        if kept is None:
            raise CrmUnavailable("the CRM is away")
        return kept

    def elsewhere(self, delivery: Delivery, gone: CardRef) -> Place:
        """Where it goes instead of a card that is gone, as ``CardCache.elsewhere``."""
        return self._cards.elsewhere(delivery, gone)

    def _person(self, delivery: Delivery) -> tuple[str, Assignee]:
        """Who fills the role now: a change of coordinator counts for what has not gone out yet."""
        name = delivery.role or ""
        role = self._roles().get(name)
        if role is None:
            raise ConfigError(f"roles.toml has no role {name!r}")
        return name, Assignee(user=role.crm_user, address=role.address)
