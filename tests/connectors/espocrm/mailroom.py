"""How EspoCRM sends mail: which addresses it allows, what becomes of a mail that its server does not take (9.1)."""

from __future__ import annotations

from tests.connectors.espocrm.access import Refusal
from tests.connectors.espocrm.search import Record

SENDER = "crm@example.org"


class Mailroom:
    """``mails`` are those that went out. ``senders`` are the addresses with a mail server that the API user may use."""

    def __init__(self) -> None:
        self.mails: list[Record] = []
        self.senders = [SENDER]
        #: The API user's own, which pass whether or not any server sends for them.
        self.own_addresses: list[str] = []
        #: The system's address: listed where it is shared, whether or not anything sends for it.
        self.outbound: str | None = SENDER
        #: What the mail server says instead of taking a mail.
        self.smtp: str | None = None

    @property
    def address_list(self) -> list[str]:
        """``Tools/App/AppService.php::getEmailAddressData``."""
        return list(dict.fromkeys([*self.own_addresses, *([self.outbound] if self.outbound else [])]))

    def check_from(self, mail: Record) -> None:
        """``RecordHooks/Email/CheckFromAddress.php``, before anything is saved, of drafts too."""
        if str(mail.get("from")).lower() not in [address.lower() for address in (*self.senders, *self.own_addresses)]:
            raise Refusal(403, "Not allowed 'from' address.")

    def created(self, mail: Record) -> None:
        """What was saved as *Sending* is sent; what fails is saved as a draft."""
        if mail.get("status") == "Sending":
            self._send(mail, failed="Draft")

    def changed(self, mail: Record, before: Record) -> None:
        """``RecordHooks/Email/BeforeUpdate.php`` and ``AfterUpdate.php``: only a draft that becomes *Sending* is sent.

        ``Core/Record/Service.php::update`` keeps the status as it was fetched in mind, so that setting a failed one
        to *Draft* again changes nothing: it stays *Sending*, and *Sending* on *Sending* is dropped.
        """
        if mail.get("status") == "Draft":
            return
        if before.get("status") == "Draft" and mail.get("status") == "Sending":
            self._send(mail, failed="Sending")
            return
        own = {name: mail[name] for name in ("parentType", "parentId", "assignedUserId") if name in mail}
        mail.update(before | own)

    def send_by_hand(self, mail: Record) -> None:
        """A person opens the draft and sends it."""
        self._send(mail, failed="Draft")

    def _send(self, mail: Record, *, failed: str) -> None:
        """``Tools/Email/SendService.php``."""
        if str(mail["from"]).lower() not in [address.lower() for address in self.senders]:
            # NoSmtp: thrown before any status is set.
            raise Refusal(500)
        if self.smtp is not None:
            mail["status"] = failed
            raise Refusal(500, "sendingFail", {"id": mail["id"], "message": self.smtp})
        mail |= {"status": "Sent", "messageId": f"<{mail['id']}@crm.example.org>"}
        self.mails.append(dict(mail))
