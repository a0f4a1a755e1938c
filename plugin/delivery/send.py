"""One delivery made ready and handed to the CRM or the mail server: whose card, which person, the text as it goes out.

Making ready only reads; the one write is ``Letter.send``, which ends in one of the connector's three outcomes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import TYPE_CHECKING

from connectors.base import Assignee, Connector, Outcome
from plugin.delivery.cards import Cards
from plugin.delivery.model import MAILS, Delivery
from plugin.delivery.withdrawals import Withdrawals
from plugin.errors import ConfigError

if TYPE_CHECKING:
    from connectors.smtp import Mailer
    from plugin.ruleset import Role

_REFERENCE = "[ref:"


class UnsendableError(Exception):
    """It cannot go out, whatever is waited for. The message says why."""


class NothingToDoError(Exception):
    """It has become pointless: what it would take back never went out."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery ready to go: ``send`` writes once; ``assignee`` is whom it goes to, where it goes to a person."""

    send: Callable[[], Outcome]
    assignee: Assignee | None = None


class Desk:
    """Makes deliveries ready. ``roles`` gives the active rules' roles at that moment."""

    def __init__(
        self,
        connector: Connector,
        cards: Cards,
        withdrawals: Withdrawals,
        *,
        mailer: Mailer | None,
        sender: str | None,
        roles: Callable[[], Mapping[str, Role]],
    ) -> None:
        self._connector = connector
        self._mailer = mailer
        self._domain = parseaddr(sender or "")[1].partition("@")[2] or "optout"
        self._roles = roles
        self._cards = cards
        self._withdrawals = withdrawals

    def ready(self, delivery: Delivery) -> Letter:
        """The letter of this delivery.

        Raises UnsendableError, NothingToDoError; ConfigError while a role or the mail server is not set up; where the
        CRM has to be asked, CrmUnavailable and CrmRefused; and LedgerUnavailable.
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
        card, text = place.card, full_text(delivery, place.fallback)
        return Letter(lambda: self._connector.add_comment(card, text, delivery.key))

    def _reminder(self, delivery: Delivery) -> Letter:
        role, assignee = self._person(delivery)
        if not assignee.user:
            raise ConfigError(f"role {role!r} has no crm_user in roles.toml")
        place = self._cards.place(delivery)
        if place.card is None:
            raise UnsendableError(place.why or "no card")
        card, text = place.card, full_text(delivery, place.fallback)
        subject, due = delivery.subject or "", delivery.due_at or delivery.deadline_at
        return Letter(
            lambda: self._connector.create_reminder(card, assignee, subject, text, due, delivery.key), assignee
        )

    def _withdrawal(self, delivery: Delivery) -> Letter:
        remote_id = self._withdrawals.reminder(delivery)
        if remote_id is None:
            raise NothingToDoError
        return Letter(lambda: self._connector.withdraw_reminder(remote_id, delivery.text, delivery.key))

    def _mail(self, delivery: Delivery) -> Letter:
        if delivery.withdraws is not None and self._withdrawals.is_void(delivery):
            raise NothingToDoError
        role, assignee = self._person(delivery)
        subject, text = delivery.subject or "", delivery.text
        if delivery.fallback_text:
            # Only then does the text depend on the card; a mail needs none, so a missing one does not hold it up.
            text = full_text(delivery, self._cards.place(delivery).fallback)
        if delivery.kind == "crm_email":
            if not (assignee.user or assignee.address):
                raise ConfigError(f"role {role!r} has neither crm_user nor address in roles.toml")
            return Letter(lambda: self._connector.notify_email(assignee, subject, text, delivery.key), assignee)
        mailer, address = self._mailer, assignee.address
        if mailer is None:
            raise ConfigError("plugin.toml has no [smtp] to send mail by")
        if not address:
            raise ConfigError(f"role {role!r} has no address in roles.toml")
        message_id = f"<{delivery.key[:32]}@{self._domain}>"
        return Letter(lambda: mailer.send(address, subject, text, message_id), assignee)

    def _person(self, delivery: Delivery) -> tuple[str, Assignee]:
        """Who fills the role now: a change of coordinator counts for what has not gone out yet."""
        name = delivery.role or ""
        role = self._roles().get(name)
        if role is None:
            raise ConfigError(f"roles.toml has no role {name!r}")
        return name, Assignee(user=role.crm_user, address=role.address)


def full_text(delivery: Delivery, fallback: bool) -> str:
    """The text as it goes out: the line about the other client, if it is needed, stands above the reference mark."""
    if not (fallback and delivery.fallback_text):
        return delivery.text
    lines = delivery.text.split("\n")
    place = len(lines) - 1 if lines[-1].startswith(_REFERENCE) else len(lines)
    return "\n".join([*lines[:place], delivery.fallback_text, *lines[place:]])
