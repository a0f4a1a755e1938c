"""Mails that EspoCRM sends: an Email created with the status Sending goes out while the request waits.

``Tools/Email/SendService.php``: where sending fails, the Email stays as a draft, and is sent by changing its status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.base import Assignee, CrmRefused, CrmUnavailable, Done, NotDone, Outcome, Unknown
from connectors.espocrm.client import GONE, SENDING_FAILED, EspoClient, Where, any_of, contains, equals, search
from connectors.espocrm.unsent_mail import UnsentMails
from connectors.http.client import HttpAnswer, done
from connectors.kit.reference_mark import reference_mark
from connectors.protocol.outcomes import not_done_because

_SENT = "Sent"
_SENDING = "Sending"
_UNSENT = ("Draft", _SENDING)


class Mails:
    """The CRM's own mails of one account."""

    def __init__(self, api: EspoClient, settings: Mapping[str, Any], drafts: UnsentMails) -> None:
        self._api = api
        self._sender: str | None = settings["mail_sender"]
        self._own_user: str | None = settings["own_user"]
        self._drafts = drafts

    def send(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        """Mail this person, plain text, the subject as it is."""
        if self._sender is None:
            return NotDone("mail_sender is not set, so the CRM cannot send mail")
        draft = self._drafts.get(key)
        if draft is not None:
            result = self._api.write("PUT", f"Email/{draft}", {"status": _SENDING})
            if not (isinstance(result, NotDone) and result.code == GONE):
                return self._sent(result, key)
            self._drafts.drop(key)
        address = self._address(assignee)
        if isinstance(address, NotDone):
            return address
        mail = {"from": self._sender, "to": address, "name": subject, "subject": subject, "body": text}
        return self._sent(self._api.write("POST", "Email", mail | {"isHtml": False, "status": _SENDING}), key)

    def find(self, key: str) -> str | None:
        """The id of the mail with this key's mark that was sent; one that was not is kept in mind, to be sent.

        The CRM gives each mail a Message-ID of its own making, so that it cannot be found by one of ours.
        """
        where: list[Where] = [
            contains("body", reference_mark(key).strip("[]")),
            any_of(*(equals("status", status) for status in (_SENT, *_UNSENT))),
        ]
        where += [equals("createdById", self._own_user)] if self._own_user else []
        mails = self._api.page("Email", search(where, select=("id", "status"), newest_first=True), most=10)
        for status in (_SENT, *_UNSENT):
            for mail in mails:
                if mail.get("status") != status or not mail.get("id"):
                    continue
                if status == _SENT:
                    self._drafts.drop(key)
                    return str(mail["id"])
                self._drafts.put(key, str(mail["id"]))
                return None
        return None

    def _sent(self, result: HttpAnswer | NotDone | Unknown, key: str) -> Outcome:
        if isinstance(result, Unknown) and result.code == SENDING_FAILED:
            return self._kept(result, key)
        outcome = done(result, "id")
        if not isinstance(result, HttpAnswer) or not isinstance(outcome, Done):
            return outcome
        if result.data.get("status") != _SENT:
            self._drafts.put(key, outcome.remote_id)
            why = "the CRM took the mail and did not send it; let the API user's role edit an Email's status"
            return NotDone(why, status=result.status, code="cut")
        self._drafts.drop(key)
        return outcome

    def _kept(self, failed: Unknown, key: str) -> Outcome:
        """The mail did not go out. Its draft's id is in the answer's body, which a failed write does not show."""
        if self._drafts.get(key) is None:
            try:
                found = self.find(key)
            except (CrmUnavailable, CrmRefused):
                found = None
            if found is not None:
                return Done(found)
        return NotDone(failed.why, status=failed.status, code=failed.code)

    def _address(self, assignee: Assignee) -> str | NotDone:
        if assignee.address:
            return assignee.address
        if not assignee.user:
            return NotDone("the role has neither a CRM user nor an address to mail to", permanent=True)
        try:
            user = self._api.record("User", assignee.user)
        except (CrmUnavailable, CrmRefused) as error:
            return not_done_because(error)
        address = user.get("emailAddress") if user else None
        if not isinstance(address, str) or not address:
            return NotDone("the role's CRM user does not exist or has no address to mail to")
        return address
