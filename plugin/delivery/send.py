"""One delivery made ready and handed to the CRM or the mail server: whose card, which person, the text as it goes out.

Making ready only reads; the one write is ``Letter.send``, which ends in one of the connector's three outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connectors.base import Assignee, CardRef, Connector, CrmRefused, CrmUnavailable, Outcome
from plugin.delivery.cards import Cards, named
from plugin.delivery.model import MAILS, Delivery, Place
from plugin.delivery.texts import fill_card, full_text, message_id, names_card
from plugin.delivery.withdrawals import Withdrawals
from plugin.errors import ConfigError

if TYPE_CHECKING:
    from connectors.smtp import Mailer
    from plugin.ruleset import Role


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
class Letter:
    """A delivery ready to go: ``send`` writes once.

    ``assignee`` is whom it goes to, where it goes to a person; ``card`` what it is written into.
    """

    send: Callable[[], Outcome]
    assignee: Assignee | None = None
    card: CardRef | None = None


class Desk:
    """Makes deliveries ready. ``roles`` gives the active rules' roles at that moment.

    ``crm_away`` tells whether the CRM is known not to answer just now: the plugin's own mail does not ask it then.
    """

    def __init__(
        self,
        connector: Connector,
        cards: Cards,
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

    def ready(self, delivery: Delivery) -> Letter:
        """The letter of this delivery.

        Raises UnsendableError, NothingToDoError, CardGoneError; ConfigError while a role or the mail server is not set
        up; where the CRM has to be asked, CrmUnavailable and CrmRefused; and LedgerUnavailable.
        """
        if delivery.kind in MAILS:
            return self._mail(delivery)
        match delivery.kind:
            case "comment":
                return self._comment(delivery)
            case "reminder":
                return self._reminder(delivery)
            case "withdrawal":
                return self._withdrawal(delivery)
        raise UnsendableError(f"this version delivers no {delivery.kind!r}")

    def _comment(self, delivery: Delivery) -> Letter:
        place = self._cards.place(delivery)
        if place.card is None:
            raise UnsendableError(place.why or "no card")
        card, text = place.card, self._described(full_text(delivery, place.fallback), place.card)
        return Letter(lambda: self._connector.add_comment(card, text, delivery.key), card=card)

    def _reminder(self, delivery: Delivery) -> Letter:
        role, assignee = self._person(delivery)
        if not assignee.user:
            raise ConfigError(f"role {role!r} has no crm_user in roles.toml")
        place = self._cards.place(delivery)
        if place.card is None:
            raise UnsendableError(place.why or "no card")
        card, text = place.card, self._described(full_text(delivery, place.fallback), place.card)
        subject, due = delivery.subject or "", delivery.due_at or delivery.deadline_at
        return Letter(
            lambda: self._connector.create_reminder(card, assignee, subject, text, due, delivery.key), assignee, card
        )

    def _withdrawal(self, delivery: Delivery) -> Letter:
        remote_id = self._withdrawals.reminder(delivery)
        if remote_id is None:
            raise NothingToDoError
        why = self._described_if_reachable(delivery.text, delivery)
        return Letter(lambda: self._connector.withdraw_reminder(remote_id, why, delivery.key))

    def _mail(self, delivery: Delivery) -> Letter:
        if delivery.withdraws is not None and self._withdrawals.is_void(delivery):
            raise NothingToDoError
        role, assignee = self._person(delivery)
        subject, text = delivery.subject or "", delivery.text
        if delivery.fallback_text:
            # Only then does the text depend on the card; a mail needs none, so a missing one does not hold it up.
            text = full_text(delivery, self._place_for_mail(delivery).fallback)
        text = self._described_if_reachable(text, delivery)
        if delivery.kind == "crm_email":
            if not (assignee.user or assignee.address):
                raise ConfigError(f"role {role!r} has neither crm_user nor address in roles.toml")
            return Letter(lambda: self._connector.notify_email(assignee, subject, text, delivery.key), assignee)
        mailer, address = self._mailer, assignee.address
        if mailer is None:
            raise ConfigError("plugin.toml has no [smtp] to send mail by")
        if not address:
            raise ConfigError(f"role {role!r} has no address in roles.toml")
        mail_id = message_id(delivery.key, self._sender)
        return Letter(lambda: mailer.send(address, subject, text, mail_id), assignee)

    def _described(self, text: str, ref: CardRef | None) -> str:
        """The text with the name and the link of its card, as the CRM has them now.

        Raises CardGoneError, CrmUnavailable, CrmRefused.
        """
        if not names_card(text):
            return text
        card = None if ref is None else self._connector.read_card(ref)
        if card is None and ref is not None:
            raise CardGoneError(ref)
        return fill_card(text, card)

    def _described_if_reachable(self, text: str, delivery: Delivery) -> str:
        """The same for what is not held up by a CRM that does not answer."""
        if not names_card(text):
            return text
        try:
            return self._described(text, self._place_for_mail(delivery).card)
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
        """Where it goes instead of a card that is gone, as ``Cards.elsewhere``."""
        return self._cards.elsewhere(delivery, gone)

    def _person(self, delivery: Delivery) -> tuple[str, Assignee]:
        """Who fills the role now: a change of coordinator counts for what has not gone out yet."""
        name = delivery.role or ""
        role = self._roles().get(name)
        if role is None:
            raise ConfigError(f"roles.toml has no role {name!r}")
        return name, Assignee(user=role.crm_user, address=role.address)
